/*
 * batcher_parts: what a batcher's two halves share: batcher.c, who is in a
 * replica and what they hold, and batcher_pick.c, who goes into its next step.
 */
#ifndef TANDEM_BATCHER_PARTS_H
#define TANDEM_BATCHER_PARTS_H

#include "batcher.h"

/* Whether blocks for a request's last token are taken on its admission. */
static inline bool batcher_reserves(const struct batcher *batcher)
{
    return batcher->serving->kv_admission == KV_ADMISSION_RESERVED ||
           batcher->serving->policy == BATCHER_STATIC;
}

static inline bool batcher_takes_whole_prompts(const struct batcher *batcher)
{
    return batcher->serving->policy != BATCHER_CHUNKED_PREFILL;
}

/* Whether a prompt ends with a chunk of it. */
static inline bool chunk_is_last(const struct chunk *chunk)
{
    return chunk->start + chunk->length == chunk->request->target;
}

/* Whether more of a chunk's prompt may be picked while that is in flight. */
static inline bool batcher_lets_follow(const struct batcher *batcher, const struct chunk *chunk)
{
    return batcher->serving->policy == BATCHER_CHUNKED_PREFILL &&
           batcher->serving->host.chunked_pipeline && !chunk_is_last(chunk);
}

/* Blocks that an admitted request holds, none of its steps being in flight. */
uint64_t batcher_held_blocks(const struct batcher *batcher, const struct request *request);

/* Takes blocks for requests that are admitted; gives all back that one holds. */
static inline void batcher_take_blocks(struct batcher *batcher, uint64_t blocks)
{
    kv_cache_take(&batcher->kv, blocks);
    if (batcher->prefixes)
        prefix_cache_make_room(batcher->prefixes);
}

void batcher_free_blocks(struct batcher *batcher, struct request *request);

/* An empty lane, and its way back. */
static inline struct lane *batcher_take_lane(struct batcher *batcher)
{
    struct lane *lane = batcher->free_lanes;
    batcher->free_lanes = lane->next;
    lane->next = NULL;
    return lane;
}

static inline void batcher_give_lane(struct batcher *batcher, struct lane *lane)
{
    lane->next = batcher->free_lanes;
    batcher->free_lanes = lane;
}

#endif
