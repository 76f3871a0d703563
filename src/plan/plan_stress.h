/*
 * plan_stress: how much more an option takes before it breaks, and whether it
 * does without a node.
 */
#ifndef TANDEM_PLAN_STRESS_H
#define TANDEM_PLAN_STRESS_H

#include "plan_search.h"

/* Traffic is raised up to this many times. */
#define PLAN_STRESS_MAX 8.0

struct plan_stress {
    double holds; /* the highest multiple of the traffic that met the SLO */
    double fails; /* the lowest that did not; INFINITY: none up to PLAN_STRESS_MAX */
    char breaks[PLAN_REASON_BYTES];   /* what fails first */
    uint32_t replicas_left;           /* with one node lost */
    struct plan_verdict without_node; /* where any are left */
};

/* Stresses a candidate that meets the SLO. Errors as plan_search_try(). */
int plan_stress_run(struct plan_stress *stress, struct plan_search *search,
                    const struct plan_candidate *candidate, struct error *error);

#endif
