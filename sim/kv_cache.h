/*
 * kv_cache: how many of a replica's KV blocks are taken.
 *
 * Paged attention (Kwon et al., SOSP 2023): KV is held in blocks of a fixed
 * number of tokens, so what matters is only how many are free. The counts are
 * those of the tightest stage; every stage holds the same blocks.
 */
#ifndef TANDEM_KV_CACHE_H
#define TANDEM_KV_CACHE_H

#include "base.h"

struct kv_cache {
    uint32_t block_tokens;
    uint64_t capacity_blocks;
    uint64_t used_blocks;
    uint64_t peak_blocks;
};

/* Blocks that `tokens` tokens of one request take. */
static inline uint64_t kv_cache_blocks(const struct kv_cache *cache, uint64_t tokens)
{
    return (tokens + cache->block_tokens - 1) / cache->block_tokens;
}

static inline uint64_t kv_cache_free_blocks(const struct kv_cache *cache)
{
    return cache->capacity_blocks - cache->used_blocks;
}

/* Takes `blocks`, which must be free. */
static inline void kv_cache_take(struct kv_cache *cache, uint64_t blocks)
{
    assert(blocks <= kv_cache_free_blocks(cache));
    cache->used_blocks += blocks;
    if (cache->used_blocks > cache->peak_blocks)
        cache->peak_blocks = cache->used_blocks;
}

static inline void kv_cache_give(struct kv_cache *cache, uint64_t blocks)
{
    assert(blocks <= cache->used_blocks);
    cache->used_blocks -= blocks;
}

#endif
