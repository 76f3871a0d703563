#include "trace_prefixes.h"

#include <stdlib.h>

#define ROOM_MIN 4096

/* Where the block is, or would be. Source of the constant: 2^64 over the golden ratio (Knuth, The
   Art of Computer Programming 3, 6.4). */
static size_t place_of(const struct trace_prefixes *prefixes, uint64_t key)
{
    size_t place = (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (prefixes->room - 1);
    while (prefixes->blocks[place] != 0 && prefixes->blocks[place] != key)
        place = (place + 1) & (prefixes->room - 1);
    return place;
}

static int grow(struct trace_prefixes *prefixes, struct error *error)
{
    struct trace_prefixes larger = {.room = prefixes->room ? 2 * prefixes->room : ROOM_MIN};
    larger.blocks = calloc(larger.room, sizeof(*larger.blocks));
    if (!larger.blocks)
        return error_out_of_memory(error, "a trace's blocks");
    for (size_t i = 0; i < prefixes->room; i++)
        if (prefixes->blocks[i] != 0)
            larger.blocks[place_of(&larger, prefixes->blocks[i])] = prefixes->blocks[i];
    larger.count = prefixes->count;
    free(prefixes->blocks);
    *prefixes = larger;
    return 0;
}

void trace_prefixes_release(struct trace_prefixes *prefixes)
{
    free(prefixes->blocks);
    *prefixes = (struct trace_prefixes){.count = 0};
}

int trace_prefixes_add(struct trace_prefixes *prefixes, uint64_t block, struct error *error)
{
    uint64_t key = block + 1;
    if (2 * prefixes->count >= prefixes->room && prefixes->count < TRACE_BLOCKS_MAX &&
        grow(prefixes, error) < 0)
        return -(int)error->code;
    size_t place = place_of(prefixes, key);
    if (prefixes->blocks[place] == key)
        return 1;
    if (prefixes->count == TRACE_BLOCKS_MAX)
        return 0;
    prefixes->blocks[place] = key;
    prefixes->count++;
    return 0;
}
