/*
 * Do collectives as flows take as long as their closed forms, where nothing else
 * uses the links?
 */
#include "collective.h"
#include "communicator.h"
#include "fixtures.h"
#include "suite.h"
#include "transfer.h"

#define GPUS_MAX 32

/* Seconds of a plan over the cluster's first `ranks` GPUs; its links' bytes are added up in
   `bytes`. */
static double play_s(const struct topology *topology, const struct collective_group *group,
                     const uint32_t *gpus, const struct collective_plan *plan, double *bytes)
{
    struct error error;
    struct engine *engine = engine_new(&error);
    ck_assert_ptr_nonnull(engine);
    struct flow_network *network = transfer_network(engine, topology, &error);
    ck_assert_ptr_nonnull(network);
    struct communicator *communicator = communicator_new(network, topology, group, gpus, 0);
    communicator_start(communicator, plan);
    while (!communicator_is_done(communicator))
        ck_assert(engine_step(engine));
    double seconds = sim_s_from_ps(engine_now(engine));
    *bytes = communicator_moved_bytes(communicator);
    communicator_free(communicator);
    flow_network_free(network);
    engine_free(engine);
    return seconds;
}

/* How far rounding may take a plan off: half a picosecond for each of the messages that wait for
   one another, of a chain's last rank the others' too. */
static double rounding_s(const struct collective_plan *plan, uint32_t ranks)
{
    uint32_t messages = 0;
    for (uint32_t i = 0; i < plan->phase_count; i++)
        messages +=
            plan->phases[i].rounds + (plan->phases[i].pattern == PATTERN_CHAIN ? ranks - 2 : 0);
    return 0.5e-12 * messages;
}

/* Expectation: every algorithm that applies takes its closed form's time as flows, to 1e-9 and
   what rounding takes. */
static uint32_t check_cluster(const struct cluster *cluster, uint32_t ranks, double bytes)
{
    struct arena arena;
    struct topology topology;
    struct error error;
    uint32_t gpus[GPUS_MAX];
    uint32_t checked = 0;
    arena_init(&arena);
    ck_assert_int_eq(topology_build(&topology, cluster, &arena, &error), 0);
    for (uint32_t i = 0; i < ranks; i++)
        gpus[i] = i;
    struct collective_group group = collective_group_of(&topology, gpus, ranks);
    for (uint32_t o = 0; o < OPERATION_COUNT; o++) {
        for (uint32_t a = 0; a < COLLECTIVE_ALGORITHM_COUNT; a++) {
            enum collective_operation operation = (enum collective_operation)o;
            enum collective_algorithm algorithm = (enum collective_algorithm)a;
            struct collective_plan plan;
            double moved;
            if (!collective_plan_of(&plan, &group, operation, algorithm, bytes))
                continue;
            double expected_s = collective_s(&group, operation, algorithm, bytes);
            double seconds = play_s(&topology, &group, gpus, &plan, &moved);
            ck_assert_msg(
                fabs(seconds - expected_s) <= 1e-9 * expected_s + rounding_s(&plan, ranks),
                "%s by %s of %u ranks on %s, %g bytes: %.12g s, not %.12g s",
                collective_operation_name(operation), collective_algorithm_name(algorithm), ranks,
                cluster->name, bytes, seconds, expected_s);
            ck_assert_double_gt(moved, 0);
            checked++;
        }
    }
    arena_release(&arena);
    return checked;
}

START_TEST(flows_take_the_closed_forms_time_on_nvlink)
{
    struct cluster cluster = fixture_nvlink_cluster(1, 8);
    cluster.nvlink_reduces = true;
    for (double bytes = 1000; bytes < 1e9; bytes *= 37) {
        /* On eight ranks all algorithms but the hierarchical apply: 5 + 4 + 4 + 1 + 4 + 1. */
        ck_assert_uint_eq(check_cluster(&cluster, 8, bytes), 19);
        for (uint32_t ranks = 2; ranks < 8; ranks++)
            check_cluster(&cluster, ranks, bytes);
    }
}
END_TEST

