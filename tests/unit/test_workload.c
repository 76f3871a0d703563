/*
 * Do synthetic workloads draw what they were asked for, and the same every time?
 *
 * Seeds are fixed, so a bound that holds once holds always; five standard
 * errors leave the bounds honest for any other seed.
 */
#include <math.h>

#include "suite.h"
#include "workload.h"

#define REQUESTS 200000
#define STANDARD_ERRORS 5

/* Sums over the requests of one workload. */
struct sample {
    double gap_mean_s;
    double gap_cv;
    double input_mean;
    double input_sd;
    uint32_t input_min;
    uint32_t input_max;
    sim_ps last;
};

static struct synthetic poisson(struct lengths input)
{
    return (struct synthetic){
        .arrivals = {.process = ARRIVAL_POISSON, .rate_per_s = 8},
        .requests = REQUESTS,
        .input = input,
        .output = {.distribution = LENGTH_FIXED, .mean = 100, .min = 1, .max = 1000},
    };
}

static struct synthetic with_arrivals(struct arrivals arrivals)
{
    struct lengths fixed = {.distribution = LENGTH_FIXED, .mean = 10, .min = 1, .max = 1000};
    struct synthetic synthetic = poisson(fixed);
    synthetic.arrivals = arrivals;
    return synthetic;
}

static struct workload *workload_of(const struct synthetic *synthetic, uint64_t seed)
{
    struct error error = {0};
    struct workload *workload = workload_new(synthetic, seed, &error);
    ck_assert_msg(workload != NULL, "%s", error.text);
    return workload;
}

static struct sample sample_of(struct synthetic synthetic)
{
    struct workload *workload = workload_of(&synthetic, 1);
    struct arrival_source source = workload_source(workload);
    struct sample sample = {.input_min = UINT32_MAX};
    bool is_ascending = true;
    struct arrival arrival;
    struct error error = {0};
    double gaps_squared = 0, inputs = 0, inputs_squared = 0, count = 0;
    while (source.next(source.context, &arrival, &error) > 0) {
        double gap_s = sim_s_from_ps(arrival.at - sample.last);
        is_ascending &= arrival.at >= sample.last;
        sample.last = arrival.at;
        gaps_squared += gap_s * gap_s;
        inputs += arrival.input_tokens;
        inputs_squared += (double)arrival.input_tokens * arrival.input_tokens;
        sample.input_min = u32_min(sample.input_min, arrival.input_tokens);
        sample.input_max = u32_max(sample.input_max, arrival.input_tokens);
        count++;
    }
    ck_assert_msg(error.code == ERROR_NONE, "%s", error.text);
    ck_assert_double_eq(count, (double)synthetic.requests);
    ck_assert(is_ascending);
    workload_free(workload);
    sample.gap_mean_s = sim_s_from_ps(sample.last) / count;
    sample.gap_cv = sqrt(gaps_squared / count / pow(sample.gap_mean_s, 2) - 1);
    sample.input_mean = inputs / count;
    sample.input_sd = sqrt(inputs_squared / count - pow(sample.input_mean, 2));
    return sample;
}

/* The mean of REQUESTS draws of standard deviation `sd` must be within its standard errors. */
static void assert_mean(double mean, double expected, double sd)
{
    double bound = STANDARD_ERRORS * sd / sqrt(REQUESTS);
    ck_assert_msg(fabs(mean - expected) <= bound, "mean %g, expected %g within %g", mean, expected,
                  bound);
}

START_TEST(test_poisson_gaps)
{
    /* Rate 8 /s: gaps of mean and standard deviation 1/8 s, so a CV of 1 (within 2%). */
    struct sample sample =
        sample_of(with_arrivals((struct arrivals){.process = ARRIVAL_POISSON, .rate_per_s = 8}));
    assert_mean(sample.gap_mean_s, 0.125, 0.125);
    ck_assert_double_eq_tol(sample.gap_cv, 1, 0.02);
}
END_TEST

