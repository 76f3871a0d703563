/*
 * prefix_cache: the beginnings of prompts whose KV a replica still holds.
 *
 * A prompt that begins as an earlier one did need not have that part computed again
 * while its blocks are there: automatic prefix caching (Kwon et al., SOSP 2023, and
 * vLLM's documentation; RadixAttention: Zheng et al., SGLang, NeurIPS 2024; Mooncake:
 * Qin et al., FAST 2025). Prompts come in pieces (request.h), of each of which whole
 * blocks can be shared.
 *
 *   held     by requests that run, each block once however many have it
 *   idle     by none; until a request needs the room, those that were given back the
 *            longest ago first, and of one request's its end before its beginning
 *
 * What no prompt can begin with, outputs and the rest of prompts, is idle, too, in the
 * same order: it takes its time to go, and pushes out others'. A piece goes as a whole.
 * A prompt that is there to its end has its last block computed again, as engines do,
 * for its first token. Requests that compute the same piece at the same time have a
 * copy each, and the first one's is kept. Pieces can be found as soon as a step that
 * computes them is picked.
 *
 * There is room for as many pieces as PREFIX_CACHE_BLOCKS_PER_PIECE says; where they
 * are smaller in the mean, the oldest go earlier. Nothing here fails but the beginning.
 */
#ifndef TANDEM_PREFIX_CACHE_H
#define TANDEM_PREFIX_CACHE_H

#include "error.h"
#include "kv_cache.h"
#include "request.h"

#define PREFIX_CACHE_BLOCKS_PER_PIECE 8

struct prefix_entry;

struct prefix_cache {
    struct kv_cache *kv;
    struct prefix_entry
        *entries;      /* (capacity), from 1 on: memory that was never used is not there */
    uint32_t *buckets; /* (bucket_count): the first entry of each */
    uint32_t capacity;
    uint32_t bucket_count; /* a power of two */
    uint32_t fresh;        /* the first entry that never held anything */
    uint32_t free;         /* the first that did, and does not any more */
    uint32_t oldest;       /* of the idle ones */
    uint32_t newest;
    uint64_t idle_blocks;
};

/* What of a request's prompt is there. */
struct prefix_match {
    uint32_t pieces;
    uint32_t tokens;      /* that need not be computed */
    uint64_t blocks;      /* of the pieces */
    uint64_t held_blocks; /* of those, that others hold */
};

/* Whether pieces are whole blocks of so many tokens. */
static inline bool prefix_cache_takes(uint32_t block_tokens)
{
    return REQUEST_PIECE_TOKENS % block_tokens == 0;
}

/* Over the blocks of `kv`, which must outlive it. 0 or -ERROR_MEMORY, with nothing to release; a
   zeroed cache may be released. */
int prefix_cache_init(struct prefix_cache *cache, struct kv_cache *kv, struct error *error);
void prefix_cache_release(struct prefix_cache *cache);

struct prefix_match prefix_cache_match(const struct prefix_cache *cache,
                                       const struct request *request);

/* Lets a request hold what it matches and take blocks for the rest of `blocks`; there must be so
   many free as others do not hold. */
void prefix_cache_take(struct prefix_cache *cache, struct request *request,
                       struct prefix_match match, uint64_t blocks);

/* More of a request's prompt is computed, up to its position: others find it from now on. */
void prefix_cache_note(struct prefix_cache *cache, struct request *request);

/* Takes back all `blocks` of a request. */
void prefix_cache_give(struct prefix_cache *cache, struct request *request, uint64_t blocks);

/* Forgets idle blocks until held and idle ones fit: after blocks were taken. */
void prefix_cache_make_room(struct prefix_cache *cache);

/* Forgets all; nobody holds any. */
void prefix_cache_clear(struct prefix_cache *cache);

#endif
