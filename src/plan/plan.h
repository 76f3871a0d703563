/*
 * plan: what is to be served, what may be bought, and what that must achieve.
 *
 *     scenario: scenarios/default     # model, engine, workload and slo; its cluster and layout
 * only # where the plan is checked, not searched clusters:                       # kinds to choose
 * from; their GPUs have a price and a power
 *       - clusters/hgx-a100-2-nodes   # of several nodes: with a network
 *       - clusters/hgx-h100-2-nodes
 *     tensor_parallel: [1, 2, 4, 8]
 *     pipeline_parallel: [1, 2, 4]
 *     limits: {nodes: 8}              # of one kind
 *     billing: node                   # whole nodes are paid, or gpu: those that are used
 *     growth: 1.5                     # times the scenario's load
 *     headroom: 0.1                   # latencies stay this share below the SLO
 *     seeds: 3                        # runs of each plan, each with draws of its own
 */
#ifndef TANDEM_PLAN_H
#define TANDEM_PLAN_H

#include "config_scenario.h"

#define PLAN_CLUSTERS_MAX 32
#define PLAN_WIDTHS_MAX 16
#define PLAN_SEEDS_MAX 32
#define PLAN_NODES_MAX 4096

/* X(NAME, YAML name) */
#define PLAN_BILLINGS(X) \
    X(NODE, "node")      \
    X(GPU, "gpu")

enum plan_billing {
#define X(name, text) PLAN_BILLING_##name,
    PLAN_BILLINGS(X)
#undef X
};

/* The arena holds all that the others point at. */
struct plan {
    const char *name;
    const char *description;    /* NULL: it gives none */
    struct yaml_node *scenario; /* a name or a mapping */
    struct yaml_node *clusters[PLAN_CLUSTERS_MAX];
    size_t cluster_count;
    uint32_t tensor_parallel[PLAN_WIDTHS_MAX];
    size_t tensor_parallel_count;
    uint32_t pipeline_parallel[PLAN_WIDTHS_MAX];
    size_t pipeline_parallel_count;
    uint32_t nodes_max;
    enum plan_billing billing;
    double growth;
    double headroom;
    uint32_t seeds;
    const char *const *search; /* directories of configs, NULL at their end */
    const char *const *sets;   /* `--set`s, which change the scenario */
    size_t set_count;
    struct diagnostics diagnostics;
    struct arena arena;
};

/*
 * Reads the plan at `path`; `search` and `sets` are kept. ERROR_CONFIG: `error`
 * and plan->diagnostics say what is wrong; ERROR_IO, ERROR_MEMORY. Release
 * `plan` in any case.
 */
int plan_load_file(struct plan *plan, const char *path, const char *const *search,
                   const char *const *sets, size_t set_count, struct error *error);
void plan_release(struct plan *plan);

/* One thing that could be bought. */
struct plan_option {
    bool is_own; /* the scenario's own cluster and layout; what follows was read from them */
    size_t cluster;
    uint32_t tensor_parallel;
    uint32_t pipeline_parallel;
    uint32_t replicas;
    uint32_t nodes;
    double load; /* times the scenario's: growth, and more of it */
};

/* The scenario of `option` under `seed`, for config_release() in any case. ERROR_CONFIG,
   ERROR_MEMORY. */
int plan_load_option(const struct plan *plan, const struct plan_option *option, uint64_t seed,
                     struct config *config, struct error *error);

#endif
