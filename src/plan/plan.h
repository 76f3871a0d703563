/*
 * plan: what is to be served, what may be bought, and what that must achieve.
 *
 *     scenario: scenarios/default       # model, engine, workload and slo; its cluster and layout
 *                                       # only where the plan is checked, not searched
 *     clusters:                         # kinds to choose from; of several nodes: with a network
 *       - clusters/hgx-a100-2-nodes     # rented at its GPU's price
 *       - cluster: clusters/hgx-h100-2-nodes
 *         price: 2.1 USD/h              # a GPU's, in place of its file's
 *       - cluster: clusters/hgx-h100-2-nodes
 *         name: H100, bought
 *         purchase: {gpu: 25000 USD, node: 80000 USD, rack: 5000 USD, switch: 36000 USD}
 *         node_power: 4.6 kW            # of a node but for its GPUs
 *     tensor_parallel: [1, 2, 4, 8]
 *     pipeline_parallel: [1, 2, 4]
 *     search:                           # the engine's settings, each with each; without it a
 *       max_step_tokens: [2048, 8192]   # quarter and four times the scenario's max_step_tokens
 *     limits: {nodes: 8, gpus: 64, racks: 2}       # of one kind
 *     rack: {gpus: 32, power: 40 kW, switches: 1}  # what one holds
 *     billing: node                     # of rented GPUs: whole nodes are paid, or gpu: those used
 *     ownership: {years: 4, electricity: 0.08 USD/kWh, pue: 1.5}
 *     growth: 1.5                       # times the scenario's load
 *     headroom: 0.1                     # latencies stay this share below the SLO
 *     seeds: 3                          # runs of each plan, each with draws of its own
 *
 * doc/plan.md lists the keys; plan_reader.h reads it, plan_option.h makes scenarios of it.
 */
#ifndef TANDEM_PLAN_H
#define TANDEM_PLAN_H

#include "sweep.h"

#define PLAN_KINDS_MAX 32
#define PLAN_WIDTHS_MAX 16
#define PLAN_AXES_MAX 8
#define PLAN_VALUES_MAX 16
#define PLAN_ENGINES_MAX 64
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

/* What one of each costs to buy; a node's price is on top of its GPUs'. */
struct plan_purchase {
    double gpu_usd;
    double node_usd;
    double rack_usd;
    double switch_usd;
};

/* One kind of cluster, and what it costs. */
struct plan_kind {
    struct yaml_node *cluster;
    const char *name;    /* NULL: the cluster's */
    double usd_per_hour; /* to rent one GPU; 0: what the GPU's file says */
    bool is_bought;
    struct plan_purchase purchase;
    double node_power_w; /* of a node but for its GPUs */
};

/* What bought clusters cost beside their price. */
struct plan_ownership {
    double years; /* over which prices are spread evenly */
    double usd_per_kwh;
    double pue; /* power of the building over that of its machines */
};

/* What a rack holds; 0: as much as one likes. */
struct plan_rack {
    uint32_t gpus;
    double power_w;
    uint32_t switches;
};

/* Of one kind; UINT32_MAX: no limit. */
struct plan_limits {
    uint32_t nodes;
    uint32_t gpus;
    uint32_t racks;
};

/* A key of the engine and the values to try. */
struct plan_axis {
    const char *path; /* "engine.max_step_tokens" */
    struct yaml_node *values[PLAN_VALUES_MAX];
    size_t count;
};

/* The arena holds all that the others point at. */
struct plan {
    const char *name;
    const char *description;    /* NULL: it gives none */
    const char *text;           /* the file as it was read */
    struct position position;   /* of its first key */
    struct yaml_node *scenario; /* a name or a mapping */
    struct plan_kind kinds[PLAN_KINDS_MAX];
    size_t kind_count;
    uint32_t tensor_parallel[PLAN_WIDTHS_MAX];
    size_t tensor_parallel_count;
    uint32_t pipeline_parallel[PLAN_WIDTHS_MAX];
    size_t pipeline_parallel_count;
    bool has_search; /* the file lists the engine's settings; it may list none */
    struct plan_axis axes[PLAN_AXES_MAX];
    size_t axis_count;
    struct plan_limits limits;
    struct plan_rack rack;
    enum plan_billing billing;
    struct plan_ownership ownership;
    double growth;
    double headroom;
    uint32_t seeds;
    struct sweep_load load; /* the scenario's key that growth scales; see plan_option_learn() */
    double load_value;      /* what the scenario has there */
    double load_factor;     /* of it to be served: growth, in whole requests where it is of these */
    uint64_t seed;          /* the scenario's */
    bool has_whole_experts; /* each on one GPU of a group: the scenario's own layout */
    uint32_t experts;       /* the scenario's model's; 0: it is dense */
    double expert_imbalance;     /* the scenario's, where it has whole ones */
    struct config_inputs inputs; /* of all its scenarios */
    struct diagnostics diagnostics;
    struct arena arena;
};

/* Combinations of the engine's settings. */
size_t plan_engine_count(const struct plan *plan);

/* The value that combination `engine` has on an axis; the last axis runs fastest. */
struct yaml_node *plan_engine_value(const struct plan *plan, size_t engine, size_t axis);

#define PLAN_ENGINE_NAME_BYTES 160

/* "max_step_tokens 8192, policy chunked_prefill", cut off where it is too long; "" without axes. */
void plan_engine_name(const struct plan *plan, size_t engine, char name[PLAN_ENGINE_NAME_BYTES]);

#endif
