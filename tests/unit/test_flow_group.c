/*
 * Do groups keep their contract: as their flows would by themselves, whatever befalls them?
 *
 * The property test of this name compares many more with flows that are started one by one.
 */
#include "flow_network.h"
#include "suite.h"

#define GB 1e9
#define ROUTES 2
#define OWNER 7
#define EVENT_BY_ITSELF 100

static struct error error;
static struct engine *engine;
static struct flow_network *network;
static struct crossing crossings[ROUTES * ROUTE_LINKS_MAX];
static flow_id flows[ROUTES];
static struct flow_group group;
static uint32_t done_count;
static sim_ps done_at;
static uint64_t order[8]; /* the arguments of what was done, in order */

/* Both routes leave over link 0, of 10 GB/s, and come in over links of 20 GB/s. */
static const struct route fan[ROUTES] = {{2, {0, 1}}, {2, {0, 2}}};

static void aim(const struct route *routes)
{
    group = (struct flow_group){.network = network,
                                .routes = routes,
                                .count = ROUTES,
                                .owner = OWNER,
                                .crossings = {.links = crossings},
                                .flows = flows};
    for (uint32_t k = 0; k < ROUTES; k++)
        crossings_add_route(&group.crossings, &routes[k]);
    flow_group_aim(&group);
}

static void setup(void)
{
    static const double rates[] = {10 * GB, 20 * GB, 20 * GB, 10 * GB};
    engine = engine_new(&error);
    network = flow_network_new(engine, rates, ARRAY_LENGTH(rates), &error);
    ck_assert_ptr_nonnull(network);
    done_count = 0;
    aim(fan);
}

static void teardown(void)
{
    /* Whatever a group was promised has come back. */
    ck_assert_uint_eq(network->promised_count, 0);
    flow_network_free(network);
    ck_assert_uint_eq(engine_pending(engine), 0);
    engine_free(engine);
}

static void on_done(void *context, uint64_t argument)
{
    (void)context;
    done_at = engine_now(engine);
    order[done_count++] = argument;
}

static void start_group(struct flow_group *of, double latency_s, double bytes)
{
    struct flow_order of_all = {
        .latency_s = latency_s, .bytes = bytes, .done = on_done, .argument = of->owner};
    ck_assert_int_eq(flow_group_start(of, &of_all, &error), 0);
}

static void start(double latency_s, double bytes)
{
    start_group(&group, latency_s, bytes);
}

static flow_id start_flow(uint32_t link, double bytes)
{
    struct flow_spec spec = {
        .links = &link, .link_count = 1, .bytes = bytes, .done = on_done, .argument = link};
    flow_id id = flow_start(network, &spec);
    ck_assert_uint_ne(id, 0);
    return id;
}

/* Has an event that only notes itself, `delay` from now. */
static void schedule(sim_ps delay, enum event_priority priority, uint32_t owner)
{
    ck_assert_uint_ne(engine_schedule(engine, engine_now(engine) + delay, priority, owner, on_done,
                                      NULL, EVENT_BY_ITSELF),
                      0);
}

static void on_nothing(void *context, uint64_t argument)
{
    (void)context;
    (void)argument;
}

/* Runs all events up to `at`, those of the last class but the latest owners' included. */
static void run_until(sim_ps at)
{
    ck_assert_uint_ne(engine_schedule(engine, at, EVENT_SHARE, (1u << 20) - 1, on_nothing, NULL, 0),
                      0);
    while (engine_now(engine) < at || engine_next_at(engine) == at)
        ck_assert(engine_step(engine));
}

static void run(void)
{
    while (engine_step(engine))
        continue;
}

