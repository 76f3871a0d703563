/*
 * KV from a pool that prefills to one that decodes: how long it takes, worked out
 * on paper, and what its requests see of it.
 */
#include "fixtures.h"
#include "play.h"
#include "suite.h"

#include <string.h>

#define PROMPT 2000
#define NIC_BYTES_PER_S 1e9

/* GPU slot, NIC slot and port on either side: 1 us each but the ports' 2 us. */
#define HOP_LATENCY_S 8e-6

/* A scenario of two pools, the first of which points at the second. */
struct pools {
    struct scenario prefill;
    struct scenario decode;
};

/* Node 0 prefills, node 1 decodes, one NIC each. */
static void set_up(struct pools *pools, uint32_t prefill_replicas)
{
    const struct layout_spec layout = {
        .tensor_parallel = 1, .pipeline_parallel = 1, .replicas = prefill_replicas};
    pools->prefill = fixture_scenario(2, layout);
    pools->prefill.decode = &pools->decode;
    pools->prefill.cluster.nics_per_node = 1;
    pools->prefill.cluster.nic.bytes_per_s = NIC_BYTES_PER_S;
    pools->decode = pools->prefill;
    pools->decode.layout.replicas = 1;
    (void)snprintf(pools->decode.cluster.gpu.name, NAME_BYTES, "another");
}

/* The whole prompt's K and V in bf16, all layers and heads. */
static double kv_bytes(const struct model *model)
{
    return 2.0 * 2.0 * PROMPT * model->layers * model->kv_heads * model->head_dim;
}

static double wait_s(const struct pools *pools, uint32_t requests, double *bytes)
{
    struct arrival arrivals[2];
    for (uint32_t i = 0; i < 2; i++)
        arrivals[i] = (struct arrival){.at = 0, .input_tokens = PROMPT, .output_tokens = 2};
    struct played played = play(&pools->prefill, arrivals, requests);
    ck_assert_uint_eq(played.summary.kv_transfer.count, requests);
    double wait = played.summary.kv_transfer.wait.max;
    *bytes = played.summary.kv_transfer.bytes;
    played_release(&played);
    return wait;
}

/* Expectation: all of the prompt's KV crosses the NIC once, after the first token. */
START_TEST(whole_kv_takes_latency_and_bytes)
{
    struct pools pools;
    double moved;
    set_up(&pools, 1);
    double bytes = kv_bytes(&pools.prefill.model);
    double expected_s = HOP_LATENCY_S + bytes / NIC_BYTES_PER_S;
    ck_assert_double_eq_tol(wait_s(&pools, 1, &moved), expected_s, 1e-11);
    ck_assert_double_eq(moved, bytes);
}
END_TEST

/* Expectation: a pool that only decodes takes prompts longer than its own steps, which it never
   prefills, under policies that do not cut prompts, too. */
START_TEST(who_decodes_takes_any_prompt)
{
    struct pools pools;
    double moved;
    set_up(&pools, 1);
    double whole_s = wait_s(&pools, 1, &moved);
    pools.decode.serving.policy = BATCHER_PREFILL_FIRST;
    pools.decode.serving.max_step_tokens = PROMPT / 10;
    ck_assert_double_eq(wait_s(&pools, 1, &moved), whole_s);
}
END_TEST

/* Expectation: two transfers at once halve the NIC, so both take twice as long. */
START_TEST(two_transfers_share_the_nic)
{
    struct pools pools;
    double moved;
    set_up(&pools, 2);
    double bytes = kv_bytes(&pools.prefill.model);
    double expected_s = HOP_LATENCY_S + 2 * bytes / NIC_BYTES_PER_S;
    ck_assert_double_eq_tol(wait_s(&pools, 2, &moved), expected_s, 1e-11);
    ck_assert_double_eq(moved, 2 * bytes);
}
END_TEST

/* Expectation: with links of its own, each replica that prefills sends its KV as if alone, over a
   NIC that is four times as slow, too; its own two requests' KV still shares them. */
