/*
 * Hardware that slows down or fails: what a run then takes, worked out on paper,
 * and that no request is forgotten.
 */
#include "fixtures.h"
#include "play.h"
#include "suite.h"

#include <string.h>

#define REQUESTS 40

static struct scenario one_gpu_each(uint32_t replicas)
{
    return (struct scenario){
        .model = fixture_llama_8b(),
        .cluster = fixture_nvlink_cluster(2, 8),
        .layout = {.tensor_parallel = 1,
                   .pipeline_parallel = 1,
                   .replicas = replicas,
                   .router = ROUTER_LEAST_OUTSTANDING},
        .serving = fixture_serving(),
        .run = {.duration = SIM_PS_MAX},
        .slo = {.percentile = 95},
    };
}

/* `count` requests, a tenth of a second apart. */
static struct played run(const struct scenario *scenario, uint32_t count)
{
    struct arrival arrivals[REQUESTS];
    for (uint32_t i = 0; i < count; i++)
        arrivals[i] = (struct arrival){
            .at = i * (SIM_PS_PER_S / 10), .input_tokens = 500, .output_tokens = 50};
    return play(scenario, arrivals, count);
}

static double e2e_s(const struct played *played, size_t i)
{
    return sim_s_from_ps(played->requests[i].done - played->requests[i].arrival);
}

static void add_fault(struct scenario *scenario, struct fault *fault)
{
    scenario->faults = fault;
    scenario->fault_count = 1;
}

/* Expectation: kernels three times as slow, and nothing else to wait for, take three times as long;
   requests from after the fault take what they always did. */
START_TEST(a_slow_gpu_slows_its_steps)
{
    struct scenario scenario = one_gpu_each(1);
    struct played normal = run(&scenario, 1);
    double normal_s = e2e_s(&normal, 0);
    struct fault fault = {.until = SIM_PS_MAX, .slowdown = 3, .target = FAULT_GPU, .index = 0};
    add_fault(&scenario, &fault);
    struct played slow = run(&scenario, 1);
    ck_assert_double_eq_tol(e2e_s(&slow, 0) / normal_s, 3, 1e-6);
    fault.index = 1; /* no replica's */
    struct played other = run(&scenario, 1);
    ck_assert_double_eq(e2e_s(&other, 0), normal_s);
    played_release(&normal);
    played_release(&slow);
    played_release(&other);
}
END_TEST

/* Expectation: a send over a NIC slowed by four takes latency + 4 bytes / rate. */
START_TEST(a_slow_link_slows_its_sends)
{
    struct scenario scenario = one_gpu_each(1);
    scenario.layout.pipeline_parallel = 2;
    scenario.layout.placement = LAYOUT_PLACEMENT_SPREAD;
    scenario.cluster.nic.bytes_per_s = 1e9;
    scenario.serving.host.send_tensors = 1;
    struct arrival arrival = {.at = 0, .input_tokens = 1000, .output_tokens = 1};
    struct played normal = play(&scenario, &arrival, 1);
    struct fault fault = {
        .until = SIM_PS_MAX, .slowdown = 4, .target = FAULT_LINK, .link = "node0/nic0>network"};
    add_fault(&scenario, &fault);
    struct played slow = play(&scenario, &arrival, 1);
    double bytes = 1000 * 2.0 * scenario.model.hidden;
    ck_assert_double_eq_tol(e2e_s(&slow, 0) - e2e_s(&normal, 0), 3 * bytes / 1e9, 1e-10);
    played_release(&normal);
    played_release(&slow);
}
END_TEST

/* Expectation: what the failed replica had starts over on the other, so all complete; those that
   were in flight take longer than they had, and the stage's idle time says that it was down. */
START_TEST(requests_of_a_lost_replica_are_retried)
{
    struct scenario scenario = one_gpu_each(9); /* the ninth on the second node */
    struct fault fault = {
        .from = SIM_PS_PER_S, .until = 2 * SIM_PS_PER_S, .target = FAULT_NODE, .index = 0};
    add_fault(&scenario, &fault);
    struct played played = run(&scenario, REQUESTS);
    ck_assert_uint_eq(played.summary.completed, REQUESTS);
    ck_assert_uint_gt(played.summary.retried, 0);
    ck_assert_uint_eq(played.summary.lost, 0);
    double run_s = sim_s_from_ps(played.requests[played.count - 1].done);
    ck_assert_double_eq_tol(played.summary.stages[0].idle_down, 1 / run_s, 1e-9);
    ck_assert_double_eq(played.summary.stages[8].idle_down, 0);
    for (size_t i = 0; i < played.count; i++)
        if (played.requests[i].scheduled > SIM_PS_PER_S &&
            played.requests[i].scheduled < 2 * SIM_PS_PER_S)
            ck_assert_uint_eq(played.requests[i].replica, 8);
    played_release(&played);
}
END_TEST

