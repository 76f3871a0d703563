/*
 * collective_way: over which links a group's collectives go, and how many bytes.
 *
 * What costs choose (collective.h), meters count, faults strike and flows play out:
 * each rank sends to one peer each way.
 *
 *   ring    to its successor, in rank order: inside a node whatever the algorithm, for
 *           each rank's port sees about the same of all; across nodes a ring or a tree,
 *           which collective_plan.h lays on the same links
 *   inside  to its successor in its own node
 *   across  to its peer in the next node, from NIC to NIC
 *
 * A hierarchical collective goes inside and across. So do messages from each rank to
 * every other, which leave by the sender's NIC and come by the receiver's. Bytes are
 * the buffer's: the flags of a protocol are not counted.
 */
#ifndef TANDEM_COLLECTIVE_WAY_H
#define TANDEM_COLLECTIVE_WAY_H

#include "collective_plan.h"

/* X(NAME, name) */
#define COLLECTIVE_WAYS(X) \
    X(RING, "ring")        \
    X(INSIDE, "inside")    \
    X(ACROSS, "across")

enum collective_way {
#define X(name, text) COLLECTIVE_WAY_##name,
    COLLECTIVE_WAYS(X)
#undef X
        COLLECTIVE_WAY_COUNT
};

/* What each rank sends each way. */
struct collective_load {
    double bytes[COLLECTIVE_WAY_COUNT];
};

/* Of `operation` over `bytes`, as collective_plan.h counts them, by an algorithm that applies. */
struct collective_load collective_load_of(const struct collective_group *group,
                                          enum collective_operation operation,
                                          enum collective_algorithm algorithm, double bytes);

/* Adds `times` times `added`. */
void collective_load_add(struct collective_load *load, const struct collective_load *added,
                         double times);

/* Whom a rank sends to. */
uint32_t collective_way_peer(const struct collective_group *group, enum collective_way way,
                             uint32_t rank);

/* From each rank to its peer, all at once. */
struct alpha_beta collective_way_path(const struct collective_group *group,
                                      enum collective_way way);

/* The way's name. */
const char *collective_way_name(enum collective_way way);

#endif
