/*
 * recommend: the layout that a rule of thumb picks, and why.
 *
 * The rules are the ones that articles on LLM serving give, taken in order; what
 * a simulation of the layout says may differ, and then both are worth showing:
 *
 *     1. it fits on one GPU                       -> that GPU alone
 *     2. it fits in a node; latency, NVLink       -> TP over up to 8 GPUs
 *     3. it fits in a node; throughput, or PCIe   -> PP over up to 8 GPUs
 *     4. it needs more; NVLink                    -> TP in the node, PP across
 *     5. it needs more; PCIe                      -> PP over all GPUs
 */
#ifndef TANDEM_RECOMMEND_H
#define TANDEM_RECOMMEND_H

#include "memory.h"

/* X(NAME, name) */
#define RECOMMEND_GOALS(X) \
    X(LATENCY, "latency")  \
    X(THROUGHPUT, "throughput")

enum recommend_goal {
#define X(name, text) RECOMMEND_##name,
    RECOMMEND_GOALS(X)
#undef X
        RECOMMEND_GOAL_COUNT
};

#define RECOMMEND_REASON_BYTES 256

struct recommendation {
    struct layout_spec layout; /* one replica, balanced; others fit beside it where GPUs are left */
    char reason[RECOMMEND_REASON_BYTES];
};

/*
 * Applies the rules for `goal`; memory counts one step in flight for each stage.
 * ERROR_CONFIG where no rule's layout fits: by how much the last of them does not,
 * and those that would, on more nodes of the cluster where none does on those it has.
 */
int recommend_layout(struct recommendation *recommendation, enum recommend_goal goal,
                     const struct memory_terms *terms, struct error *error);

/* The goal's name. */
const char *recommend_goal_name(enum recommend_goal goal);

#endif
