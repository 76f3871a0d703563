/*
 * cost_grid: a cost as a function of one or two quantities, ready to look up.
 *
 * Nodes stand 8 to the octave on each axis; between them the cost is (bi)linear
 * in the quantities, so it is continuous; beyond the last node it grows in
 * proportion. Once made monotone it never falls when a quantity grows. A look-up
 * takes a few nanoseconds: it needs no logarithm, because the bits of a double,
 * read as an integer, are its log2, linear within each octave.
 */
#ifndef TANDEM_COST_GRID_H
#define TANDEM_COST_GRID_H

#include "arena.h"
#include "base.h"
#include "error.h"

#define COST_GRID_OCTAVE_NODES 8

/* X(NAME, name): how a cost is known, best first. */
#define COST_PROVENANCES(X)                                                                  \
    X(MEASURED, "measured")         /* on a measured point, or next to one */                \
    X(INTERPOLATED, "interpolated") /* among measured points */                              \
    X(EXTRAPOLATED, "extrapolated") /* beyond them, by the roofline's ratio at their edge */ \
    X(ESTIMATED, "estimated")       /* the roofline alone */

enum cost_provenance {
#define X(name, text) COST_##name,
    COST_PROVENANCES(X)
#undef X
        COST_PROVENANCE_COUNT
};

/* Relative errors of single costs, by how they are known. */
struct cost_errors {
    double by_provenance[COST_PROVENANCE_COUNT];
};

/* Of a roofline with efficiencies from a datasheet or a fit, held against measured kernels. */
#define COST_ERROR_ESTIMATED 0.20

/*
 * The errors of a class of costs whose left-out points are off by `point_error`
 * on average, whole shapes left out by `shape_error`; NaN where that is unknown.
 *   measured      what repeats of one measurement differ by, or left-out points if less
 *   interpolated  the larger of the two: between points, or between shapes
 *   extrapolated  twice that, and no less than left-out numbers of ranks are off
 */
struct cost_errors cost_errors_of(double point_error, double shape_error);

struct cost {
    double seconds;
    enum cost_provenance provenance;
    double error; /* relative */
};

/* Nodes at 2^(first_octave + i/8), piecewise linear within octaves, less `shift`. */
struct cost_axis {
    double shift; /* lets an axis begin at 0: its node 0 is 2^first_octave - shift */
    uint32_t first_octave;
    uint32_t nodes;
};

/* Where a quantity falls on an axis. */
struct cost_place {
    uint32_t node;   /* the one at or below; the first for what is below all */
    double fraction; /* of the way to the next */
    double beyond;   /* times the last node's quantity; 1 on the axis */
};

struct cost_grid {
    struct cost_axis x;
    struct cost_axis y;  /* of 1 node where the cost depends on x alone */
    double *seconds;     /* (y.nodes, x.nodes) */
    uint8_t *provenance; /* the same: enum cost_provenance */
    struct cost_errors errors;
};

/* The axis from 2^first_octave - shift to `last` or just beyond. */
struct cost_axis cost_axis_of(double shift, uint32_t first_octave, double last);

/* The quantity at node `node`. */
double cost_axis_value(const struct cost_axis *axis, uint32_t node);

/* Room for the nodes' costs, in the arena; to be filled in by the caller. 0 or -ERROR_MEMORY. */
int cost_grid_init(struct cost_grid *grid, struct cost_axis x, struct cost_axis y,
                   struct arena *arena, struct error *error);

/*
 * The nearest costs (least squares along x, then along y) that never fall: pools
 * adjacent violators. Source: Ayer, Brunk, Ewing, Reid and Silverman, Annals of
 * Mathematical Statistics 26(4), 1955. 0 or -ERROR_MEMORY.
 */
int cost_grid_make_monotone(struct cost_grid *grid, struct error *error);

/* The cost at (x, y); below the first node, that node's. Finite, non-negative quantities only. */
struct cost cost_grid_at(const struct cost_grid *grid, double x, double y);

/*
 * A grid's costs at one x, for look-ups at many y, often close together: between
 * two nodes of y they lie on a straight piece, and the piece last used is kept.
 * The same costs as cost_grid_at()'s, to the bit; the grid must outlive it.
 */
struct cost_line {
    const struct cost_grid *grid;
    struct cost_place x;
    double from_y; /* the piece kept goes from here to `to_y`; empty: none is kept yet */
    double to_y;
    double middle_y; /* beyond it, provenances are the upper node's */
    double seconds;  /* at from_y */
    double slope_s;  /* and more for each unit of y */
    enum cost_provenance lower;
    enum cost_provenance upper;
};

struct cost_line cost_grid_line(const struct cost_grid *grid, double x);

/* Lets the piece at y be the one that is kept. */
void cost_line_move(struct cost_line *line, double y);

static inline struct cost cost_line_at(struct cost_line *line, double y)
{
    if (y < line->from_y || y >= line->to_y)
        cost_line_move(line, y);
    enum cost_provenance provenance = y > line->middle_y ? line->upper : line->lower;
    return (struct cost){.seconds = line->seconds + line->slope_s * (y - line->from_y),
                         .provenance = provenance,
                         .error = line->grid->errors.by_provenance[provenance]};
}

/* The provenance's name. */
const char *cost_provenance_name(enum cost_provenance provenance);

#endif
