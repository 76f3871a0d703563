/*
 * plan_search: the cheapest option that meets the SLO, and those that come next.
 *
 * Candidates are tried in order of the least that they can cost an hour, each
 * with the fewest replicas that may do; one that fails comes back with more. So
 * the first that meets the SLO is the cheapest there is, as sure as more replicas
 * are never worse: a candidate is tried once with all that the limits hold, and
 * again only if those meet the SLO. Of a cut's engines the cheapest counts, then
 * the one with most headroom.
 *
 * An exhaustive search takes nothing for granted: every candidate that can be
 * laid out is tried with one replica, two, and so on until it meets the SLO or
 * the limits end it, whatever it costs.
 *
 * The order depends on results alone, not on the number of workers.
 */
#ifndef TANDEM_PLAN_SEARCH_H
#define TANDEM_PLAN_SEARCH_H

#include "plan_candidate.h"
#include "plan_runner.h"

/* Plans that are ranked: the best and its runners-up. */
#define PLAN_RANKED_MAX 5

struct plan_search {
    struct plan *plan;
    struct plan_runner runner;
    bool is_exhaustive;
    struct plan_traffic traffic;
    bool is_drawn; /* the traffic, by each seed anew */
    struct plan_candidate *candidates;
    size_t candidate_count;
    size_t ranked[PLAN_RANKED_MAX]; /* candidates that meet the SLO, one of each cut, best first */
    size_t ranked_count;
};

/* Release it in any case. ERROR_MEMORY. */
int plan_search_init(struct plan_search *search, struct plan *plan, size_t workers,
                     const struct interrupt *interrupt, bool is_quiet, struct error *error);
void plan_search_release(struct plan_search *search);

/* Finds the cheapest plan and its runners-up. ERROR_CONFIG, ERROR_RUN when interrupted,
   ERROR_MEMORY. */
int plan_search_run(struct plan_search *search, struct error *error);

/* Judges the scenario's own cluster and layout, which become the only candidate. Errors as above.
 */
int plan_search_check(struct plan_search *search, struct error *error);

#endif
