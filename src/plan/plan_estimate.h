/*
 * plan_estimate: what the runs of one option show, and how surely.
 *
 * A mean is taken over all batches of all seeds, give or take Student's t
 * interval at 95%. Of an array of trials (plan_trial.h), at least one; NaN where
 * one of them has no such number.
 */
#ifndef TANDEM_PLAN_ESTIMATE_H
#define TANDEM_PLAN_ESTIMATE_H

#include "scenario.h"

#include <jansson.h>

struct plan_estimate {
    double mean; /* NaN: nothing was seen */
    double half; /* of the interval; INFINITY where one batch says nothing of the spread */
};

/* Of the batches under `key`. */
struct plan_estimate plan_estimate_of(const json_t *trials, const char *key);

/* Of the share of the requests that are within the SLO. */
struct plan_estimate plan_estimate_share(const json_t *trials, const struct slo *slo);

/* How many judged requests could tell the SLO's percentile if none missed. All of them are what no
   number could tell: that means those that are simulated. */
double plan_estimate_to_prove(const struct slo *slo);

/* How many were judged, in all trials. */
double plan_estimate_judged(const json_t *trials);

/* The mean of the numbers under `key`, one of each trial. */
double plan_estimate_mean(const json_t *trials, const char *key);

#endif
