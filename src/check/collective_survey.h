/*
 * collective_survey: what `tandem collective` says of one operation on a group of
 * GPUs: for each size, the time of every algorithm that applies, and before them
 * what was measured of it.
 */
#ifndef TANDEM_COLLECTIVE_SURVEY_H
#define TANDEM_COLLECTIVE_SURVEY_H

#include "group_cost.h"

#include <stdio.h>

struct collective_survey {
    const struct cluster *cluster;
    enum collective_operation operation;
    struct collective_group group;
    const uint32_t *gpus; /* (group.ranks) */
    enum medium medium;
    double bytes_first;
    double bytes_last;
    const struct cost_grid *measured; /* by bytes, in a captured graph; NULL: nothing was */
    const struct cost_grid *custom;   /* the same of all-reduces by an engine's own kernel */
};

/* Takes what `table` has of the operation on the group's `links` in `arena`; NULL: nothing
   was measured. 0 or -ERROR_MEMORY. */
int collective_survey_measure(struct collective_survey *survey,
                              const struct collective_table *table, const struct group_links *links,
                              struct arena *arena, struct error *error);

/* One algorithm at one size, as nccl-tests counts: algorithm bandwidth is bytes over time, bus
   bandwidth what the links carry for it. */
struct collective_score {
    double seconds; /* INFINITY: it does not apply */
    enum collective_protocol protocol;
    double algorithm_bytes_per_s;
    double bus_bytes_per_s;
};

/* The scores of each algorithm over `bytes`; gives the one that is taken where nothing was
 * measured.
 */
enum collective_algorithm
collective_survey_scores(const struct collective_survey *survey, double bytes,
                         struct collective_score scores[COLLECTIVE_ALGORITHM_COUNT]);

/* Sizes double from the first to the last; the table has a star at what simulations take. The
 * table; the object, ERROR_MEMORY or ERROR_IO. */
void collective_survey_print_text(const struct collective_survey *survey, FILE *stream);
int collective_survey_print_json(const struct collective_survey *survey, FILE *stream,
                                 struct error *error);

#endif