START_TEST(test_gamma_gaps_have_their_cv)
{
    static const double cvs[] = {0.25, 1, 2, 4};
    for (size_t i = 0; i < ARRAY_LENGTH(cvs); i++) {
        /* Whatever the CV, the rate stays 8 /s. */
        struct sample sample = sample_of(with_arrivals(
            (struct arrivals){.process = ARRIVAL_GAMMA, .rate_per_s = 8, .cv = cvs[i]}));
        assert_mean(sample.gap_mean_s, 0.125, 0.125 * cvs[i]);
        ck_assert_double_eq_tol(sample.gap_cv, cvs[i], 0.05 * cvs[i]);
    }
}
END_TEST

START_TEST(test_constant_gaps)
{
    /* 200,000 requests at 8 /s: the last arrives at 25,000 s, to the picosecond. */
    struct sample sample =
        sample_of(with_arrivals((struct arrivals){.process = ARRIVAL_CONSTANT, .rate_per_s = 8}));
    ck_assert_int_eq(sample.last, 25000 * SIM_PS_PER_S);
}
END_TEST

START_TEST(test_closed_loop_says_its_concurrency)
{
    struct synthetic synthetic =
        with_arrivals((struct arrivals){.process = ARRIVAL_CLOSED_LOOP, .concurrency = 32});
    struct workload *workload = workload_of(&synthetic, 1);
    ck_assert_uint_eq(workload_source(workload).concurrency, 32);
    workload_free(workload);

    /* An open loop has none, even where the specification has a number there. */
    synthetic.arrivals.process = ARRIVAL_POISSON;
    synthetic.arrivals.rate_per_s = 1;
    workload = workload_of(&synthetic, 1);
    ck_assert_uint_eq(workload_source(workload).concurrency, 0);
    workload_free(workload);
}
END_TEST

START_TEST(test_fixed_lengths)
{
    struct sample sample = sample_of(poisson(
        (struct lengths){.distribution = LENGTH_FIXED, .mean = 512, .min = 1, .max = 1000}));
    ck_assert_uint_eq(sample.input_min, 512);
    ck_assert_uint_eq(sample.input_max, 512);
}
END_TEST

START_TEST(test_uniform_lengths)
{
    /* Discrete uniform on 3..12: mean 7.5, variance (10^2 - 1) / 12, both ends drawn. */
    struct sample sample =
        sample_of(poisson((struct lengths){.distribution = LENGTH_UNIFORM, .min = 3, .max = 12}));
    assert_mean(sample.input_mean, 7.5, sqrt(99.0 / 12));
    ck_assert_uint_eq(sample.input_min, 3);
    ck_assert_uint_eq(sample.input_max, 12);
}
END_TEST

START_TEST(test_normal_lengths)
{
    /* Bounds 10 standard deviations away clamp nothing. */
    struct sample sample = sample_of(poisson((struct lengths){
        .distribution = LENGTH_NORMAL, .mean = 5000, .sd = 400, .min = 1, .max = 9000}));
    assert_mean(sample.input_mean, 5000, 400);
    ck_assert_double_eq_tol(sample.input_sd, 400, 4);
}
END_TEST

START_TEST(test_lengths_are_clamped)
{
    /* normal(512, 256) leaves 256..768 on both sides, each with 16% of the draws at the bound. */
    struct sample sample = sample_of(poisson((struct lengths){
        .distribution = LENGTH_NORMAL, .mean = 512, .sd = 256, .min = 256, .max = 768}));
    ck_assert_uint_eq(sample.input_min, 256);
    ck_assert_uint_eq(sample.input_max, 768);
    /* Symmetric clamping keeps the mean. */
    assert_mean(sample.input_mean, 512, 256);

    /* A draw beyond what 32 bits hold is clamped, not wrapped. */
    sample = sample_of(poisson((struct lengths){
        .distribution = LENGTH_LOGNORMAL, .mean = 1e12, .sd = 1, .min = 1, .max = UINT32_MAX}));
    ck_assert_uint_eq(sample.input_min, UINT32_MAX);
}
END_TEST

START_TEST(test_lognormal_mean_and_sd_are_the_distributions_own)
{
    /* Not those of the logarithm. The sample's sd has a heavy tail: 3%. */
    struct sample sample = sample_of(poisson((struct lengths){
        .distribution = LENGTH_LOGNORMAL, .mean = 1155, .sd = 1109, .min = 1, .max = 1000000}));
    assert_mean(sample.input_mean, 1155, 1109);
    ck_assert_double_eq_tol(sample.input_sd, 1109, 33);
}
END_TEST

