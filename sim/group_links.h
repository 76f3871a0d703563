/*
 * group_links: the links of a group of GPUs, and those that its collectives were
 * measured over.
 *
 * A table is of one node's links, which the GPU's file tells. Over others a time is
 *
 *     seconds = measured x model over these links / model over those
 *
 * with collective.h's models, of the same bytes on the same GPUs: whatever a link's
 * bandwidth, efficiency, latency, start or staging changes, it moves the time from
 * the measured one as it moves the model's, and the same links leave it as it is.
 */
#ifndef TANDEM_GROUP_LINKS_H
#define TANDEM_GROUP_LINKS_H

#include "collective_group.h"
#include "collective_table.h"

/* Where the two models are up to this many times apart, a cost counts as extrapolated; beyond that
   as estimated, for the model then says more than the measurement. */
#define GROUP_LINKS_RATIO_MAX 2.0

/* One node of a cluster as its GPU's collectives were measured; where the GPU says nothing of
   that, as it is. */
struct measured_node {
    struct cluster cluster;
    struct topology topology;
    uint32_t *gpus; /* (gpus_per_node): scratch */
};

/* In `arena`; NULL where memory is out, or the cluster's GPUs have no routes. */
struct measured_node *measured_node_new(const struct cluster *cluster, struct arena *arena,
                                        struct error *error);

struct group_links {
    enum collective_fabric fabric;    /* whose rows of a table are of them */
    struct collective_group measured; /* the group over the measured links; of no ranks where no
                                         table is of links like its own */
};

/* Of `ranks` GPUs on `topology`, whose nodes are like `node`. */
struct group_links group_links_of(const struct topology *topology, struct measured_node *node,
                                  const uint32_t *gpus, uint32_t ranks);

/* The costs in captured graphs of one operation over the group, to `bytes_max`, from `table`; NULL
   where it has none of such links. 0 or -ERROR_MEMORY. */
int group_links_prepare(const struct collective_table *table, const struct collective_group *group,
                        const struct group_links *links, enum collective_operation operation,
                        double bytes_max, const struct cost_grid **grid, struct arena *arena,
                        struct error *error);

/* The same of all-reduces by an engine's own kernel. */
int group_links_prepare_custom(const struct collective_table *table,
                               const struct collective_group *group,
                               const struct group_links *links, double bytes_max,
                               const struct cost_grid **grid, struct arena *arena,
                               struct error *error);

#endif
