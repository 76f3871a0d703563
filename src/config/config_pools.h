/*
 * config_pools: a layout in which some replicas prefill and others decode.
 *
 *     layout:
 *       pools:
 *         prefill: {tensor_parallel: 4, replicas: 2, gpu: gpus/h100-sxm}
 *         decode: {tensor_parallel: 2, replicas: 4, engine: {max_sequences: 256}}
 *       kv_transfer: layerwise
 *
 * A pool has the keys of a layout, which are the layout's own where it doesn't
 * give them; `engine`, whose keys win over the scenario's; and `gpu`, which its
 * nodes hold in place of the cluster's (the links stay the cluster's, and nodes
 * hold one kind each).
 */
#ifndef TANDEM_CONFIG_POOLS_H
#define TANDEM_CONFIG_POOLS_H

#include "config_file.h"
#include "config_reader.h"
#include "scenario.h"

/* A pool's own. */
struct config_pool {
    struct layout_spec layout;
    struct serving serving;
    struct gpu gpu; /* where has_gpu */
    bool has_gpu;
    const char *measured_folder; /* of that GPU; NULL: there is none */
};

/* Those that prefill, and those that decode. */
struct config_pools {
    struct config_pool of[POOLS_MAX];
    enum kv_transfer kv_transfer;
};

/* Whether a scenario's `layout` has pools. */
bool config_pools_are_in(const struct yaml_node *layout);

/* Gives each pool in the tree of a scenario an engine of its own, and puts the files that they
   refer to in the place of their names. */
void config_pools_resolve(struct config_loader *loader, struct yaml_node *root);

/* Fills in `pools` for `model` from a layout that has them; mistakes go to the diagnostics. */
void config_pools_read(struct config_loader *loader, const struct yaml_node *layout,
                       const struct model *model, struct config_pools *pools);

#endif
