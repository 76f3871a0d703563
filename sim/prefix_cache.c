#include "prefix_cache.h"

#include <stdlib.h>
#include <string.h>

/* Most loads tell no prefixes: what calls these stays small without them. */
#define OUT_OF_LINE __attribute__((noinline))

#define NO_ENTRY REQUEST_NO_ENTRY /* 0, so that zeroed buckets are empty */
#define ENTRIES_MIN 64
#define ENTRIES_MAX (UINT32_MAX / 4)

/* Blocks that lie together: a piece, or what no prompt can begin with. */
struct prefix_entry {
    uint64_t id;
    uint64_t blocks;
    uint32_t holders; /* 0: it is idle, or free */
    bool is_piece;
    uint32_t next;  /* in its bucket, or among the free ones */
    uint32_t older; /* among the idle ones */
    uint32_t newer;
};

static uint32_t *bucket_of(const struct prefix_cache *cache, uint64_t id)
{
    /* 2^64 over the golden ratio (Knuth, The Art of Computer Programming 3, 6.4) */
    uint64_t hash = id * UINT64_C(0x9e3779b97f4a7c15) >> 32;
    return &cache->buckets[hash & (cache->bucket_count - 1)];
}

/* The piece's entry; NO_ENTRY: it is not there. */
static uint32_t find(const struct prefix_cache *cache, uint64_t id)
{
    uint32_t entry = *bucket_of(cache, id);
    while (entry != NO_ENTRY && cache->entries[entry].id != id)
        entry = cache->entries[entry].next;
    return entry;
}

int prefix_cache_init(struct prefix_cache *cache, struct kv_cache *kv, struct error *error)
{
    uint64_t capacity = kv->capacity_blocks / PREFIX_CACHE_BLOCKS_PER_PIECE;
    assert(prefix_cache_takes(kv->block_tokens));
    *cache = (struct prefix_cache){
        .kv = kv,
        .capacity = (uint32_t)u64_min(u64_max(capacity, ENTRIES_MIN), ENTRIES_MAX),
        .bucket_count = 1,
        .fresh = NO_ENTRY + 1,
    };
    while (cache->bucket_count < cache->capacity)
        cache->bucket_count *= 2;
    cache->entries = calloc(cache->capacity + (size_t)1, sizeof(*cache->entries));
    cache->buckets = calloc(cache->bucket_count, sizeof(*cache->buckets));
    if (cache->entries && cache->buckets)
        return 0;
    prefix_cache_release(cache);
    return error_out_of_memory(error, "a prefix cache");
}

void prefix_cache_release(struct prefix_cache *cache)
{
    free(cache->entries);
    free(cache->buckets);
    *cache = (struct prefix_cache){.kv = NULL};
}

void prefix_cache_clear(struct prefix_cache *cache)
{
    memset(cache->buckets, 0, cache->bucket_count * sizeof(*cache->buckets));
    cache->fresh = NO_ENTRY + 1;
    cache->free = NO_ENTRY;
    cache->oldest = cache->newest = NO_ENTRY;
    cache->idle_blocks = 0;
}

static void become_idle(struct prefix_cache *cache, uint32_t index)
{
    struct prefix_entry *entry = &cache->entries[index];
    entry->older = cache->newest;
    entry->newer = NO_ENTRY;
    *(entry->older != NO_ENTRY ? &cache->entries[entry->older].newer : &cache->oldest) = index;
    cache->newest = index;
    cache->idle_blocks += entry->blocks;
}

static void become_busy(struct prefix_cache *cache, const struct prefix_entry *entry)
{
    *(entry->older != NO_ENTRY ? &cache->entries[entry->older].newer : &cache->oldest) =
        entry->newer;
    *(entry->newer != NO_ENTRY ? &cache->entries[entry->newer].older : &cache->newest) =
        entry->older;
    cache->idle_blocks -= entry->blocks;
}

static void leave_bucket(struct prefix_cache *cache, uint32_t index)
{
    uint32_t *link = bucket_of(cache, cache->entries[index].id);
    while (*link != index)
        link = &cache->entries[*link].next;
    *link = cache->entries[index].next;
}

static void forget_oldest(struct prefix_cache *cache)
{
    uint32_t index = cache->oldest;
    struct prefix_entry *entry = &cache->entries[index];
    become_busy(cache, entry);
    if (entry->is_piece)
        leave_bucket(cache, index);
    entry->next = cache->free;
    cache->free = index;
}

OUT_OF_LINE void prefix_cache_make_room(struct prefix_cache *cache)
{
    uint64_t room = kv_cache_free_blocks(cache->kv);
    while (cache->idle_blocks > room) {
        struct prefix_entry *oldest = &cache->entries[cache->oldest];
        uint64_t over = cache->idle_blocks - room;
        if (oldest->is_piece || oldest->blocks <= over) {
            forget_oldest(cache);
            continue;
        }
        oldest->blocks -= over;
        cache->idle_blocks -= over;
    }
}

/* The number of an entry; where all are in use that of the oldest idle one. NO_ENTRY: none is. */
static uint32_t take_number(struct prefix_cache *cache)
{
    if (cache->free == NO_ENTRY && cache->fresh <= cache->capacity)
        return cache->fresh++;
    if (cache->free == NO_ENTRY && cache->oldest != NO_ENTRY)
        forget_oldest(cache);
    uint32_t index = cache->free;
    if (index != NO_ENTRY)
        cache->free = cache->entries[index].next;
    return index;
}

