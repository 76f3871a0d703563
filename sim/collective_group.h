/*
 * collective_group: a group of GPUs as collectives see it.
 *
 * For each pattern in which the ranks of a group send to each other at once,
 * the alpha-beta of one rank's share: alpha_s a message's start-up over the
 * longest hop, bytes_per_s what each rank can send while all do.
 */
#ifndef TANDEM_COLLECTIVE_GROUP_H
#define TANDEM_COLLECTIVE_GROUP_H

#include "topology.h"

#define COLLECTIVE_EXCHANGES_MAX 12

/* Equal shares on each of `nodes` nodes. A path of bytes_per_s 0: there is none. */
struct collective_group {
    uint32_t ranks;
    uint32_t nodes;
    struct alpha_beta ring;   /* each rank to its successor, all at once, ranks in order */
    struct alpha_beta direct; /* each rank to all others at once: what each rank sends in total;
                                 bytes_per_s 0 where ranks cannot write to each other's memory */
    struct alpha_beta inside; /* as ring, among the ranks of one node */
    struct alpha_beta across; /* rank i of each node to rank i of the next, all at once */
    struct alpha_beta spread; /* as direct, by messages: over any links */
    struct alpha_beta reduce; /* each rank to the switch that reduces for it, and back */
    struct alpha_beta exchange[COLLECTIVE_EXCHANGES_MAX]; /* rank i with rank i ^ 2^level, for
                                                             2, 4, ... 4,096 ranks */
    double start_s;                                       /* before the first byte moves */
    double simple_start_s;                                /* the same, more, for Simple */
};

/*
 * The group of `ranks` GPUs `gpus` on `topology`, node by node. Where the nodes
 * hold unequal shares, `nodes` is what they span and `inside` and `across` do not apply.
 */
struct collective_group collective_group_of(const struct topology *topology, const uint32_t *gpus,
                                            uint32_t ranks);

#endif
