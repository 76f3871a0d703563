#include "workload.h"

#include "request.h"
#include "rng.h"

#include <gsl/gsl_randist.h>
#include <stdlib.h>

/*
 * Draws k in min..max with P(k) ~ k^-exponent in O(1), whatever the range: rejection-inversion
 * (Hoermann and Derflinger, ACM TOMACS 6(3), 1996). The area under x^-exponent is inverted in
 * place of the sum over k, and the few draws that this puts on the wrong k are rejected.
 */
struct zipf {
    double exponent;
    double area_first; /* area to the left of min + 1/2, less what min's own bar lacks */
    double area_last;  /* area to the left of max + 1/2 */
    double squeeze;    /* draws this close below their k are accepted without more ado */
};

/* One side's lengths, with the constants that each draw needs worked out. */
struct length_sampler {
    struct lengths lengths;
    struct zipf zipf;
    double log_mean; /* lognormal: mean and standard deviation of the logarithm */
    double log_sd;
    gsl_rng *rng;
};

/* Which prefix a prompt begins with. */
struct prefix_sampler {
    struct prefixes prefixes;
    struct zipf zipf;
    gsl_rng *rng;
    uint64_t *pieces; /* of the latest prompt */
};

struct workload {
    struct arrivals arrivals;
    uint64_t requests_left;
    sim_ps now;
    gsl_rng *gap_rng;
    struct length_sampler input;
    struct length_sampler output;
    struct prefix_sampler prefix;
};

/* The integral of t^-exponent from 1 to x, without loss near exponent 1. */
static double zipf_area(double exponent, double x)
{
    double log_x = log(x);
    double t = (1 - exponent) * log_x;
    return fabs(t) > 1e-8 ? expm1(t) / t * log_x : (1 + t / 2) * log_x;
}

/* The x of zipf_area(). */
static double zipf_area_inverse(double exponent, double area)
{
    /* Rounding may step over the total area of an exponent above 1; its x is infinite. */
    double t = fmax((1 - exponent) * area, -1);
    return exp(fabs(t) > 1e-8 ? log1p(t) / t * area : (1 - t / 2) * area);
}

static struct zipf zipf_init(double exponent, uint32_t min, uint32_t max)
{
    double second = min + 1.0;
    double second_left = zipf_area(exponent, second + 0.5) - pow(second, -exponent);
    return (struct zipf){
        .exponent = exponent,
        .area_first = zipf_area(exponent, min + 0.5) - pow(min, -exponent),
        .area_last = zipf_area(exponent, max + 0.5),
        .squeeze = second - zipf_area_inverse(exponent, second_left),
    };
}

static double zipf_draw(const struct zipf *zipf, double min, double max, gsl_rng *rng)
{
    for (;;) {
        double share = gsl_rng_uniform(rng);
        double area = zipf->area_last + share * (zipf->area_first - zipf->area_last);
        double x = zipf_area_inverse(zipf->exponent, area);
        double k = fmin(fmax(floor(x + 0.5), min), max);
        if (k - x <= zipf->squeeze)
            return k;
        if (area >= zipf_area(zipf->exponent, k + 0.5) - pow(k, -zipf->exponent))
            return k;
    }
}

static bool is_positive(double value)
{
    return isfinite(value) && value > 0;
}

static bool is_not_negative(double value)
{
    return isfinite(value) && value >= 0;
}

static int check_arrivals(const struct arrivals *arrivals, struct error *error)
{
    if (arrivals->process == ARRIVAL_CLOSED_LOOP) {
        if (arrivals->concurrency == 0)
            return error_set(error, ERROR_CONFIG, "concurrency must be at least 1");
        return 0;
    }
    if (!is_positive(arrivals->rate_per_s))
        return error_set(error, ERROR_CONFIG, "the arrival rate must be above 0, not %g /s",
                         arrivals->rate_per_s);
    if (arrivals->process == ARRIVAL_GAMMA && !(arrivals->cv >= 1e-3 && arrivals->cv <= 1e3))
        return error_set(error, ERROR_CONFIG, "cv must be between 0.001 and 1000, not %g",
                         arrivals->cv);
    return 0;
}

