/*
 * pool: replicas of one kind, and the router in front of them.
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

/* The router's choice; NULL where all are down. */
struct replica *pool_pick(struct pool *pool);

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
