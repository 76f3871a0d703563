/*
 * Do flows keep their contract: names, cancelling, rounding?
 */
#include "flow_rate.h"
#include "suite.h"

#define GB 1e9

/* Two links of 10 and 20 GB/s, and the ends of the flows that were done. */
struct rig {
    struct engine *engine;
    struct flow_network *network;
    sim_ps ends[16];
    uint32_t order[16];
    uint32_t done;
};

static struct rig rig_new(void)
{
    struct error error;
    struct rig rig = {.engine = engine_new(&error)};
    ck_assert_ptr_nonnull(rig.engine);
    rig.network = flow_network_new(rig.engine, (const double[]){10 * GB, 20 * GB}, 2, &error);
    ck_assert_ptr_nonnull(rig.network);
    return rig;
}

static void rig_end(struct rig *rig)
{
    flow_network_free(rig->network);
    ck_assert_uint_eq(engine_pending(rig->engine), 0);
    engine_free(rig->engine);
}

static void run(struct rig *rig)
{
    while (engine_step(rig->engine))
        continue;
}

static void on_done(void *context, uint64_t argument)
{
    struct rig *rig = context;
    rig->ends[argument] = engine_now(rig->engine);
    rig->order[rig->done++] = (uint32_t)argument;
}

/* Flow number `argument` over the links whose bits are set in `mask`. */
static struct flow_spec spec_of(struct rig *rig, uint32_t *links, uint32_t mask, double bytes,
                                uint64_t argument)
{
    uint32_t count = 0;
    for (uint32_t link = 0; link < 2; link++)
        if (mask >> link & 1)
            links[count++] = link;
    return (struct flow_spec){.links = links,
                              .link_count = count,
                              .bytes = bytes,
                              .done = on_done,
                              .context = rig,
                              .argument = argument};
}

static flow_id start(struct rig *rig, uint32_t mask, double bytes, uint64_t argument)
{
    uint32_t links[2];
    struct flow_spec spec = spec_of(rig, links, mask, bytes, argument);
    flow_id id = flow_start(rig->network, &spec);
    ck_assert_uint_ne(id, 0);
    return id;
}

static void on_nothing(void *context, uint64_t argument)
{
    (void)context;
    (void)argument;
}

/* Runs all events up to `at`, and leaves the clock there. */
static void run_until(struct rig *rig, sim_ps at)
{
    ck_assert_uint_ne(
        engine_schedule(rig->engine, at, EVENT_SHARE, (1u << 20) - 1, on_nothing, rig, 0), 0);
    while (engine_now(rig->engine) < at)
        ck_assert(engine_step(rig->engine));
}

START_TEST(a_lone_flow_takes_latency_and_bytes)
{
    /* 2 us, then 10 GB at the slower link's 10 GB/s; two events in all. */
    struct rig rig = rig_new();
    uint32_t links[2];
    struct flow_spec spec = spec_of(&rig, links, 3, 10 * GB, 0);
    spec.latency_s = 2e-6;
    ck_assert_uint_ne(flow_start(rig.network, &spec), 0);
    run(&rig);
    ck_assert_int_eq(rig.ends[0], SIM_PS_PER_S + 2000000);
    ck_assert_uint_eq(engine_dispatched(rig.engine), 2);
    rig_end(&rig);
}
END_TEST

START_TEST(rates_follow_arrivals_and_ends)
{
    struct rig rig = rig_new();
    flow_id first = start(&rig, 1, 10 * GB, 0);
    ck_assert_double_eq(flow_bytes_per_s(rig.network, first), 10 * GB);
    /* A second flow on the link halves the first's rate, from the moment it joins. */
    flow_id second = start(&rig, 1, 20 * GB, 1);
    ck_assert_double_eq(flow_bytes_per_s(rig.network, first), 5 * GB);
    ck_assert_double_eq(flow_bytes_per_s(rig.network, second), 5 * GB);
    /* The first ends at 2 s; then the second has the link to itself, and 10 GB to go. */
    run_until(&rig, 2 * SIM_PS_PER_S);
    ck_assert_double_eq(flow_bytes_per_s(rig.network, first), 0);
    ck_assert_double_eq(flow_bytes_per_s(rig.network, second), 10 * GB);
    run(&rig);
    ck_assert_int_eq(rig.ends[1], 3 * SIM_PS_PER_S);
    rig_end(&rig);
}
END_TEST

