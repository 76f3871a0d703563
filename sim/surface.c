#include "surface.h"

#include <stdlib.h>

/* How far beyond the box the surface runs on before it holds its value. */
#define MARGIN_OCTAVES 1.0
/* Rounding, not a place outside the box. */
#define EDGE 1e-9
/* Added to the noise, so that repeated points cannot make the system singular. */
#define NOISE_MIN 1e-6

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
        if (surface->count == 0 || at[d] < surface->low[d])
            surface->low[d] = at[d];
        if (surface->count == 0 || at[d] > surface->high[d])
            surface->high[d] = at[d];
    }
    surface->count++;
    return 0;
}

static struct surface_metric metric_of(const struct surface_kind *kind)
{
    struct surface_metric metric = {0};
    for (uint32_t d = 0; d < kind->dimensions; d++) {
        metric.broad[d] = 1 / (kind->length_octaves[d] * kind->length_octaves[d]);
        if (kind->fine_share > 0)
            metric.fine[d] = 1 / (kind->fine_length_octaves[d] * kind->fine_length_octaves[d]);
    }
    return metric;
}

static inline double squared_distance(const double *a, const double *b,
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

/* As far as the neighbours of the place before are from `at`; no neighbour is farther. */
static double farthest(const struct surface_probe *probe, const double *at)
{
    double order = 0;
    if (probe->near.count < SURFACE_NEIGHBOURS)
        return INFINITY;
    for (uint32_t i = 0; i < SURFACE_NEIGHBOURS; i++)
        order = fmax(order, squared_distance(probe->near.points[i]->at, at, probe->metric.broad));
    return order;
}

/*
 * By squared distance, but for points like `left_out` (NULL: none) in dimensions
 * from `from` on; `limit` is beyond them all. Of points equally far, the one added
 * first is nearer: the order is total.
 */
static void find_neighbours(struct surface_probe *probe, const double *at, double limit,
                            const struct surface_point *left_out, uint32_t from)
{
    const struct surface *surface = probe->surface;
    struct surface_neighbours *near = &probe->near;
    near->count = 0;
    for (uint32_t i = 0; i < surface->count; i++) {
        const struct surface_point *point = &surface->points[i];
        double order = 0;
        for (uint32_t d = 0; d < surface->kind.dimensions && order < limit; d++)
            order += probe->metric.broad[d] * (point->at[d] - at[d]) * (point->at[d] - at[d]);
        if (order >= limit || (left_out && surface_is_alike(point, left_out, from)))
            continue;
        uint32_t slot = near->count < SURFACE_NEIGHBOURS ? near->count++ : SURFACE_NEIGHBOURS - 1;
        for (; slot > 0 && near->order[slot - 1] > order; slot--) {
            near->order[slot] = near->order[slot - 1];
            near->points[slot] = near->points[slot - 1];
        }
        near->order[slot] = order;
        near->points[slot] = point;
        if (near->count == SURFACE_NEIGHBOURS)
            limit = near->order[SURFACE_NEIGHBOURS - 1];
    }
}

/* Matern with smoothness 3/2: as rough as real timings, once differentiable. */
static double matern(double squared_lengths)
{
    double distance = sqrt(3 * squared_lengths);
    return (1 + distance) * exp(-distance);
}

static double correlation(const struct surface_kind *kind, const struct surface_metric *metric,
                          const double *a, const double *b)
{
    double broad = matern(squared_distance(a, b, metric->broad));
    if (kind->fine_share == 0)
        return broad;
    double fine = matern(squared_distance(a, b, metric->fine));
    return broad + kind->fine_share * (fine - broad);
}

/* What is divided by the system's factor, in columns beside it. */
enum right_side { VALUES, ONES, PLACE, RIGHT_SIDES };

/* The neighbours' correlations K, of which the upper triangle is used, then U with K = U^T U. */
struct system {
    uint32_t count;
    double rows[SURFACE_NEIGHBOURS][SURFACE_NEIGHBOURS + RIGHT_SIDES];
};

/* How alike two points are. In a pair's place the pair last asked for is kept; neighbours are often
   added one after the other, and so fall on different places. */
static double kept_correlation(struct surface_probe *probe, const struct surface_point *a,
                               const struct surface_point *b)
{
    const struct surface *surface = probe->surface;
    uint32_t low = (uint32_t)((a < b ? a : b) - surface->points);
    uint32_t high = (uint32_t)((a < b ? b : a) - surface->points);
    struct surface_pair *pair = &probe->pairs[(low * 61 + high) % SURFACE_PAIRS];
    if (pair->low != low || pair->high != high)
        *pair = (struct surface_pair){low, high,
                                      correlation(&surface->kind, &probe->metric, a->at, b->at)};
    return pair->correlation;
}

static void fill_system(struct surface_probe *probe, const double *at, struct system *system)
{
    const struct surface_neighbours *near = &probe->near;
    const struct surface_kind *kind = &probe->surface->kind;
    system->count = near->count;
    for (uint32_t i = 0; i < near->count; i++) {
        const struct surface_point *point = near->points[i];
        double *row = system->rows[i];
        row[i] = 1 + kind->noise + NOISE_MIN;
        for (uint32_t j = i + 1; j < near->count; j++)
            row[j] = kept_correlation(probe, point, near->points[j]);
        row[near->count + VALUES] = point->value;
        row[near->count + ONES] = 1;
        row[near->count + PLACE] = correlation(kind, &probe->metric, point->at, at);
    }
}

static inline void subtract(double *restrict row, const double *restrict other, double times,
                            uint32_t from, uint32_t to)
{
    for (uint32_t k = from; k < to; k++)
        row[k] -= times * other[k];
}

/* Cholesky's factor, and the right sides divided by U^T. Row by row: what is inmost runs along a
   row and does not wait for itself. */
static void factorise(struct system *system)
{
    uint32_t columns = system->count + RIGHT_SIDES;
    for (uint32_t i = 0; i < system->count; i++) {
        double *row = system->rows[i];
        double pivot = sqrt(row[i]);
        for (uint32_t k = i + 1; k < columns; k++)
            row[k] /= pivot;
        for (uint32_t j = i + 1; j < system->count; j++)
            subtract(system->rows[j], row, row[j], j, columns);
    }
}

/*
 * With a, b and c the values, ones and correlations to the place asked for, each
 * divided by U^T: the local mean is a.b / b.b, the estimate mean + c.(a - mean b).
 */
static double krige(struct surface_probe *probe, const double *at)
{
    struct system system;
    double ab = 0, bb = 0;
    fill_system(probe, at, &system);
    factorise(&system);
    for (uint32_t i = 0; i < system.count; i++) {
        const double *sides = &system.rows[i][system.count];
        ab += sides[VALUES] * sides[ONES];
        bb += sides[ONES] * sides[ONES];
    }
    double mean = ab / bb;
    double estimate = mean;
    for (uint32_t i = 0; i < system.count; i++) {
        const double *sides = &system.rows[i][system.count];
        estimate += sides[PLACE] * (sides[VALUES] - mean * sides[ONES]);
    }
    return estimate;
}

void surface_probe_init(struct surface_probe *probe, const struct surface *surface)
{
    *probe = (struct surface_probe){.surface = surface, .metric = metric_of(&surface->kind)};
}

struct surface_estimate surface_at(struct surface_probe *probe, const double *at)
{
    const struct surface *surface = probe->surface;
    struct surface_estimate estimate = {0};
    double held[SURFACE_DIMENSIONS_MAX] = {0};
    assert(surface->count > 0);
    for (uint32_t d = 0; d < surface->kind.dimensions; d++) {
        double low = surface->low[d], high = surface->high[d];
        held[d] = fmin(fmax(at[d], low - MARGIN_OCTAVES), high + MARGIN_OCTAVES);
        estimate.is_outside |= at[d] < low - EDGE || at[d] > high + EDGE;
    }
    find_neighbours(probe, held, nextafter(farthest(probe, held), INFINITY), NULL, 0);
    for (uint32_t d = 0; d < surface->kind.dimensions; d++) {
        double octaves = fabs(probe->near.points[0]->at[d] - held[d]);
        estimate.nearest_octaves = fmax(estimate.nearest_octaves, octaves);
    }
    estimate.value = krige(probe, held);
    return estimate;
}

bool surface_left_out(struct surface_probe *probe, uint32_t index, uint32_t from, double *value)
{
    assert(index < probe->surface->count);
    const struct surface_point *point = &probe->surface->points[index];
    find_neighbours(probe, point->at, INFINITY, point, from);
    if (probe->near.count == 0)
        return false;
    *value = krige(probe, point->at);
    return true;
}