/* Chi-squared of a Zipf workload's first 20 lengths and the rest against the exact probabilities.
 */
static double zipf_chi_squared(double exponent, uint32_t min, uint32_t max)
{
    enum { BINS = 21 };
    double expected[BINS] = {0}, found[BINS] = {0}, norm = 0, chi_squared = 0;
    for (uint32_t k = min; k <= max; k++) {
        double weight = pow(k, -exponent);
        norm += weight;
        expected[u32_min(k - min, BINS - 1)] += weight;
    }
    struct synthetic synthetic = poisson((struct lengths){
        .distribution = LENGTH_ZIPF, .exponent = exponent, .min = min, .max = max});
    struct workload *workload = workload_of(&synthetic, 1);
    struct arrival_source source = workload_source(workload);
    struct arrival arrival;
    struct error error = {0};
    bool is_within = true;
    while (source.next(source.context, &arrival, &error) > 0) {
        is_within &= arrival.input_tokens >= min && arrival.input_tokens <= max;
        found[u32_min(arrival.input_tokens - min, BINS - 1)]++;
    }
    workload_free(workload);
    ck_assert(is_within);
    for (int bin = 0; bin < BINS; bin++) {
        double mean = expected[bin] / norm * REQUESTS;
        if (mean > 0)
            chi_squared += pow(found[bin] - mean, 2) / mean;
    }
    return chi_squared;
}

START_TEST(test_zipf_probabilities_are_exact)
{
    /* 20 degrees of freedom: beyond 52.4 once in 10,000 draws of a right sampler. */
    static const double exponents[] = {0, 0.5, 1, 1.0000000001, 1.1, 2, 3.5};
    for (size_t i = 0; i < ARRAY_LENGTH(exponents); i++) {
        ck_assert_double_le(zipf_chi_squared(exponents[i], 1, 131072), 52.4);
        ck_assert_double_le(zipf_chi_squared(exponents[i], 16, 4096), 52.4);
        ck_assert_double_le(zipf_chi_squared(exponents[i], 5, 6), 52.4);
        ck_assert_double_le(zipf_chi_squared(exponents[i], 9, 9), 52.4);
    }
}
END_TEST

START_TEST(test_empirical_lengths)
{
    /* Four values, one of them twice: mean 35, all of them drawn, none other. */
    static const uint32_t values[] = {10, 10, 20, 100};
    struct sample sample = sample_of(poisson((struct lengths){.distribution = LENGTH_EMPIRICAL,
                                                              .min = 1,
                                                              .max = 1000,
                                                              .values = values,
                                                              .value_count = 4}));
    assert_mean(sample.input_mean, 35, 37.75);
    ck_assert_uint_eq(sample.input_min, 10);
    ck_assert_uint_eq(sample.input_max, 100);
}
END_TEST

/* Steps two workloads side by side; says which fields never differ. */
static void compare(const struct synthetic *left, uint64_t left_seed, const struct synthetic *right,
                    uint64_t right_seed, bool *same_at, bool *same_input, bool *same_output)
{
    struct workload *workloads[] = {workload_of(left, left_seed), workload_of(right, right_seed)};
    struct arrival_source sources[] = {workload_source(workloads[0]),
                                       workload_source(workloads[1])};
    *same_at = *same_input = *same_output = true;
    for (int i = 0; i < 1000; i++) {
        struct arrival a, b;
        struct error error = {0};
        ck_assert_int_eq(sources[0].next(sources[0].context, &a, &error), 1);
        ck_assert_int_eq(sources[1].next(sources[1].context, &b, &error), 1);
        *same_at &= a.at == b.at;
        *same_input &= a.input_tokens == b.input_tokens;
        *same_output &= a.output_tokens == b.output_tokens;
    }
    workload_free(workloads[0]);
    workload_free(workloads[1]);
}

