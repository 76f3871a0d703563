/*
 * Does a run warn of what went wrong in it, with the number, and of nothing else?
 */
#include "run_warnings.h"
#include "suite.h"

#include <string.h>

#define STAGES 2

/* What a good run of two stages shows: 95% busy, no queue to speak of. */
static struct summary good_run(struct stage_summary stages[STAGES])
{
    for (uint32_t s = 0; s < STAGES; s++)
        stages[s] = (struct stage_summary){
            .stage = s, .busy_compute = 0.9, .busy_collective = 0.05, .idle_fill_drain = 0.05};
    return (struct summary){
        .arrived = 1000,
        .completed = 1000,
        .duration_s = 100,
        .queue = {.p95 = 0.1},
        .stages = stages,
        .stage_count = STAGES,
        .pools = {{.role = "both", .pipeline_parallel = STAGES, .replicas = 1}},
        .pool_count = 1,
        .kv_capacity_tokens = 50000,
    };
}

/* Expectation: exactly these warnings, in order; the texts have these parts. */
static void check_warnings_with_room(const struct summary *summary, double arrival_span_s,
                                     double room_share, const char *const expected[][2],
                                     uint32_t count)
{
    struct warning warnings[RUN_WARNINGS_MAX];
    ck_assert_uint_eq(run_warnings_of(summary, arrival_span_s, room_share, warnings), count);
    for (uint32_t i = 0; i < count; i++) {
        ck_assert_str_eq(warnings[i].code, expected[i][0]);
        ck_assert_msg(strstr(warnings[i].text, expected[i][1]), "'%s' is not in '%s'",
                      expected[i][1], warnings[i].text);
    }
}

/* The same where the pool that decodes, if there is one, has room. */
static void check_warnings(const struct summary *summary, double arrival_span_s,
                           const char *const expected[][2], uint32_t count)
{
    check_warnings_with_room(summary, arrival_span_s, 0, expected, count);
}

START_TEST(a_good_run_has_none)
{
    struct stage_summary stages[STAGES];
    struct summary summary = good_run(stages);
    check_warnings(&summary, 100, NULL, 0);
}
END_TEST

START_TEST(bubbles_are_shares_of_the_working_time)
{
    /* Expectation: half of the time there was no work; of the other half 60% was work and 40%
     * bubbles, so that two stages did the work of 1.2. */
    struct stage_summary stages[STAGES];
    struct summary summary = good_run(stages);
    for (uint32_t s = 0; s < STAGES; s++)
        stages[s] =
            (struct stage_summary){.busy_compute = 0.3, .idle_imbalance = 0.2, .idle_no_work = 0.5};
    const char *const expected[][2] = {{"pipeline_bubbles", "bubbles took 40%: 2 stages"}};
    check_warnings(&summary, 100, expected, 1);
    const char *const work[][2] = {{"pipeline_bubbles", "the work of 1.2"}};
    check_warnings(&summary, 100, work, 1);
}
END_TEST

/* Two pools: one replica of two stages that prefill, and others that decode. */
static struct summary run_of_pools(struct stage_summary *stages, uint32_t decode_stages,
                                   uint32_t decode_replicas)
{
    struct summary summary = good_run(stages);
    summary.pools[0] =
        (struct pool_summary){.role = "prefill", .pipeline_parallel = STAGES, .replicas = 1};
    summary.pools[1] = (struct pool_summary){.role = "decode",
                                             .pipeline_parallel = decode_stages,
                                             .replicas = decode_replicas,
                                             .first_replica = 1};
    summary.pool_count = 2;
    summary.stage_count = STAGES + decode_stages * decode_replicas;
    return summary;
}