START_TEST(a_lone_group_takes_an_event_where_its_flows_take_one_each)
{
    /* 2 us, then 10 GB each at half of 10 GB/s. Events: the first byte, the rates, the end, and
       that link 0 has no flows whose rates the first to leave could have changed. */
    start(2e-6, 10 * GB);
    ck_assert(!flow_is_on(network, 0));
    run_until(2000000);
    ck_assert(flow_is_on(network, 0));
    ck_assert(flow_is_on(network, 1));
    uint64_t events = engine_dispatched(engine);
    run();
    ck_assert_int_eq(done_at, 2 * SIM_PS_PER_S + 2000000);
    ck_assert_uint_eq(events, 2 + 1); /* one is run_until()'s */
    ck_assert_uint_eq(engine_dispatched(engine), 4 + 1);
    ck_assert(!flow_is_on(network, 0));
    ck_assert_uint_eq(flow_group_narrowest(&group), 0);
}
END_TEST

START_TEST(others_slow_a_moving_group_down)
{
    /* Of 10 GB each 5 have moved after 1 s. Then three share link 0's 10 GB/s: 5 GB more take the
       group 1.5 s, and leave the other 5 of its 10 GB, which take 0.5 s. */
    start(0, 10 * GB);
    run_until(SIM_PS_PER_S);
    start_flow(0, 10 * GB);
    run_until(2 * SIM_PS_PER_S + SIM_PS_PER_S / 2);
    ck_assert_uint_eq(done_count, 1);
    ck_assert_uint_eq(order[0], OWNER);
    run();
    ck_assert_int_eq(done_at, 3 * SIM_PS_PER_S);
    ck_assert_int_eq(group.state, FLOW_GROUP_IDLE);
}
END_TEST

START_TEST(a_group_joins_others)
{
    /* Another's 10 GB have had link 0 for half a second; three then share it: 5 GB take 1.5 s. */
    start_flow(0, 10 * GB);
    start(0.5, 10 * GB);
    run_until(2 * SIM_PS_PER_S);
    ck_assert_uint_eq(done_count, 1);
    /* Two share it from there: 5 GB each take 1 s. */
    run();
    ck_assert_int_eq(done_at, 3 * SIM_PS_PER_S);
}
END_TEST

START_TEST(a_link_slows_a_group_down)
{
    /* Link 1 drops to 1 GB/s, before the first byte, as it moves, or after half of 10 GB each: the
       flow over it has all, all or half of them to move at that rate. */
    static const sim_ps slow_at[] = {SIM_PS_PER_S / 2, SIM_PS_PER_S, 2 * SIM_PS_PER_S};
    static const sim_ps ends[] = {11 * SIM_PS_PER_S, 11 * SIM_PS_PER_S, 7 * SIM_PS_PER_S};
    for (size_t i = 0; i < ARRAY_LENGTH(slow_at); i++) {
        sim_ps from = engine_now(engine);
        start(1, 10 * GB);
        while (engine_next_at(engine) < from + slow_at[i])
            engine_step(engine);
        if (slow_at[i] == SIM_PS_PER_S)
            engine_step(engine); /* joined */
        else
            run_until(from + slow_at[i]);
        static const enum flow_group_state states[] = {FLOW_GROUP_WAITING, FLOW_GROUP_JOINED,
                                                       FLOW_GROUP_MOVING};
        ck_assert_int_eq(group.state, states[i]);
        ck_assert_int_eq(flow_set_link_rate(network, 1, GB, &error), 0);
        run();
        ck_assert_int_eq(done_at - from, ends[i]);
        ck_assert_int_eq(flow_set_link_rate(network, 1, 20 * GB, &error), 0);
    }
}
END_TEST

START_TEST(a_group_can_be_cancelled)
{
    /* Before the first byte, as it moves, at half of the way, and in company: nothing is done, and
       the links are free. */
    for (uint32_t step = 0; step < 4; step++) {
        flow_id other = 0;
        start(1, 10 * GB);
        if (step > 0)
            engine_step(engine);
        if (step > 1)
            engine_step(engine);
        if (step > 2)
            other = start_flow(0, GB);
        static const enum flow_group_state states[] = {FLOW_GROUP_WAITING, FLOW_GROUP_JOINED,
                                                       FLOW_GROUP_MOVING, FLOW_GROUP_DISBANDED};
        ck_assert_int_eq(group.state, states[step]);
        flow_group_cancel(&group);
        flow_group_cancel(&group);
        ck_assert(flow_cancel(network, other) == (step > 2));
        ck_assert_int_eq(group.state, FLOW_GROUP_IDLE);
        for (uint32_t link = 0; link < 3; link++)
            ck_assert(!flow_is_on(network, link));
        run();
        ck_assert_uint_eq(done_count, 0);
    }
}
END_TEST

