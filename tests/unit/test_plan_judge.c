/* Does a verdict follow from the interval, and from nothing less? */
#include "balance_json.h"
#include "json_build.h"
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
        (void)json_array_append_new(array, json_build_real(i % 2 ? mean + spread : mean - spread));
    return array;
}

/* What a run of some batches saw: in each batch by turns less and more. */
struct seen {
    int count;
    double within;
    double spread; /* of that */
    double ttft_s;
    double spread_s; /* of that */
    double growth;   /* share of the load that is left behind */
    double half;     /* give or take */
    double rejected;
    double lost;
    double crowded;
    double kv;
    double requests; /* in all batches; 0: so many that their number leaves nothing open */
};

static void judge_by(const struct slo *by, struct seen seen)
{
    const struct balance balance = {seen.growth, seen.half, 0, 0, 1000, 1600};
    json_t *trials = json_pack(
        "[{s:s, s:f, s:f, s:f, s:f, s:i, s:f, s:o, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:o, s:o, "
        "s:o}]",
        "status", "done", "judged", seen.requests > 0 ? seen.requests : 1e9, "busy", 0.5, "crowded",
        seen.crowded, "kv", seen.kv, "max_sequences", 256, "arriving_tokens_per_s", 1000.0,
        "balance", balance_json_new(&balance), "requests", 60.0, "rejected", seen.rejected, "lost",
        seen.lost, "kv_tokens", 21712.0, "good", 0.97, "requests_per_s", 4.0, "output_tokens_per_s",
        800.0, "within", batches(seen.within, seen.spread, seen.count), "ttft_s",
        batches(seen.ttft_s, seen.spread_s, seen.count), "tpot_s", batches(0.02, 0, seen.count));
    ck_assert_ptr_nonnull(trials);
    plan_judge(trials, by, 0.1, &verdict);
    json_decref(trials);
}

static void judge(struct seen seen)
{
    judge_by(&slo, seen);
}

START_TEST(interval_is_students)
{
    /* Eight batches of 0.3 -+ 0.1: variance 8 x 0.01 / 7, t(0.975, 7) = 2.364624, half width
       t sqrt(variance / 8) = 0.089375; of shares of 0.98 -+ 0.01 a tenth of that. */
    judge(
        (struct seen){.count = 8, .within = 0.98, .spread = 0.01, .ttft_s = 0.3, .spread_s = 0.1});
    ck_assert_double_eq_tol(verdict.ttft_s.mean, 0.3, 1e-12);
    ck_assert_double_eq_tol(verdict.ttft_s.half, 0.089375, 1e-6);
    ck_assert_double_eq_tol(verdict.within.half, 0.0089375, 1e-7);
    ck_assert_double_eq(verdict.tpot_s.half, 0);
}
END_TEST

START_TEST(rounding_is_no_spread)
{
    /* Seven batches of 0.7 sum to other than 7 x 0.7, and their mean is an ulp from 0.7: that is no
       half width, where a millionth of the mean is one. */
    judge((struct seen){.count = 7, .within = 1, .ttft_s = 0.7});
    ck_assert_double_eq(verdict.ttft_s.half, 0);
    judge((struct seen){.count = 7, .within = 1, .ttft_s = 0.7, .spread_s = 0.7e-6});
    ck_assert_double_gt(verdict.ttft_s.half, 0.1e-6);
}
END_TEST

START_TEST(meets_when_the_lower_end_does)
{
    /* 98% less 0.9% is no less than 95%. */
    judge(
        (struct seen){.count = 8, .within = 0.98, .spread = 0.01, .ttft_s = 0.3, .spread_s = 0.1});
    ck_assert_int_eq(verdict.outcome, PLAN_MEETS);
    ck_assert_str_eq(verdict.reason, "");
    ck_assert_int_eq(verdict.figure, PLAN_FIGURE_NONE);
    /* Of TTFT 1 - 0.389 / 0.5 is free, of TPOT 1 - 0.02 / 0.05: the smaller counts. */
    ck_assert_double_eq_tol(verdict.margin, 1 - 0.389375 / 0.5, 1e-5);
}
END_TEST

START_TEST(is_unproven_between)
{
    /* 95.5% +- 0.9% crosses 95%: not bought, and the reason says by which latency. */
    judge((struct seen){
        .count = 8, .within = 0.955, .spread = 0.01, .ttft_s = 0.42, .spread_s = 0.1});
    ck_assert_int_eq(verdict.outcome, PLAN_UNPROVEN);
    ck_assert_ptr_nonnull(strstr(verdict.reason, "TTFT p95 420 ms +- 89.4 ms against 500 ms"));
}
END_TEST

START_TEST(misses_when_the_upper_end_does)
{
    /* 92% and 0.9% are less than 95%. */
    judge(
        (struct seen){.count = 8, .within = 0.92, .spread = 0.01, .ttft_s = 0.6, .spread_s = 0.1});
    ck_assert_int_eq(verdict.outcome, PLAN_MISSES);
    ck_assert_int_eq(verdict.figure, PLAN_FIGURE_TTFT);
    ck_assert_double_lt(verdict.margin, 0);
}
END_TEST