START_TEST(each_pools_bubbles_are_its_own)
{
    /* Expectation: the two stages that prefill, of whose time 60% was work and 40% bubbles, did the
     * work of 1.2, whatever three replicas of one stage did meanwhile, which know no bubbles. A
     * second pool of two stages has a warning of its own. */
    struct stage_summary stages[5];
    struct summary summary = run_of_pools(stages, 1, 3);
    for (uint32_t s = 0; s < 2; s++)
        stages[s] = (struct stage_summary){.busy_compute = 0.6, .idle_imbalance = 0.4};
    for (uint32_t s = 2; s < 5; s++)
        stages[s] = (struct stage_summary){.replica = s - 1, .busy_compute = 1};
    const char *const expected[][2] = {
        {"pipeline_bubbles", "stages that prefill worked 60% of the time and bubbles took 40%: 2 "
                             "stages do the work of 1.2"}};
    check_warnings(&summary, 100, expected, 1);
    for (uint32_t s = 0; s < 2; s++)
        stages[s] = (struct stage_summary){.busy_compute = 1};
    for (uint32_t s = 2; s < 5; s++)
        stages[s] = (struct stage_summary){
            .replica = s - 1, .busy_compute = 0.1, .idle_transfer = 0.4, .idle_fill_drain = 0.5};
    check_warnings(&summary, 100, NULL, 0);

    summary = run_of_pools(stages, 2, 1);
    for (uint32_t s = 0; s < 4; s++)
        stages[s] =
            (struct stage_summary){.replica = s / 2, .busy_compute = 0.7, .idle_fill_drain = 0.3};
    const char *const both[][2] = {{"pipeline_bubbles", "stages that prefill"},
                                   {"pipeline_starved", "2 stages that prefill"},
                                   {"pipeline_bubbles", "stages that decode"},
                                   {"pipeline_starved", "2 stages that decode"}};
    check_warnings(&summary, 100, both, 4);
}
END_TEST

START_TEST(a_power_limit_counts_where_there_is_work)
{
    /* Half of the time there was no work; of a stage's other half the limit took a tenth, which the
       other stage, which only decodes, makes no less; or a fiftieth. */
    struct stage_summary stages[STAGES];
    struct summary summary = good_run(stages);
    const char *const expected[][2] = {{"power_capped", "cost a stage 10% of the time"}};
    for (uint32_t s = 0; s < STAGES; s++)
        stages[s] = (struct stage_summary){.busy_compute = 0.5, .idle_no_work = 0.5};
    stages[1].power_capped = 0.05;
    check_warnings(&summary, 100, expected, 1);
    stages[1].power_capped = 0.01;
    check_warnings(&summary, 100, NULL, 0);
}
END_TEST

START_TEST(a_starved_pipeline_is_told_apart)
{
    /* Expectation: most of the bubbles, 24 of 30 points, are fill and drain. */
    struct stage_summary stages[STAGES];
    struct summary summary = good_run(stages);
    for (uint32_t s = 0; s < STAGES; s++)
        stages[s] = (struct stage_summary){
            .busy_compute = 0.7, .idle_fill_drain = 0.24, .idle_transfer = 0.06};
    const char *const expected[][2] = {{"pipeline_bubbles", "bubbles took 30%"},
                                       {"pipeline_starved", "80% of the bubbles"}};
    check_warnings(&summary, 100, expected, 2);
    /* Where requests are preempted, there is no want of them. */
    const char *const crowded[][2] = {{"pipeline_bubbles", "bubbles took 30%"},
                                      {"kv_preemptions", "1 preemptions"}};
    summary.preemptions = 1;
    check_warnings(&summary, 100, crowded, 2);
}
END_TEST

START_TEST(a_single_stage_has_no_bubbles)
{
    struct stage_summary stages[STAGES];
    struct summary summary = good_run(stages);
    stages[0] = (struct stage_summary){.busy_compute = 0.5, .idle_host = 0.5};
    summary.stage_count = 1;
    summary.pools[0].pipeline_parallel = 1;
    check_warnings(&summary, 100, NULL, 0);
}
END_TEST

START_TEST(a_replica_without_work_is_no_bubble)
{
    struct stage_summary stages[STAGES];
    struct summary summary = good_run(stages);
    for (uint32_t s = 0; s < STAGES; s++)
        stages[s] = (struct stage_summary){.stage = s, .idle_no_work = 1};
    summary.queue.p95 = NAN;
    check_warnings(&summary, 0, NULL, 0);
}
END_TEST

START_TEST(preemptions_are_counted)
{
    struct stage_summary stages[STAGES];
    struct summary summary = good_run(stages);
    summary.preemptions = 17;
    const char *const expected[][2] = {
        {"kv_preemptions", "17 preemptions among 1000 requests: KV for 50000 tokens"}};
    check_warnings(&summary, 100, expected, 1);
}
END_TEST