START_TEST(others_are_left_alone)
{
    /* Expectation: comings and goings on link 0 cost a flow on link 1 no event and no picosecond.
     */
    struct rig rig = rig_new();
    start(&rig, 2, 20 * GB, 0);
    for (uint32_t i = 1; i < 8; i++)
        start(&rig, 1, i * GB / 10, i);
    run(&rig);
    ck_assert_int_eq(rig.ends[0], SIM_PS_PER_S);
    rig_end(&rig);
}
END_TEST

START_TEST(nothing_to_move_costs_the_latency)
{
    /* No bytes, or no links: done after the latency, even of zero, never inside flow_start(). */
    struct rig rig = rig_new();
    uint32_t links[2];
    start(&rig, 1, 0, 0);
    start(&rig, 0, 5 * GB, 1);
    ck_assert_uint_eq(rig.done, 0);
    struct flow_spec spec = spec_of(&rig, links, 1, 0, 2);
    spec.latency_s = 3e-6;
    ck_assert_uint_ne(flow_start(rig.network, &spec), 0);
    run(&rig);
    ck_assert_int_eq(rig.ends[0], 0);
    ck_assert_int_eq(rig.ends[1], 0);
    ck_assert_int_eq(rig.ends[2], 3000000);
    rig_end(&rig);
}
END_TEST

START_TEST(cancelling_frees_the_links)
{
    struct rig rig = rig_new();
    flow_id gone = start(&rig, 1, 10 * GB, 0);
    flow_id stays = start(&rig, 1, 10 * GB, 1);
    run_until(&rig, SIM_PS_PER_S);
    /* Each has moved 5 GB; alone, the other's last 5 GB take half a second. */
    ck_assert(flow_cancel(rig.network, gone));
    ck_assert(!flow_cancel(rig.network, gone));
    ck_assert_double_eq(flow_bytes_per_s(rig.network, stays), 10 * GB);
    run(&rig);
    ck_assert_uint_eq(rig.done, 1);
    ck_assert_int_eq(rig.ends[1], SIM_PS_PER_S * 3 / 2);
    rig_end(&rig);
}
END_TEST

START_TEST(a_waiting_flow_can_be_cancelled)
{
    struct rig rig = rig_new();
    uint32_t links[2];
    struct flow_spec spec = spec_of(&rig, links, 1, GB, 0);
    spec.latency_s = 1;
    flow_id id = flow_start(rig.network, &spec);
    ck_assert(flow_cancel(rig.network, id));
    ck_assert_uint_eq(engine_pending(rig.engine), 0);
    rig_end(&rig);
}
END_TEST

START_TEST(a_link_can_slow_down)
{
    struct rig rig = rig_new();
    struct error error;
    start(&rig, 1, 10 * GB, 0);
    run_until(&rig, SIM_PS_PER_S / 2);
    /* Half is left when the link drops to a tenth: 5 GB at 1 GB/s. */
    ck_assert_int_eq(flow_set_link_rate(rig.network, 0, GB, &error), 0);
    run(&rig);
    ck_assert_int_eq(rig.ends[0], SIM_PS_PER_S / 2 + 5 * SIM_PS_PER_S);
    rig_end(&rig);
}
END_TEST