START_TEST(private_links_are_shared_by_a_replicas_own_kv_alone)
{
    struct pools pools;
    double moved;
    set_up(&pools, 2);
    pools.prefill.run.links = LINK_POLICY_PRIVATE;
    double bytes = kv_bytes(&pools.prefill.model);
    double alone_s = HOP_LATENCY_S + bytes / NIC_BYTES_PER_S;
    ck_assert_double_eq_tol(wait_s(&pools, 2, &moved), alone_s, 1e-11);
    const struct fault slow = {
        .until = SIM_PS_MAX, .slowdown = 4, .target = FAULT_LINK, .link = "node0/nic0>network"};
    pools.prefill.faults = &slow;
    pools.prefill.fault_count = 1;
    double slow_s = HOP_LATENCY_S + 4 * bytes / NIC_BYTES_PER_S;
    ck_assert_double_eq_tol(wait_s(&pools, 2, &moved), slow_s, 1e-11);

    set_up(&pools, 1);
    pools.prefill.run.links = LINK_POLICY_PRIVATE;
    pools.prefill.serving.max_step_tokens = 2 * PROMPT;
    ck_assert_double_eq_tol(wait_s(&pools, 2, &moved), HOP_LATENCY_S + 2 * bytes / NIC_BYTES_PER_S,
                            1e-11);
}
END_TEST

/* Expectation: over a link on which a layer's KV is faster than the layer is computed, only the
   last layer's is still to be sent when the prompt is prefilled. */
START_TEST(layerwise_hides_all_but_the_last_layer)
{
    struct pools pools;
    double moved;
    set_up(&pools, 1);
    pools.prefill.kv_transfer = KV_TRANSFER_LAYERWISE;
    pools.prefill.cluster.nic.bytes_per_s = 50e9;
    double bytes = kv_bytes(&pools.prefill.model);
    double expected_s = HOP_LATENCY_S + bytes / pools.prefill.model.layers / 50e9;
    ck_assert_double_eq_tol(wait_s(&pools, 1, &moved), expected_s, 1e-11);
    ck_assert_double_eq(moved, bytes);
}
END_TEST

/* Expectation: over a slow link all of it queues: it takes as long as whole, less what was sent
   while later layers were computed; nothing is sent twice. */
START_TEST(layerwise_is_never_slower)
{
    struct pools pools;
    double moved;
    set_up(&pools, 1);
    double whole_s = wait_s(&pools, 1, &moved);
    pools.prefill.kv_transfer = KV_TRANSFER_LAYERWISE;
    double layerwise_s = wait_s(&pools, 1, &moved);
    ck_assert_double_lt(layerwise_s, whole_s);
    ck_assert_double_gt(layerwise_s, 0.5 * whole_s);
    ck_assert_double_eq_tol(moved / kv_bytes(&pools.prefill.model), 1, 1e-12);
}
END_TEST

/*
 * Expectation: of two replicas with room for one request each, the first has a long one until the
 * end. Whichever the router would ask first, each short request that comes then finds blocks at
 * the other, so that but for its last layer its KV has gone when its prompt is done.
 */
START_TEST(layerwise_asks_all_who_decode)
{
    static const enum router_policy routers[] = {ROUTER_ROUND_ROBIN, ROUTER_LEAST_OUTSTANDING};
    struct pools pools;
    struct arrival arrivals[4] = {{.at = 0, .input_tokens = PROMPT, .output_tokens = 1000}};
    for (uint32_t i = 1; i < ARRAY_LENGTH(arrivals); i++)
        arrivals[i] = (struct arrival){
            .at = i * SIM_PS_PER_S / 2, .input_tokens = PROMPT, .output_tokens = 2};
    set_up(&pools, 1);
    pools.prefill.kv_transfer = KV_TRANSFER_LAYERWISE;
    pools.prefill.cluster.nic.bytes_per_s = 50e9;
    pools.decode.layout.replicas = 2;
    pools.decode.serving.max_sequences = 1;
    double layer_s = kv_bytes(&pools.prefill.model) / pools.prefill.model.layers / 50e9;
    for (size_t i = 0; i < ARRAY_LENGTH(routers); i++) {
        pools.decode.layout.router = routers[i];
        struct played played = play(&pools.prefill, arrivals, ARRAY_LENGTH(arrivals));
        const struct request_record *last = &played.requests[played.count - 1];
        ck_assert_uint_eq(last->id, 0);
        ck_assert_uint_eq(played.summary.kv_transfer.count, ARRAY_LENGTH(arrivals));
        ck_assert_double_eq_tol(played.summary.kv_transfer.wait.max, HOP_LATENCY_S + layer_s,
                                1e-11);
        for (size_t r = 0; r + 1 < played.count; r++)
            ck_assert_uint_ne(played.requests[r].replica, last->replica);
        played_release(&played);
    }
}
END_TEST

