/*
 * plan_candidate: one kind of GPU, cut in one way, driven by one engine; how many
 * replicas of it to buy is the search's to find.
 *
 * Candidates that differ in nothing but their engine are siblings: `cut` is the
 * same number in all of them.
 */
#ifndef TANDEM_PLAN_CANDIDATE_H
#define TANDEM_PLAN_CANDIDATE_H

#include "plan_cost.h"
#include "plan_judge.h"
#include "plan_traffic.h"

/* X(NAME, for programs) */
#define PLAN_STATES(X)                                                                        \
    X(OPEN, "dearer")         /* there is a number of replicas to try, which cost too much */ \
    X(FOUND, "meets")         /* `verdict` is of the fewest replicas that meet the SLO */     \
    X(RULED_OUT, "ruled_out") /* `why` */

enum plan_state {
#define X(name, key) PLAN_##name,
    PLAN_STATES(X)
#undef X
};

/* X(NAME, for programs, what those that it rules out do) */
#define PLAN_CONSTRAINTS(X)                                                \
    X(NONE, "", "")                                                        \
    X(PRICE, "price", "have no price or power")                            \
    X(SHAPE, "shape", "cannot be cut so")                                  \
    X(LIMITS, "limits", "exceed the limits on nodes, GPUs or racks")       \
    X(MEMORY, "memory", "do not fit in memory")                            \
    X(TTFT, "ttft", "miss the TTFT")                                       \
    X(TPOT, "tpot", "miss the TPOT")                                       \
    X(THROUGHPUT, "throughput", "cannot serve the load within the limits") \
    X(REFUSED, "refused", "reject or lose too many requests")              \
    X(TOO_SHORT, "too_short", "ran too short to tell")                     \
    X(RUN, "run", "cannot run")

enum plan_constraint {
#define X(name, key, words) PLAN_CONSTRAINT_##name,
    PLAN_CONSTRAINTS(X)
#undef X
        PLAN_CONSTRAINT_COUNT
};

struct plan_candidate {
    size_t cut;
    struct plan_option option; /* with the replicas to try next, or that were found, or that ruled
                                  it out */
    struct plan_hardware hardware;
    uint32_t replicas_max; /* that the limits allow */
    bool is_one_node;      /* for want of a network; the limits would allow more */
    bool is_most_tried;
    bool is_judged; /* `verdict` is of some number of replicas */
    enum plan_state state;
    struct plan_verdict verdict;     /* of the last trial */
    struct plan_bill bill;           /* once found; before, the least that `option` can cost, and
                                        no power: what it draws is not known before it runs */
    enum plan_constraint constraint; /* what rules it out */
    char why[PLAN_REASON_BYTES];
};

/* What all candidates of a search share. */
struct plan_terms {
    const struct plan *plan;
    struct plan_traffic traffic;
    bool is_bounded; /* whether bounds may rule candidates out, and say where to start */
};

/*
 * Fills in a candidate but for its `cut`: PLAN_OPEN with the fewest replicas that the bounds allow,
 * or PLAN_RULED_OUT. `option` has its kind, engine and widths. ERROR_CONFIG where its scenario is
 * wrong, ERROR_MEMORY.
 */
int plan_candidate_init(struct plan_candidate *candidate, const struct plan_terms *terms,
                        const struct plan_option *option, struct error *error);

/* Fills in the scenario's own cluster and layout, whatever the bounds say. Errors as above. */
int plan_candidate_init_own(struct plan_candidate *candidate, const struct plan *plan,
                            struct error *error);

/* Sets the replicas, the nodes that they need, and the least that these can cost. */
void plan_candidate_resize(struct plan_candidate *candidate, const struct plan *plan,
                           uint32_t replicas);

/* The replicas that `nodes` hold. */
uint32_t plan_candidate_capacity(const struct plan_candidate *candidate, uint32_t nodes);

/* Notes that it meets the SLO with `option`, as `verdict` says; or that it never will, and why. */
void plan_candidate_find(struct plan_candidate *candidate, const struct plan *plan);
void plan_candidate_rule_out(struct plan_candidate *candidate, enum plan_constraint constraint,
                             const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Whether `bill` is of what `verdict` says of it, as of what was found and of the scenario's own:
   of a candidate that is open it is the least, and of one that is ruled out of no use. */
bool plan_candidate_is_final(const struct plan_candidate *candidate);

/* Why there cannot be more replicas, for a reason's end: " (one node: the cluster has no 'nic')",
   or "" where the limits alone say so. */
const char *plan_candidate_bound(const struct plan_candidate *candidate);

/* What `verdict`, which is not to meet the SLO, fails by. */
enum plan_constraint plan_constraint_of(const struct plan_verdict *verdict);
const char *plan_state_name(enum plan_state state);
const char *plan_constraint_name(enum plan_constraint constraint);
const char *plan_constraint_words(enum plan_constraint constraint);

#define PLAN_NAME_BYTES 256

/* "3 x TP=4 x PP=2 on 3 nodes of hgx-h100"; and the cut alone, "TP=4 x PP=2 on hgx-h100". Of
   whole experts, "TP=4 x PP=2, EP=4". */
void plan_candidate_name(const struct plan_candidate *candidate, char name[PLAN_NAME_BYTES]);
void plan_candidate_cut_name(const struct plan_candidate *candidate, char name[PLAN_NAME_BYTES]);

#endif
