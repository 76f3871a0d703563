/*
 * plan_search: the cheapest option that meets the SLO, and those that come next.
 *
 * Candidates are tried in order of what they cost an hour, each with the fewest
 * replicas that may do; one that fails comes back with more. So the first that
 * meets the SLO is the cheapest there is, as sure as more replicas are never
 * worse. The order depends on results alone, not on the number of workers.
 */
#ifndef TANDEM_PLAN_SEARCH_H
#define TANDEM_PLAN_SEARCH_H

#include "interrupt.h"
#include "plan_candidate.h"
#include "progress.h"
#include "worker_pool.h"

struct plan_search {
    const struct plan *plan;
    const struct interrupt *interrupt;
    struct worker_pool pool;
    struct progress progress;
    struct slo slo;
    struct plan_traffic traffic;
    struct plan_candidate *candidates;
    size_t candidate_count;
    size_t *found; /* candidates that meet the SLO, cheapest first */
    size_t found_count;
    size_t trials;
};

int plan_search_init(struct plan_search *search, const struct plan *plan, size_t workers,
                     const struct interrupt *interrupt, bool is_quiet, struct error *error);
void plan_search_release(struct plan_search *search);

/* Finds the cheapest plan and its runners-up. ERROR_CONFIG, ERROR_RUN when interrupted,
   ERROR_MEMORY. */
int plan_search_run(struct plan_search *search, struct error *error);

/* Judges the scenario's own cluster and layout, which become the only candidate. Errors as above.
 */
int plan_search_check(struct plan_search *search, struct error *error);

/* Runs `option` under the plan's seeds and judges it; one seed is enough to see a clear failure. */
int plan_search_try(struct plan_search *search, const struct plan_option *option,
                    struct plan_verdict *verdict, struct error *error);

#endif