/* Expectation: the wider group's GPUs each get their heads once: TP=2 to TP=8 moves no more bytes
   than TP=1 to TP=1, and from four times as many GPUs' worth of slots takes no longer. */
START_TEST(unequal_groups_move_each_head_once)
{
    struct pools pools;
    double moved;
    set_up(&pools, 1);
    pools.prefill.layout.tensor_parallel = 2;
    pools.decode.layout.tensor_parallel = 8;
    double bytes = kv_bytes(&pools.prefill.model);
    double expected_s = HOP_LATENCY_S + bytes / NIC_BYTES_PER_S;
    ck_assert_double_eq_tol(wait_s(&pools, 1, &moved), expected_s, 1e-6);
    ck_assert_double_eq(moved, bytes);
}
END_TEST

/*
 * Expectation: four KV heads that eight GPUs hold twice leave each once, for that many GPUs at the
 * most that need one; where more GPUs decode, each gets a copy of its own.
 */
START_TEST(a_head_held_twice_leaves_once)
{
    static const struct {
        uint32_t from;
        uint32_t to;
        double copies;
    } cases[] = {{8, 1, 1}, {8, 2, 1}, {8, 4, 1}, {8, 8, 2}, {1, 8, 2}, {4, 8, 2}};
    struct pools pools;
    double moved;
    set_up(&pools, 1);
    pools.prefill.model.kv_heads = pools.decode.model.kv_heads = 4;
    double bytes = kv_bytes(&pools.prefill.model);
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        pools.prefill.layout.tensor_parallel = cases[i].from;
        pools.decode.layout.tensor_parallel = cases[i].to;
        double copies_s = cases[i].copies * bytes / NIC_BYTES_PER_S;
        pools.prefill.kv_transfer = KV_TRANSFER_WHOLE;
        ck_assert_double_eq_tol(wait_s(&pools, 1, &moved), HOP_LATENCY_S + copies_s, 1e-6);
        ck_assert_double_eq(moved, cases[i].copies * bytes);
        pools.prefill.kv_transfer = KV_TRANSFER_LAYERWISE;
        (void)wait_s(&pools, 1, &moved);
        ck_assert_double_eq_tol(moved / bytes, cases[i].copies, 1e-12);
    }
}
END_TEST

/* The seconds in which a run's stage did nothing for one cause. */
static double idle_s(const struct played *played, double share)
{
    return share * played->summary.duration_s;
}

/* Whether a run warned of `code`. */
static bool warned(const struct played *played, const char *code)
{
    for (uint32_t i = 0; i < played->summary.warning_count; i++)
        if (strcmp(played->summary.warnings[i].code, code) == 0)
            return true;
    return false;
}

/*
 * Expectation: one prompt's KV fills the replica that prefills, and one request the replica that
 * decodes. So the second prompt's KV waits for the first request's last token, while the third
 * prompt waits for the second's KV to go: of the time between the end of the second prefill and
 * the start of the third, what that KV takes to move is a transfer, and the rest the other pool's
 * want of room, which is what the run warns of, and not of a link.
 */
