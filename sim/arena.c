#include "arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define LINE_BYTES 64
#define BLOCK_BYTES ((size_t)64 * 1024)
#define HUGE_PAGE_BYTES ((size_t)2 * 1024 * 1024)
#define SMALL_BYTES_MAX 1024

struct arena_block {
    alignas(LINE_BYTES) struct arena_block *next;
};

void arena_init(struct arena *arena)
{
    *arena = (struct arena){.small = {.blocks = NULL}};
}

static void chain_release(struct arena_chain *chain)
{
    while (chain->blocks) {
        struct arena_block *next = chain->blocks->next;
        free(chain->blocks);
        chain->blocks = next;
    }
}

void arena_release(struct arena *arena)
{
    chain_release(&arena->small);
    chain_release(&arena->large);
    arena_init(arena);
}

/* Starts a block with room for at least `bytes`, a multiple of the line. */
static struct arena_block *chain_grow(struct arena_chain *chain, size_t bytes)
{
    size_t needed = sizeof(struct arena_block) + bytes;
    bool is_huge = needed > HUGE_PAGE_BYTES || chain->whole_bytes >= HUGE_PAGE_BYTES;
    size_t unit = is_huge ? HUGE_PAGE_BYTES : BLOCK_BYTES;
    size_t block_bytes = (needed + unit - 1) / unit * unit;
    struct arena_block *block = aligned_alloc(is_huge ? unit : LINE_BYTES, block_bytes);
    if (!block)
        return NULL;
#ifdef MADV_HUGEPAGE
    if (is_huge)
        (void)madvise(block, block_bytes, MADV_HUGEPAGE); /* small pages do, too */
#endif
    block->next = chain->blocks;
    chain->blocks = block;
    chain->used_bytes = 0;
    chain->room_bytes = block_bytes - sizeof(*block);
    chain->whole_bytes += block_bytes;
    return block;
}

void *arena_calloc(struct arena *arena, size_t count, size_t item_bytes)
{
    assert(item_bytes > 0);
    if (count > (SIZE_MAX / 2) / item_bytes)
        return NULL;
    size_t bytes = (count * item_bytes + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES;
    struct arena_chain *chain = bytes <= SMALL_BYTES_MAX ? &arena->small : &arena->large;
    struct arena_block *block = chain->blocks;
    if (!block || chain->room_bytes - chain->used_bytes < bytes)
        block = chain_grow(chain, bytes);
    if (!block)
        return NULL;
    char *memory = (char *)(block + 1) + chain->used_bytes;
    chain->used_bytes += bytes;
    return memset(memory, 0, bytes);
}

char *arena_strdup(struct arena *arena, const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = arena_calloc(arena, bytes, 1);
    return copy ? memcpy(copy, text, bytes) : NULL;
}
