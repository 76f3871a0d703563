/*
 * arena: memory that lives as long as its simulation and goes in one piece.
 *
 * Blocks are chained; nothing is freed singly. Small items lie together, apart
 * from large ones: what a replica touches at every step is on few pages, however
 * long the arrays are that it rarely walks. Large ones are on huge pages where
 * there are any. An arena is owned by one thread.
 */
#ifndef TANDEM_ARENA_H
#define TANDEM_ARENA_H

#include <stddef.h>

struct arena_block;

/* A chain of blocks; the last one is being filled. */
struct arena_chain {
    struct arena_block *blocks;
    size_t used_bytes; /* of the last block */
    size_t room_bytes;
    size_t whole_bytes; /* of all blocks */
};

struct arena {
    struct arena_chain small;
    struct arena_chain large;
};

void arena_init(struct arena *arena);
void arena_release(struct arena *arena);

/* `count` zeroed items of `item_bytes`, aligned to a cache line; NULL when memory is out. */
void *arena_calloc(struct arena *arena, size_t count, size_t item_bytes);

/* A copy of `text` in the arena; NULL when memory is out. */
char *arena_strdup(struct arena *arena, const char *text);

#endif