START_TEST(places_that_bind_are_named)
{
    /* Expectation: where requests waited half of the time for one of 256 places, and KV was never
       more than 45% used, the places are too few. Where KV was nearly used up as well, more of them
       would have had none; and 5% of the time is no bottleneck. */
    struct stage_summary stages[STAGES];
    struct summary summary = good_run(stages);
    struct pool_summary *pool = &summary.pools[0];
    pool->max_sequences = 256;
    pool->crowded = 0.5;
    pool->kv_peak_fraction = 0.45;
    const char *const expected[][2] = {
        {"sequences_full", "waited 50% of the time for one of the 256 places of max_sequences, "
                           "with KV 45% used at the peak: a larger engine.max_sequences"}};
    check_warnings(&summary, 100, expected, 1);
    pool->kv_peak_fraction = 0.95;
    check_warnings(&summary, 100, NULL, 0);
    pool->kv_peak_fraction = 0.45;
    pool->crowded = 0.05;
    check_warnings(&summary, 100, NULL, 0);
}
END_TEST

START_TEST(rejections_are_counted)
{
    struct stage_summary stages[STAGES];
    struct summary summary = good_run(stages);
    summary.rejected = 3;
    const char *const expected[][2] = {{"requests_rejected", "3 of 1000 requests"}};
    check_warnings(&summary, 100, expected, 1);
}
END_TEST

START_TEST(requests_beyond_the_context_are_counted)
{
    /* Expectation: two of the three rejected were too long for the model, which one warning says,
       with the outputs that were cut; the other says it of the third. */
    struct stage_summary stages[STAGES];
    struct summary summary = good_run(stages);
    summary.max_context = 4096;
    summary.rejected = 3;
    summary.too_long = 2;
    summary.cut = 5;
    const char *const expected[][2] = {
        {"requests_rejected", "1 of 1000 requests"},
        {"context_exceeded", "4096 tokens (max_context): of 1000 requests 2 are rejected"}};
    check_warnings(&summary, 100, expected, 2);
    summary.rejected = 2;
    const char *const alone[][2] = {{"context_exceeded", "the output of 5 is cut"}};
    check_warnings(&summary, 100, alone, 1);
}
END_TEST

START_TEST(losses_are_counted)
{
    struct stage_summary stages[STAGES];
    struct summary summary = good_run(stages);
    summary.lost = 7;
    const char *const expected[][2] = {{"requests_lost", "7 of 1000 requests were lost"}};
    check_warnings(&summary, 100, expected, 1);
}
END_TEST

START_TEST(a_warm_up_that_leaves_nothing_is_told)
{
    struct stage_summary stages[STAGES];
    struct summary summary = good_run(stages);
    summary.arrived = 0;
    summary.completed = 0;
    summary.warmup = 1000;
    const char *const expected[][2] = {{"nothing_counted", "all 1000 requests arrived within"}};
    check_warnings(&summary, 0, expected, 1);
    /* So is a duration that ends before the first request. */
    summary.warmup = 0;
    const char *const none[][2] = {{"nothing_counted", "no request arrived within run.duration"}};
    check_warnings(&summary, 0, none, 1);
}
END_TEST

START_TEST(overload_shows_in_the_queue_and_after_the_last_arrival)
{
    /* Expectation: warned where a run goes on for over 10% after its arrivals and the queue is over
     * a second at p95; either alone is no overload, nor is a closed loop. */
    struct stage_summary stages[STAGES];
    struct summary summary = good_run(stages);
    summary.duration_s = 130;
    check_warnings(&summary, 100, NULL, 0);
    summary.queue.p95 = 20;
    const char *const expected[][2] = {
        {"overloaded", "arrivals took 100 s and serving them 130 s, with a p95 of 20.0 s"}};
    check_warnings(&summary, 100, expected, 1);
    check_warnings(&summary, 125, NULL, 0);
    check_warnings(&summary, 0, NULL, 0);
}
END_TEST

