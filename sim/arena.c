#include "arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES 64
#define BLOCK_BYTES ((size_t)64 * 1024)

struct arena_block {
    alignas(LINE_BYTES) struct arena_block *next;
};

void arena_init(struct arena *arena)
{
    *arena = (struct arena){.blocks = NULL};
}

void arena_release(struct arena *arena)
{
    while (arena->blocks) {
        struct arena_block *next = arena->blocks->next;
        free(arena->blocks);
        arena->blocks = next;
    }
    arena_init(arena);
}

/* Starts a block with room for at least `bytes`, a multiple of the line. */
static struct arena_block *arena_grow(struct arena *arena, size_t bytes)
{
    size_t room = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
    struct arena_block *block = aligned_alloc(LINE_BYTES, sizeof(*block) + room);
    if (!block)
        return NULL;
    block->next = arena->blocks;
    arena->blocks = block;
    arena->used_bytes = 0;
    arena->room_bytes = room;
    return block;
}

void *arena_calloc(struct arena *arena, size_t count, size_t item_bytes)
{
    assert(item_bytes > 0);
    if (count > (SIZE_MAX / 2) / item_bytes)
        return NULL;
    size_t bytes = (count * item_bytes + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES;
    struct arena_block *block = arena->blocks;
    if (!block || arena->room_bytes - arena->used_bytes < bytes)
        block = arena_grow(arena, bytes);
    if (!block)
        return NULL;
    char *memory = (char *)(block + 1) + arena->used_bytes;
    arena->used_bytes += bytes;
    return memset(memory, 0, bytes);
}

char *arena_strdup(struct arena *arena, const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = arena_calloc(arena, bytes, 1);
    return copy ? memcpy(copy, text, bytes) : NULL;
}