START_TEST(test_streams_leave_each_other_alone)
{
    struct lengths lognormal = {
        .distribution = LENGTH_LOGNORMAL, .mean = 500, .sd = 500, .min = 1, .max = 8192};
    struct synthetic one = poisson(lognormal);
    one.output = lognormal;
    bool same_at, same_input, same_output;

    /* The same seed: the same requests. Another: others. */
    compare(&one, 1, &one, 1, &same_at, &same_input, &same_output);
    ck_assert(same_at && same_input && same_output);
    compare(&one, 1, &one, 2, &same_at, &same_input, &same_output);
    ck_assert(!same_at && !same_input && !same_output);

    /* Inputs that draw more numbers each (rejections) move neither arrivals nor outputs. */
    struct synthetic other = one;
    other.input =
        (struct lengths){.distribution = LENGTH_ZIPF, .exponent = 1.1, .min = 1, .max = 8192};
    compare(&one, 1, &other, 1, &same_at, &same_input, &same_output);
    ck_assert(same_at && !same_input && same_output);

    /* Another arrival process moves no length. */
    other = one;
    other.arrivals = (struct arrivals){.process = ARRIVAL_GAMMA, .rate_per_s = 8, .cv = 3};
    compare(&one, 1, &other, 1, &same_at, &same_input, &same_output);
    ck_assert(!same_at && same_input && same_output);
}
END_TEST

static void assert_refused(struct synthetic synthetic, const char *text)
{
    struct error error = {0};
    ck_assert_ptr_null(workload_new(&synthetic, 1, &error));
    ck_assert_int_eq(error.code, ERROR_CONFIG);
    ck_assert_str_eq(error.text, text);
}

START_TEST(test_impossible_arrivals_are_errors)
{
    assert_refused(with_arrivals((struct arrivals){.process = ARRIVAL_POISSON, .rate_per_s = 0}),
                   "the arrival rate must be above 0, not 0 /s");
    assert_refused(with_arrivals((struct arrivals){.process = ARRIVAL_CONSTANT, .rate_per_s = NAN}),
                   "the arrival rate must be above 0, not nan /s");
    assert_refused(with_arrivals((struct arrivals){.process = ARRIVAL_GAMMA, .rate_per_s = 1}),
                   "cv must be between 0.001 and 1000, not 0");
    assert_refused(with_arrivals((struct arrivals){.process = ARRIVAL_CLOSED_LOOP}),
                   "concurrency must be at least 1");
}
END_TEST

START_TEST(test_prefixes)
{
    /* Of three prefixes of 1,200 tokens, drawn as 1/k: 6, 3 and 2 of 11 prompts. A prompt of 1,500
       begins with pieces of 512, 512 and 176 tokens that no other prefix has; one of 600 with one
       of 512 that is its prefix's and one of 88 that longer prompts do not have. Everything else is
       drawn as without. */
    enum { PREFIXES = 3 };
    struct lengths either = {.distribution = LENGTH_EMPIRICAL,
                             .values = (uint32_t[]){600, 1500},
                             .value_count = 2,
                             .min = 1,
                             .max = 2000};
    struct synthetic synthetic = poisson(either);
    struct workload *plain = workload_of(&synthetic, 1);
    synthetic.prefixes = (struct prefixes){.count = PREFIXES, .tokens = 1200, .exponent = 1};
    struct workload *workload = workload_of(&synthetic, 1);
    struct arrival_source source = workload_source(workload);
    struct arrival_source of_plain = workload_source(plain);
    uint64_t counts[PREFIXES] = {0};
    uint64_t firsts[PREFIXES] = {0};
    struct arrival a, b;
    struct error error;
    ck_assert(source.tells_prefixes && !of_plain.tells_prefixes);
    while (source.next(source.context, &a, &error) > 0) {
        ck_assert_int_eq(of_plain.next(of_plain.context, &b, &error), 1);
        EXPECT(a.at == b.at && a.input_tokens == b.input_tokens && b.piece_count == 0);
        bool is_long = a.input_tokens == 1500;
        EXPECT(a.shared_tokens == (is_long ? 1200 : 600) && a.piece_count == (is_long ? 3 : 2));
        size_t prefix = 0;
        while (counts[prefix] > 0 && firsts[prefix] != a.pieces[0])
            EXPECT(++prefix < PREFIXES);
        firsts[prefix] = a.pieces[0];
        counts[prefix]++;
        EXPECT(a.pieces[1] == firsts[prefix] + 2 * 512 - (is_long ? 0 : 512 - 88));
        EXPECT(!is_long || a.pieces[2] == firsts[prefix] + 4 * 512 - (512 - 176));
    }
    uint64_t most = u64_max(u64_max(counts[0], counts[1]), counts[2]);
    uint64_t least = u64_min(u64_min(counts[0], counts[1]), counts[2]);
    double share_sd = sqrt(6. / 11 * 5 / 11 / REQUESTS);
    ck_assert_double_eq_tol((double)most / REQUESTS, 6. / 11, STANDARD_ERRORS * share_sd);
    ck_assert_double_eq_tol((double)least / REQUESTS, 2. / 11, STANDARD_ERRORS * share_sd);
    workload_free(workload);
    workload_free(plain);
}
END_TEST

