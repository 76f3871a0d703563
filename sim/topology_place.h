/*
 * topology_place: where things sit in a node and what their edges' numbers are;
 * for topology.c and topology_route.c alone.
 */
#ifndef TANDEM_TOPOLOGY_PLACE_H
#define TANDEM_TOPOLOGY_PLACE_H

#include "topology.h"

static inline bool place_has_link(struct link_kind kind)
{
    return kind.bytes_per_s > 0;
}

/* How many of a node's GPUs one NVLink switch, or bridge, joins. */
static inline uint32_t place_nvlink_gpus(const struct cluster *cluster)
{
    return cluster->gpus_per_nvlink_group > 0 ? cluster->gpus_per_nvlink_group
                                              : cluster->gpus_per_node;
}

/* The host bridge of GPU `gpu` of a node. */
static inline uint32_t place_gpu_bridge(const struct cluster *cluster, uint32_t gpu)
{
    return gpu / cluster->gpus_per_host_bridge;
}

/* The NIC of GPU `gpu` of a node. */
static inline uint32_t place_gpu_nic(const struct cluster *cluster, uint32_t gpu)
{
    return (uint32_t)((uint64_t)gpu * cluster->nics_per_node / cluster->gpus_per_node);
}

/* A NIC sits beside the first GPU that uses it. */
static inline uint32_t place_nic_gpu(const struct cluster *cluster, uint32_t nic)
{
    uint64_t nics = cluster->nics_per_node;
    uint64_t gpu = ((uint64_t)nic * cluster->gpus_per_node + nics - 1) / nics;
    return (uint32_t)u64_min(gpu, cluster->gpus_per_node - 1);
}

/* The leaf of a node's NIC. */
static inline uint32_t place_leaf(const struct cluster *cluster, uint32_t node, uint32_t nic)
{
    uint32_t block = node / cluster->nodes_per_leaf;
    return cluster->rail_optimized ? block * cluster->nics_per_node + nic : block;
}

/* Position of bridges a < b among the pairs of a node's bridges, in lexical order. */
static inline uint32_t place_bridge_pair(const struct topology *topology, uint32_t a, uint32_t b)
{
    return a * (2 * topology->bridges_per_node - a - 1) / 2 + (b - a - 1);
}

/* Number of the node's edge among all edges, and of a leaf's uplink. */
static inline uint32_t place_edge(const struct topology *topology, uint32_t node, uint32_t edge)
{
    return node * topology->edges.count + edge;
}

static inline uint32_t place_leaf_edge(const struct topology *topology, uint32_t leaf)
{
    return place_edge(topology, topology->cluster->nodes, leaf);
}

#endif
