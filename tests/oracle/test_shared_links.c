/*
 * Replicas that meet on a link: each transfer takes as long as max-min fairness
 * says, worked out on paper, in the spans that a run records.
 */
#include "fixtures.h"
#include "play.h"
#include "suite.h"

#define PROMPT 4000
#define HIDDEN_BYTES 2.0

/* Two replicas of two stages, their first stages on node 0, their second on node 1, which one NIC
   each joins. A prompt to each: nothing but sends meets. */
static struct scenario two_pipelines(void)
{
    const struct layout_spec layout = {.tensor_parallel = 1,
                                       .pipeline_parallel = 2,
                                       .replicas = 2,
                                       .placement = LAYOUT_PLACEMENT_SPREAD};
    struct scenario scenario = fixture_scenario(2, layout);
    scenario.output.timeline = TIMELINE_STEPS;
    scenario.cluster.nics_per_node = 1;
    scenario.cluster.nic.bytes_per_s = 1e9; /* so that a send outlasts its stage */
    scenario.serving.max_step_tokens = PROMPT;
    scenario.serving.host.send_tensors = 1;
    return scenario;
}

/* The spans of `kind`, by replica: the first of each. */
struct watched {
    enum span_kind kind;
    struct span_record first[2];
    bool seen[2];
};

static int watch(void *context, const struct span_record *span, struct error *error)
{
    (void)error;
    struct watched *watched = context;
    if (span->kind == watched->kind && !watched->seen[span->replica]) {
        watched->first[span->replica] = *span;
        watched->seen[span->replica] = true;
    }
    return 0;
}

/* Runs one prompt on each replica, the second `delay` after the first. */
static struct watched run(const struct scenario *scenario, enum span_kind kind, sim_ps delay)
{
    struct watched watched = {.kind = kind};
    struct arrival arrivals[] = {
        {.at = 0, .input_tokens = PROMPT, .output_tokens = 1},
        {.at = delay, .input_tokens = PROMPT, .output_tokens = 1},
    };
    struct rows rows = {.context = &watched, .span = watch};
    play_rows(scenario, arrivals, ARRAY_LENGTH(arrivals), &rows);
    ck_assert(watched.seen[0] && watched.seen[1]);
    return watched;
}

static double seconds_of(const struct watched *watched, uint32_t replica)
{
    return sim_s_from_ps(watched->first[replica].duration);
}

/*
 * Expectation: a send alone takes the route's latency and bytes / rate. GPU slot, NIC slot and
 * port on either side, 1 us each but the ports' 2 us: 8 us.
 */
#define SEND_LATENCY_S 8e-6

static double send_bytes(const struct scenario *scenario)
{
    return PROMPT * HIDDEN_BYTES * scenario->model.hidden;
}

START_TEST(sends_apart_have_the_link_to_themselves)
{
    struct scenario scenario = two_pipelines();
    double alone_s = SEND_LATENCY_S + send_bytes(&scenario) / 1e9;
    struct watched sends = run(&scenario, SPAN_SEND, SIM_PS_PER_S);
    ck_assert_double_eq_tol(seconds_of(&sends, 0), alone_s, 1e-11);
    ck_assert_double_eq_tol(seconds_of(&sends, 1), alone_s, 1e-11);
}
END_TEST

/* Expectation: two that start together each have half the NIC: their bytes take twice as long. */
START_TEST(sends_together_share_the_link)
{
    struct scenario scenario = two_pipelines();
    double shared_s = SEND_LATENCY_S + 2 * send_bytes(&scenario) / 1e9;
    struct watched sends = run(&scenario, SPAN_SEND, 0);
    ck_assert_double_eq_tol(seconds_of(&sends, 0), shared_s, 1e-11);
    ck_assert_double_eq_tol(seconds_of(&sends, 1), shared_s, 1e-11);
}
END_TEST

/*
 * Expectation, b bytes each at rate R, the second d later: the first moves R d alone, then both
 * move at R/2 until the first ends, 2b/R - d after its first byte; then the second has R. The NIC
 * is never idle, so the second ends 2b/R after the first's first byte: both last 2b/R - d.
 */