START_TEST(test_impossible_prefixes_are_errors)
{
    struct lengths fixed = {.distribution = LENGTH_FIXED, .mean = 10, .min = 1, .max = 1000};
    struct synthetic synthetic = poisson(fixed);
    synthetic.prefixes = (struct prefixes){.count = 2, .tokens = 0};
    assert_refused(synthetic,
                   "prefixes: tokens must be at least 1, and the exponent between 0 and 20");
    synthetic.prefixes = (struct prefixes){.count = 2, .tokens = 5, .exponent = NAN};
    assert_refused(synthetic,
                   "prefixes: tokens must be at least 1, and the exponent between 0 and 20");
}
END_TEST

START_TEST(test_impossible_lengths_are_errors)
{
    assert_refused(poisson((struct lengths){.distribution = LENGTH_UNIFORM, .min = 0, .max = 5}),
                   "input_tokens: min must be at least 1 and at most max, not 0 with max 5");
    assert_refused(poisson((struct lengths){.distribution = LENGTH_UNIFORM, .min = 6, .max = 5}),
                   "input_tokens: min must be at least 1 and at most max, not 6 with max 5");
    assert_refused(poisson((struct lengths){.distribution = LENGTH_FIXED, .min = 1, .max = 5}),
                   "input_tokens: the mean must be above 0, not 0");
    assert_refused(poisson((struct lengths){
                       .distribution = LENGTH_NORMAL, .mean = 1, .sd = -1, .min = 1, .max = 5}),
                   "input_tokens: the standard deviation must be at least 0, not -1");
    assert_refused(
        poisson((struct lengths){.distribution = LENGTH_ZIPF, .exponent = -1, .min = 1, .max = 5}),
        "input_tokens: the exponent must be between 0 and 20, not -1");
    assert_refused(poisson((struct lengths){.distribution = LENGTH_EMPIRICAL, .min = 1, .max = 5}),
                   "input_tokens: an empirical distribution needs values");
}
END_TEST

START_TEST(test_arrivals_beyond_the_clock_are_an_error)
{
    /* One request in 12 days: the ninth (day 108) is beyond the 104 days that are allowed. */
    struct synthetic synthetic =
        with_arrivals((struct arrivals){.process = ARRIVAL_CONSTANT, .rate_per_s = 1 / 1036800.0});
    struct workload *workload = workload_of(&synthetic, 1);
    struct arrival_source source = workload_source(workload);
    struct arrival arrival;
    struct error error = {0};
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(source.next(source.context, &arrival, &error), 1);
    ck_assert_int_eq(source.next(source.context, &arrival, &error), -ERROR_CONFIG);
    workload_free(workload);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_poisson_gaps,
        test_gamma_gaps_have_their_cv,
        test_constant_gaps,
        test_closed_loop_says_its_concurrency,
        test_fixed_lengths,
        test_uniform_lengths,
        test_normal_lengths,
        test_lengths_are_clamped,
        test_lognormal_mean_and_sd_are_the_distributions_own,
        test_zipf_probabilities_are_exact,
        test_empirical_lengths,
        test_streams_leave_each_other_alone,
        test_impossible_arrivals_are_errors,
        test_prefixes,
        test_impossible_prefixes_are_errors,
        test_impossible_lengths_are_errors,
        test_arrivals_beyond_the_clock_are_an_error,
    };
    return suite_run("workload", tests, ARRAY_LENGTH(tests));
}
