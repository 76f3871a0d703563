/*
 * collective: the time of one collective operation over a group of GPUs.
 *
 * Alpha-beta models (Thakur, Rabenseifner and Gropp, Int. J. High Perform.
 * Comput. Appl. 19(1), 2005): alpha_s is a message's start-up over the group's
 * longest hop, bytes_per_s what each rank can send while all do. The arithmetic
 * of the reduction is left out: it hides behind the links. Nothing queues here;
 * contention with others is flow.h's. Pure functions that never fail.
 * Measured tables, where a GPU has them, go in front of these models.
 */
#ifndef TANDEM_COLLECTIVE_H
#define TANDEM_COLLECTIVE_H

#include "topology.h"

/* X(NAME, YAML name) */
#define COLLECTIVE_ALGORITHMS(X) \
    X(RING, "ring")              \
    X(TREE, "tree")              \
    X(DIRECT, "direct")          \
    X(HIERARCHICAL, "hierarchical")

enum collective_algorithm {
#define X(name, text) COLLECTIVE_##name,
    COLLECTIVE_ALGORITHMS(X)
#undef X
        COLLECTIVE_ALGORITHM_COUNT
};

/* A group of GPUs as collectives see it: equal shares on each of `nodes` nodes. */
struct collective_group {
    uint32_t ranks;
    uint32_t nodes;
    struct alpha_beta ring;   /* each rank to its successor, all at once, ranks in order */
    struct alpha_beta direct; /* each rank to all others at once: what each rank sends in total;
                                 bytes_per_s 0 where ranks cannot write to each other's memory */
    struct alpha_beta inside; /* as ring, among the ranks of one node */
    struct alpha_beta across; /* rank i of each node to rank i of the next, all at once */
    double start_s;           /* before the first byte moves */
};

/*
 * The group of `ranks` GPUs `gpus` on `topology`, node by node. Where the nodes
 * hold unequal shares, `nodes` is what they span and hierarchical does not apply.
 */
struct collective_group collective_group_of(const struct topology *topology, const uint32_t *gpus,
                                            uint32_t ranks);

/*
 * Seconds for an all-reduce of `bytes` held by each of p ranks. One rank costs
 * 0; an algorithm that does not apply to the group costs INFINITY.
 *
 * Ring: a reduce-scatter and an all-gather, 2(p-1) steps that each move bytes/p.
 * Source: Patarasuk and Yuan, J. Parallel Distrib. Comput. 69(2), 2009.
 */
double collective_ring_all_reduce_s(const struct collective_group *group, double bytes);

/*
 * Double binary tree: half the bytes up and down each of two trees, in chunks
 * whose number is the best one; 2 ceil(log2 p) hops deep, and each rank sends
 * 2 x bytes in all. Source: Sanders, Speck and Traeff, Parallel Computing
 * 35(12), 2009; NCCL's tree (since 2.4) is this one.
 */
double collective_tree_all_reduce_s(const struct collective_group *group, double bytes);

/*
 * Direct, in one node: the better of one step (each rank sends all it has to all
 * others) and two (each reduces its 1/p of the bytes, then sends it to all).
 * Applies where every pair has NVLink, or two GPUs have PCIe peer access: the
 * rule of vLLM's custom all-reduce (vLLM, Apache-2.0).
 */
double collective_direct_all_reduce_s(const struct collective_group *group, double bytes);

/*
 * Hierarchical, over several equal nodes: reduce-scatter inside each node,
 * all-reduce of each rank's shard with its peers in the other nodes (ring or
 * tree, each over its own NIC), all-gather inside.
 */
double collective_hierarchical_all_reduce_s(const struct collective_group *group, double bytes);

/* The fastest of them; where `chosen` is not NULL, says which (RING for one rank). */
double collective_all_reduce_s(const struct collective_group *group, double bytes,
                               enum collective_algorithm *chosen);

/* The algorithm's name, as in YAML. */
const char *collective_algorithm_name(enum collective_algorithm algorithm);

/* Seconds for one message of `bytes` over `path`; 0 bytes still cost its latency. */
static inline double collective_send_s(struct alpha_beta path, double bytes)
{
    return path.alpha_s + bytes / path.bytes_per_s;
}

#endif
