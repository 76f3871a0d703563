/*
 * Do flows get their max-min fair rates, and end when the fluid model says?
 */
#include "flow_rate.h"
#include "flow_set.h"
#include "suite.h"

#define GB 1e9

/* Too large for a stack. */
static struct flow_set *new_set(void)
{
    struct flow_set *set = calloc(1, sizeof(*set));
    ck_assert_ptr_nonnull(set);
    return set;
}

static void check_ends(const struct flow_set *set, const double *expected_s)
{
    double ends_s[SET_FLOWS_MAX];
    flow_set_play(set, ends_s);
    for (uint32_t i = 0; i < set->flow_count; i++)
        ck_assert_double_eq_tol(ends_s[i], expected_s[i], 1e-9 * expected_s[i] + 1e-12);
}

START_TEST(two_flows_halve_a_link)
{
    /* 10 GB and 30 GB on 10 GB/s: half each until 2 s, when the shorter ends; the other has 20 GB
       left, alone: 4 s. */
    struct flow_set *set = new_set();
    set->link_count = 1;
    set->bytes_per_s[0] = 10 * GB;
    flow_set_add(set, 10 * GB, 1, (const uint32_t[]){0});
    flow_set_add(set, 30 * GB, 1, (const uint32_t[]){0});
    check_ends(set, (const double[]){2, 4});
    free(set);
}
END_TEST

START_TEST(a_late_flow_slows_an_early_one)
{
    /* 10 GB from 0 s; 10 GB from 0.5 s whose first byte comes at 0.6 s: by then 6 GB of the first
       are moved, and its last 4 GB take 0.8 s at half rate: 1.4 s. The second has moved 4 GB by
       then, and its last 6 GB take 0.6 s: 2 s. */
    struct flow_set *set = new_set();
    set->link_count = 1;
    set->bytes_per_s[0] = 10 * GB;
    flow_set_add(set, 10 * GB, 1, (const uint32_t[]){0});
    struct set_flow *late = flow_set_add(set, 10 * GB, 1, (const uint32_t[]){0});
    late->start_s = 0.5;
    late->latency_s = 0.1;
    check_ends(set, (const double[]){1.4, 2});
    free(set);
}
END_TEST

START_TEST(parking_lot)
{
    /* A flow of 5 GB crosses three links of 10, 20 and 40 GB/s, each of which has a flow of its
       own. The first link fills at 5 GB/s a flow; what the long flow leaves on the others, 15 and
       35 GB/s, is theirs. All flows' bytes are a second's worth. */
    struct flow_set *set = new_set();
    set->link_count = 3;
    for (uint32_t link = 0; link < 3; link++)
        set->bytes_per_s[link] = 10 * GB * (1 << link);
    flow_set_add(set, 5 * GB, 3, (const uint32_t[]){0, 1, 2});
    flow_set_add(set, 5 * GB, 1, (const uint32_t[]){0});
    flow_set_add(set, 15 * GB, 1, (const uint32_t[]){1});
    flow_set_add(set, 35 * GB, 1, (const uint32_t[]){2});
    check_ends(set, (const double[]){1, 1, 1, 1});
    free(set);
}
END_TEST

START_TEST(all_to_all_takes_what_a_port_takes)
{
    /* 63 GB out of each port of 50 GB/s, and a latency of 1 us: 1.26 s for all 4,032. */
    static double expected_s[SET_FLOWS_MAX];
    struct flow_set *set = new_set();
    flow_set_crossbar(set, 64, 50 * GB);
    flow_set_all_to_all(set, 64, GB, 1e-6);
    for (uint32_t i = 0; i < set->flow_count; i++)
        expected_s[i] = 63.0 / 50 + 1e-6;
    check_ends(set, expected_s);
    free(set);
}
END_TEST

/* Water level by water level, over all links and flows each time. rates[f] < 0: not moving. */
static void fill_by_force(const struct flow_set *set, double *rates)
{
    bool is_fixed[SET_FLOWS_MAX];
    for (uint32_t f = 0; f < set->flow_count; f++)
        is_fixed[f] = rates[f] < 0;
    for (;;) {
        double least = INFINITY;
        uint32_t fullest = 0;
        for (uint32_t link = 0; link < set->link_count; link++) {
            double left = set->bytes_per_s[link];
            uint32_t unfixed = 0;
            for (uint32_t f = 0; f < set->flow_count; f++)
                for (uint32_t i = 0; i < set->flows[f].link_count; i++)
                    if (set->flows[f].links[i] == link && rates[f] >= 0) {
                        left -= is_fixed[f] ? rates[f] : 0;
                        unfixed += !is_fixed[f];
                    }
            if (unfixed > 0 && left / unfixed < least) {
                least = left / unfixed;
                fullest = link;
            }
        }
        if (isinf(least))
            return;
        for (uint32_t f = 0; f < set->flow_count; f++)
            for (uint32_t i = 0; i < set->flows[f].link_count; i++)
                if (set->flows[f].links[i] == fullest && !is_fixed[f]) {
                    rates[f] = least;
                    is_fixed[f] = true;
                }
    }
}