START_TEST(routes_may_differ)
{
    /* One over link 3's 10 GB/s, one over link 1's 20: 10 GB are done after half a second and 1 s,
       the group after the later. */
    static const struct route unlike[ROUTES] = {{1, {3}}, {1, {1}}};
    aim(unlike);
    start(0, 10 * GB);
    run_until(SIM_PS_PER_S * 3 / 4);
    ck_assert(!flow_is_on(network, 1));
    ck_assert(flow_is_on(network, 3));
    run();
    ck_assert_int_eq(done_at, SIM_PS_PER_S);
    ck_assert_uint_eq(done_count, 1);
}
END_TEST

START_TEST(nothing_to_move_costs_the_latency)
{
    /* No bytes: done after the latency. Of two routes one of which has no links, after the other;
       never inside flow_group_start(). */
    static const struct route half[ROUTES] = {{0, {0}}, {1, {3}}};
    start(0, 0);
    ck_assert_uint_eq(done_count, 0);
    run();
    ck_assert_int_eq(done_at, 0);
    start(3e-6, 0);
    run();
    ck_assert_int_eq(done_at, 3000000);
    aim(half);
    start(0, 10 * GB);
    run();
    ck_assert_int_eq(done_at, 3000000 + SIM_PS_PER_S);
}
END_TEST

START_TEST(a_group_has_room_to_disband)
{
    /* A moving group, then as many other flows as there is room for, and one more: wherever the
       pool grows, it is not where the group disbands, when there is no asking for memory. */
    start(0, 10 * GB);
    run_until(1);
    uint32_t first_capacity = network->capacity;
    while (network->capacity == first_capacity) {
        ck_assert_uint_ge(network->free_count, ROUTES);
        start_flow(3, GB);
    }
    uint32_t capacity = network->capacity;
    start_flow(0, GB);
    ck_assert_int_eq(group.state, FLOW_GROUP_DISBANDED);
    ck_assert_uint_eq(network->capacity, capacity);
    flow_group_cancel(&group);
}
END_TEST

START_TEST(a_group_can_start_anew_when_it_is_done)
{
    for (uint32_t i = 1; i <= 3; i++) {
        start(0, 10 * GB);
        run();
        ck_assert_int_eq(done_at, 2 * i * SIM_PS_PER_S);
        ck_assert_uint_eq(done_count, i);
    }
}
END_TEST

/*
 * Which place has the last to end of two flows that share link 0? By themselves: the second, which
 * finds the other there, has the rates set at the end of the picosecond, and its own event anew
 * then, after all that were scheduled in it; but its old place where others have set them first.
 * An event of its class and owner at the group's end, scheduled in that picosecond, tells.
 */
static void tell(uint64_t first, uint64_t second)
{
    run();
    ck_assert_uint_eq(order[0], first);
    ck_assert_uint_eq(order[1], second);
    done_count = 0;
}

START_TEST(the_last_to_end_comes_after_what_was_scheduled_before_its_rate)
{
    start(0, 10);
    schedule(2000, EVENT_TRANSFER, OWNER);
    tell(EVENT_BY_ITSELF, OWNER);
}
END_TEST

START_TEST(others_may_set_a_joined_groups_rates)
{
    /* Two on link 3 do, one of which is cancelled: rates are set for nobody in particular. */
    flow_id other = start_flow(3, GB);
    start_flow(3, GB);
    start(0, 10);
    schedule(2000, EVENT_TRANSFER, OWNER);
    ck_assert(flow_cancel(network, other));
    run_until(2000);
    ck_assert_uint_eq(order[0], OWNER);
    ck_assert_uint_eq(order[1], EVENT_BY_ITSELF);
}
END_TEST

