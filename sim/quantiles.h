/*
 * quantiles: the mean, maximum and percentiles of many times.
 *
 * Percentiles are exact (linear interpolation between order statistics, as
 * numpy's default) up to QUANTILES_EXACT_MAX distinct additions; beyond, from a
 * histogram whose buckets' middles are within 0.1% of their values: nine bits
 * of mantissa a power of two, as HdrHistogram does it. The mean and maximum are
 * exact always. Adding is O(1).
 */
#ifndef TANDEM_QUANTILES_H
#define TANDEM_QUANTILES_H

#include "error.h"
#include "summary.h"

#define QUANTILES_EXACT_MAX 65536

__extension__ typedef unsigned __int128 quantiles_sum;

struct quantiles_sample {
    sim_ps value;
    uint64_t weight;
};

struct quantiles {
    uint64_t count;
    quantiles_sum sum;
    sim_ps max;
    struct quantiles_sample *samples; /* until there are too many */
    struct quantiles_sample *scratch; /* as much room, to sort them in */
    uint32_t sample_count;
    bool is_sorted;
    bool in_buckets;
    uint64_t *buckets;
};

/* Takes all the memory it will ever need. */
int quantiles_init(struct quantiles *quantiles, struct error *error);
void quantiles_release(struct quantiles *quantiles);

/* Counts `value`, at least 0, `weight` times. */
void quantiles_add(struct quantiles *quantiles, sim_ps value, uint64_t weight);

/* The percentile in [0, 100], in seconds; NaN of nothing. May sort the samples. */
double quantiles_percentile_s(struct quantiles *quantiles, double percentile);

struct distribution quantiles_distribution(struct quantiles *quantiles);

#endif