START_TEST(both_limits_are_to_be_met_together)
{
    /* Either latency is within its limit for 95%, both are for 92%: that is a miss. */
    judge((struct seen){.count = 8, .within = 0.92, .ttft_s = 0.3});
    ck_assert_int_eq(verdict.outcome, PLAN_MISSES);
    ck_assert_str_eq(verdict.reason,
                     "92.0% +- 0.0% of the requests are within the SLO less 10%, 95% must be");
}
END_TEST

START_TEST(no_share_is_beyond_all)
{
    /* Eight batches of 98% -+ 5%: by their spread up to 102.5%. What is said of it ends at 100%. */
    judge((struct seen){.count = 8, .within = 0.98, .spread = 0.05, .ttft_s = 0.3});
    ck_assert_int_eq(verdict.outcome, PLAN_UNPROVEN);
    ck_assert_double_gt(verdict.within.mean + verdict.within.half, 1);
    ck_assert_ptr_nonnull(
        strstr(verdict.reason, "98.0% (93.5% to 100.0%) of the requests are within"));
}
END_TEST

START_TEST(refusals_are_misses)
{
    /* Who is served is served well; 8% are not. No latency tells how near it came. */
    judge((struct seen){.count = 8, .within = 0.91, .ttft_s = 0.1, .rejected = 0.06, .lost = 0.02});
    ck_assert_int_eq(verdict.outcome, PLAN_MISSES);
    ck_assert_int_eq(verdict.figure, PLAN_FIGURE_REFUSED);
    ck_assert(isnan(verdict.margin));
    ck_assert_ptr_nonnull(strstr(verdict.reason, "rejects 6.0% of the requests: KV holds 21,712 "
                                                 "tokens; loses 2.0% of the requests"));
    /* A model that takes no more than so many tokens may be why, too. */
    char text[PLAN_REASON_BYTES];
    verdict.context_tokens = 4096;
    plan_judge_refusals(&verdict, text);
    ck_assert_ptr_nonnull(strstr(text, "KV holds 21,712 tokens, the model's context 4,096; loses"));
    /* At p95 a few may be rejected. */
    judge((struct seen){.count = 8, .within = 0.97, .ttft_s = 0.1, .rejected = 0.02});
    ck_assert_int_eq(verdict.outcome, PLAN_MEETS);
}
END_TEST

START_TEST(what_sequences_hold_back_is_said)
{
    /* 60% of the load, while requests wait half of the time for one of 256 sequences and KV is
       never more than 45% full: the engine's key is named; not where KV is full, nor of what meets.
     */
    static const char said[] = "serves 60% of the load; requests wait 50% of the time for one of "
                               "256 sequences, KV 45% used: raise engine.max_sequences";
    struct seen seen = {.count = 8, .within = 0.5, .ttft_s = 0.6, .growth = 0.4, .half = 0.01};
    seen.crowded = 0.5;
    seen.kv = 0.45;
    judge(seen);
    ck_assert_int_eq(verdict.outcome, PLAN_SATURATED);
    ck_assert_str_eq(verdict.reason, said);
    seen.kv = 1;
    judge(seen);
    ck_assert_str_eq(verdict.reason, "serves 60% of the load");
    judge((struct seen){.count = 8, .within = 1, .ttft_s = 0.1, .crowded = 0.5, .kv = 0.45});
    ck_assert_str_eq(verdict.reason, "");
}
END_TEST

START_TEST(what_serves_nothing_misses)
{
    /* There is no latency of requests of which none was served: that is no reason to buy it. */
    judge((struct seen){.count = 8, .within = 0, .ttft_s = NAN, .lost = 1});
    ck_assert_int_eq(verdict.outcome, PLAN_MISSES);
    ck_assert_int_eq(verdict.figure, PLAN_FIGURE_REFUSED);
}
END_TEST

START_TEST(too_few_requests_tell_nothing)
{
    /* No batch: nothing to judge, whatever the balance says. */
    judge((struct seen){.count = 0});
    ck_assert_int_eq(verdict.outcome, PLAN_TOO_SHORT);
    ck_assert_ptr_nonnull(
        strstr(verdict.reason, "too short to tell from 60 requests; about 1,000"));
}
END_TEST

START_TEST(one_batch_proves_nothing)
{
    /* There is no spread to judge by: however low the latency, it is unproven. */
    judge((struct seen){.count = 1, .within = 1, .ttft_s = 0.01});
    ck_assert(isinf(verdict.ttft_s.half));
    ck_assert_int_eq(verdict.outcome, PLAN_UNPROVEN);
}
END_TEST

START_TEST(few_requests_leave_rare_ones_open)
{
    /* That 400 of 400 are within leaves open whether 1 / (1 + 1.96^2 / 400) = 99.05% are, 4,000 of
       4,000 99.904%: only the former is below 99.5%. */
    const struct slo strict = {.ttft_s = 0.5, .percentile = 99.5};
    judge_by(&strict, (struct seen){.count = 8, .within = 1, .ttft_s = 0.1, .requests = 400});
    ck_assert_double_eq_tol(verdict.within.half, 0.0095123, 1e-7);
    ck_assert_int_eq(verdict.outcome, PLAN_TOO_SHORT);
    /* 1.96^2 x 0.995 / 0.005 = 764.5 would, nine tenths of a run's, for the rest settles. */
    ck_assert_str_eq(verdict.reason,
                     "runs too short to tell from 60 requests; about 850 requests would");
    judge_by(&strict, (struct seen){.count = 8, .within = 1, .ttft_s = 0.1, .requests = 4000});
    ck_assert_int_eq(verdict.outcome, PLAN_MEETS);
}
END_TEST

