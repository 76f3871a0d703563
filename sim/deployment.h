/*
 * deployment: a scenario laid out on its cluster, ready to run or to be looked at.
 *
 * The steps of `tandem check`: the cluster's graph, the stages and their GPUs,
 * what they hold, and what a step costs on each.
 */
#ifndef TANDEM_DEPLOYMENT_H
#define TANDEM_DEPLOYMENT_H

#include "memory.h"
#include "scenario.h"
#include "step_work.h"
#include "topology.h"

struct deployment {
    const struct scenario *scenario;
    struct topology topology;
    struct measured_node *measured; /* what the GPU's collectives were measured on */
    struct layout layout;
    struct memory_plan memory;
    struct step_cost cost;
    struct stage_extras extras; /* what the balanced split counted */
};

/*
 * Resolves `scenario`, which must outlive it, in `arena`. ERROR_CONFIG where it does not fit.
 * `beside` is on the same cluster and comes first; NULL: nothing is.
 */
int deployment_resolve(struct deployment *deployment, const struct scenario *scenario,
                       const struct deployment *beside, struct arena *arena, struct error *error);

/* What questions about its memory are asked with. */
struct memory_terms deployment_memory_terms(const struct deployment *deployment);

/* How many of `cluster`'s GPUs, from the first on, the layout `beside` takes from whoever comes
   after it: whole nodes where the two want different kinds, for a node holds one. */
uint32_t deployment_gpus_after(const struct layout *beside, const struct gpu *beside_gpu,
                               const struct cluster *cluster);

/* What one stage's costs go by: its layers, and its group's class, which is found or made. */
int deployment_stage_part(struct deployment *deployment, uint32_t replica, uint32_t stage,
                          struct stage_part *part, struct arena *arena, struct error *error);

/* The path from each GPU of a stage to its peer in the next, all sending at once. */
struct alpha_beta deployment_hop(const struct deployment *deployment, uint32_t replica,
                                 uint32_t stage);

#endif