START_TEST(sends_that_overlap_share_while_they_do)
{
    struct scenario scenario = two_pipelines();
    double delay_s = 0.01;
    double shared_s = SEND_LATENCY_S + 2 * send_bytes(&scenario) / 1e9 - delay_s;
    struct watched sends = run(&scenario, SPAN_SEND, sim_ps_from_s(delay_s));
    ck_assert_double_eq_tol(seconds_of(&sends, 0), shared_s, 1e-11);
    ck_assert_double_eq_tol(seconds_of(&sends, 1), shared_s, 1e-11);
}
END_TEST

/* Expectation: whoever has links of his own sends as if alone. */
START_TEST(private_links_are_never_shared)
{
    struct scenario scenario = two_pipelines();
    scenario.run.links = LINK_POLICY_PRIVATE;
    struct watched sends = run(&scenario, SPAN_SEND, 0);
    double alone_s = SEND_LATENCY_S + send_bytes(&scenario) / 1e9;
    ck_assert_double_eq_tol(seconds_of(&sends, 0), alone_s, 1e-11);
}
END_TEST

/* Expectation: over a NIC of his own that is four times as slow, too. */
START_TEST(slow_private_links_are_never_shared)
{
    struct scenario scenario = two_pipelines();
    struct fault slow = {
        .until = SIM_PS_MAX, .slowdown = 4, .target = FAULT_LINK, .link = "node0/nic0>network"};
    scenario.run.links = LINK_POLICY_PRIVATE;
    scenario.faults = &slow;
    scenario.fault_count = 1;
    struct watched sends = run(&scenario, SPAN_SEND, 0);
    double alone_s = SEND_LATENCY_S + 4 * send_bytes(&scenario) / 1e9;
    ck_assert_double_eq_tol(seconds_of(&sends, 0), alone_s, 1e-11);
    ck_assert_double_eq_tol(seconds_of(&sends, 1), alone_s, 1e-11);
}
END_TEST

/*
 * Six nodes of one GPU, two to a leaf whose uplink carries one NIC's rate; replicas of three.
 * Nodes 2 and 3 share the middle leaf and belong to different replicas.
 */
static struct scenario two_rings(void)
{
    struct scenario scenario = two_pipelines();
    scenario.cluster = fixture_nvlink_cluster(6, 1);
    scenario.cluster.nvlink = (struct link_kind){.bytes_per_s = 0};
    scenario.cluster.nodes_per_leaf = 2;
    scenario.cluster.oversubscription = 2;
    scenario.cluster.spine_latency_s = 1e-6;
    scenario.model.heads = 24;
    scenario.model.kv_heads = 3;
    scenario.model.ffn = 12288;
    scenario.layout =
        (struct layout_spec){.tensor_parallel = 3, .pipeline_parallel = 1, .replicas = 2};
    return scenario;
}

/*
 * Expectation: of each ring one hop crosses the middle leaf's uplink, where both get half of it, so
 * a ring all-reduce's bytes, 2(p-1)/p of the buffer from each rank, take twice as long as alone.
 */
START_TEST(all_reduces_share_a_leafs_uplink)
{
    struct scenario scenario = two_rings();
    double buffers = 2.0 * scenario.model.layers * PROMPT * HIDDEN_BYTES * scenario.model.hidden;
    double ring_bytes = 2.0 * 2 / 3 * (buffers + 8 /* one sampled token */);
    double alone_s;
    double shared_s;
    scenario.run.links = LINK_POLICY_PRIVATE;
    struct watched visits = run(&scenario, SPAN_STAGE, 0);
    alone_s = seconds_of(&visits, 0);
    scenario.run.links = LINK_POLICY_AUTO;
    visits = run(&scenario, SPAN_STAGE, 0);
    shared_s = seconds_of(&visits, 0);
    double extra_s = ring_bytes / scenario.cluster.nic.bytes_per_s;
    ck_assert_double_eq_tol((shared_s - alone_s) / extra_s, 1, 1e-6);
}
END_TEST

/*
 * Expectation: a link that stages wait for comes first, and those that several replicas use are
 * named, whatever else is busier: here all 16 GPUs' NVLinks, 32 links, which nobody waits for.
 * Sends cross 8 slots up on one node and 8 down on the other, and share a NIC's slot and port on
 * either: 52 links. Listed are 16, the NIC's port that sends among them, and 3 more that are
 * shared.
 */
