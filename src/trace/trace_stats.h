/*
 * trace_stats: what a trace comes to: how many, how fast, how bursty, how long.
 *
 * Fed one arrival at a time; memory grows with the longest length, not with
 * the number of requests, and percentiles are exact all the same.
 */
#ifndef TANDEM_TRACE_STATS_H
#define TANDEM_TRACE_STATS_H

#include "workload.h"

/* How often each count of tokens occurred. */
struct length_histogram {
    uint64_t *counts; /* by tokens, up to `room` */
    size_t room;
    uint64_t total; /* lengths counted */
    uint64_t token_sum;
    uint32_t max;
};

struct trace_stats {
    uint64_t requests;
    sim_ps first;
    sim_ps last;
    double gap_mean_s;
    double gap_squares; /* sum of squared deviations from the mean, s^2 */
    struct length_histogram input;
    struct length_histogram output;
};

void trace_stats_init(struct trace_stats *stats);
void trace_stats_release(struct trace_stats *stats);

/* 0 or -ERROR_MEMORY. Arrivals come in order. */
int trace_stats_add(struct trace_stats *stats, const struct arrival *arrival, struct error *error);

/* From the first arrival to the last; 0 without any. */
double trace_stats_duration_s(const struct trace_stats *stats);

/* One over the mean gap; NaN with fewer than two requests or no time between them. */
double trace_stats_rate_per_s(const struct trace_stats *stats);

/* Coefficient of variation of the gaps, sample standard deviation over mean: 1 for Poisson; NaN
   with fewer than three requests or no time between them. */
double trace_stats_gap_cv(const struct trace_stats *stats);

/* NaN of nothing. */
double length_histogram_mean(const struct length_histogram *histogram);

/* The percentile in [0, 100], linear between order statistics, as numpy's default; NaN of
   nothing. */
double length_histogram_percentile(const struct length_histogram *histogram, double percentile);

#endif
