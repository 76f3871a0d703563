#include "surface.h"

#include <stdlib.h>

/* From 24 to 48, left-out errors of a class move by a quarter of a percentage point at most. */
#define NEIGHBOURS_MAX 32
/* How far beyond the box the surface runs on before it holds its value. */
#define MARGIN_OCTAVES 1.0
/* Rounding, not a place outside the box. */
#define EDGE 1e-9
/* Added to the noise, so that repeated points cannot make the system singular. */
#define NOISE_MIN 1e-6

/* One over the squared lengths; 0 in unused dimensions, so that all may always be summed. */
struct metric {
    double broad[SURFACE_DIMENSIONS_MAX];
    double fine[SURFACE_DIMENSIONS_MAX];
};

struct neighbours {
    uint32_t count;
    const struct surface_point *points[NEIGHBOURS_MAX];
    double order[NEIGHBOURS_MAX]; /* ascending */
};

void surface_init(struct surface *surface, const struct surface_kind *kind)
{
    assert(kind->dimensions > 0 && kind->dimensions <= SURFACE_DIMENSIONS_MAX);
    *surface = (struct surface){.kind = *kind};
}

void surface_release(struct surface *surface)
{
    free(surface->points);
    surface->points = NULL;
    surface->count = surface->capacity = 0;
}

int surface_add(struct surface *surface, const double *at, double value, struct error *error)
{
    if (surface->count == surface->capacity) {
        uint32_t capacity = surface->capacity ? 2 * surface->capacity : 64;
        struct surface_point *points = realloc(surface->points, capacity * sizeof(*points));
        if (!points)
            return error_out_of_memory(error, "measured costs");
        surface->points = points;
        surface->capacity = capacity;
    }
    struct surface_point *point = &surface->points[surface->count];
    *point = (struct surface_point){.value = value};
    for (uint32_t d = 0; d < surface->kind.dimensions; d++) {
        point->at[d] = at[d];
        surface->low[d] = surface->count ? fmin(surface->low[d], point->at[d]) : point->at[d];
        surface->high[d] = surface->count ? fmax(surface->high[d], point->at[d]) : point->at[d];
    }
    surface->count++;
    return 0;
}

static struct metric metric_of(const struct surface_kind *kind)
{
    struct metric metric = {0};
    for (uint32_t d = 0; d < kind->dimensions; d++) {
        metric.broad[d] = 1 / (kind->length_octaves[d] * kind->length_octaves[d]);
        if (kind->fine_share > 0)
            metric.fine[d] = 1 / (kind->fine_length_octaves[d] * kind->fine_length_octaves[d]);
    }
    return metric;
}

static double squared_distance(const double *a, const double *b,
                               const double weights[SURFACE_DIMENSIONS_MAX])
{
    double sum = 0;
    for (uint32_t d = 0; d < SURFACE_DIMENSIONS_MAX; d++)
        sum += weights[d] * (a[d] - b[d]) * (a[d] - b[d]);
    return sum;
}

bool surface_is_alike(const struct surface_point *a, const struct surface_point *b, uint32_t from)
{
    for (uint32_t d = from; d < SURFACE_DIMENSIONS_MAX; d++)
        if (a->at[d] != b->at[d])
            return false;
    return true;
}

/*
 * By squared distance, but for points like `left_out` (NULL: none) in dimensions
 * from `from` on. Of points equally far, the one added first is nearer: the order
 * is total.
 */
static void find_neighbours(const struct surface *surface, const struct metric *metric,
                            const double *at, const struct surface_point *left_out, uint32_t from,
                            struct neighbours *near)
{
    near->count = 0;
    for (uint32_t i = 0; i < surface->count; i++) {
        if (left_out && surface_is_alike(&surface->points[i], left_out, from))
            continue;
        double order = squared_distance(surface->points[i].at, at, metric->broad);
        if (near->count == NEIGHBOURS_MAX && order >= near->order[NEIGHBOURS_MAX - 1])
            continue;
        uint32_t slot = near->count < NEIGHBOURS_MAX ? near->count++ : NEIGHBOURS_MAX - 1;
        for (; slot > 0 && near->order[slot - 1] > order; slot--) {
            near->order[slot] = near->order[slot - 1];
            near->points[slot] = near->points[slot - 1];
        }
        near->order[slot] = order;
        near->points[slot] = &surface->points[i];
    }
}

