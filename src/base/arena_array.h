/*
 * arena_array: an array in an arena that grows at its end.
 */
#ifndef TANDEM_ARENA_ARRAY_H
#define TANDEM_ARENA_ARRAY_H

#include "arena.h"

/*
 * `items`, of which there are `count` since the array was empty (NULL), with room
 * for at least one more; it moves when it must. NULL when memory is out.
 */
void *arena_array_room(struct arena *arena, void *items, size_t count, size_t item_bytes);

#endif
