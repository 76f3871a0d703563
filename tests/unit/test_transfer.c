/* Do transfers take what they are said to, and notice what else is on their links? */
#include "transfer.h"

#include "fixtures.h"
#include "suite.h"

static struct arena arena;
static struct error error;
static struct topology topology;
static struct engine *engine;
static struct flow_network *network;

/* Four GPUs on NVLink of 400 GB/s, where several get half as much again as one does. */
static void setup(void)
{
    static struct cluster cluster;
    arena_init(&arena);
    cluster = fixture_nvlink_cluster(1, 4);
    cluster.contention =
        (struct contention){.bandwidth = 1.5, .send_latency = 2, .receive_latency = 1.25};
    ck_assert_int_eq(topology_build(&topology, &cluster, &arena, &error), 0);
    engine = engine_new(&error);
    ck_assert_ptr_nonnull(engine);
    network = transfer_network(engine, &topology, &error);
    ck_assert_ptr_nonnull(network);
}

static void teardown(void)
{
    flow_network_free(network);
    engine_free(engine);
    arena_release(&arena);
}

static void on_done(void *context, uint64_t argument)
{
    (void)argument;
    *(sim_ps *)context = engine_now(engine);
}

static struct transfer transfer_between(const uint32_t *from, const uint32_t *to)
{
    struct transfer transfer;
    struct transfer_pairs pairs = {.from = from, .to = to, .count = 1};
    ck_assert_int_eq(transfer_init(&transfer, network, &topology, pairs, &arena, &error), 0);
    return transfer;
}

static void start(struct transfer *transfer, double bytes, sim_ps *end)
{
    struct flow_order order = {.bytes = bytes, .done = on_done, .context = end};
    ck_assert_int_eq(transfer_start(transfer, &order, &error), 0);
}

static double load_between(uint32_t from, uint32_t to)
{
    struct transfer transfer = transfer_between(&from, &to);
    return transfer_load(&transfer);
}

START_TEST(others_bytes_are_a_load)
{
    static const uint32_t gpus[] = {0, 1};
    struct transfer transfer = transfer_between(&gpus[0], &gpus[1]);
    sim_ps end;
    ck_assert_double_eq(load_between(0, 2), 1);
    start(&transfer, 400e9, &end);
    ck_assert_double_eq(load_between(0, 2), 2);    /* leaves as they do */
    ck_assert_double_eq(load_between(2, 1), 1.25); /* comes as they do */
    ck_assert_double_eq(load_between(0, 1), 2);    /* the worse of both */
    ck_assert_double_eq(load_between(2, 3), 1);
    ck_assert_double_eq(load_between(1, 0), 1); /* the other way */
    while (engine_step(engine))
        continue;
    ck_assert_int_eq(end, SIM_PS_PER_S);
    ck_assert_double_eq(load_between(0, 2), 1);
}
END_TEST

START_TEST(two_get_more_than_one)
{
    /* 300 GB/s each, where one gets 400. */
    static const uint32_t from[] = {0, 0};
    static const uint32_t to[] = {1, 2};
    struct transfer transfers[2];
    sim_ps ends[2];
    for (uint32_t i = 0; i < 2; i++) {
        transfers[i] = transfer_between(&from[i], &to[i]);
        start(&transfers[i], 300e9, &ends[i]);
    }
    while (engine_step(engine))
        continue;
    ck_assert_int_eq(ends[0], SIM_PS_PER_S);
    ck_assert_int_eq(ends[1], SIM_PS_PER_S);
}
END_TEST

START_TEST(a_form_takes_what_it_takes_alone)
{
    struct transfer_form slow = transfer_form_of(3e-6, 2e-6);
    ck_assert_double_eq(slow.latency_s, 3e-6 - 2e-6);
    ck_assert_double_eq(slow.pace, 1);
    struct transfer_form fast = transfer_form_of(3e-6, 4e-6);
    ck_assert_double_eq(fast.latency_s, 0);
    ck_assert_double_eq(fast.pace, 0.75);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        others_bytes_are_a_load,
        two_get_more_than_one,
        a_form_takes_what_it_takes_alone,
    };
    return suite_run_between("transfer", setup, teardown, tests, ARRAY_LENGTH(tests));
}
