#include "array_room.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 64

/* Room doubles, from FIRST_ROOM: it is used up at each of those powers of two. */
static bool is_full(size_t count)
{
    return count == 0 || (count >= FIRST_ROOM && (count & (count - 1)) == 0);
}

static size_t next_room(size_t count)
{
    return count < FIRST_ROOM ? FIRST_ROOM : 2 * count;
}

void *array_room_on_heap(void *items, size_t count, size_t item_bytes)
{
    return is_full(count) ? realloc(items, next_room(count) * item_bytes) : items;
}

void *array_room_in_arena(struct arena *arena, void *items, size_t count, size_t item_bytes)
{
    if (!is_full(count))
        return items;
    void *grown = arena_calloc(arena, next_room(count), item_bytes);
    if (grown && count > 0)
        memcpy(grown, items, count * item_bytes);
    return grown;
}
