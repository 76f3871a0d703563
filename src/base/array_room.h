/*
 * array_room: arrays that grow at their end, on the heap or in an arena.
 */
#ifndef TANDEM_ARRAY_ROOM_H
#define TANDEM_ARRAY_ROOM_H

#include "arena.h"

/*
 * `items`, of which there are `count` since the array was empty (NULL), with room
 * for at least one more; they move when they must. NULL when memory is out: then
 * `items` are as they were. What is on the heap is the caller's to free.
 */
void *array_room_on_heap(void *items, size_t count, size_t item_bytes);
void *array_room_in_arena(struct arena *arena, void *items, size_t count, size_t item_bytes);

#endif
