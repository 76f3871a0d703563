#include "arena_array.h"

#include <stdbool.h>
#include <string.h>

#define FIRST_ROOM 64

void *arena_array_room(struct arena *arena, void *items, size_t count, size_t item_bytes)
{
    /* Room doubles, from FIRST_ROOM: it is used up at each of those powers of two. */
    bool is_full = count == 0 || (count >= FIRST_ROOM && (count & (count - 1)) == 0);
    if (!is_full)
        return items;
    void *grown = arena_calloc(arena, count < FIRST_ROOM ? FIRST_ROOM : 2 * count, item_bytes);
    if (grown && count > 0)
        memcpy(grown, items, count * item_bytes);
    return grown;
}