/* Expectation: configured so, they are lost instead; all requests are one or the other. */
START_TEST(requests_of_a_lost_replica_are_lost)
{
    struct scenario scenario = one_gpu_each(9);
    struct fault fault = {
        .from = SIM_PS_PER_S, .until = 2 * SIM_PS_PER_S, .target = FAULT_NODE, .index = 0};
    scenario.run.on_loss = ON_LOSS_LOSE;
    add_fault(&scenario, &fault);
    struct played played = run(&scenario, REQUESTS);
    ck_assert_uint_gt(played.summary.lost, 0);
    ck_assert_uint_eq(played.summary.lost + played.summary.completed, REQUESTS);
    ck_assert_uint_eq(played.summary.retried, 0);
    played_release(&played);
}
END_TEST

/* Expectation: with the only replica down, requests wait for it, and start when it is back. */
START_TEST(requests_wait_for_the_only_replica)
{
    struct scenario scenario = one_gpu_each(1);
    struct fault fault = {.until = 10 * SIM_PS_PER_S, .target = FAULT_GPU, .index = 0};
    add_fault(&scenario, &fault);
    struct played played = run(&scenario, 3);
    ck_assert_uint_eq(played.summary.completed, 3);
    ck_assert_int_eq(played.requests[0].scheduled, 10 * SIM_PS_PER_S);
    played_release(&played);
}
END_TEST

/* Expectation: where it never comes back the run ends all the same, and says what was lost. */
START_TEST(a_run_ends_without_replicas)
{
    struct scenario scenario = one_gpu_each(1);
    struct fault fault = {.from = SIM_PS_PER_S / 20,
                          .until = SIM_PS_MAX,
                          .target = FAULT_LINK,
                          .link = "node0/gpu0>nvswitch"};
    scenario.layout.tensor_parallel = 2;
    add_fault(&scenario, &fault);
    struct played played = run(&scenario, 3);
    ck_assert_uint_eq(played.summary.completed, 0);
    ck_assert_uint_eq(played.summary.lost, 3);
    played_release(&played);
}
END_TEST

/* Expectation: a link that the cluster has not is refused, by its name. */
START_TEST(an_unknown_link_is_refused)
{
    struct scenario scenario = one_gpu_each(1);
    struct fault fault = {.until = SIM_PS_MAX, .target = FAULT_LINK, .link = "node0/gpu0>moon"};
    struct script script = {.count = 0};
    struct arrival_source source = {.context = &script, .next = script_next};
    struct error error = {.code = ERROR_NONE};
    add_fault(&scenario, &fault);
    ck_assert_ptr_null(simulation_new(&scenario, source, (struct recorder){0}, &error));
    ck_assert_int_eq(error.code, ERROR_CONFIG);
    ck_assert_ptr_nonnull(strstr(error.text, "event 1: cluster 'fixture-nvlink' has no link "
                                             "'node0/gpu0>moon'"));
}
END_TEST

/* Expectation: a fault long after the last request neither prolongs the run nor changes it. */
START_TEST(a_late_fault_changes_nothing)
{
    struct scenario scenario = one_gpu_each(1);
    struct played before = run(&scenario, 3);
    struct fault fault = {
        .from = 1000 * SIM_PS_PER_S, .until = SIM_PS_MAX, .target = FAULT_NODE, .index = 0};
    add_fault(&scenario, &fault);
    struct played after = run(&scenario, 3);
    ck_assert_double_eq(after.summary.stages[0].idle_no_work,
                        before.summary.stages[0].idle_no_work);
    ck_assert_double_eq(after.summary.stages[0].idle_down, 0);
    played_release(&before);
    played_release(&after);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_slow_gpu_slows_its_steps,
        a_slow_link_slows_its_sends,
        requests_of_a_lost_replica_are_retried,
        requests_of_a_lost_replica_are_lost,
        requests_wait_for_the_only_replica,
        a_run_ends_without_replicas,
        a_late_fault_changes_nothing,
        an_unknown_link_is_refused,
    };
    return suite_run("faults", tests, ARRAY_LENGTH(tests));
}