/* `side` names the lengths in errors. */
static int check_lengths(const struct lengths *lengths, const char *side, struct error *error)
{
    enum length_distribution distribution = lengths->distribution;
    bool has_sd = distribution == LENGTH_NORMAL || distribution == LENGTH_LOGNORMAL;
    if (lengths->min < 1 || lengths->min > lengths->max)
        return error_set(error, ERROR_CONFIG,
                         "%s: min must be at least 1 and at most max, not %u with max %u", side,
                         lengths->min, lengths->max);
    if ((has_sd || distribution == LENGTH_FIXED) && !is_positive(lengths->mean))
        return error_set(error, ERROR_CONFIG, "%s: the mean must be above 0, not %g", side,
                         lengths->mean);
    if (has_sd && !is_not_negative(lengths->sd))
        return error_set(error, ERROR_CONFIG,
                         "%s: the standard deviation must be at least 0, not %g", side,
                         lengths->sd);
    if (distribution == LENGTH_ZIPF && !(lengths->exponent >= 0 && lengths->exponent <= 20))
        return error_set(error, ERROR_CONFIG, "%s: the exponent must be between 0 and 20, not %g",
                         side, lengths->exponent);
    if (distribution == LENGTH_EMPIRICAL &&
        (lengths->value_count == 0 || lengths->value_count > UINT32_MAX))
        return error_set(error, ERROR_CONFIG, "%s: an empirical distribution needs values", side);
    return 0;
}

/* `stream` names the lengths both to the random streams and in errors. */
static int length_sampler_init(struct length_sampler *sampler, const struct lengths *lengths,
                               uint64_t seed, const char *stream, struct error *error)
{
    int status = check_lengths(lengths, stream, error);
    if (status < 0)
        return status;
    sampler->lengths = *lengths;
    if (lengths->distribution == LENGTH_ZIPF)
        sampler->zipf = zipf_init(lengths->exponent, lengths->min, lengths->max);
    if (lengths->distribution == LENGTH_LOGNORMAL) {
        double cv = lengths->sd / lengths->mean;
        double variance = log1p(cv * cv);
        sampler->log_mean = log(lengths->mean) - variance / 2;
        sampler->log_sd = sqrt(variance);
    }
    sampler->rng = rng_stream(seed, stream, error);
    return sampler->rng ? 0 : -(int)error->code;
}

/* A draw before it is rounded and clamped. */
static double length_draw(const struct length_sampler *sampler)
{
    const struct lengths *lengths = &sampler->lengths;
    switch (lengths->distribution) {
    case LENGTH_FIXED:
        return lengths->mean;
    case LENGTH_UNIFORM:
        return lengths->min + (double)gsl_rng_uniform_int(
                                  sampler->rng, (unsigned long)lengths->max - lengths->min + 1);
    case LENGTH_NORMAL:
        return lengths->mean + gsl_ran_gaussian(sampler->rng, lengths->sd);
    case LENGTH_LOGNORMAL:
        return gsl_ran_lognormal(sampler->rng, sampler->log_mean, sampler->log_sd);
    case LENGTH_ZIPF:
        return zipf_draw(&sampler->zipf, lengths->min, lengths->max, sampler->rng);
    case LENGTH_EMPIRICAL:
        return lengths->values[gsl_rng_uniform_int(sampler->rng, lengths->value_count)];
    }
    assert(false && "a length distribution");
    return 0;
}

static uint32_t length_next(const struct length_sampler *sampler)
{
    double tokens = round(length_draw(sampler));
    return (uint32_t)fmin(fmax(tokens, sampler->lengths.min), sampler->lengths.max);
}

static int prefix_sampler_init(struct prefix_sampler *sampler, const struct prefixes *prefixes,
                               uint64_t seed, struct error *error)
{
    sampler->prefixes = *prefixes;
    if (prefixes->count == 0)
        return 0;
    if (prefixes->tokens == 0 || !(prefixes->exponent >= 0 && prefixes->exponent <= 20))
        return error_set(error, ERROR_CONFIG,
                         "prefixes: tokens must be at least 1, and the exponent between 0 and 20");
    sampler->zipf = zipf_init(prefixes->exponent, 1, prefixes->count);
    sampler->pieces =
        calloc(u32_ceil_div(prefixes->tokens, REQUEST_PIECE_TOKENS), sizeof(*sampler->pieces));
    if (!sampler->pieces)
        return error_out_of_memory(error, "a synthetic workload");
    sampler->rng = rng_stream(seed, "prefixes", error);
    return sampler->rng ? 0 : -(int)error->code;
}

/* Lets a prompt begin with a prefix. A piece's id is that of its prefix, its place and its tokens:
   of prompts that end in one, those that end there together have it in common. */