START_TEST(a_summary_names_the_links_that_matter)
{
    struct scenario scenario = two_pipelines();
    scenario.layout.tensor_parallel = 4;
    scenario.cluster.nic.bytes_per_s = 100e9;
    scenario.cluster.pcie.bytes_per_s = 1e12;
    scenario.cluster.gpus_per_host_bridge = 8;
    struct arrival arrivals[] = {
        {.at = 0, .input_tokens = PROMPT, .output_tokens = 1},
        {.at = 0, .input_tokens = PROMPT, .output_tokens = 1},
    };
    struct played played = play(&scenario, arrivals, ARRAY_LENGTH(arrivals));
    const struct summary *summary = &played.summary;
    uint32_t shared = 0;
    for (uint32_t i = 0; i < summary->link_count; i++)
        shared += summary->links[i].users == 2;
    ck_assert_uint_eq(shared, 4);
    ck_assert_str_eq(summary->links[0].name, "node0/nic0>network");
    ck_assert_double_gt(summary->links[0].waited_s, 0);
    ck_assert_double_lt(summary->links[0].utilization, summary->links[1].utilization);
    ck_assert_uint_eq(summary->link_count, SUMMARY_LINKS + 3);
    ck_assert_uint_eq(summary->links_left_out, 52 - (SUMMARY_LINKS + 3));
    played_release(&played);
}
END_TEST

/* A prompt for each replica, all at once. */
static struct played play_prompts(const struct scenario *scenario)
{
    struct arrival arrivals[8];
    uint32_t replicas = scenario->layout.replicas;
    for (uint32_t i = 0; i < replicas; i++)
        arrivals[i] = (struct arrival){.at = 0, .input_tokens = PROMPT, .output_tokens = 1};
    return play(scenario, arrivals, replicas);
}

static double prompts_s(const struct scenario *scenario)
{
    struct played played = play_prompts(scenario);
    double duration_s = played.summary.duration_s;
    played_release(&played);
    return duration_s;
}

/* How long a second step holds the first stage. */
static int watch_second(void *context, const struct span_record *span, struct error *error)
{
    (void)error;
    if (span->kind == SPAN_STAGE && span->stage == 0 && span->step == 1)
        *(sim_ps *)context = span->duration;
    return 0;
}

/* That of two prompts to one replica, in a step each. */
static double second_visit_s(const struct scenario *scenario)
{
    const struct arrival prompt = {.at = 0, .input_tokens = PROMPT, .output_tokens = 1};
    const struct arrival arrivals[] = {prompt, prompt};
    sim_ps visit = 0;
    struct rows rows = {.context = &visit, .span = watch_second};
    play_rows(scenario, arrivals, ARRAY_LENGTH(arrivals), &rows);
    return sim_s_from_ps(visit);
}

/*
 * Expectation: hidden states that leave a stage's GPUs for 7 ms keep the two all-reduces of its
 * next step's first layer from starting, 99 times as much longer as a cluster says, less the time
 * for which they would have shared the link; where links are private, they never meet.
 */
START_TEST(collectives_queue_behind_sends)
{
    struct scenario scenario = fixture_scenario(
        1, (struct layout_spec){.tensor_parallel = 2, .pipeline_parallel = 2, .replicas = 1});
    scenario.cluster.nvlink.bytes_per_s = 5e9;
    scenario.cluster.collective_start_s = 1e-3;
    scenario.serving.host.send_tensors = 1;
    scenario.serving.steps_in_flight = 2;
    scenario.serving.max_step_tokens = PROMPT;
    scenario.output.timeline = TIMELINE_STEPS;
    const enum link_policy policies[] = {LINK_POLICY_SHARED, LINK_POLICY_PRIVATE};
    for (size_t i = 0; i < ARRAY_LENGTH(policies); i++) {
        scenario.run.links = policies[i];
        scenario.cluster.contention.send_latency = 1;
        double before_s = second_visit_s(&scenario);
        scenario.cluster.contention.send_latency = 100;
        double slower_s = second_visit_s(&scenario) - before_s;
        if (policies[i] == LINK_POLICY_SHARED)
            ck_assert_double_gt(slower_s, 90 * 2 * scenario.cluster.collective_start_s);
        else
            ck_assert_double_eq(slower_s, 0);
    }
}
END_TEST