START_TEST(waiting_for_room_is_no_transfer)
{
    struct pools pools;
    struct arrival arrivals[3];
    set_up(&pools, 1);
    pools.prefill.cluster.nic.bytes_per_s = 50e9;
    pools.prefill.serving.kv_tokens = PROMPT;
    pools.decode.serving.max_sequences = 1;
    for (uint32_t i = 0; i < 3; i++)
        arrivals[i] = (struct arrival){.at = 0, .input_tokens = PROMPT, .output_tokens = 200};
    struct played played = play(&pools.prefill, arrivals, 3);
    const struct stage_summary *prefill = &played.summary.stages[0];
    const struct request_record *requests = played.requests;
    double move_s = HOP_LATENCY_S + kv_bytes(&pools.prefill.model) / 50e9;
    double between_s = sim_s_from_ps(requests[2].scheduled - requests[1].first_token);
    /* the third prompt waits for two moves: the first prompt's KV, and the second's */
    ck_assert_double_eq_tol(idle_s(&played, prefill->idle_transfer), 2 * move_s, 1e-9);
    ck_assert_double_eq_tol(idle_s(&played, prefill->idle_imbalance), between_s - move_s, 1e-9);
    ck_assert(warned(&played, "decode_pool_full"));
    ck_assert(!warned(&played, "link_bottleneck"));
    played_release(&played);
}
END_TEST

/* Expectation: sent layer by layer over a fast link, KV moves for a small part of the time in which
   a replica that has blocks for it can do nothing: for the rest its prompt is being prefilled. */
START_TEST(waiting_for_a_prompt_is_no_transfer)
{
    struct pools pools;
    struct arrival arrival = {.at = 0, .input_tokens = PROMPT, .output_tokens = 2};
    set_up(&pools, 1);
    pools.prefill.kv_transfer = KV_TRANSFER_LAYERWISE;
    pools.prefill.cluster.nic.bytes_per_s = 50e9;
    struct played played = play(&pools.prefill, &arrival, 1);
    const struct stage_summary *decode = &played.summary.stages[1];
    uint32_t layers = pools.prefill.model.layers;
    double move_s = layers * HOP_LATENCY_S + kv_bytes(&pools.prefill.model) / 50e9;
    double prefill_s = sim_s_from_ps(played.requests[0].first_token);
    double last_s = move_s / layers;
    ck_assert_double_eq_tol(idle_s(&played, decode->idle_transfer), move_s, 1e-9);
    ck_assert_double_eq_tol(idle_s(&played, decode->idle_fill_drain), prefill_s + last_s - move_s,
                            1e-9);
    played_release(&played);
}
END_TEST

/* The link that a prompt's KV kept the replica that decodes it waiting for. */
static void check_waits_for(const struct pools *pools, const char *name)
{
    struct arrival arrival = {.at = 0, .input_tokens = PROMPT, .output_tokens = 2};
    struct played played = play(&pools->prefill, &arrival, 1);
    uint32_t waited_for = 0;
    for (uint32_t i = 0; i < played.summary.link_count; i++) {
        const struct link_summary *link = &played.summary.links[i];
        if (link->waited_s > 0)
            ck_assert_str_eq(link->name, name);
        waited_for += link->waited_s > 0;
    }
    ck_assert_uint_eq(waited_for, 1);
    played_release(&played);
}

/* Expectation: four pairs get 10 GB/s each of the sockets' 40, and would get 30 from each GPU's own
   slot, which is narrower by itself. */
START_TEST(pairs_wait_for_the_link_that_they_share)
{
    struct pools pools;
    set_up(&pools, 1);
    pools.prefill.layout.tensor_parallel = 4;
    pools.prefill.cluster.nodes = 1;
    pools.prefill.cluster.gpus_per_nvlink_group = 4;
    pools.prefill.cluster.pcie.bytes_per_s = 30e9;
    pools.decode.cluster = pools.prefill.cluster;
    pools.decode.layout.tensor_parallel = 4;
    check_waits_for(&pools, "node0/bridge0>bridge1");
}
END_TEST

