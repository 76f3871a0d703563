#include "smoothness.h"

#define POINTS_MIN 100  /* fewer say more of themselves than of the surface, */
#define SHAPES_MIN 6    /* and fewer shapes nothing of others */
#define JUDGES_MAX 192  /* points that are left out, evenly spread */
#define GAIN_MIN 0.004  /* of what a step is judged by, below which it is not worth it, */
#define GAIN_USUAL 0.2  /* and of all steps: less is chance, and the usual settings stay */
#define FINE_SHARE 0.25 /* where the search begins if there is no fine part, */
#define FINE_SCALE 4    /* as many times shorter than the broad one */
#define NUMBERS_MAX (2 * SURFACE_DIMENSIONS_MAX + 2)

#define SAME_OCTAVES 1e-6

/* One number of the settings, and how far it may go. */
struct number {
    double *value;
    double *twin; /* unless NULL, is moved with it */
    double low;
    double high;
};

/* Of points left out with all that are like them from dimension `from` on. */
static double mean_error(struct surface_probe *probe, uint32_t from)
{
    const struct surface *surface = probe->surface;
    uint32_t judges = u32_min(surface->count, JUDGES_MAX);
    double sum = 0, value;
    for (uint32_t judge = 0; judge < judges; judge++) {
        uint32_t index = (uint32_t)((uint64_t)judge * surface->count / judges);
        bool is_said = surface_left_out(probe, index, from, &value);
        assert(is_said); /* there are other shapes */
        sum += fabs(value - surface->points[index].value);
    }
    return sum / judges;
}

static double judge(const struct surface *surface, const struct surface_kind *kind)
{
    struct surface tried = *surface; /* the same points */
    struct surface_probe probe;
    tried.kind = *kind;
    surface_probe_init(&probe, &tried);
    return mean_error(&probe, 0) * mean_error(&probe, kind->shape_dimension);
}

/* Whether the points of each shape lie on one diagonal of its two dimensions. */
static bool is_diagonal(const struct surface *surface)
{
    uint32_t shape = surface->kind.shape_dimension;
    bool is_so = shape == 2;
    for (uint32_t i = 0; i < surface->count && is_so; i++)
        for (uint32_t j = 0; j < i && is_so; j++) {
            const double *a = surface->points[i].at, *b = surface->points[j].at;
            bool is_alike = surface_is_alike(&surface->points[i], &surface->points[j], shape);
            is_so = !is_alike || fabs((a[0] - b[0]) - (a[1] - b[1])) < SAME_OCTAVES;
        }
    return is_so;
}

/* Adds one for each of the lengths, or for two that are twins. */
static uint32_t list_lengths(double *lengths, uint32_t dimensions, bool are_twins, double low,
                             double high, struct number *numbers)
{
    uint32_t count = 0;
    double *twin = are_twins ? &lengths[1] : NULL;
    for (uint32_t d = 0; d < dimensions; d++)
        if (&lengths[d] != twin)
            numbers[count++] = (struct number){&lengths[d], d == 0 ? twin : NULL, low, high};
    return count;
}

/* The numbers of `kind`, the surface's; their count. Beyond these bounds a surface is a plane or
   all peaks. */
static uint32_t list_numbers(const struct surface *surface, struct surface_kind *kind,
                             struct number numbers[NUMBERS_MAX])
{
    bool are_twins = is_diagonal(surface);
    uint32_t count =
        list_lengths(kind->length_octaves, kind->dimensions, are_twins, 0.25, 64, numbers);
    numbers[count++] = (struct number){&kind->noise, NULL, 0.001, 0.1};
    numbers[count++] = (struct number){&kind->fine_share, NULL, 0.03, 0.9};
    count += list_lengths(kind->fine_length_octaves, kind->dimensions, are_twins, 0.125, 16,
                          numbers + count);
    return count;
}

static void scale(const struct number *number, double factor)
{
    *number->value *= factor;
    if (number->twin)
        *number->twin *= factor;
}

/* Multiplies a number by `factor` for as long as the verdict falls; whether it did. */
static bool step(const struct surface *surface, struct surface_kind *kind,
                 const struct number *number, double factor, double *verdict)
{
    bool has_moved = false;
    for (;;) {
        scale(number, factor);
        bool is_within = *number->value >= number->low && *number->value <= number->high;
        double after = is_within ? judge(surface, kind) : INFINITY;
        if (!(after < (1 - GAIN_MIN) * *verdict)) {
            scale(number, 1 / factor);
            return has_moved;
        }
        *verdict = after;
        has_moved = true;
    }
}

/* Where the search begins: the surface's own settings, with a fine part if they have none. */
static struct surface_kind first_kind(const struct surface *surface)
{
    struct surface_kind kind = surface->kind;
    if (kind.fine_share > 0)
        return kind;
    kind.fine_share = FINE_SHARE;
    for (uint32_t d = 0; d < kind.dimensions; d++)
        kind.fine_length_octaves[d] = kind.length_octaves[d] / FINE_SCALE;
    return kind;
}

/* Whether there are points of SHAPES_MIN shapes. */
static bool has_shapes(const struct surface *surface)
{
    const struct surface_point *shapes[SHAPES_MIN];
    uint32_t count = 0;
    for (uint32_t i = 0; i < surface->count && count < SHAPES_MIN; i++) {
        const struct surface_point *point = &surface->points[i];
        uint32_t like = 0;
        while (like < count &&
               !surface_is_alike(shapes[like], point, surface->kind.shape_dimension))
            like++;
        if (like == count)
            shapes[count++] = point;
    }
    return count == SHAPES_MIN;
}

bool smoothness_of(const struct surface *surface, struct surface_kind *kind)
{
    if (surface->count < POINTS_MIN || !has_shapes(surface))
        return false;
    struct number numbers[NUMBERS_MAX];
    *kind = first_kind(surface);
    uint32_t count = list_numbers(surface, kind, numbers);
    double verdict = judge(surface, kind);
    for (double factor = 4; factor >= 2; factor /= 2)
        for (uint32_t i = 0; i < count; i++)
            if (!step(surface, kind, &numbers[i], factor, &verdict))
                (void)step(surface, kind, &numbers[i], 1 / factor, &verdict);
    return verdict < (1 - GAIN_USUAL) * judge(surface, &surface->kind);
}

int smoothness_of_kernels(const struct gpu *gpu, const struct kernel_sample *samples, size_t count,
                          struct surface_kind *kind, struct error *error)
{
    const struct kernel_shape *shape = &samples->shape;
    struct kernel_table table;
    int status = kernel_table_init(&table, gpu, samples, count, error);
    if (status < 0)
        return status;
    if (!smoothness_of(&table.classes[shape->op][shape->dtype].surface, kind))
        *kind = (struct surface_kind){.dimensions = 0};
    kernel_table_release(&table);
    return 0;
}
