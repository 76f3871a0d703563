/*
 * pool: replicas of one kind, and the router in front of them.
 *
 * A cache_aware router sends a request to the replica whose KV has most of its
 * prompt, the one with the fewest requests among equals, if that is 30% of the prompt
 * or more; else, and while the busiest replica has over 64 requests and half as many
 * again more than the idlest, to the one with the fewest requests. Source: the
 * default policy of the SGLang and vLLM routers, whose --cache-threshold,
 * --balance-abs-threshold and --balance-rel-threshold these are; below the threshold
 * theirs take the replica that they have sent the least text. Here the router knows
 * the KV as it is (vLLM's and SGLang's KV events); a choice takes O(replicas).
 */
#ifndef TANDEM_POOL_H
#define TANDEM_POOL_H

#include "deployment.h"
#include "replica.h"
#include "router.h"

struct pool {
    struct deployment deployment;
    struct router router;
    struct replica *replicas; /* (deployment.layout.replicas) */
};

/* The router's choice for a request, NULL: for any; NULL where all are down. */
struct replica *pool_pick(struct pool *pool, const struct request *request);

/* A replica's place in its pool. */
static inline uint32_t pool_index(const struct pool *pool, const struct replica *replica)
{
    return (uint32_t)(replica - pool->replicas);
}

/* Brings the router's knowledge of a replica's load up to date. */
void pool_note_load(struct pool *pool, const struct replica *replica);

/* The GPUs of a replica's stage, tensor_parallel of them. */
static inline const uint32_t *pool_gpus(const struct pool *pool, const struct replica *replica,
                                        uint32_t stage)
{
    return layout_group(&pool->deployment.layout, pool_index(pool, replica), stage);
}

#endif
