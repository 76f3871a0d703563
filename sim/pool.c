#include "pool.h"

struct replica *pool_pick(struct pool *pool)
{
    uint32_t replica = router_pick(&pool->router);
    return replica == ROUTER_NONE ? NULL : &pool->replicas[replica];
}

void pool_note_load(struct pool *pool, const struct replica *replica)
{
    router_update(&pool->router, pool_index(pool, replica), replica_outstanding(replica));
}