static void draw_prefix(struct prefix_sampler *sampler, struct arrival *arrival)
{
    const struct prefixes *prefixes = &sampler->prefixes;
    if (prefixes->count == 0)
        return;
    uint64_t prefix = prefixes->count > 1
                          ? (uint64_t)zipf_draw(&sampler->zipf, 1, prefixes->count, sampler->rng)
                          : 1;
    arrival->shared_tokens = u32_min(prefixes->tokens, arrival->input_tokens);
    arrival->reusable_tokens = arrival->shared_tokens;
    arrival->pieces = sampler->pieces;
    arrival->piece_count = u32_ceil_div(arrival->shared_tokens, REQUEST_PIECE_TOKENS);
    for (uint32_t i = 0; i < arrival->piece_count; i++) {
        uint32_t left = arrival->shared_tokens - i * REQUEST_PIECE_TOKENS;
        uint32_t tokens = u32_min(left, REQUEST_PIECE_TOKENS);
        sampler->pieces[i] = prefix << 32 | (uint64_t)i * (2 * REQUEST_PIECE_TOKENS) | tokens;
    }
}

/* Seconds to the next arrival. */
static double gap_draw_s(const struct workload *workload)
{
    const struct arrivals *arrivals = &workload->arrivals;
    switch (arrivals->process) {
    case ARRIVAL_POISSON:
        return gsl_ran_exponential(workload->gap_rng, 1 / arrivals->rate_per_s);
    case ARRIVAL_GAMMA: {
        double cv_squared = arrivals->cv * arrivals->cv;
        return gsl_ran_gamma(workload->gap_rng, 1 / cv_squared, cv_squared / arrivals->rate_per_s);
    }
    case ARRIVAL_CONSTANT:
        return 1 / arrivals->rate_per_s;
    case ARRIVAL_CLOSED_LOOP:
        return 0;
    }
    assert(false && "an arrival process");
    return 0;
}

static int workload_next(void *context, struct arrival *arrival, struct error *error)
{
    struct workload *workload = context;
    if (workload->requests_left == 0)
        return 0;
    double gap_s = gap_draw_s(workload);
    if (gap_s > ARRIVAL_S_MAX - sim_s_from_ps(workload->now))
        return error_set_key(
            error, "workload.arrivals.rate",
            "%llu requests at %g /s would arrive beyond the %.0f days that the clock "
            "holds",
            (unsigned long long)workload->requests_left, workload->arrivals.rate_per_s,
            ARRIVAL_S_MAX / SIM_DAY_S);
    workload->requests_left--;
    workload->now += sim_ps_from_s(gap_s);
    *arrival = (struct arrival){
        .at = workload->now,
        .input_tokens = length_next(&workload->input),
        .output_tokens = length_next(&workload->output),
    };
    draw_prefix(&workload->prefix, arrival);
    return 1;
}

struct workload *workload_new(const struct synthetic *synthetic, uint64_t seed, struct error *error)
{
    if (check_arrivals(&synthetic->arrivals, error) < 0)
        return NULL;
    struct workload *workload = calloc(1, sizeof(*workload));
    if (!workload) {
        error_out_of_memory(error, "a synthetic workload");
        return NULL;
    }
    workload->arrivals = synthetic->arrivals;
    workload->requests_left = synthetic->requests;
    workload->gap_rng = rng_stream(seed, "arrivals", error);
    if (!workload->gap_rng ||
        length_sampler_init(&workload->input, &synthetic->input, seed, "input_tokens", error) < 0 ||
        length_sampler_init(&workload->output, &synthetic->output, seed, "output_tokens", error) <
            0 ||
        prefix_sampler_init(&workload->prefix, &synthetic->prefixes, seed, error) < 0) {
        workload_free(workload);
        return NULL;
    }
    return workload;
}

void workload_free(struct workload *workload)
{
    if (!workload)
        return;
    rng_free(workload->gap_rng);
    rng_free(workload->input.rng);
    rng_free(workload->output.rng);
    rng_free(workload->prefix.rng);
    free(workload->prefix.pieces);
    free(workload);
}

struct arrival_source workload_source(struct workload *workload)
{
    bool is_closed = workload->arrivals.process == ARRIVAL_CLOSED_LOOP;
    return (struct arrival_source){
        .context = workload,
        .next = workload_next,
        .concurrency = is_closed ? workload->arrivals.concurrency : 0,
        .tells_prefixes = workload->prefix.prefixes.count > 0,
    };
}