START_TEST(flows_take_the_closed_forms_time_across_nodes)
{
    struct cluster cluster = fixture_nvlink_cluster(4, 8);
    /* One socket a node, so that each rank's way to its NIC is alike. */
    cluster.gpus_per_host_bridge = 8;
    for (double bytes = 1000; bytes < 1e9; bytes *= 901)
        for (uint32_t ranks = 16; ranks <= 32; ranks += 8)
            check_cluster(&cluster, ranks, bytes);
}
END_TEST

START_TEST(flows_take_the_closed_forms_time_by_either_protocol)
{
    struct cluster cluster = fixture_nvlink_cluster(2, 4);
    cluster.gpus_per_host_bridge = 4;
    cluster.simple_start_s = 10e-6;
    for (double bytes = 1000; bytes < 1e9; bytes *= 37)
        for (uint32_t ranks = 4; ranks <= 8; ranks += 4)
            check_cluster(&cluster, ranks, bytes);
}
END_TEST

START_TEST(a_ring_moves_what_it_must)
{
    /* 14 rounds of 1/8 from each of 8 ranks, each over two links: 28 times the bytes. */
    struct cluster cluster = fixture_nvlink_cluster(1, 8);
    struct arena arena;
    struct topology topology;
    struct error error;
    const uint32_t gpus[] = {0, 1, 2, 3, 4, 5, 6, 7};
    struct collective_plan plan;
    double moved;
    arena_init(&arena);
    ck_assert_int_eq(topology_build(&topology, &cluster, &arena, &error), 0);
    struct collective_group group = collective_group_of(&topology, gpus, 8);
    ck_assert(collective_plan_of(&plan, &group, OPERATION_ALL_REDUCE, COLLECTIVE_RING, 8e6));
    play_s(&topology, &group, gpus, &plan, &moved);
    ck_assert_double_eq_tol(moved, 28 * 8e6, 1e-3);
    arena_release(&arena);
}
END_TEST

START_TEST(two_rings_on_one_nic_take_twice_as_long)
{
    /* Two pairs of GPUs, one of each in either node, share the nodes' only NIC: 1 GB messages of
       two rounds at half of 50 GB/s, so that latencies hardly show. */
    struct cluster cluster = fixture_nvlink_cluster(2, 8);
    cluster.nics_per_node = 1;
    struct arena arena;
    struct topology topology;
    struct error error;
    arena_init(&arena);
    ck_assert_int_eq(topology_build(&topology, &cluster, &arena, &error), 0);
    struct engine *engine = engine_new(&error);
    struct flow_network *network = transfer_network(engine, &topology, &error);
    struct communicator *communicators[2];
    for (uint32_t i = 0; i < 2; i++) {
        const uint32_t gpus[] = {i, 8 + i};
        struct collective_group group = collective_group_of(&topology, gpus, 2);
        struct collective_plan plan;
        ck_assert(collective_plan_of(&plan, &group, OPERATION_ALL_REDUCE, COLLECTIVE_RING, 2e9));
        communicators[i] = communicator_new(network, &topology, &group, gpus, i);
        communicator_start(communicators[i], &plan);
    }
    while (!communicator_is_done(communicators[0]) || !communicator_is_done(communicators[1]))
        ck_assert(engine_step(engine));
    ck_assert_double_eq_tol(sim_s_from_ps(engine_now(engine)), 2 * 1e9 / 25e9, 1e-4);
    for (uint32_t i = 0; i < 2; i++)
        communicator_free(communicators[i]);
    flow_network_free(network);
    engine_free(engine);
    arena_release(&arena);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        flows_take_the_closed_forms_time_on_nvlink,
        flows_take_the_closed_forms_time_across_nodes,
        flows_take_the_closed_forms_time_by_either_protocol,
        a_ring_moves_what_it_must,
        two_rings_on_one_nic_take_twice_as_long,
    };
    return suite_run("collective_flow", tests, ARRAY_LENGTH(tests));
}