/* The link of which twice the bandwidth saves most; its name is whole. */
static struct link_summary worst_link(const struct scenario *scenario)
{
    struct played played = play_prompts(scenario);
    struct link_summary worst = {.twice_saves = -1};
    for (uint32_t i = 0; i < played.summary.link_count; i++)
        if (played.summary.links[i].twice_saves > worst.twice_saves)
            worst = played.summary.links[i];
    played_release(&played);
    return worst;
}

/*
 * Expectation: prompts that go through two stages at once all take the one stage's time, the send's
 * and the other stage's, and so does all that the last stages work and wait: what twice the NIC is
 * said to save of that is what it saves of the run, however many pipelines share it.
 */
START_TEST(twice_a_shared_nic_saves_what_it_says)
{
    struct scenario scenario = two_pipelines();
    const uint32_t replicas[] = {1, 2, 8};
    for (size_t i = 0; i < ARRAY_LENGTH(replicas); i++) {
        scenario.layout.replicas = replicas[i];
        scenario.cluster.nic.bytes_per_s = 1e9;
        struct link_summary nic = worst_link(&scenario);
        double before_s = prompts_s(&scenario);
        scenario.cluster.nic.bytes_per_s = 2e9;
        double saved = 1 - prompts_s(&scenario) / before_s;
        ck_assert_str_eq(nic.name, "node0/nic0>network");
        ck_assert_double_gt(saved, 0.05);
        ck_assert_double_eq_tol(nic.twice_saves / saved, 1, 1e-6);
    }
}
END_TEST

/* Expectation: eight pipelines wait for the NIC's slot that they share, not for the slots of the
   same 60 GB/s that each sending GPU has to itself. */
START_TEST(what_many_share_is_what_they_wait_for)
{
    struct scenario scenario = two_pipelines();
    scenario.layout.replicas = 8;
    scenario.cluster.gpus_per_host_bridge = 8;
    scenario.cluster.nic.bytes_per_s = 100e9;
    struct link_summary slot = worst_link(&scenario);
    ck_assert_str_eq(slot.name, "node0/bridge0>nic0");
    ck_assert_uint_eq(slot.users, 8);
    ck_assert_double_gt(slot.waited_s, 0);
}
END_TEST

/* Expectation: a sender's own slot that an event makes thirty times slower is what is waited for,
   and not the NIC behind it, which two pipelines share and neither fills. */
START_TEST(what_is_slow_is_what_they_wait_for)
{
    const struct fault fault = {
        .target = FAULT_LINK, .link = "node0/gpu0>bridge0", .until = SIM_PS_MAX, .slowdown = 30};
    struct scenario scenario = two_pipelines();
    scenario.cluster.nic.bytes_per_s = 100e9;
    struct link_summary usual = worst_link(&scenario);
    scenario.faults = &fault;
    scenario.fault_count = 1;
    struct link_summary slow = worst_link(&scenario);
    ck_assert_str_ne(usual.name, fault.link);
    ck_assert_str_eq(slow.name, fault.link);
    ck_assert_double_gt(slow.waited_s, usual.waited_s);
}
END_TEST

/* Expectation: the same of rings that meet on a leaf's uplink, as fast as each one's NICs: twice
   that, by half the oversubscription, gives each ring its NICs' rate. */
START_TEST(twice_a_shared_uplink_saves_what_it_says)
{
    struct scenario scenario = two_rings();
    struct link_summary uplink = worst_link(&scenario);
    double before_s = prompts_s(&scenario);
    scenario.cluster.oversubscription = 1;
    double saved = 1 - prompts_s(&scenario) / before_s;
    ck_assert_uint_eq(uplink.users, 2);
    ck_assert_double_gt(saved, 0.3);
    ck_assert_double_eq_tol(uplink.twice_saves / saved, 1, 1e-6);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        sends_apart_have_the_link_to_themselves, sends_together_share_the_link,
        sends_that_overlap_share_while_they_do,  private_links_are_never_shared,
        slow_private_links_are_never_shared,     all_reduces_share_a_leafs_uplink,
        a_summary_names_the_links_that_matter,   twice_a_shared_nic_saves_what_it_says,
        what_many_share_is_what_they_wait_for,   twice_a_shared_uplink_saves_what_it_says,
        what_is_slow_is_what_they_wait_for,      collectives_queue_behind_sends,
    };
    return suite_run("shared links", tests, ARRAY_LENGTH(tests));
}