/* Expectation: a slot of 60 GB/s that is ten times slower holds KV up, not a NIC of 50. */
START_TEST(kv_waits_for_a_link_that_is_slow)
{
    struct pools pools;
    set_up(&pools, 1);
    pools.prefill.cluster.nic.bytes_per_s = 50e9;
    const struct fault slow = {
        .target = FAULT_LINK,
        .link = "node0/gpu0>bridge0",
        .until = SIM_PS_MAX,
        .slowdown = 10,
    };
    pools.prefill.faults = &slow;
    pools.prefill.fault_count = 1;
    check_waits_for(&pools, slow.link);
}
END_TEST

/* Expectation: a prompt whose KV nobody will ever take ends the run when it is prefilled, whatever
   else is to fail later; one whose taker comes back is decoded then. */
START_TEST(nobody_waits_for_a_pool_that_never_comes_back)
{
    struct pools pools;
    struct arrival arrival = {.at = 0, .input_tokens = PROMPT, .output_tokens = 2};
    set_up(&pools, 1);
    struct fault faults[] = {
        {.until = SIM_PS_MAX, .target = FAULT_NODE, .index = 1},
        {.from = 1000 * SIM_PS_PER_S, .until = SIM_PS_MAX, .target = FAULT_GPU, .index = 7},
    };
    pools.prefill.faults = faults;
    pools.prefill.fault_count = ARRAY_LENGTH(faults);
    struct played played = play(&pools.prefill, &arrival, 1);
    ck_assert_uint_eq(played.summary.lost, 1);
    ck_assert_double_gt(played.summary.stages[0].busy_compute, 0.99);
    played_release(&played);
    faults[0].until = 10 * SIM_PS_PER_S;
    played = play(&pools.prefill, &arrival, 1);
    ck_assert_uint_eq(played.summary.completed, 1);
    ck_assert_int_gt(played.requests[0].done, 10 * SIM_PS_PER_S);
    ck_assert_int_lt(played.requests[0].done, 11 * SIM_PS_PER_S);
    played_release(&played);
}
END_TEST

/* Expectation: the same where one of two that decode fails for good and no KV will ever reach the
   other. */
START_TEST(nobody_waits_for_a_link_that_never_comes_back)
{
    struct pools pools;
    struct arrival arrival = {.at = 0, .input_tokens = PROMPT, .output_tokens = 2};
    set_up(&pools, 1);
    struct fault faults[] = {
        {.until = SIM_PS_MAX, .target = FAULT_NODE, .index = 1},
        {.until = SIM_PS_MAX, .target = FAULT_LINK, .link = "node2/network>nic0"},
        {.from = 1000 * SIM_PS_PER_S, .until = SIM_PS_MAX, .target = FAULT_GPU, .index = 7},
    };
    pools.prefill.cluster.nodes = 3;
    pools.decode.cluster.nodes = 3;
    pools.decode.layout.tensor_parallel = 8;
    pools.decode.layout.replicas = 2;
    pools.prefill.faults = faults;
    pools.prefill.fault_count = ARRAY_LENGTH(faults);
    struct played played = play(&pools.prefill, &arrival, 1);
    ck_assert_uint_eq(played.summary.lost, 1);
    ck_assert_double_gt(played.summary.stages[0].busy_compute, 0.99);
    played_release(&played);
}
END_TEST

/* Lets a link be down for a time. */
static struct fault add_down(const char *link, sim_ps from, sim_ps until)
{
    return (struct fault){.target = FAULT_LINK, .link = link, .from = from, .until = until};
}

/*
 * Expectation: where the only way of KV is cut halfway through a transfer nobody fails, for nobody
 * else could do better: all of it is sent anew when the link is back, after a second.
 */