static uint32_t new_entry(struct prefix_cache *cache, struct prefix_entry as)
{
    uint32_t index = take_number(cache);
    if (index != NO_ENTRY)
        cache->entries[index] = as;
    return index;
}

/* Tokens of a piece of the prompt that are whole blocks. */
static uint32_t piece_blocks(const struct prefix_cache *cache, const struct request_prefix *prefix,
                             uint32_t piece)
{
    uint32_t tokens = prefix->tokens - piece * REQUEST_PIECE_TOKENS;
    return u32_min(tokens, REQUEST_PIECE_TOKENS) / cache->kv->block_tokens;
}

OUT_OF_LINE struct prefix_match prefix_cache_match(const struct prefix_cache *cache,
                                                   const struct request *request)
{
    const struct request_prefix *prefix = request->prefix;
    struct prefix_match match = {.pieces = 0};
    uint32_t block_tokens = cache->kv->block_tokens;
    for (; match.pieces < prefix->count; match.pieces++) {
        uint32_t index = find(cache, prefix->pieces[match.pieces].id);
        uint32_t blocks = piece_blocks(cache, prefix, match.pieces);
        if (index == NO_ENTRY || cache->entries[index].blocks != blocks)
            break;
        match.blocks += blocks;
        match.held_blocks += cache->entries[index].holders > 0 ? blocks : 0;
    }
    uint32_t computed_at_most = (request->target - 1) / block_tokens * block_tokens;
    match.tokens = (uint32_t)u64_min(match.blocks * block_tokens, computed_at_most);
    return match;
}

static void hold(struct prefix_cache *cache, struct prefix_piece *piece, uint32_t index)
{
    struct prefix_entry *entry = &cache->entries[index];
    if (entry->holders++ == 0) {
        become_busy(cache, entry);
        kv_cache_take(cache->kv, entry->blocks);
    }
    piece->entry = index;
}

OUT_OF_LINE void prefix_cache_take(struct prefix_cache *cache, struct request *request,
                                   struct prefix_match match, uint64_t blocks)
{
    struct request_prefix *prefix = request->prefix;
    for (uint32_t i = 0; i < match.pieces; i++)
        hold(cache, &prefix->pieces[i], find(cache, prefix->pieces[i].id));
    prefix->done = match.pieces;
    prefix->shared_blocks = match.blocks;
    kv_cache_take(cache->kv, blocks - match.blocks);
    prefix_cache_make_room(cache);
}

/* Lets others find a piece that has been computed, unless another has been first. */
static void share(struct prefix_cache *cache, struct request_prefix *prefix, uint32_t piece,
                  uint32_t blocks)
{
    uint64_t id = prefix->pieces[piece].id;
    if (find(cache, id) != NO_ENTRY)
        return;
    struct prefix_entry as = {.id = id, .blocks = blocks, .holders = 1, .is_piece = true};
    uint32_t index = new_entry(cache, as);
    if (index == NO_ENTRY)
        return;
    uint32_t *bucket = bucket_of(cache, id);
    cache->entries[index].next = *bucket;
    *bucket = index;
    prefix->pieces[piece].entry = index;
    prefix->shared_blocks += blocks;
}

OUT_OF_LINE void prefix_cache_note(struct prefix_cache *cache, struct request *request)
{
    struct request_prefix *prefix = request->prefix;
    for (; prefix->done < prefix->count; prefix->done++) {
        uint32_t blocks = piece_blocks(cache, prefix, prefix->done);
        uint64_t begin = (uint64_t)prefix->done * REQUEST_PIECE_TOKENS;
        if (blocks == 0 || begin + blocks * cache->kv->block_tokens > request->position)
            return;
        share(cache, prefix, prefix->done, blocks);
    }
}

/* Blocks that nobody will ask for are idle, next to others like them. */
static void leave_idle(struct prefix_cache *cache, uint64_t blocks)
{
    struct prefix_entry *newest = cache->newest != NO_ENTRY ? &cache->entries[cache->newest] : NULL;
    if (newest && !newest->is_piece) {
        newest->blocks += blocks;
        cache->idle_blocks += blocks;
        return;
    }
    uint32_t index = new_entry(cache, (struct prefix_entry){.blocks = blocks});
    if (index != NO_ENTRY)
        become_idle(cache, index);
}

OUT_OF_LINE void prefix_cache_give(struct prefix_cache *cache, struct request *request,
                                   uint64_t blocks)
{
    struct request_prefix *prefix = request->prefix;
    uint64_t own_blocks = blocks - prefix->shared_blocks;
    kv_cache_give(cache->kv, own_blocks);
    if (own_blocks > 0)
        leave_idle(cache, own_blocks);
    for (uint32_t i = prefix->done; i-- > 0;) {
        struct prefix_piece *piece = &prefix->pieces[i];
        uint32_t index = piece->entry;
        piece->entry = NO_ENTRY;
        if (index == NO_ENTRY || --cache->entries[index].holders > 0)
            continue;
        kv_cache_give(cache->kv, cache->entries[index].blocks);
        become_idle(cache, index);
    }
    prefix->done = 0;
    prefix->shared_blocks = 0;
}
