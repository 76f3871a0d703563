/*
 * plan_answer: what a plan comes to: the plans that meet the SLO, best first,
 * what each of them stands, and the best as a scenario.
 */
#ifndef TANDEM_PLAN_ANSWER_H
#define TANDEM_PLAN_ANSWER_H

#include "plan_stress.h"

struct plan_answer {
    const struct plan_search *search;
    struct plan_stress stresses[PLAN_RANKED_MAX]; /* of the ranked candidates, in their order */
    const char *scenario; /* of the best, or the checked one, under the first seed, as a file */
};

/*
 * Searches, or judges the scenario's own layout where `is_check`, and stresses what was found,
 * which settles the order of plans that cost the same: the most growth first. `arena` holds the
 * scenario. Errors as plan_search_run().
 */
int plan_answer_find(struct plan_answer *answer, struct plan_search *search, bool is_check,
                     struct arena *arena, struct error *error);

/* The best candidate, or the one that was checked; NULL: nothing meets the SLO. */
const struct plan_candidate *plan_answer_best(const struct plan_answer *answer);

/* The place among the ranked candidates, from 0; -1: none. */
int plan_answer_rank(const struct plan_answer *answer, size_t candidate);

/* The candidate that speaks for a cut that is not ranked: one that meets the SLO, else one that is
   still open, else of those ruled out the one that came nearest. */
const struct plan_candidate *plan_answer_of_cut(const struct plan_answer *answer, size_t cut);

/* Of all that were ruled out, the candidate that came nearest to the SLO; NULL: none was run that
   kept up with the load. */
const struct plan_candidate *plan_answer_nearest(const struct plan_answer *answer);

/* What an option that was tried runs on. */
const struct plan_hardware *plan_answer_hardware(const struct plan_answer *answer,
                                                 const struct plan_option *option);

/* Options of which the answer does not know whether they serve the load. */
struct plan_untold {
    size_t count;
    double requests_to_tell; /* that a run should have for the last of them */
};

/* Those that cost no more than the best, or all where nothing meets the SLO: one may be the answer.
 */
struct plan_untold plan_answer_untold(const struct plan_answer *answer);

/* Of options that cost no more than the best, or of all where nothing meets the SLO, how many do
   not meet it while max_sequences keeps requests waiting and KV has room, and were not tried with
   more: one may be the answer. */
size_t plan_answer_held_back(const struct plan_answer *answer);

/* Sets `uncapped` to the kinds on which prompts may take longer than the answer says, beside others
   whose GPUs' power limit is counted; returns how many, 0 where the answer is as fair to all. */
size_t plan_answer_uncapped(const struct plan_answer *answer,
                            const struct plan_hardware *uncapped[PLAN_KINDS_MAX]);

#define PLAN_OBSTACLES_BYTES 512

/* What rules candidates out, the most of them first: "36 miss the TTFT, 12 do not fit in memory".
 */
void plan_answer_obstacles(const struct plan_answer *answer, char text[PLAN_OBSTACLES_BYTES]);

#endif
