/*
 * config_cluster: nodes, GPUs and links, as files under configs/clusters and
 * configs/gpus give them.
 */
#ifndef TANDEM_CONFIG_CLUSTER_H
#define TANDEM_CONFIG_CLUSTER_H

#include "cluster.h"
#include "config_file.h"

#define CONFIG_GPUS_MAX 1048576

/*
 * Fills in `cluster` from a resolved mapping, or NULL; mistakes go to the
 * diagnostics. `*measured` is the folder of its GPU's measured tables, or NULL.
 */
void config_cluster_read(struct config_loader *loader, const struct yaml_node *node,
                         struct cluster *cluster, const char **measured);

#endif
