/*
 * collective_plan: what each algorithm of each collective sends, round by round.
 *
 * A plan is a few phases; a phase is rounds of equal messages in one pattern:
 * rank i sends a message of a round when what it needs of the round before has
 * come. All else follows from plans: collective.h says how long they take where
 * the links are the group's own, collective_way.h what goes over which of them.
 * The arithmetic of a reduction is left out: it hides behind the links.
 *
 *   ring          p-1 rounds of 1/p of the bytes to the successor, for each half
 *                 of an all-reduce (Patarasuk and Yuan, J. Parallel Distrib.
 *                 Comput. 69(2), 2009); a broadcast is a chain of chunks
 *   tree          double binary tree: half the bytes up and down each of two
 *                 trees, in chunks (Sanders, Speck and Traeff, Parallel Computing
 *                 35(12), 2009; NCCL's since 2.4). It joins nodes; the ranks of one
 *                 node hang on it as a chain, so inside a node it goes as far as a
 *                 ring (NCCL, src/graph/tuning.cc). Its rounds are laid on the
 *                 ring's links: what each rank sends and how far it must go is
 *                 the tree's, and in-order trees mostly join neighbours
 *   direct        every rank to every other. An all-reduce takes the better of one
 *                 step (each sends all it has) and two (each reduces its 1/p of
 *                 the bytes, then sends it to all); it writes to peers' memory, so
 *                 it applies on NVLink, or to two GPUs with PCIe peer access: the
 *                 rule of vLLM's custom all-reduce (vLLM, Apache-2.0)
 *   halving_doubling  exchanges with rank i ^ 2^l (Thakur, Rabenseifner and Gropp,
 *                 Int. J. High Perform. Comput. Appl. 19(1), 2005); 2^n ranks
 *   switch        the switch adds up and copies (NVLink SHARP): each rank sends its
 *                 bytes up once, gets its 1/p of the sum, and sends that up to be
 *                 copied to all; where the cluster's switches can
 *   hierarchical  reduce-scatter inside each node, all-reduce of each shard with
 *                 the peers in the other nodes (the better of ring and tree, each
 *                 over its own NIC), all-gather inside; several equal nodes
 *
 * NCCL sends by two protocols, of which the faster is taken (Hu et al., Demystifying
 * NCCL, arXiv:2507.04786, 2025). Simple fences each piece and costs a start more;
 * LL sends a flag with every four bytes, which makes messages twice as long. (LL128
 * lies between; two explain what was measured: analysis/measure/fit_links.py.) The
 * switch reduces by Simple alone; the direct all-reduce is no NCCL's but an engine's own kernel.
 */
#ifndef TANDEM_COLLECTIVE_PLAN_H
#define TANDEM_COLLECTIVE_PLAN_H

#include "collective_group.h"

/* X(NAME, YAML name) */
#define COLLECTIVE_ALGORITHMS(X)            \
    X(RING, "ring")                         \
    X(TREE, "tree")                         \
    X(DIRECT, "direct")                     \
    X(HIERARCHICAL, "hierarchical")         \
    X(HALVING_DOUBLING, "halving_doubling") \
    X(SWITCH, "switch")

enum collective_algorithm {
#define X(name, text) COLLECTIVE_##name,
    COLLECTIVE_ALGORITHMS(X)
#undef X
        COLLECTIVE_ALGORITHM_COUNT
};

/*
 * X(NAME, name, bus factor): nccl-tests' bus bandwidth is algorithm bandwidth
 * times the factor, p being the ranks (nccl-tests, doc/PERFORMANCE.md).
 */
#define COLLECTIVE_OPERATIONS(X)                     \
    X(ALL_REDUCE, "all_reduce", 2 * (p - 1) / p)     \
    X(ALL_GATHER, "all_gather", (p - 1) / p)         \
    X(REDUCE_SCATTER, "reduce_scatter", (p - 1) / p) \
    X(ALL_TO_ALL, "all_to_all", (p - 1) / p)         \
    X(BROADCAST, "broadcast", 1)                     \
    X(SEND_RECV, "send_recv", 1)

/* Each over `bytes`: the full buffer, which is all-gather's result, reduce-scatter's input and
   what each rank has for all others, itself included, in an all-to-all. In a send_recv each rank
   sends to its successor. */
enum collective_operation {
#define X(name, text, bus_factor) OPERATION_##name,
    COLLECTIVE_OPERATIONS(X)
#undef X
        OPERATION_COUNT
};

enum collective_pattern {
    PATTERN_RING,     /* to the successor */
    PATTERN_CHAIN,    /* the same but for the last rank; a message is passed on when it has come */
    PATTERN_INSIDE,   /* to the successor in the node */
    PATTERN_ACROSS,   /* to the peer in the next node */
    PATTERN_DIRECT,   /* to every other rank, into its memory */
    PATTERN_SPREAD,   /* to every other rank */
    PATTERN_ROOT,     /* rank 0 to every other rank */
    PATTERN_EXCHANGE, /* with rank i ^ 2^level */
    PATTERN_SWITCH,   /* to the switch and back */
};

/* X(NAME, NCCL's name) */
#define COLLECTIVE_PROTOCOLS(X) \
    X(NONE, "none")             \
    X(SIMPLE, "simple")         \
    X(LL, "ll")

enum collective_protocol {
#define X(name, text) PROTOCOL_##name,
    COLLECTIVE_PROTOCOLS(X)
#undef X
};

struct collective_phase {
    enum collective_pattern pattern;
    uint32_t level; /* of an exchange */
    uint32_t rounds;
    double bytes; /* a message, as the links see it */
};

#define COLLECTIVE_PHASES_MAX (2 * COLLECTIVE_EXCHANGES_MAX)

struct collective_plan {
    enum collective_protocol protocol;
    double start_s;       /* before its first byte moves */
    uint32_t phase_count; /* 0: there is nothing to send */
    struct collective_phase phases[COLLECTIVE_PHASES_MAX];
};

/* Whether the algorithm applies to the operation and group; if so, its plan, of one rank empty. */
bool collective_plan_of(struct collective_plan *plan, const struct collective_group *group,
                        enum collective_operation operation, enum collective_algorithm algorithm,
                        double bytes);

/* Seconds of a plan with its start, whose links are the group's own. */
double collective_plan_s(const struct collective_group *group, const struct collective_plan *plan);

/* Seconds for one message of `bytes` over `path`; 0 bytes still cost its latency. */
static inline double collective_send_s(struct alpha_beta path, double bytes)
{
    return path.alpha_s + bytes / path.bytes_per_s;
}

#endif