/* Matern with smoothness 3/2: as rough as real timings, once differentiable. */
static double matern(double squared_lengths)
{
    double distance = sqrt(3 * squared_lengths);
    return (1 + distance) * exp(-distance);
}

static double correlation(const struct surface_kind *kind, const struct metric *metric,
                          const double *a, const double *b)
{
    double broad = matern(squared_distance(a, b, metric->broad));
    if (kind->fine_share == 0)
        return broad;
    double fine = matern(squared_distance(a, b, metric->fine));
    return broad + kind->fine_share * (fine - broad);
}

/* Lower Cholesky factor of the neighbours' correlation matrix. */
static void factorise(const struct surface_kind *kind, const struct metric *metric,
                      const struct neighbours *near, double factor[NEIGHBOURS_MAX][NEIGHBOURS_MAX])
{
    for (uint32_t row = 0; row < near->count; row++)
        for (uint32_t column = 0; column <= row; column++) {
            double sum = 1 + kind->noise + NOISE_MIN;
            if (row != column)
                sum = correlation(kind, metric, near->points[row]->at, near->points[column]->at);
            for (uint32_t i = 0; i < column; i++)
                sum -= factor[row][i] * factor[column][i];
            factor[row][column] = row == column ? sqrt(sum) : sum / factor[column][column];
        }
}

/*
 * With K = L L^T: a = L^-1 values, b = L^-1 ones, c = L^-1 correlations to the
 * place asked for. The local mean is a.b / b.b, the estimate mean + c.(a - mean b).
 */
static double krige(const struct surface_kind *kind, const struct metric *metric,
                    const struct neighbours *near, const double *at)
{
    double factor[NEIGHBOURS_MAX][NEIGHBOURS_MAX];
    double a[NEIGHBOURS_MAX], b[NEIGHBOURS_MAX], c[NEIGHBOURS_MAX];
    factorise(kind, metric, near, factor);
    double ab = 0, bb = 0;
    for (uint32_t row = 0; row < near->count; row++) {
        a[row] = near->points[row]->value;
        b[row] = 1;
        c[row] = correlation(kind, metric, near->points[row]->at, at);
        for (uint32_t i = 0; i < row; i++) {
            a[row] -= factor[row][i] * a[i];
            b[row] -= factor[row][i] * b[i];
            c[row] -= factor[row][i] * c[i];
        }
        a[row] /= factor[row][row];
        b[row] /= factor[row][row];
        c[row] /= factor[row][row];
        ab += a[row] * b[row];
        bb += b[row] * b[row];
    }
    double mean = ab / bb;
    double estimate = mean;
    for (uint32_t row = 0; row < near->count; row++)
        estimate += c[row] * (a[row] - mean * b[row]);
    return estimate;
}

struct surface_estimate surface_at(const struct surface *surface, const double *at)
{
    assert(surface->count > 0);
    const struct surface_kind *kind = &surface->kind;
    struct metric metric = metric_of(kind);
    struct surface_estimate estimate = {0};
    double held[SURFACE_DIMENSIONS_MAX] = {0};
    for (uint32_t d = 0; d < kind->dimensions; d++) {
        double low = surface->low[d], high = surface->high[d];
        held[d] = fmin(fmax(at[d], low - MARGIN_OCTAVES), high + MARGIN_OCTAVES);
        estimate.is_outside |= at[d] < low - EDGE || at[d] > high + EDGE;
    }
    struct neighbours near;
    find_neighbours(surface, &metric, held, NULL, 0, &near);
    for (uint32_t d = 0; d < kind->dimensions; d++) {
        double octaves = fabs(near.points[0]->at[d] - held[d]);
        estimate.nearest_octaves = fmax(estimate.nearest_octaves, octaves);
    }
    estimate.value = krige(kind, &metric, &near, held);
    return estimate;
}

bool surface_left_out(const struct surface *surface, uint32_t index, uint32_t from, double *value)
{
    assert(index < surface->count);
    struct metric metric = metric_of(&surface->kind);
    const struct surface_point *point = &surface->points[index];
    struct neighbours near;
    find_neighbours(surface, &metric, point->at, point, from, &near);
    if (near.count == 0)
        return false;
    *value = krige(&surface->kind, &metric, &near, point->at);
    return true;
}