START_TEST(all_requests_are_those_that_were_simulated)
{
    /* That 100% are within the SLO, no number of requests could prove. */
    const struct slo all = {.ttft_s = 0.5, .percentile = 100};
    judge_by(&all, (struct seen){.count = 8, .within = 1, .ttft_s = 0.1, .requests = 400});
    ck_assert_int_eq(verdict.outcome, PLAN_MEETS);
    judge_by(&all, (struct seen){.count = 8, .within = 0.99, .ttft_s = 0.1, .requests = 400});
    ck_assert_int_eq(verdict.outcome, PLAN_MISSES);
}
END_TEST

START_TEST(saturation_outweighs_latency)
{
    /* Low latencies of a run that does not keep up are luck: 10% of what arrives is left behind. */
    judge((struct seen){.count = 8, .within = 1, .ttft_s = 0.01, .growth = 0.1, .half = 0.04});
    ck_assert_int_eq(verdict.outcome, PLAN_SATURATED);
    ck_assert_str_eq(verdict.reason, "serves 90% of the load");
    ck_assert_double_eq_tol(verdict.served, 0.9, 1e-12);
    ck_assert_int_eq(verdict.figure, PLAN_FIGURE_THROUGHPUT);
    ck_assert(isnan(verdict.margin));
}
END_TEST

START_TEST(what_is_served_is_not_how_long_the_run_was)
{
    /* A run that goes on after its last arrival completes 800 of 1,000 tokens a second; where
       nothing is left behind, it serves all of the load, and not more where what waits grows
       less. What too few requests arrive to tell, nobody knows. */
    judge((struct seen){.count = 8, .within = 1, .ttft_s = 0.1});
    ck_assert_double_eq(verdict.served, 1);
    judge((struct seen){.count = 8, .within = 1, .ttft_s = 0.1, .growth = -0.02});
    ck_assert_double_eq(verdict.served, 1);
    judge((struct seen){.count = 8, .within = 1, .ttft_s = 0.1, .growth = NAN});
    ck_assert(isnan(verdict.served));
}
END_TEST

START_TEST(what_cannot_be_told_is_not_bought)
{
    /* 2% +- 10% of the load may be 12%, beyond all tolerance: low latencies prove nothing; 1,000
       requests x (10% / 8%)^2 would. High ones are a miss whether it keeps up or not. */
    judge((struct seen){.count = 8, .within = 1, .ttft_s = 0.01, .growth = 0.02, .half = 0.1});
    ck_assert_int_eq(verdict.outcome, PLAN_TOO_SHORT);
    ck_assert_ptr_nonnull(strstr(verdict.reason, "too short to tell"));
    ck_assert_ptr_nonnull(strstr(verdict.reason, "about 1,600 requests"));
    ck_assert(isnan(verdict.margin));
    judge((struct seen){.count = 8, .within = 0.9, .ttft_s = 0.6, .growth = 0.02, .half = 0.1});
    ck_assert_int_eq(verdict.outcome, PLAN_MISSES);
}
END_TEST

START_TEST(what_lasts_is_without_the_end)
{
    /* 1,000 tokens/s arrive and 800 a second are done over a run that goes on after them: where it
       keeps up, it serves the 1,000, 1,000 / 800 times as busy. Where it does not, the 800. */
    judge((struct seen){.count = 8, .within = 1, .ttft_s = 0.3});
    ck_assert_double_eq(verdict.lasting_tokens_per_s, 1000);
    ck_assert_double_eq_tol(verdict.lasting_busy, 0.5 * 1000 / 800, 1e-12);
    judge((struct seen){.count = 8, .within = 1, .ttft_s = 0.3, .growth = 0.1, .half = 0.04});
    ck_assert_double_eq(verdict.lasting_tokens_per_s, 800);
    ck_assert_double_eq(verdict.lasting_busy, 0.5);
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
        rounding_is_no_spread,
        meets_when_the_lower_end_does,
        is_unproven_between,
        misses_when_the_upper_end_does,
        both_limits_are_to_be_met_together,
        no_share_is_beyond_all,
        refusals_are_misses,
        what_sequences_hold_back_is_said,
        what_serves_nothing_misses,
        too_few_requests_tell_nothing,
        one_batch_proves_nothing,
        few_requests_leave_rare_ones_open,
        all_requests_are_those_that_were_simulated,
        saturation_outweighs_latency,
        what_is_served_is_not_how_long_the_run_was,
        what_cannot_be_told_is_not_bought,
        what_lasts_is_without_the_end,
        failure_says_why,
    };
    return suite_run("plan_judge", tests, ARRAY_LENGTH(tests));
}