/* The fluid model by force, in doubles: everything anew at each start and end. */
static void play_by_force(const struct flow_set *set, double *ends_s)
{
    double left[SET_FLOWS_MAX];
    double rates[SET_FLOWS_MAX];
    double now_s = 0;
    uint32_t done = 0;
    for (uint32_t f = 0; f < set->flow_count; f++) {
        left[f] = set->flows[f].bytes;
        ends_s[f] = -1;
    }
    while (done < set->flow_count) {
        double next_s = INFINITY;
        for (uint32_t f = 0; f < set->flow_count; f++) {
            double first_byte_s = set->flows[f].start_s + set->flows[f].latency_s;
            rates[f] = ends_s[f] < 0 && first_byte_s <= now_s ? 0 : -1;
            if (first_byte_s > now_s)
                next_s = fmin(next_s, first_byte_s);
        }
        fill_by_force(set, rates);
        for (uint32_t f = 0; f < set->flow_count; f++)
            if (rates[f] > 0)
                next_s = fmin(next_s, now_s + left[f] / rates[f]);
        for (uint32_t f = 0; f < set->flow_count; f++) {
            if (rates[f] <= 0)
                continue;
            if (now_s + left[f] / rates[f] <= next_s) {
                ends_s[f] = next_s;
                done++;
            }
            left[f] -= rates[f] * (next_s - now_s);
        }
        now_s = next_s;
    }
}

START_TEST(random_sets_end_as_by_force)
{
    /* Expectation: every end within 1e-9 of the brute-force fluid model. Picoseconds are 1e-12 s,
       and the shortest flow takes 10 us, so rounding stays below. */
    static double expected_s[SET_FLOWS_MAX];
    struct dice dice = {dice_seed(19920)};
    struct flow_set *set = new_set();
    for (uint32_t round = 0; round < 60; round++) {
        flow_set_random(set, &dice, 60);
        for (uint32_t f = 0; f < set->flow_count; f++)
            set->flows[f].latency_s = 1e-3 * dice_between(&dice, 0, 2);
        play_by_force(set, expected_s);
        check_ends(set, expected_s);
    }
    free(set);
}
END_TEST

/* Whether a set of rates is max-min fair: no link carries more than it can, `gains` of its rate for
   several, nor any flow faster than its rate; and each flow crosses a full link on which no flow is
   faster (Bertsekas and Gallager, section 6.5.2), or one of its own rate. */
static void check_fair(const struct flow_set *set, const double *gains, const double *rates)
{
    bool is_held[SET_FLOWS_MAX] = {false};
    for (uint32_t link = 0; link < set->link_count; link++) {
        double sum = 0;
        double fastest = 0;
        double room = set->bytes_per_s[link];
        uint32_t count = 0;
        for (uint32_t f = 0; f < set->flow_count; f++)
            for (uint32_t i = 0; i < set->flows[f].link_count; i++)
                if (set->flows[f].links[i] == link) {
                    sum += rates[f];
                    fastest = fmax(fastest, rates[f]);
                    count++;
                }
        room *= count > 1 ? gains[link] : 1;
        ck_assert_double_le(sum, room * (1 + 1e-12));
        ck_assert_double_le(fastest, set->bytes_per_s[link] * (1 + 1e-12));
        for (uint32_t f = 0; f < set->flow_count; f++)
            for (uint32_t i = 0; i < set->flows[f].link_count; i++)
                if (set->flows[f].links[i] == link &&
                    ((sum > room * (1 - 1e-12) && rates[f] > fastest * (1 - 1e-12)) ||
                     rates[f] > set->bytes_per_s[link] * (1 - 1e-12)))
                    is_held[f] = true;
    }
    for (uint32_t f = 0; f < set->flow_count; f++)
        ck_assert(is_held[f]);
}

static void ignore_done(void *context, uint64_t argument)
{
    (void)context;
    (void)argument;
}

START_TEST(rates_are_max_min_fair)
{
    /* 200 sets of up to 200 flows: the conditions of fairness hold however large the set is. */
    struct dice dice = {dice_seed(65200)};
    struct flow_set *set = new_set();
    struct error error;
    for (uint32_t round = 0; round < 200; round++) {
        flow_id ids[SET_FLOWS_MAX];
        double rates[SET_FLOWS_MAX];
        double gains[SET_LINKS_MAX];
        flow_set_random(set, &dice, 200);
        struct engine *engine = engine_new(&error);
        struct flow_network *network =
            flow_network_new(engine, set->bytes_per_s, set->link_count, &error);
        for (uint32_t link = 0; link < set->link_count; link++) {
            gains[link] = 1 + 0.25 * dice_between(&dice, 0, 4);
            flow_set_link_gain(network, link, gains[link]);
        }
        for (uint32_t f = 0; f < set->flow_count; f++) {
            struct flow_spec spec = {.links = set->flows[f].links,
                                     .link_count = set->flows[f].link_count,
                                     .bytes = set->flows[f].bytes,
                                     .done = ignore_done};
            ids[f] = flow_start(network, &spec);
        }
        for (uint32_t f = 0; f < set->flow_count; f++)
            rates[f] = flow_bytes_per_s(network, ids[f]);
        check_fair(set, gains, rates);
        flow_network_free(network);
        engine_free(engine);
    }
    free(set);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        two_flows_halve_a_link,
        a_late_flow_slows_an_early_one,
        parking_lot,
        all_to_all_takes_what_a_port_takes,
        random_sets_end_as_by_force,
        rates_are_max_min_fair,
    };
    return suite_run("flow", tests, ARRAY_LENGTH(tests));
}
