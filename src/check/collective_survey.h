/*
 * collective_survey: what `tandem collective` says of one operation on a group of
 * GPUs: for each size, the time of every algorithm that applies.
 */
#ifndef TANDEM_COLLECTIVE_SURVEY_H
#define TANDEM_COLLECTIVE_SURVEY_H

#include "collective.h"

#include <stdio.h>

struct collective_survey {
    const struct cluster *cluster;
    enum collective_operation operation;
    struct collective_group group;
    const uint32_t *gpus; /* (group.ranks) */
    enum medium medium;
    double bytes_first;
    double bytes_last;
};

/* One algorithm at one size, as nccl-tests counts: algorithm bandwidth is bytes over time, bus
   bandwidth what the links carry for it. */
struct collective_score {
    double seconds; /* INFINITY: it does not apply */
    enum collective_protocol protocol;
    double algorithm_bytes_per_s;
    double bus_bytes_per_s;
};

/* The scores of each algorithm over `bytes`; gives the one that `auto` takes. */
enum collective_algorithm
collective_survey_scores(const struct collective_survey *survey, double bytes,
                         struct collective_score scores[COLLECTIVE_ALGORITHM_COUNT]);

/* Sizes double from the first to the last. The table; the object, ERROR_MEMORY or ERROR_IO. */
void collective_survey_print_text(const struct collective_survey *survey, FILE *stream);
int collective_survey_print_json(const struct collective_survey *survey, FILE *stream,
                                 struct error *error);

#endif
