#include "measurements.h"

#include "array_room.h"

#include <string.h>

void measurements_init(struct measurements *measurements, struct arena *arena)
{
    *measurements = (struct measurements){.arena = arena};
}

/* `items` with a copy of `item` behind the `count` that they are; NULL when memory is out. */
static void *with(struct arena *arena, void *items, size_t count, const void *item,
                  size_t item_bytes)
{
    char *room = array_room_in_arena(arena, items, count, item_bytes);
    if (room)
        memcpy(room + count * item_bytes, item, item_bytes);
    return room;
}

static const char **with_place(struct arena *arena, const char **places, size_t count,
                               const char *place)
{
    const char *copy = arena_strdup(arena, place);
    return copy ? with(arena, (void *)places, count, (const void *)&copy, sizeof(copy)) : NULL;
}

int measurements_add_kernel(struct measurements *measurements, const struct kernel_sample *sample,
                            const char *place, struct error *error)
{
    struct arena *arena = measurements->arena;
    size_t count = measurements->kernel_count;
    struct kernel_sample *kernels =
        with(arena, measurements->kernels, count, sample, sizeof(*sample));
    const char **places = with_place(arena, measurements->kernel_places, count, place);
    if (!kernels || !places)
        return error_out_of_memory(error, "measurements");
    measurements->kernels = kernels;
    measurements->kernel_places = places;
    measurements->kernel_count++;
    return 0;
}

int measurements_add_collective(struct measurements *measurements,
                                const struct collective_sample *sample, const char *place,
                                struct error *error)
{
    struct arena *arena = measurements->arena;
    size_t count = measurements->collective_count;
    struct collective_sample *collectives =
        with(arena, measurements->collectives, count, sample, sizeof(*sample));
    const char **places = with_place(arena, measurements->collective_places, count, place);
    if (!collectives || !places)
        return error_out_of_memory(error, "measurements");
    measurements->collectives = collectives;
    measurements->collective_places = places;
    measurements->collective_count++;
    return 0;
}