START_TEST(a_link_may_let_more_through_for_several)
{
    /* Of link 0's 10 GB/s two get 15 together, three 15. Where link 1 leaves one of two next to
       nothing, the other gets what a lone one does, no more. */
    struct rig rig = rig_new();
    struct error error;
    flow_set_link_gain(rig.network, 0, 1.5);
    flow_id first = start(&rig, 1, 10 * GB, 0);
    ck_assert_double_eq(flow_bytes_per_s(rig.network, first), 10 * GB);
    flow_id second = start(&rig, 3, 10 * GB, 1);
    ck_assert_double_eq(flow_bytes_per_s(rig.network, first), 7.5 * GB);
    ck_assert_double_eq(flow_bytes_per_s(rig.network, second), 7.5 * GB);
    ck_assert_int_eq(flow_set_link_rate(rig.network, 1, GB, &error), 0);
    ck_assert_double_eq(flow_bytes_per_s(rig.network, first), 10 * GB);
    ck_assert_double_eq(flow_bytes_per_s(rig.network, second), GB);
    ck_assert_int_eq(flow_set_link_rate(rig.network, 1, 20 * GB, &error), 0);
    flow_id third = start(&rig, 1, 10 * GB, 2);
    ck_assert_double_eq(flow_bytes_per_s(rig.network, third), 5 * GB);
    rig_end(&rig);
}
END_TEST

START_TEST(those_that_end_together_end_by_owner)
{
    struct rig rig = rig_new();
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t links[2];
        struct flow_spec spec = spec_of(&rig, links, 1, GB, i);
        spec.owner = 3 - i;
        ck_assert_uint_ne(flow_start(rig.network, &spec), 0);
    }
    run(&rig);
    /* All four end at 0.4 s, the lowest owner first. */
    for (uint32_t i = 0; i < 4; i++) {
        ck_assert_int_eq(rig.ends[i], SIM_PS_PER_S * 4 / 10);
        ck_assert_uint_eq(rig.order[i], 3 - i);
    }
    rig_end(&rig);
}
END_TEST

START_TEST(an_end_is_rounded_once)
{
    /* Of latency and of bytes a third of a nanosecond each: 667 ps, not 333 and 333. */
    struct rig rig = rig_new();
    uint32_t links[2];
    struct flow_spec spec = spec_of(&rig, links, 1, 10.0 / 3, 0);
    spec.latency_s = 1e-9 / 3;
    ck_assert_uint_ne(flow_start(rig.network, &spec), 0);
    run(&rig);
    ck_assert_int_eq(rig.ends[0], 667);
    rig_end(&rig);
}
END_TEST

START_TEST(freeing_takes_pending_flows_along)
{
    struct rig rig = rig_new();
    start(&rig, 1, GB, 0);
    start(&rig, 3, GB, 1);
    /* rig_end() checks that no event of theirs stays behind. */
    rig_end(&rig);
}
END_TEST

START_TEST(the_pool_grows)
{
    /* 1,000 flows of 10 MB on 10 GB/s: all end at 1 s, and their names are never mixed up. */
    struct rig rig = rig_new();
    flow_id ids[1000];
    for (uint32_t i = 0; i < 1000; i++)
        ids[i] = start(&rig, 1, GB / 100, i % 16);
    for (uint32_t i = 0; i < 1000; i += 2)
        ck_assert(flow_cancel(rig.network, ids[i]));
    for (uint32_t i = 0; i < 1000; i++)
        ck_assert_double_eq(flow_bytes_per_s(rig.network, ids[i]), i % 2 ? 10 * GB / 500 : 0);
    rig_end(&rig);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_lone_flow_takes_latency_and_bytes,
        rates_follow_arrivals_and_ends,
        others_are_left_alone,
        nothing_to_move_costs_the_latency,
        cancelling_frees_the_links,
        a_waiting_flow_can_be_cancelled,
        a_link_can_slow_down,
        a_link_may_let_more_through_for_several,
        those_that_end_together_end_by_owner,
        an_end_is_rounded_once,
        freeing_takes_pending_flows_along,
        the_pool_grows,
    };
    return suite_run("flow", tests, ARRAY_LENGTH(tests));
}
