/*
 * config_cluster: nodes, GPUs and links, as files under configs/clusters and
 * configs/gpus give them.
 *
 *     form            hgx (NVLink) or pcie_box: eight GPUs on two sockets, and in an hgx
 *                     a NIC for each GPU, where the keys below do not say otherwise
 *     nodes, gpus_per_node, gpus_per_host_bridge
 *     nvlink          and gpus_per_nvlink_group (2: bridges in pairs), nvlink_reduces
 *     pcie            each slot; pcie_uplink, gpus_per_pcie_switch: PCIe switches
 *     inter_socket    between host bridges
 *     nic             and nics_per_node
 *     fabric          form fat_tree (a leaf has all NICs of nodes_per_leaf nodes) or
 *                     rail_optimized (a leaf for NIC i of each); oversubscription;
 *                     latency from leaf to spine. Without it one switch never blocks
 *     collective_start, collective_simple_start, host_staging_factor
 *     contention      of GPUs' links: bandwidth, send_latency, receive_latency
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

/*
 * Loads the cluster's file `name`, as a scenario's `cluster` would name it: from where the program
 * runs, or from a directory of `search` (NULL at its end); `*measured` is as above. ERROR_CONFIG:
 * `error` holds the diagnostics, which are kept in `arena`. ERROR_MEMORY.
 */
int config_cluster_load(const char *name, const char *const *search, struct arena *arena,
                        struct diagnostics *diagnostics, struct cluster *cluster,
                        const char **measured, struct error *error);

#endif
