#include "quantiles.h"

#include <stdlib.h>

#define MANTISSA_BITS 9
#define MANTISSA_COUNT (1u << MANTISSA_BITS)
#define BUCKET_COUNT ((63 - MANTISSA_BITS + 1) * MANTISSA_COUNT)

#define DIGIT_BITS 11 /* of a sort: 2 s in picoseconds have four digits */
#define DIGIT_COUNT (1u << DIGIT_BITS)

/* Values below MANTISSA_COUNT have a bucket each; above, a power of two has MANTISSA_COUNT. */
static uint32_t bucket_of(sim_ps value)
{
    uint64_t v = (uint64_t)value;
    if (v < MANTISSA_COUNT)
        return (uint32_t)v;
    uint32_t shift = 63 - (uint32_t)__builtin_clzll(v) - MANTISSA_BITS;
    return (shift + 1) * MANTISSA_COUNT + (uint32_t)(v >> shift) - MANTISSA_COUNT;
}

static double bucket_middle(uint32_t bucket)
{
    if (bucket < 2 * MANTISSA_COUNT)
        return bucket;
    uint32_t shift = bucket / MANTISSA_COUNT - 1;
    double low = ldexp(MANTISSA_COUNT + bucket % MANTISSA_COUNT, (int)shift);
    return low + (ldexp(1, (int)shift) - 1) / 2;
}

int quantiles_init(struct quantiles *quantiles, struct error *error)
{
    *quantiles = (struct quantiles){.count = 0};
    quantiles->samples = malloc(QUANTILES_EXACT_MAX * sizeof(*quantiles->samples));
    quantiles->scratch = malloc(QUANTILES_EXACT_MAX * sizeof(*quantiles->scratch));
    quantiles->buckets = calloc(BUCKET_COUNT, sizeof(*quantiles->buckets));
    if (quantiles->samples && quantiles->scratch && quantiles->buckets)
        return 0;
    quantiles_release(quantiles);
    return error_out_of_memory(error, "percentiles");
}

void quantiles_release(struct quantiles *quantiles)
{
    free(quantiles->samples);
    free(quantiles->scratch);
    free(quantiles->buckets);
    *quantiles = (struct quantiles){.count = 0};
}

static void pour_into_buckets(struct quantiles *quantiles)
{
    for (uint32_t i = 0; i < quantiles->sample_count; i++)
        quantiles->buckets[bucket_of(quantiles->samples[i].value)] += quantiles->samples[i].weight;
    quantiles->in_buckets = true;
}

void quantiles_add(struct quantiles *quantiles, sim_ps value, uint64_t weight)
{
    assert(value >= 0);
    quantiles->count += weight;
    quantiles->sum += (quantiles_sum)value * weight;
    quantiles->max = sim_ps_max(quantiles->max, value);
    if (!quantiles->in_buckets && quantiles->sample_count == QUANTILES_EXACT_MAX)
        pour_into_buckets(quantiles);
    if (quantiles->in_buckets)
        quantiles->buckets[bucket_of(value)] += weight;
    else
        quantiles->samples[quantiles->sample_count++] =
            (struct quantiles_sample){.value = value, .weight = weight};
    quantiles->is_sorted = false;
}

/* Moves the samples to `to`, in order of the digit of their values from bit `shift` on; those with
   the same digit keep their order. */
static void sort_by_digit(const struct quantiles_sample *samples, struct quantiles_sample *to,
                          uint32_t count, uint32_t shift)
{
    uint32_t places[DIGIT_COUNT] = {0};
    uint32_t place = 0;
    for (uint32_t i = 0; i < count; i++)
        places[(uint64_t)samples[i].value >> shift & (DIGIT_COUNT - 1)]++;
    for (uint32_t digit = 0; digit < DIGIT_COUNT; digit++) {
        uint32_t with_digit = places[digit];
        places[digit] = place;
        place += with_digit;
    }
    for (uint32_t i = 0; i < count; i++)
        to[places[(uint64_t)samples[i].value >> shift & (DIGIT_COUNT - 1)]++] = samples[i];
}

/* A radix sort: O(samples), and as many passes as the largest has digits. */
static void sort_samples(struct quantiles *quantiles)
{
    for (uint32_t shift = 0; shift < 63 && quantiles->max >> shift > 0; shift += DIGIT_BITS) {
        struct quantiles_sample *sorted = quantiles->scratch;
        sort_by_digit(quantiles->samples, sorted, quantiles->sample_count, shift);
        quantiles->scratch = quantiles->samples;
        quantiles->samples = sorted;
    }
    quantiles->is_sorted = true;
}

/* The value, in picoseconds, with `rank` smaller ones before it in sorted samples. */
static double sample_at(const struct quantiles *quantiles, uint64_t rank)
{
    uint64_t seen = 0;
    uint32_t i = 0;
    while ((seen += quantiles->samples[i].weight) <= rank)
        i++;
    return (double)quantiles->samples[i].value;
}

static double bucket_at(const struct quantiles *quantiles, uint64_t rank)
{
    uint64_t seen = 0;
    uint32_t bucket = 0;
    while ((seen += quantiles->buckets[bucket]) <= rank)
        bucket++;
    return fmin(bucket_middle(bucket), (double)quantiles->max);
}

double quantiles_percentile_s(struct quantiles *quantiles, double percentile)
{
    if (quantiles->count == 0)
        return NAN;
    double rank = (double)(quantiles->count - 1) * percentile / 100;
    uint64_t below = (uint64_t)rank;
    if (quantiles->in_buckets)
        return bucket_at(quantiles, below) / (double)SIM_PS_PER_S;
    if (!quantiles->is_sorted)
        sort_samples(quantiles);
    double low = sample_at(quantiles, below);
    double high = sample_at(quantiles, u64_min(below + 1, quantiles->count - 1));
    return (low + (high - low) * (rank - (double)below)) / (double)SIM_PS_PER_S;
}

struct distribution quantiles_distribution(struct quantiles *quantiles)
{
    double count = (double)quantiles->count;
    bool any = quantiles->count > 0;
    return (struct distribution){
        .count = quantiles->count,
        .mean = any ? (double)quantiles->sum / count / (double)SIM_PS_PER_S : NAN,
        .p50 = quantiles_percentile_s(quantiles, 50),
        .p90 = quantiles_percentile_s(quantiles, 90),
        .p95 = quantiles_percentile_s(quantiles, 95),
        .p99 = quantiles_percentile_s(quantiles, 99),
        .max = any ? sim_s_from_ps(quantiles->max) : NAN,
    };
}
