/* Does a meter show what a system makes while requests wait, whatever the run's ends? */
#include "backlog_meter.h"

#include "../suite.h"

#define SLOTS 8

static struct error error;

/* The tokens/s of `count` requests, all there at 0, that SLOTS slots serve for so long each, a
   hundredth of it for the prompt; the last one takes `longest_s`. */
static double read_run(int count, double service_s, double longest_s, uint32_t output_tokens)
{
    struct backlog_meter meter;
    backlog_meter_init(&meter);
    struct recorder recorder = backlog_meter_recorder(&meter);
    for (int i = 0; i < count; i++) {
        double from_s = service_s * (i / SLOTS) + service_s * (i % SLOTS) / SLOTS;
        double lasts_s = i + 1 < count ? service_s : longest_s;
        union record records[] = {
            {.type = RECORD_STEP},
            {.request = {.type = RECORD_REQUEST,
                         .scheduled = sim_ps_from_s(from_s),
                         .first_token = sim_ps_from_s(from_s + service_s / 100),
                         .done = sim_ps_from_s(from_s + lasts_s),
                         .output_tokens = output_tokens}},
        };
        ck_assert_int_eq(recorder.record(recorder.context, records, 2, &error), 0);
    }
    double tokens_per_s = backlog_meter_tokens_per_s(&meter);
    backlog_meter_release(&meter);
    return tokens_per_s;
}

START_TEST(rate_of_full_slots)
{
    /* Expect 8 slots x 101 tokens in 2 s. */
    ck_assert_double_eq_tol(read_run(1000, 2, 2, 101), SLOTS * 101 / 2.0, 0.01);
}
END_TEST

START_TEST(longest_request_does_not_count)
{
    /* Expect the same although the last request takes as long as all others together. */
    ck_assert_double_eq_tol(read_run(1000, 2, 250, 101), SLOTS * 101 / 2.0, 0.01);
}
END_TEST

START_TEST(single_tokens_count)
{
    /* Expect a token each of requests that have but one. */
    ck_assert_double_eq_tol(read_run(1000, 2, 2, 1), SLOTS / 2.0, 0.01);
}
END_TEST

START_TEST(one_start_is_a_whole_run)
{
    /* Expect 11 tokens in the 5 s that the only request takes. */
    ck_assert_double_eq_tol(read_run(1, 2, 5, 11), 2.2, 1e-9);
}
END_TEST

START_TEST(nothing_was_served)
{
    /* Expect no tokens of no requests. */
    struct backlog_meter meter;
    backlog_meter_init(&meter);
    ck_assert_double_eq(backlog_meter_tokens_per_s(&meter), 0);
    backlog_meter_release(&meter);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {rate_of_full_slots, longest_request_does_not_count,
                                  single_tokens_count, one_start_is_a_whole_run,
                                  nothing_was_served};
    return suite_run("backlog_meter", tests, ARRAY_LENGTH(tests));
}