START_TEST(overload_shows_in_the_wait_for_kv)
{
    /* Expectation: what piles up between the pools is as much of an overload as the queue; the
       longer wait is named, and short ones of each are none. */
    struct stage_summary stages[STAGES];
    struct summary summary = good_run(stages);
    summary.duration_s = 130;
    summary.kv_transfer.wait = (struct distribution){.count = 1000, .p95 = 0.9};
    check_warnings(&summary, 100, NULL, 0);
    summary.kv_transfer.wait.p95 = 113;
    const char *const kv[][2] = {
        {"overloaded", "a p95 of 113.0 s from a request's first token to"}};
    check_warnings(&summary, 100, kv, 1);
    summary.queue.p95 = 200;
    const char *const queue[][2] = {{"overloaded", "a p95 of 200.0 s in the queue"}};
    check_warnings(&summary, 100, queue, 1);
}
END_TEST

START_TEST(a_full_pool_that_decodes_is_named)
{
    /* Expectation: warned where those that prefill wait for it a tenth of the time or more. */
    struct stage_summary stages[STAGES];
    struct summary summary = good_run(stages);
    summary.kv_peak_fraction = 0.25;
    check_warnings_with_room(&summary, 100, 0.09, NULL, 0);
    const char *const expected[][2] = {
        {"decode_pool_full", "waited 40% of the time for room in the pool that decodes (KV there "
                             "25% used at the peak)"}};
    check_warnings_with_room(&summary, 100, 0.4, expected, 1);
}
END_TEST

START_TEST(a_link_that_bounds_its_stages_is_named)
{
    /* Expectation: the link whose doubling saves most is named, with what it saves; one that saves
     * little is no bottleneck, however busy. */
    struct stage_summary stages[STAGES];
    struct summary summary = good_run(stages);
    struct link_summary links[] = {
        {.name = "busy", .utilization = 0.9, .twice_saves = 0.05},
        {.name = "narrow", .utilization = 0.5, .waited_s = 20, .twice_saves = 0.25},
    };
    summary.links = links;
    summary.link_count = 1;
    check_warnings(&summary, 100, NULL, 0);
    summary.link_count = 2;
    const char *const expected[][2] = {{"link_bottleneck", "narrow bounds the stages"}};
    check_warnings(&summary, 100, expected, 1);
    const char *const saving[][2] = {{"link_bottleneck", "about 25% less time"}};
    check_warnings(&summary, 100, saving, 1);
}
END_TEST

START_TEST(everything_at_once_has_room)
{
    struct stage_summary stages[2 * STAGES];
    struct summary summary = run_of_pools(stages, STAGES, 1);
    struct link_summary link = {.name = "narrow", .twice_saves = 0.4};
    summary.links = &link;
    summary.link_count = 1;
    for (uint32_t s = 0; s < 2 * STAGES; s++)
        stages[s] = (struct stage_summary){.replica = s / STAGES,
                                           .busy_compute = 0.1,
                                           .idle_fill_drain = 0.9,
                                           .power_capped = 0.05};
    summary.rejected = 1;
    summary.lost = 1;
    summary.cut = 1;
    summary.pools[0].crowded = 0.5;
    summary.duration_s = 1000;
    summary.queue.p95 = 500;
    struct warning warnings[RUN_WARNINGS_MAX];
    ck_assert_uint_eq(run_warnings_of(&summary, 100, 0.5, warnings), RUN_WARNINGS_MAX);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_good_run_has_none,
        bubbles_are_shares_of_the_working_time,
        each_pools_bubbles_are_its_own,
        a_power_limit_counts_where_there_is_work,
        a_starved_pipeline_is_told_apart,
        a_single_stage_has_no_bubbles,
        a_replica_without_work_is_no_bubble,
        preemptions_are_counted,
        places_that_bind_are_named,
        rejections_are_counted,
        requests_beyond_the_context_are_counted,
        losses_are_counted,
        a_warm_up_that_leaves_nothing_is_told,
        overload_shows_in_the_queue_and_after_the_last_arrival,
        overload_shows_in_the_wait_for_kv,
        a_full_pool_that_decodes_is_named,
        a_link_that_bounds_its_stages_is_named,
        everything_at_once_has_room,
    };
    return suite_run("run warnings", tests, ARRAY_LENGTH(tests));
}
