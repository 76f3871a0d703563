/*
 * layout: which layers sit on which GPUs.
 *
 * A replica is pipeline_parallel stages of tensor_parallel GPUs. Groups of
 * tensor_parallel GPUs are placed one after the other on the cluster's GPUs, by
 * replica and stage or by stage and replica, so that each stays inside one node
 * wherever it fits: groups of 3 on nodes of 8 leave 2 GPUs of each idle rather
 * than cross. A group larger than a node takes equal shares of as few nodes as
 * divide it.
 */
#ifndef TANDEM_LAYOUT_H
#define TANDEM_LAYOUT_H

#include "arena.h"
#include "cluster.h"
#include "error.h"
#include "sharding.h"

#define LAYOUT_STAGES_MAX 256

/* Layouts that may lie beside each other on a cluster: of replicas that prefill, and of others that
   decode. */
#define POOLS_MAX 2

/* X(NAME, YAML name) */
#define STAGE_SPLITS(X)     \
    X(EVEN, "even")         \
    X(BALANCED, "balanced") \
    X(LISTED, "listed")

enum stage_split {
#define X(name, text) STAGE_SPLIT_##name,
    STAGE_SPLITS(X)
#undef X
};

/* X(NAME, YAML name) */
#define ROUTER_POLICIES(X)                    \
    X(ROUND_ROBIN, "round_robin")             \
    X(LEAST_OUTSTANDING, "least_outstanding") \
    X(CACHE_AWARE, "cache_aware") /* where its prefix is (pool.h) */

enum router_policy {
#define X(name, text) ROUTER_##name,
    ROUTER_POLICIES(X)
#undef X
};

/* X(NAME, YAML name): what lies beside each other on the cluster's GPUs */
#define LAYOUT_PLACEMENTS(X)                                              \
    X(PACKED, "packed") /* a replica's stages, then the next replica's */ \
    X(SPREAD, "spread") /* stage by stage, each on nodes of its own where there are enough */

enum layout_placement {
#define X(name, text) LAYOUT_PLACEMENT_##name,
    LAYOUT_PLACEMENTS(X)
#undef X
};

/* What the scenario file asks for. */
struct layout_spec {
    uint32_t tensor_parallel;
    struct sharding sharding;
    uint32_t pipeline_parallel;
    uint32_t replicas;
    enum stage_split split;
    uint32_t listed_layers[LAYOUT_STAGES_MAX]; /* for STAGE_SPLIT_LISTED: sums to the layers */
    enum router_policy router;
    enum layout_placement placement;
    uint32_t gpus_before; /* the cluster's first, which are others' */
};

/* What it comes to on a cluster. */
struct layout {
    uint32_t tensor_parallel;
    struct sharding sharding;
    uint32_t stages;
    uint32_t replicas;
    uint32_t stage_layers[LAYOUT_STAGES_MAX];
    uint32_t *gpus;    /* (replicas, stages, tensor_parallel): indices into the cluster's GPUs */
    uint32_t gpus_end; /* none of them comes after this one less 1 */
};

/* The GPUs of all its replicas. */
static inline uint64_t layout_gpu_count(const struct layout_spec *spec)
{
    return (uint64_t)spec->tensor_parallel * spec->pipeline_parallel * spec->replicas;
}

/* What a stage costs beyond its layers, in units of one layer's time, for the balanced split. */
struct stage_extras {
    double first_layers; /* the embedding, and its collective */
    double last_layers;  /* final norm, LM head and sampling */
    double later_layers; /* of all but the first: gathering what comes scattered */
};

/*
 * Whether `spec` can be for `model` on `cluster`. ERROR_CONFIG, with what would
 * do in the text: more GPUs than the cluster has or than groups can be placed on,
 * heads, KV heads or FFN that tensor_parallel does not divide, experts to be
 * whole that it does not divide or that are not there, more stages than layers,
 * a listed split that does not sum to the layers.
 */
int layout_check(const struct layout_spec *spec, const struct model *model,
                 const struct cluster *cluster, struct error *error);

/* The part of it that is about experts: that there are any, and equally many for each GPU. */
int layout_check_experts(const struct layout_spec *spec, const struct model *model,
                         struct error *error);

/* Resolves `spec`, in `arena`. Fails as layout_check() does, and when memory is out. */
int layout_resolve(struct layout *layout, const struct layout_spec *spec, const struct model *model,
                   const struct cluster *cluster, struct stage_extras extras, struct arena *arena,
                   struct error *error);

/*
 * The split of `layers` into `stages` that minimises the slowest stage, extras
 * counted: exact. Among the optima, the one whose second slowest stage is
 * fastest, and so on; among equals, later stages get the fewer layers. Every
 * stage gets a layer, so layers >= stages.
 */
void layout_balance(uint32_t layers, uint32_t stages, struct stage_extras extras,
                    uint32_t stage_layers[]);

/* The slowest stage's layers, extras counted. */
double layout_slowest_stage(const uint32_t stage_layers[], uint32_t stages,
                            struct stage_extras extras);

/*
 * Whether `tensor_parallel` GPUs can share `model`: it divides heads and FFN, and
 * it divides the KV heads or they divide it (then each is held more than once).
 */
bool layout_divides(const struct model *model, uint32_t tensor_parallel);

/* How many groups of `tensor_parallel` GPUs `cluster` holds; 0 where none can be placed. */
uint64_t layout_group_capacity(const struct cluster *cluster, uint32_t tensor_parallel);

static inline const uint32_t *layout_group(const struct layout *layout, uint32_t replica,
                                           uint32_t stage)
{
    size_t group = (size_t)replica * layout->stages + stage;
    return layout->gpus + group * layout->tensor_parallel;
}

#endif
