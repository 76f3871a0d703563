/*
 * surface: a smooth function through scattered measurements.
 *
 * Points lie anywhere in up to six dimensions, in octaves (log2 of what was
 * varied); values are logarithms. In between, ordinary kriging over the nearest
 * points with a Matern 3/2 correlation: the estimate is their best linear
 * combination given how alike two points at a distance are, so it passes (up to
 * the noise) through measured points and levels off to the local mean away from
 * them. A share of the variance may be fine: a second Matern correlation with
 * lengths of its own, short in some dimensions and long in others, for what
 * changes with those and hardly with these. Outside the box that the points
 * span, the value a little beyond its edge.
 * Source: Cressie, Statistics for Spatial Data, 1993, sections 3.2 and 3.4.5.
 *
 * How smooth it is may be set at any time: points know nothing of it, and a copy
 * of the struct with another kind is another surface through the same points.
 *
 * The nearest points change from place to place, so the surface may have tiny
 * steps; cost_grid samples it and is continuous.
 */
#ifndef TANDEM_SURFACE_H
#define TANDEM_SURFACE_H

#include "base.h"
#include "error.h"

#define SURFACE_DIMENSIONS_MAX 6
/* From 24 to 48, left-out errors of a class move by a quarter of a percentage point at most. */
#define SURFACE_NEIGHBOURS 32
#define SURFACE_PAIRS 4096 /* that are kept */

/* How alike points are. */
struct surface_kind {
    uint32_t dimensions;
    uint32_t shape_dimension; /* the first of those that stay the same for a kernel's shape */
    double length_octaves[SURFACE_DIMENSIONS_MAX]; /* over which correlation falls to about half */
    double noise;      /* variance of a measurement, over the surface's */
    double fine_share; /* of the surface's variance */
    double fine_length_octaves[SURFACE_DIMENSIONS_MAX]; /* unused where the share is 0 */
};

struct surface_point {
    double at[SURFACE_DIMENSIONS_MAX]; /* octaves */
    double value;
};

struct surface {
    struct surface_kind kind;
    struct surface_point *points;
    uint32_t count;
    uint32_t capacity;
    double low[SURFACE_DIMENSIONS_MAX]; /* the box that the points span, octaves */
    double high[SURFACE_DIMENSIONS_MAX];
};

/* One over the squared lengths; 0 in unused dimensions, so that all may always be summed. */
struct surface_metric {
    double broad[SURFACE_DIMENSIONS_MAX];
    double fine[SURFACE_DIMENSIONS_MAX];
};

/* Two points, by when they were added. */
struct surface_pair {
    uint32_t low;
    uint32_t high; /* above `low`; 0: there is no pair */
    double correlation;
};

/* The points that an estimate is made of. */
struct surface_neighbours {
    uint32_t count;
    const struct surface_point *points[SURFACE_NEIGHBOURS];
    double order[SURFACE_NEIGHBOURS]; /* squared distances, ascending */
};

/* A surface that is asked at many places, mostly near each other: which points were near the last
   one, and how alike points are, is kept for the next. */
struct surface_probe {
    const struct surface *surface;
    struct surface_metric metric;
    struct surface_neighbours near;
    struct surface_pair pairs[SURFACE_PAIRS];
};

struct surface_estimate {
    double value;
    double nearest_octaves; /* the farthest that any one dimension is from the nearest point's */
    bool is_outside;        /* of the box */
};

void surface_init(struct surface *surface, const struct surface_kind *kind);
void surface_release(struct surface *surface);

/* Adds a point; `at` in octaves. 0 or -ERROR_MEMORY. */
int surface_add(struct surface *surface, const double *at, double value, struct error *error);

/* To ask a surface that stays as it is meanwhile. */
void surface_probe_init(struct surface_probe *probe, const struct surface *surface);

/* The surface at `at` octaves; it must have a point. Some ten microseconds. */
struct surface_estimate surface_at(struct surface_probe *probe, const double *at);

/* Whether two points are at the same place in dimension `from` and all later ones. */
bool surface_is_alike(const struct surface_point *a, const struct surface_point *b, uint32_t from);

/*
 * The value at the place of point `index`, as only the points have it that differ
 * from it in dimension `from` or a later one: from 0 on, all other places; from
 * the shape's on, all other shapes. False where there are none.
 */
bool surface_left_out(struct surface_probe *probe, uint32_t index, uint32_t from, double *value);

#endif
