/*
 * A run that begins late, as a trace does that was cut from a longer one: is it
 * told as the same run that begins at 0?
 */
#include "fixtures.h"
#include "play.h"
#include "suite.h"

#define REQUESTS 40
#define LATE_S 1000000

/* Two stages that send over a network, on each of two replicas. */
static struct scenario two_pipelines(void)
{
    const struct layout_spec layout = {.tensor_parallel = 1,
                                       .pipeline_parallel = 2,
                                       .replicas = 2,
                                       .placement = LAYOUT_PLACEMENT_SPREAD,
                                       .router = ROUTER_LEAST_OUTSTANDING};
    struct scenario scenario = fixture_scenario(4, layout);
    scenario.serving.host.send_tensors = 1;
    return scenario;
}

/* Requests a tenth of a second apart from `start_s` on; a node is down from half a second before
   them to a second after the first. */
static struct played run_from(int64_t start_s)
{
    struct scenario scenario = two_pipelines();
    struct arrival arrivals[REQUESTS];
    sim_ps start = start_s * SIM_PS_PER_S;
    struct fault fault = {.from = sim_ps_max(start - SIM_PS_PER_S / 2, 0),
                          .until = start + SIM_PS_PER_S,
                          .target = FAULT_NODE,
                          .index = 0};
    scenario.faults = &fault;
    scenario.fault_count = 1;
    for (int i = 0; i < REQUESTS; i++)
        arrivals[i] = (struct arrival){
            .at = start + i * (SIM_PS_PER_S / 10), .input_tokens = 500, .output_tokens = 50};
    return play(&scenario, arrivals, REQUESTS);
}

/* Expectation: shares are of the same span as the duration, from the first arrival on, whatever the
   stage does with it. */
START_TEST(stages_do_the_same_from_the_first_arrival_on)
{
    struct played prompt = run_from(0);
    struct played late = run_from(LATE_S);
    ck_assert_double_eq_tol(late.summary.duration_s, prompt.summary.duration_s, 1e-9);
    ck_assert_double_gt(prompt.summary.stages[0].idle_down, 0.1);
    for (uint32_t i = 0; i < prompt.summary.stage_count; i++) {
        const struct stage_summary *is = &late.summary.stages[i];
        const struct stage_summary *should = &prompt.summary.stages[i];
        ck_assert_double_eq_tol(is->busy_compute, should->busy_compute, 1e-9);
        ck_assert_double_eq_tol(is->idle_no_work, should->idle_no_work, 1e-9);
        ck_assert_double_eq_tol(is->idle_fill_drain, should->idle_fill_drain, 1e-9);
        ck_assert_double_eq_tol(is->idle_transfer, should->idle_transfer, 1e-9);
        ck_assert_double_eq_tol(is->idle_down, should->idle_down, 1e-9);
    }
    played_release(&prompt);
    played_release(&late);
}
END_TEST

/* Expectation: and so are what links could have carried. */
START_TEST(links_are_as_busy_from_the_first_arrival_on)
{
    struct played prompt = run_from(0);
    struct played late = run_from(LATE_S);
    ck_assert_uint_gt(prompt.summary.link_count, 0);
    ck_assert_uint_eq(late.summary.link_count, prompt.summary.link_count);
    for (uint32_t i = 0; i < prompt.summary.link_count; i++) {
        const struct link_summary *should = &prompt.summary.links[i];
        ck_assert_double_gt(should->utilization, 0);
        ck_assert_double_eq_tol(late.summary.links[i].utilization / should->utilization, 1, 1e-6);
    }
    played_release(&prompt);
    played_release(&late);
}
END_TEST

/* Expectation: a run of no time, whose requests came at once and were rejected, had no work in all
   of it: shares of a stage sum to 1 there, too. */
START_TEST(a_run_of_no_time_has_no_work)
{
    struct scenario scenario = two_pipelines();
    struct arrival arrival = {.at = SIM_PS_PER_S, .input_tokens = 50000000, .output_tokens = 1};
    struct played played = play(&scenario, &arrival, 1);
    ck_assert_uint_eq(played.summary.rejected, 1);
    ck_assert_uint_eq(played.summary.stage_count, 4);
    for (uint32_t i = 0; i < 4; i++)
        ck_assert_double_eq(played.summary.stages[i].idle_no_work, 1);
    played_release(&played);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        stages_do_the_same_from_the_first_arrival_on,
        links_are_as_busy_from_the_first_arrival_on,
        a_run_of_no_time_has_no_work,
    };
    return suite_run("late start", tests, ARRAY_LENGTH(tests));
}