START_TEST(kv_waits_for_its_only_way)
{
    struct pools pools;
    struct arrival arrival = {.at = 0, .input_tokens = PROMPT, .output_tokens = 2};
    set_up(&pools, 1);
    double bytes = kv_bytes(&pools.prefill.model);
    struct played before = play(&pools.prefill, &arrival, 1);
    sim_ps first_token = before.requests[0].first_token;
    sim_ps half = first_token + sim_ps_from_s(bytes / NIC_BYTES_PER_S / 2);
    const struct fault down = add_down("node1/network>nic0", half, half + SIM_PS_PER_S);
    pools.prefill.faults = &down;
    pools.prefill.fault_count = 1;
    struct played played = play(&pools.prefill, &arrival, 1);
    double expected_s =
        sim_s_from_ps(down.until - first_token) + HOP_LATENCY_S + bytes / NIC_BYTES_PER_S;
    ck_assert_uint_eq(played.summary.completed, 1);
    ck_assert_uint_eq(played.summary.retried, 0);
    ck_assert_int_eq(played.requests[0].first_token, first_token);
    ck_assert_double_eq_tol(played.summary.kv_transfer.wait.max, expected_s, 1e-11);
    ck_assert_double_eq(played.summary.kv_transfer.bytes, bytes);
    for (uint32_t s = 0; s < played.summary.stage_count; s++)
        ck_assert_double_eq(played.summary.stages[s].idle_down, 0);
    played_release(&before);
    played_release(&played);
}
END_TEST

/* Expectation: a replica that loses its way to half of those that decode sends to the others: of
   nine that prefill the last is alone on its node with seven that decode, reaches these over NVLink
   and the eighth, on the third node, over the network. Nobody fails. */
START_TEST(kv_takes_another_way)
{
    const struct fault down = add_down("node1/gpu0>nvswitch", 0, SIM_PS_MAX);
    struct pools pools;
    struct arrival arrivals[9];
    for (uint32_t i = 0; i < ARRAY_LENGTH(arrivals); i++)
        arrivals[i] = (struct arrival){.at = 0, .input_tokens = PROMPT, .output_tokens = 2};
    set_up(&pools, ARRAY_LENGTH(arrivals));
    pools.prefill.cluster.nodes = 3;
    pools.decode.cluster = pools.prefill.cluster;
    pools.decode.layout.replicas = 8;
    for (uint32_t is_down = 0; is_down <= 1; is_down++) {
        pools.prefill.faults = &down;
        pools.prefill.fault_count = is_down;
        struct played played = play(&pools.prefill, arrivals, ARRAY_LENGTH(arrivals));
        ck_assert_uint_eq(played.count, ARRAY_LENGTH(arrivals));
        for (size_t i = 0; i < played.count; i++)
            if (played.requests[i].id == ARRAY_LENGTH(arrivals) - 1)
                ck_assert_uint_eq(played.requests[i].replica == 9 + 7, is_down);
        for (uint32_t s = 0; s < played.summary.stage_count; s++)
            ck_assert_double_eq(played.summary.stages[s].idle_down, 0);
        played_release(&played);
    }
}
END_TEST

#define STREAM 30

/* Three nodes and two replicas that decode, and a prompt every tenth of a second. */
static void set_up_three_nodes(struct pools *pools, struct arrival arrivals[STREAM])
{
    for (uint32_t i = 0; i < STREAM; i++)
        arrivals[i] = (struct arrival){
            .at = i * (SIM_PS_PER_S / 10), .input_tokens = PROMPT / 10, .output_tokens = 50};
    set_up(pools, 1);
    pools->prefill.cluster.nodes = 3;
    pools->decode.cluster.nodes = 3;
    pools->decode.layout.replicas = 2;
}

/*
 * Expectation: a replica that no KV can reach, while another's can be, fails, and no other: to lose
 * a decoding replica's NIC, or a slot of one of its GPUs, is to lose its node. It comes back with
 * the link.
 */
