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
    const struct layout_spec layout = {.tensor_parallel = 1,
                                       .pipeline_parallel = 1,
                                       .replicas = replicas,
                                       .router = ROUTER_LEAST_OUTSTANDING};
    return fixture_scenario(2, layout);
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

/* The share of what it could carry that a link of a run did. */
static double utilization_of(const struct scenario *scenario, const char *link, double *run_s)
{
    struct played played =
        play(scenario,
             &(struct arrival){.at = SIM_PS_PER_S, .input_tokens = 1000, .output_tokens = 1}, 1);
    double utilization = NAN;
    for (uint32_t i = 0; i < played.summary.link_count; i++)
        if (strcmp(played.summary.links[i].name, link) == 0)
            utilization = played.summary.links[i].utilization;
    *run_s = e2e_s(&played, 0);
    played_release(&played);
    return utilization;
}

/*
 * Expectation: a NIC carries the send's bytes, of what its rate lets it in each part of the run,
 * which begins at one second. A fault of another link takes nothing off that; those of one link
 * multiply, and while it is down it carries nothing.
 */
START_TEST(a_link_is_as_busy_as_it_can_be)
{
    const char *const nic = "node0/nic0>network";
    struct scenario scenario = one_gpu_each(1);
    scenario.layout.pipeline_parallel = 2;
    scenario.layout.placement = LAYOUT_PLACEMENT_SPREAD;
    scenario.cluster.nic.bytes_per_s = 1e9;
    scenario.serving.host.send_tensors = 1;
    double carry_s = 1000 * 2.0 * scenario.model.hidden / 1e9;
    double run_s;
    ck_assert_double_eq_tol(utilization_of(&scenario, nic, &run_s), carry_s / run_s, 1e-9);

    struct fault faults[] = {
        {.until = SIM_PS_MAX, .slowdown = 4, .target = FAULT_LINK, .link = nic},
        {.until = SIM_PS_MAX, .slowdown = 9, .target = FAULT_LINK, .link = "node0/nic1>network"},
        {.until = SIM_PS_MAX, .slowdown = 2, .target = FAULT_LINK, .link = nic},
        {.until = SIM_PS_PER_S / 2, .target = FAULT_LINK, .link = nic},
    };
    scenario.faults = faults;
    scenario.fault_count = 2;
    double utilization = utilization_of(&scenario, nic, &run_s);
    ck_assert_double_eq_tol(utilization, 4 * carry_s / run_s, 1e-9);
    scenario.fault_count = 4; /* the last is over when the run begins */
    utilization = utilization_of(&scenario, nic, &run_s);
    ck_assert_double_eq_tol(utilization, 8 * carry_s / run_s, 1e-9);

    /* until 1 ms into the run at its own rate, from there on at an eighth */
    faults[0].from = faults[2].from = SIM_PS_PER_S + SIM_PS_PER_S / 1000;
    utilization = utilization_of(&scenario, nic, &run_s);
    ck_assert_double_eq_tol(utilization, carry_s / (1e-3 + (run_s - 1e-3) / 8), 1e-9);

    /* down for its first millisecond, in which the request waits */
    faults[3].until = SIM_PS_PER_S + SIM_PS_PER_S / 1000;
    utilization = utilization_of(&scenario, nic, &run_s);
    ck_assert_double_eq_tol(utilization, carry_s / ((run_s - 1e-3) / 8), 1e-9);
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

/* Expectation: a request that starts over was first in a step when it came: it has not queued, and
   waits for its first token until the replica is back. */
START_TEST(a_retried_request_keeps_its_first_step)
{
    struct scenario scenario = one_gpu_each(1);
    struct fault fault = {
        .from = SIM_PS_PER_S / 100, .until = SIM_PS_PER_S, .target = FAULT_GPU, .index = 0};
    add_fault(&scenario, &fault);
    struct played played = run(&scenario, 1);
    ck_assert_uint_eq(played.summary.retried, 1);
    ck_assert_int_eq(played.requests[0].scheduled, 0);
    ck_assert_int_gt(played.requests[0].first_token, fault.until);
    ck_assert_double_eq(played.summary.queue.max, 0);
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

/* Expectation: where nothing is served after the first second, throughput is still over all 3.9 s
   in which requests came, and over all 5 s where one was lost that late. */
START_TEST(throughput_counts_the_time_of_lost_requests)
{
    struct scenario scenario = one_gpu_each(1);
    struct fault fault = {
        .from = SIM_PS_PER_S, .until = SIM_PS_MAX, .target = FAULT_GPU, .index = 0};
    add_fault(&scenario, &fault);
    struct played played = run(&scenario, REQUESTS);
    ck_assert_uint_gt(played.summary.completed, 0);
    ck_assert_double_eq_tol(played.summary.duration_s, 3.9, 1e-9);
    ck_assert_double_eq_tol(played.summary.requests_per_s, (double)played.summary.completed / 3.9,
                            1e-9);
    played_release(&played);
    const struct arrival arrivals[] = {{.at = 0, .input_tokens = 500, .output_tokens = 50},
                                       {.at = 0, .input_tokens = 500, .output_tokens = 5000}};
    fault.from = 5 * SIM_PS_PER_S;
    scenario.run.on_loss = ON_LOSS_LOSE;
    played = play(&scenario, arrivals, 2);
    ck_assert_uint_eq(played.summary.completed, 1);
    ck_assert_double_eq_tol(played.summary.duration_s, 5, 1e-9);
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

/* The share of a run of three requests for which its only replica's stage was down. */
static double down_share(const struct scenario *scenario)
{
    struct played played = run(scenario, 3);
    ck_assert_uint_eq(played.summary.lost, 3);
    double down = played.summary.stages[0].idle_down;
    played_release(&played);
    return down;
}

/*
 * Expectation: a run whose requests wait for a replica that never comes back ends with the last of
 * them that came, at 0.2 s, whatever else is to slow down or fail later: another GPU, or the
 * replica's own, which is up again only where nothing else keeps it down.
 */
START_TEST(a_late_fault_does_not_prolong_a_run_without_replicas)
{
    struct scenario scenario = one_gpu_each(1);
    struct fault faults[] = {
        {.from = SIM_PS_PER_S / 20, .until = SIM_PS_MAX, .target = FAULT_GPU, .index = 0},
        {.from = SIM_PS_PER_S, .until = 1000 * SIM_PS_PER_S, .target = FAULT_GPU, .index = 1},
    };
    scenario.faults = faults;
    scenario.fault_count = 1;
    ck_assert_double_eq_tol(down_share(&scenario), 0.75, 1e-9);
    scenario.fault_count = 2;
    ck_assert_double_eq_tol(down_share(&scenario), 0.75, 1e-9);
    faults[1].slowdown = 2;
    ck_assert_double_eq_tol(down_share(&scenario), 0.75, 1e-9);
    faults[1].index = 0;
    ck_assert_double_eq_tol(down_share(&scenario), 0.75, 1e-9);
    faults[1].slowdown = 0;
    ck_assert_double_eq_tol(down_share(&scenario), 0.75, 1e-9);
    faults[1].from = SIM_PS_PER_S / 20;
    ck_assert_double_eq_tol(down_share(&scenario), 0.75, 1e-9);
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

/* Sixteen GPUs of two nodes, a NIC each: all-reduces go round each node's NVLink, and shard by
   shard from NIC to NIC. */
static struct scenario one_group_on_two_nodes(void)
{
    struct scenario scenario = one_gpu_each(1);
    scenario.layout.tensor_parallel = 16;
    return scenario;
}

#define PROMPT 1000

static struct played play_prompt(const struct scenario *scenario)
{
    struct arrival arrival = {.at = 0, .input_tokens = PROMPT, .output_tokens = 1};
    return play(scenario, &arrival, 1);
}

static double prompt_s(const struct scenario *scenario)
{
    struct played played = play_prompt(scenario);
    double seconds = e2e_s(&played, 0);
    played_release(&played);
    return seconds;
}

/* All that a prompt's step reduces: two buffers a layer, and its one sampled token. */
static double reduced_bytes(const struct model *model)
{
    return 2.0 * model->layers * PROMPT * 2 * model->hidden + 8;
}

/* What each GPU sends of them, round its node (2 x 7/8) and to the other's peer (2 x 1/16). */
#define SENT_INSIDE 1.75
#define SENT_ACROSS 0.125

/*
 * Expectation: each rank waits for the slowest, so a link three times as slow costs what it would
 * if all of its kind were: twice the bytes that cross it once more, over its rate. It does not
 * matter which, and slowing every one of them costs no more.
 */
START_TEST(one_slow_link_costs_a_group_what_all_would)
{
    struct scenario scenario = one_group_on_two_nodes();
    double bytes = reduced_bytes(&scenario.model);
    struct {
        const char *link;
        double extra_s;
    } cases[] = {
        {"node0/nic0>network", 2 * SENT_ACROSS * bytes / 50e9},
        {"node0/nic3>network", 2 * SENT_ACROSS * bytes / 50e9},
        {"node1/network>nic7", 2 * SENT_ACROSS * bytes / 50e9},
        {"node0/gpu2>nvswitch", 2 * SENT_INSIDE * bytes / 400e9},
        {"node1/nvswitch>gpu7", 2 * SENT_INSIDE * bytes / 400e9},
    };
    double normal_s = prompt_s(&scenario);
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct fault fault = {
            .until = SIM_PS_MAX, .slowdown = 3, .target = FAULT_LINK, .link = cases[i].link};
        add_fault(&scenario, &fault);
        ck_assert_double_eq_tol((prompt_s(&scenario) - normal_s) / cases[i].extra_s, 1, 1e-5);
    }
    struct fault all[8];
    char names[ARRAY_LENGTH(all)][NAME_BYTES];
    for (uint32_t i = 0; i < ARRAY_LENGTH(all); i++) {
        (void)snprintf(names[i], NAME_BYTES, "node0/nic%u>network", i);
        all[i] = (struct fault){
            .until = SIM_PS_MAX, .slowdown = 3, .target = FAULT_LINK, .link = names[i]};
    }
    scenario.faults = all;
    scenario.fault_count = ARRAY_LENGTH(all);
    ck_assert_double_eq_tol((prompt_s(&scenario) - normal_s) / cases[0].extra_s, 1, 1e-5);
}
END_TEST

/* Expectation: until a link is slow, collectives that are played as flows for its sake take what
   they always do, but for what rounding each to picoseconds makes of them. */
START_TEST(a_link_that_is_not_slow_yet_costs_nothing)
{
    struct scenario scenario = one_group_on_two_nodes();
    double normal_s = prompt_s(&scenario);
    struct fault fault = {.from = 1000 * SIM_PS_PER_S,
                          .until = SIM_PS_MAX,
                          .slowdown = 3,
                          .target = FAULT_LINK,
                          .link = "node0/nic3>network"};
    add_fault(&scenario, &fault);
    ck_assert_double_eq_tol(prompt_s(&scenario), normal_s, 1e-9);
}
END_TEST

/* Expectation: without any one of its NICs or ports the group is down, and what it had is lost; the
   link between the nodes' sockets is none of its. */
START_TEST(a_group_needs_each_link_that_it_crosses)
{
    const char *const needed[] = {"node0/nic3>network", "node1/nic0>network", "node0/nvswitch>gpu5",
                                  "node1/gpu6>bridge1"};
    struct scenario scenario = one_group_on_two_nodes();
    struct fault fault = {.until = SIM_PS_MAX, .target = FAULT_LINK};
    add_fault(&scenario, &fault);
    for (size_t i = 0; i <= ARRAY_LENGTH(needed); i++) {
        bool is_needed = i < ARRAY_LENGTH(needed);
        fault.link = is_needed ? needed[i] : "node0/bridge0>bridge1";
        struct played played = play_prompt(&scenario);
        ck_assert_uint_eq(played.summary.lost, is_needed);
        ck_assert_uint_eq(played.summary.completed, !is_needed);
        played_release(&played);
    }
}
END_TEST

/* Expectation: the busiest links carry what the chosen algorithm sends over them: NVLink 7/8 of
   each buffer twice, or NICs a tenth as fast as here a sixteenth twice; utilization is that over
   the rate and the run. */
START_TEST(links_carry_what_the_algorithm_sends)
{
    struct scenario scenario = one_group_on_two_nodes();
    double bytes = reduced_bytes(&scenario.model);
    struct {
        double nic_bytes_per_s;
        double busiest_bytes_per_s;
        double sent;
        const char *kind;
    } cases[] = {{50e9, 400e9, SENT_INSIDE, "nvswitch"}, {5e9, 5e9, SENT_ACROSS, "network"}};
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        scenario.cluster.nic.bytes_per_s = cases[i].nic_bytes_per_s;
        struct played played = play_prompt(&scenario);
        double run_s = e2e_s(&played, 0);
        ck_assert_uint_eq(played.summary.link_count, SUMMARY_LINKS);
        for (uint32_t l = 0; l < SUMMARY_LINKS; l++) {
            const struct link_summary *link = &played.summary.links[l];
            ck_assert_ptr_nonnull(strstr(link->name, cases[i].kind));
            ck_assert_double_eq_tol(link->bytes / (cases[i].sent * bytes), 1, 1e-12);
            double expected = link->bytes / cases[i].busiest_bytes_per_s / run_s;
            ck_assert_double_eq_tol(link->utilization / expected, 1, 1e-9);
        }
        played_release(&played);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_slow_gpu_slows_its_steps,
        a_slow_link_slows_its_sends,
        a_link_is_as_busy_as_it_can_be,
        one_slow_link_costs_a_group_what_all_would,
        a_link_that_is_not_slow_yet_costs_nothing,
        a_group_needs_each_link_that_it_crosses,
        links_carry_what_the_algorithm_sends,
        requests_of_a_lost_replica_are_retried,
        a_retried_request_keeps_its_first_step,
        requests_of_a_lost_replica_are_lost,
        throughput_counts_the_time_of_lost_requests,
        requests_wait_for_the_only_replica,
        a_run_ends_without_replicas,
        a_late_fault_does_not_prolong_a_run_without_replicas,
        a_late_fault_changes_nothing,
        an_unknown_link_is_refused,
    };
    return suite_run("faults", tests, ARRAY_LENGTH(tests));
}