START_TEST(a_lone_flow_that_leaves_has_joined_groups_rates_set)
{
    /* Rates are due when it does, though not for its sake. */
    flow_id other = start_flow(3, GB);
    start(0, 10);
    schedule(2000, EVENT_TRANSFER, OWNER);
    ck_assert(flow_cancel(network, other));
    tell(OWNER, EVENT_BY_ITSELF);
}
END_TEST

START_TEST(a_waiting_group_that_is_cancelled_has_joined_groups_rates_set)
{
    static const struct route lone[] = {{1, {3}}};
    struct crossing crossing = {3, 1};
    flow_id flow;
    struct flow_group waiting = {.network = network,
                                 .routes = lone,
                                 .count = 1,
                                 .crossings = {&crossing, 1},
                                 .flows = &flow};
    flow_group_aim(&waiting);
    start_group(&waiting, 1, GB);
    start(0, 10);
    schedule(2000, EVENT_TRANSFER, OWNER);
    flow_group_cancel(&waiting);
    tell(OWNER, EVENT_BY_ITSELF);
}
END_TEST

START_TEST(of_two_that_join_together_the_first_sets_all_rates)
{
    /* Another group, of a lower owner, joins links 3 and 4 after this one: its sharing comes first,
       and sets the rates of both. */
    static const struct route routes[ROUTES] = {{1, {3}}, {1, {3}}};
    struct crossing crossing = {3, 2};
    flow_id its_flows[ROUTES];
    struct flow_group other = {.network = network,
                               .routes = routes,
                               .count = ROUTES,
                               .owner = OWNER - 1,
                               .crossings = {&crossing, 1},
                               .flows = its_flows};
    flow_group_aim(&other);
    start(0, 10);
    start_group(&other, 0, 100);
    schedule(2000, EVENT_TRANSFER, OWNER);
    tell(OWNER, EVENT_BY_ITSELF);
}
END_TEST

START_TEST(flows_left_a_link_before_the_group_came)
{
    /* Link 1 has half a millionth of a millionth more than link 0: where the rates of their flows
       are set together, they are at one level (flow_share.c). So they are when two flows leave link
       1, one link 0, and a group joins link 1, all in one picosecond. At 10 bytes a nanosecond, 10
       s are then 10 s, not 5 ps less. */
    static const struct route lone[] = {{1, {1}}};
    struct crossing crossing = {1, 1};
    flow_id flow;
    struct flow_group on_1 = {.network = network,
                              .routes = lone,
                              .count = 1,
                              .crossings = {&crossing, 1},
                              .flows = &flow};
    ck_assert_int_eq(flow_set_link_rate(network, 1, 10 * GB * (1 + 5e-13), &error), 0);
    flow_group_aim(&on_1);
    flow_id leave[] = {start_flow(0, GB), start_flow(1, GB), start_flow(1, GB)};
    start_flow(0, 100 * GB);
    run_until(1);
    for (size_t i = 0; i < ARRAY_LENGTH(leave); i++)
        ck_assert(flow_cancel(network, leave[i]));
    start_group(&on_1, 0, 100 * GB);
    while (done_count == 0)
        ck_assert(engine_step(engine));
    ck_assert_int_eq(done_at, 10 * SIM_PS_PER_S + 1);
    run();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_lone_group_takes_an_event_where_its_flows_take_one_each,
        others_slow_a_moving_group_down,
        a_group_joins_others,
        a_link_slows_a_group_down,
        a_group_can_be_cancelled,
        routes_may_differ,
        nothing_to_move_costs_the_latency,
        a_group_has_room_to_disband,
        a_group_can_start_anew_when_it_is_done,
        the_last_to_end_comes_after_what_was_scheduled_before_its_rate,
        others_may_set_a_joined_groups_rates,
        a_lone_flow_that_leaves_has_joined_groups_rates_set,
        a_waiting_group_that_is_cancelled_has_joined_groups_rates_set,
        of_two_that_join_together_the_first_sets_all_rates,
        flows_left_a_link_before_the_group_came,
    };
    return suite_run_between("flow_group", setup, teardown, tests, ARRAY_LENGTH(tests));
}
