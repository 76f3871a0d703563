#include "calibrate_check.h"

#include "human.h"
#include "op_name.h"
#include "sample_twice.h"

#define TOLERANCE 0.95        /* clocks and timers are not exact */
#define CACHED_BYTES 256e6    /* no GPU's caches hold more */
#define CACHE_SPEEDUP 8.0     /* of caches over memory, at most: L40S's are 6 times as fast */
#define SLOWNESS_MAX 100.0    /* of a kernel over its roofline */
#define OVERHEAD_S 20e-6      /* of a kernel that has next to nothing to do */
#define COLLECTIVE_S_MIN 1e-6 /* a hop there and a hop back */
#define COLLECTIVE_S_MAX 10e-3
#define COLLECTIVE_BYTES_PER_S_MIN 0.1e9

/* The GPU as if kernels reached its peak, or had nothing to do but one of the two. */
static struct gpu ideal_gpu(const struct gpu *gpu, bool multiplies, bool loads)
{
    struct gpu ideal = *gpu;
    ideal.efficiency = (struct gpu_efficiency){1, 1, 1, 1, 1, 1, 1};
    for (uint32_t dtype = 0; dtype < DTYPE_COUNT && !multiplies; dtype++)
        ideal.flops_per_s[dtype] = INFINITY;
    if (!loads)
        ideal.memory_bytes_per_s = INFINITY;
    return ideal;
}

/* The least seconds that hardware allows. */
static double least_s(const struct gpu *gpu, const struct kernel_sample *sample)
{
    struct gpu multiplier = ideal_gpu(gpu, true, false);
    struct gpu loader = ideal_gpu(gpu, false, true);
    struct kernel_shape shape = sample->shape;
    shape.ranks = fmin(shape.ranks, 1); /* rows of others' experts need not be touched */
    double compute_s = kernel_roofline_s(&multiplier, &shape, sample->x, sample->y);
    /* What experts hand on among themselves may stay in caches; their weights are loaded. */
    double rows = kernel_op_is_experts(sample->shape.op) ? sample->y : sample->x;
    double memory_s = kernel_roofline_s(&loader, &shape, rows, sample->y);
    /* Between a layer's decodes an engine's other layers push its KV out of any cache. */
    bool may_be_cached = !kernel_op_is_decode(sample->shape.op) &&
                         memory_s * gpu->memory_bytes_per_s <= CACHED_BYTES;
    return fmax(compute_s, may_be_cached ? memory_s / CACHE_SPEEDUP : memory_s);
}

static int check_kernel(const struct gpu *gpu, const struct kernel_sample *sample,
                        const char *place, struct error *error)
{
    double fastest_s = least_s(gpu, sample);
    struct gpu ideal = ideal_gpu(gpu, true, true);
    double roofline_s = kernel_roofline_s(&ideal, &sample->shape, sample->x, sample->y);
    if (sample->seconds < TOLERANCE * fastest_s)
        return error_set(
            error, ERROR_CONFIG,
            "%s: %s in %s: by its datasheet %s cannot take less than %s; is the unit "
            "right%s?",
            place, kernel_op_names[sample->shape.op], human_seconds(sample->seconds).text,
            gpu->name, human_seconds(fastest_s).text,
            kernel_op_is_decode(sample->shape.op) ? ", and was its KV in memory, not in a cache"
                                                  : "");
    if (sample->seconds > SLOWNESS_MAX * (roofline_s + OVERHEAD_S))
        return error_set(error, ERROR_CONFIG,
                         "%s: %s in %s: by its datasheet %s takes some %s; is the unit right?",
                         place, kernel_op_names[sample->shape.op],
                         human_seconds(sample->seconds).text, gpu->name,
                         human_seconds(roofline_s).text);
    return 0;
}

static int check_collective(const struct gpu *gpu, const struct collective_sample *sample,
                            const char *place, struct error *error)
{
    /* Whatever the algorithm, a rank reads all but its own share of the buffer, and receives it. */
    double moved = sample->bytes * (sample->ranks - 1) / sample->ranks;
    double fastest_s = fmax(COLLECTIVE_S_MIN, moved / gpu->memory_bytes_per_s);
    double slowest_s = COLLECTIVE_S_MAX + 2 * sample->bytes / COLLECTIVE_BYTES_PER_S_MIN;
    if (sample->seconds >= TOLERANCE * fastest_s && sample->seconds <= slowest_s)
        return 0;
    return error_set(error, ERROR_CONFIG,
                     "%s: %s of %s over %.0f ranks in %s: it takes %s or more, and %s or less; is "
                     "the unit right?",
                     place, collective_name(&sample->kind), human_bytes(sample->bytes).text,
                     sample->ranks, human_seconds(sample->seconds).text,
                     human_seconds(fastest_s).text, human_seconds(slowest_s).text);
}

/* Refuses what stands twice, `found` being what sample_twice.h says of it. */
static int check_twice(int found, struct sample_pair pair, const char *const *places,
                       struct error *error)
{
    if (found <= 0)
        return found;
    return error_set(error, ERROR_CONFIG, "%s: the same was measured at %s", places[pair.later],
                     places[pair.earlier]);
}

static int check_kernels(const struct gpu *gpu, const struct measurements *measurements,
                         struct error *error)
{
    struct sample_pair pair = {0};
    for (size_t i = 0; i < measurements->kernel_count; i++) {
        int status =
            check_kernel(gpu, &measurements->kernels[i], measurements->kernel_places[i], error);
        if (status < 0)
            return status;
    }
    int found =
        sample_twice_kernel(measurements->kernels, measurements->kernel_count, &pair, error);
    return check_twice(found, pair, measurements->kernel_places, error);
}

static int check_collectives(const struct gpu *gpu, const struct measurements *measurements,
                             struct error *error)
{
    struct sample_pair pair = {0};
    for (size_t i = 0; i < measurements->collective_count; i++) {
        int status = check_collective(gpu, &measurements->collectives[i],
                                      measurements->collective_places[i], error);
        if (status < 0)
            return status;
    }
    int found = sample_twice_collective(measurements->collectives, measurements->collective_count,
                                        &pair, error);
    return check_twice(found, pair, measurements->collective_places, error);
}

int calibrate_check(const struct gpu *gpu, const struct measurements *measurements,
                    struct error *error)
{
    int status = check_kernels(gpu, measurements, error);
    return status < 0 ? status : check_collectives(gpu, measurements, error);
}
