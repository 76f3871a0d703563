/*
 * router: which replica a request goes to.
 *
 * round_robin takes the replicas in turn; least_outstanding the one with the
 * fewest requests waiting or running, the lowest index among equals, from a heap
 * that is put right in O(log replicas) as requests come and go; so does cache_aware
 * where it is not known what a request begins with (pool.h).
 */
#ifndef TANDEM_ROUTER_H
#define TANDEM_ROUTER_H

#include "layout.h"
#include "replica.h"

#define ROUTER_NONE UINT32_MAX

struct router_entry {
    uint32_t outstanding;
    uint32_t replica;
};

struct router {
    enum router_policy policy;
    uint32_t replica_count;
    uint32_t open_count;
    uint32_t next;             /* round_robin */
    bool *closed;              /* (replicas) */
    struct router_entry *heap; /* (open_count) all but round_robin */
    uint32_t *places;          /* (replicas): in the heap */
};

int router_init(struct router *router, enum router_policy policy, uint32_t replica_count,
                struct arena *arena, struct error *error);

/* The replica that the next request goes to; ROUTER_NONE where all are closed. */
uint32_t router_pick(struct router *router);

static inline bool router_is_open(const struct router *router, uint32_t replica)
{
    return !router->closed[replica];
}

/* Takes a replica out of the choice, or in again with `outstanding` requests. */
void router_close(struct router *router, uint32_t replica);
void router_open(struct router *router, uint32_t replica, uint32_t outstanding);

/* Tells the router that a replica now has `outstanding` requests. */
void router_update(struct router *router, uint32_t replica, uint32_t outstanding);

#endif
