/*
 * sweep_wall: what the loads of one series tell: those that it keeps up with, those within the
 * SLO, and where its wall is.
 */
#ifndef TANDEM_SWEEP_WALL_H
#define TANDEM_SWEEP_WALL_H

#include "sweep_results.h"

/* Records are somebody else's; NULL: there is none. Only loads below any that saturated count as
   carried: above, a run that seems to keep up does by chance. */
struct sweep_wall {
    const json_t *first;     /* the lowest load that was run */
    const json_t *sustained; /* the highest that it kept up with and refused too few of to matter */
    const json_t *within_slo; /* the highest of these that is within the SLO, as all lower ones are;
                                 none where there is no SLO */
    double saturated_from;    /* the lowest load that saturated it; NaN: none did */
    size_t points;
    size_t too_short; /* of the points, to tell */
    size_t refusing;  /* of the points */
};

/* Reads the series that starts at `at` in `records`, which are in order; returns where the next
   one starts. */
size_t sweep_wall_find(struct sweep_wall *wall, const json_t *records, size_t at,
                       enum sweep_load_kind load);

#endif