START_TEST(a_lost_nic_is_no_worse_than_its_node)
{
    const sim_ps from = SIM_PS_PER_S;
    const struct fault faults[] = {
        {.target = FAULT_NODE, .index = 2, .from = from, .until = 2 * from},
        add_down("node2/network>nic0", from, 2 * from),
        add_down("node2/bridge0>gpu0", from, 2 * from),
    };
    struct played played[ARRAY_LENGTH(faults)];
    struct arrival arrivals[STREAM];
    struct pools pools;
    set_up_three_nodes(&pools, arrivals);
    pools.decode.layout.tensor_parallel = 8;
    pools.prefill.fault_count = 1;
    for (size_t i = 0; i < ARRAY_LENGTH(faults); i++) {
        pools.prefill.faults = &faults[i];
        played[i] = play(&pools.prefill, arrivals, ARRAY_LENGTH(arrivals));
        ck_assert_uint_eq(played[i].summary.completed, ARRAY_LENGTH(arrivals));
        ck_assert_uint_gt(played[i].summary.retried, 0);
        ck_assert_double_eq(played[i].summary.stages[0].idle_down, 0);
        ck_assert_double_eq(played[i].summary.stages[1].idle_down, 0);
        ck_assert_double_gt(played[i].summary.stages[2].idle_down, 0);
        for (size_t r = 0; r < played[i].count; r++)
            ck_assert(same_request(&played[i].requests[r], &played[0].requests[r]));
    }
    for (size_t i = 0; i < ARRAY_LENGTH(faults); i++)
        played_release(&played[i]);
}
END_TEST

/* Expectation: a replica that reaches one alone of those that decode fails with it, where others of
   its pool reach another: of three nodes, the second has the last that prefills and the first that
   decodes, and no way out. All requests complete. */
START_TEST(who_reaches_a_failed_replica_alone_is_cut_off)
{
    const sim_ps from = SIM_PS_PER_S;
    struct fault faults[] = {
        add_down("node1/nic0>network", 0, SIM_PS_MAX),
        {.target = FAULT_GPU, .index = 8 + 4, .from = from, .until = SIM_PS_MAX},
    };
    struct pools pools;
    struct arrival arrivals[STREAM];
    set_up_three_nodes(&pools, arrivals);
    pools.prefill.layout.tensor_parallel = 4;
    pools.prefill.layout.replicas = 3;
    pools.decode.layout.tensor_parallel = 4;
    pools.prefill.faults = faults;
    pools.prefill.fault_count = ARRAY_LENGTH(faults);
    struct played played = play(&pools.prefill, arrivals, ARRAY_LENGTH(arrivals));
    ck_assert_uint_eq(played.summary.completed, ARRAY_LENGTH(arrivals));
    ck_assert_double_gt(played.summary.stages[2].idle_down, 0);
    ck_assert_double_eq(played.summary.stages[0].idle_down, 0);
    ck_assert_double_eq(played.summary.stages[1].idle_down, 0);
    played_release(&played);
}
END_TEST

/* Expectation: a request of one token ends where it was prefilled, and moves nothing. */
START_TEST(one_token_is_not_handed_over)
{
    struct pools pools;
    set_up(&pools, 1);
    struct arrival arrival = {.at = 0, .input_tokens = PROMPT, .output_tokens = 1};
    struct played played = play(&pools.prefill, &arrival, 1);
    ck_assert_uint_eq(played.summary.completed, 1);
    ck_assert_uint_eq(played.summary.kv_transfer.count, 0);
    ck_assert_uint_eq(played.requests[0].replica, 0);
    played_release(&played);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        whole_kv_takes_latency_and_bytes,
        who_decodes_takes_any_prompt,
        two_transfers_share_the_nic,
        private_links_are_shared_by_a_replicas_own_kv_alone,
        layerwise_hides_all_but_the_last_layer,
        layerwise_is_never_slower,
        layerwise_asks_all_who_decode,
        unequal_groups_move_each_head_once,
        a_head_held_twice_leaves_once,
        waiting_for_room_is_no_transfer,
        waiting_for_a_prompt_is_no_transfer,
        pairs_wait_for_the_link_that_they_share,
        kv_waits_for_a_link_that_is_slow,
        kv_waits_for_its_only_way,
        kv_takes_another_way,
        a_lost_nic_is_no_worse_than_its_node,
        who_reaches_a_failed_replica_alone_is_cut_off,
        one_token_is_not_handed_over,
        nobody_waits_for_a_pool_that_never_comes_back,
        nobody_waits_for_a_link_that_never_comes_back,
    };
    return suite_run("handover", tests, ARRAY_LENGTH(tests));
}
