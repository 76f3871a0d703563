#include "pool.h"

/* pool.h says of what and whose. */
#define FOUND_SHARE_MIN 0.3
#define LEAD_REQUESTS_MAX 64
#define LEAD_RATIO_MAX 1.5

/* What cache_aware knows of the open replicas. */
struct look {
    struct replica *best; /* its KV has most of the prompt */
    uint64_t found_tokens;
    uint32_t most_requests;
};

static struct look look_at_all(struct pool *pool, const struct request *request)
{
    struct look look = {.best = NULL};
    for (uint32_t r = 0; r < pool->router.replica_count; r++) {
        struct replica *replica = &pool->replicas[r];
        if (!router_is_open(&pool->router, r))
            continue;
        uint64_t tokens = replica_found_tokens(replica, request);
        uint32_t requests = replica_outstanding(replica);
        look.most_requests = u32_max(look.most_requests, requests);
        if (look.best &&
            (tokens < look.found_tokens ||
             (tokens == look.found_tokens && requests >= replica_outstanding(look.best))))
            continue;
        look.best = replica;
        look.found_tokens = tokens;
    }
    return look;
}

/* The replica that has a prompt's beginning, or the idlest. */
static struct replica *pick_by_cache(struct pool *pool, const struct request *request,
                                     struct replica *idlest)
{
    struct look look = look_at_all(pool, request);
    uint32_t fewest = replica_outstanding(idlest);
    bool is_balanced = look.most_requests - fewest <= LEAD_REQUESTS_MAX ||
                       look.most_requests <= LEAD_RATIO_MAX * fewest;
    bool is_found = (double)look.found_tokens >= FOUND_SHARE_MIN * request->input_tokens;
    return is_balanced && is_found ? look.best : idlest;
}

struct replica *pool_pick(struct pool *pool, const struct request *request)
{
    uint32_t replica = router_pick(&pool->router);
    if (replica == ROUTER_NONE)
        return NULL;
    struct replica *picked = &pool->replicas[replica];
    bool looks_at_caches = pool->router.policy == ROUTER_CACHE_AWARE && request;
    return looks_at_caches && picked->batcher.prefixes ? pick_by_cache(pool, request, picked)
                                                       : picked;
}

void pool_note_load(struct pool *pool, const struct replica *replica)
{
    router_update(&pool->router, pool_index(pool, replica), replica_outstanding(replica));
}
