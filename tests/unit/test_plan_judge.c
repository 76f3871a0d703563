/* Does a verdict follow from the interval, and from nothing less? */
#include "balance_json.h"
#include "plan_judge.h"

#include "../suite.h"

#include <math.h>
#include <string.h>

static const struct slo slo = {.ttft_s = 0.5, .tpot_s = 0.05, .percentile = 95};
static struct plan_verdict verdict;

static json_t *batches(double mean, double spread, int count)
{
    json_t *array = json_array();
    for (int i = 0; i < count; i++)
        (void)json_array_append_new(array, json_real(i % 2 ? mean + spread : mean - spread));
    return array;
}

/*
 * Judges one trial of `count` batches whose TTFT lies `spread_s` around `ttft_s` in turn; `growth`
 * of the load, give or take `half` of it, is left behind.
 */
static void judge_growing(double ttft_s, double spread_s, int count, double growth, double half)
{
    const struct balance balance = {growth, half, 0, 1000, 1600};
    json_t *trials = json_pack("[{s:s, s:o, s:f, s:f, s:f, s:f, s:o, s:o}]", "status", "done",
                               "balance", balance_json_new(&balance), "served", 0.8, "good", 0.97,
                               "requests_per_s", 4.0, "output_tokens_per_s", 800.0, "ttft_s",
                               batches(ttft_s, spread_s, count), "tpot_s", batches(0.02, 0, count));
    ck_assert_ptr_nonnull(trials);
    plan_judge(trials, &slo, 0.1, &verdict);
    json_decref(trials);
}

/* The same, of a system that keeps up. */
static void judge(double ttft_s, double spread_s, int count)
{
    judge_growing(ttft_s, spread_s, count, 0, 0);
}

START_TEST(interval_is_students)
{
    /* Eight batches of 0.3 -+ 0.1: variance 8 x 0.01 / 7, t(0.975, 7) = 2.364624, half width
       t sqrt(variance / 8) = 0.089375. */
    judge(0.3, 0.1, 8);
    ck_assert_double_eq_tol(verdict.ttft_s.mean, 0.3, 1e-12);
    ck_assert_double_eq_tol(verdict.ttft_s.half, 0.089375, 1e-6);
    ck_assert_double_eq(verdict.tpot_s.half, 0);
}
END_TEST

START_TEST(meets_when_the_upper_end_does)
{
    /* 0.3 + 0.09 is under 0.5 less 10%. */
    judge(0.3, 0.1, 8);
    ck_assert_int_eq(verdict.outcome, PLAN_MEETS);
    ck_assert_str_eq(verdict.reason, "");
    ck_assert_int_eq(verdict.figure, PLAN_FIGURE_NONE);
    /* Of TTFT 1 - 0.389 / 0.5 is free, of TPOT 1 - 0.02 / 0.05: the smaller counts. */
    ck_assert_double_eq_tol(verdict.margin, 1 - 0.389375 / 0.5, 1e-5);
}
END_TEST

START_TEST(is_unproven_between)
{
    /* 0.42 +- 0.09 crosses 0.45: not bought, and the reason says by what. */
    judge(0.42, 0.1, 8);
    ck_assert_int_eq(verdict.outcome, PLAN_UNPROVEN);
    ck_assert_ptr_nonnull(strstr(verdict.reason, "TTFT p95 420 ms +- 89.4 ms against 500 ms"));
}
END_TEST

START_TEST(misses_when_the_lower_end_does)
{
    /* 0.6 - 0.09 is above 0.45. */
    judge(0.6, 0.1, 8);
    ck_assert_int_eq(verdict.outcome, PLAN_MISSES);
    ck_assert_int_eq(verdict.figure, PLAN_FIGURE_TTFT);
    ck_assert_double_lt(verdict.margin, 0);
}
END_TEST

START_TEST(one_batch_proves_nothing)
{
    /* There is no spread to judge by: however low the latency, it is unproven. */
    judge(0.01, 0, 1);
    ck_assert(isinf(verdict.ttft_s.half));
    ck_assert_int_eq(verdict.outcome, PLAN_UNPROVEN);
}
END_TEST

START_TEST(saturation_outweighs_latency)
{
    /* Low latencies of a run that does not keep up are luck. */
    judge_growing(0.01, 0, 8, 0.1, 0.04);
    ck_assert_int_eq(verdict.outcome, PLAN_SATURATED);
    ck_assert_str_eq(verdict.reason, "serves 80% of the load");
    ck_assert_int_eq(verdict.figure, PLAN_FIGURE_THROUGHPUT);
    ck_assert(isnan(verdict.margin));
}
END_TEST

START_TEST(what_cannot_be_told_is_not_bought)
{
    /* 2% +- 10% of the load may be 12%, beyond all tolerance: low latencies prove nothing; 1,000
       requests x (10% / 8%)^2 would. High ones are a miss whether it keeps up or not. */
    judge_growing(0.01, 0, 8, 0.02, 0.1);
    ck_assert_int_eq(verdict.outcome, PLAN_TOO_SHORT);
    ck_assert_ptr_nonnull(strstr(verdict.reason, "too short to tell"));
    ck_assert_ptr_nonnull(strstr(verdict.reason, "about 1,600 requests"));
    ck_assert(isnan(verdict.margin));
    judge_growing(0.6, 0.1, 8, 0.02, 0.1);
    ck_assert_int_eq(verdict.outcome, PLAN_MISSES);
}
END_TEST

START_TEST(failure_says_why)
{
    /* One failed run among others fails the option. */
    json_t *trials = json_pack("[{s:s, s:s}]", "status", "failed", "error", "does not fit");
    plan_judge(trials, &slo, 0.1, &verdict);
    ck_assert_int_eq(verdict.outcome, PLAN_FAILED);
    ck_assert_str_eq(verdict.reason, "does not fit");
    json_decref(trials);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        interval_is_students,
        meets_when_the_upper_end_does,
        is_unproven_between,
        misses_when_the_lower_end_does,
        one_batch_proves_nothing,
        saturation_outweighs_latency,
        what_cannot_be_told_is_not_bought,
        failure_says_why,
    };
    return suite_run("plan_judge", tests, sizeof(tests) / sizeof(*tests));
}
