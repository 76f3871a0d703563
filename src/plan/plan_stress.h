/*
 * plan_stress: how much more a plan takes before it breaks, what breaks then, and
 * whether it stands the loss of a node.
 */
#ifndef TANDEM_PLAN_STRESS_H
#define TANDEM_PLAN_STRESS_H

#include "plan_search.h"

/* Traffic is raised up to this many times. */
#define PLAN_STRESS_MAX 8.0

#define PLAN_STRESS_POINTS_MAX 16

struct plan_stress_point {
    double load; /* times the plan's traffic, of which requests in flight are whole */
    struct plan_verdict verdict;
};

struct plan_stress {
    struct plan_stress_point points[PLAN_STRESS_POINTS_MAX]; /* by ascending load; the first is 1 */
    size_t count;
    double holds;                     /* the highest load below `fails` that met the SLO */
    double fails;                     /* the lowest that does not for sure; INFINITY: none is */
    struct plan_verdict breaks;       /* there, where it is finite */
    uint32_t replicas_left;           /* with one node lost */
    struct plan_verdict without_node; /* where any are left */
};

/* Stresses a candidate that meets the SLO. Errors as plan_runner_judge(). */
int plan_stress_run(struct plan_stress *stress, struct plan_search *search,
                    const struct plan_candidate *candidate, struct error *error);

/* The first load beyond the one that holds, where its runs were too short to tell; NULL: they told,
   or there is none. */
const struct plan_stress_point *plan_stress_untold(const struct plan_stress *stress);

#endif
