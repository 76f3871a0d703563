#include "measurements.h"

#include "arena_array.h"

void measurements_init(struct measurements *measurements, struct arena *arena)
{
    *measurements = (struct measurements){.arena = arena};
}

int measurements_add_kernel(struct measurements *measurements, const struct kernel_sample *sample,
                            const char *place, struct error *error)
{
    size_t count = measurements->kernel_count;
    struct arena *arena = measurements->arena;
    struct kernel_sample *samples =
        arena_array_room(arena, measurements->kernels, count, sizeof(*samples));
    const char **places =
        arena_array_room(arena, (void *)measurements->kernel_places, count, sizeof(*places));
    const char *copy = arena_strdup(arena, place);
    if (!samples || !places || !copy)
        return error_out_of_memory(error, "measurements");
    samples[count] = *sample;
    places[count] = copy;
    measurements->kernels = samples;
    measurements->kernel_places = places;
    measurements->kernel_count++;
    return 0;
}

int measurements_add_collective(struct measurements *measurements,
                                const struct collective_sample *sample, const char *place,
                                struct error *error)
{
    size_t count = measurements->collective_count;
    struct arena *arena = measurements->arena;
    struct collective_sample *samples =
        arena_array_room(arena, measurements->collectives, count, sizeof(*samples));
    const char **places =
        arena_array_room(arena, (void *)measurements->collective_places, count, sizeof(*places));
    const char *copy = arena_strdup(arena, place);
    if (!samples || !places || !copy)
        return error_out_of_memory(error, "measurements");
    samples[count] = *sample;
    places[count] = copy;
    measurements->collectives = samples;
    measurements->collective_places = places;
    measurements->collective_count++;
    return 0;
}
