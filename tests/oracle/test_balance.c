/*
 * Does a run tell whether a queue of which the truth is known keeps up, and does
 * it say so when it cannot?
 *
 * Poisson arrivals at M/M/1, M/M/16, M/M/1 with processor sharing, and M/G/inf:
 * stable below a load of 1, growing by 1 - 1/load of the arrivals above. The worst
 * error is a wrong answer; that a run is too short to tell is none. TANDEM_TEST_SEED sets
 * the draws.
 */
#include "balance.h"
#include "dice.h"
#include "suite.h"

#include <string.h>

#define RUNS 100
#define REQUESTS_MAX 20000
#define TOKENS_PER_S 50 /* a request that takes a second of service has as many */

static struct passage passages[REQUESTS_MAX];

/* What a request asks for. */
static double arrival_s[REQUESTS_MAX];
static double service_s[REQUESTS_MAX];

static void pass(size_t request, double start_s, double done_s)
{
    passages[request] = (struct passage){
        .arrival = sim_ps_from_s(arrival_s[request]),
        .scheduled = sim_ps_from_s(start_s),
        .done = sim_ps_from_s(done_s),
        .output_tokens = (uint32_t)ceil(service_s[request] * TOKENS_PER_S),
    };
}

/* Poisson arrivals at `rate`, services with a mean of a second: exponential, or one in ten long. */
static void ask(struct dice *dice, size_t requests, double rate, bool is_exponential)
{
    double at_s = 0;
    for (size_t i = 0; i < requests; i++) {
        bool is_long = dice_unit(dice) < 0.1;
        arrival_s[i] = at_s += dice_exponential(dice, 1 / rate);
        service_s[i] = dice_exponential(dice, is_exponential ? 1 : is_long ? 5.5 : 0.5);
    }
}

/* First come, first served by so many servers. */
static void serve_in_turn(size_t requests, size_t servers)
{
    double free_s[16] = {0};
    for (size_t i = 0; i < requests; i++) {
        size_t next = 0;
        for (size_t k = 1; k < servers; k++)
            next = free_s[k] < free_s[next] ? k : next;
        free_s[next] = fmax(free_s[next], arrival_s[i]) + service_s[i];
        pass(i, free_s[next] - service_s[i], free_s[next]);
    }
}

/* Each of `requests` takes as long as it would alone. */
static void serve_at_once(size_t requests)
{
    for (size_t i = 0; i < requests; i++)
        pass(i, arrival_s[i], arrival_s[i] + service_s[i]);
}

/*
 * One server, shared evenly by all that are there, as decodes share a GPU: each
 * is served as if `base` others were there too, as a step takes a while of one
 * request already. Work is kept as the level of service at which a request is
 * done; those present are sorted by it, the lowest last.
 */
static void serve_shared(size_t requests, double base)
{
    static size_t present[REQUESTS_MAX];
    static double done_at[REQUESTS_MAX];
    size_t count = 0;
    double level = 0;
    double now_s = 0;
    for (size_t i = 0; i < requests || count > 0;) {
        double next_s = i < requests ? arrival_s[i] : (double)INFINITY;
        double share = 1 / (base + (double)count);
        double left = count > 0 ? (done_at[present[count - 1]] - level) / share : (double)INFINITY;
        if (now_s + left <= next_s) {
            now_s += left;
            level = done_at[present[--count]];
            pass(present[count], arrival_s[present[count]], now_s);
            continue;
        }
        level += count > 0 ? (next_s - now_s) * share : 0;
        now_s = next_s;
        done_at[i] = level + service_s[i];
        size_t place = count++;
        for (; place > 0 && done_at[present[place - 1]] < done_at[i]; place--)
            present[place] = present[place - 1];
        present[place] = i++;
    }
}

#define BATCH_BASE 50

enum queue { ONE_SERVER, SIXTEEN_SERVERS, SHARED_SERVER, BATCH_SERVER, NO_QUEUE };

static struct balance play(struct dice *dice, enum queue queue, double load, size_t requests)
{
    bool is_wide = queue == SIXTEEN_SERVERS;
    ask(dice, requests, is_wide ? 16 * load : load, queue != NO_QUEUE);
    if (queue == NO_QUEUE)
        serve_at_once(requests);
    else if (queue == SHARED_SERVER || queue == BATCH_SERVER)
        serve_shared(requests, queue == BATCH_SERVER ? BATCH_BASE : 0);
    else
        serve_in_turn(requests, is_wide ? 16 : 1);
    return balance_of(passages, requests);
}

/* Runs of one queue, by answer. */
struct tally {
    int of[3];
};

static struct tally tally_of(struct dice *dice, enum queue queue, double load, size_t requests)
{
    struct tally tally = {{0}};
    for (int i = 0; i < RUNS; i++) {
        struct balance balance = play(dice, queue, load, requests);
        tally.of[balance_answer(&balance)]++;
    }
    (void)fprintf(stderr, "queue %d, load %5.2f, %5zu requests: %3d kept up, %3d saturated\n",
                  (int)queue, load, requests, tally.of[BALANCE_KEPT_UP],
                  tally.of[BALANCE_SATURATED]);
    return tally;
}

static const size_t lengths[] = {500, 1000, 2000, 5000};
static const enum queue queues[] = {ONE_SERVER, SIXTEEN_SERVERS, SHARED_SERVER};

START_TEST(stable_queues_raise_no_false_alarm)
{
    /* Below a load of 1 nothing grows for ever: at most one run in 200 of all, and no more than
       three of any one queue, may be called saturated. */
    struct dice dice = {.state = dice_seed(21)};
    static const double loads[] = {0.5, 0.8, 0.95};
    int wrong = 0;
    int runs = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(queues) * ARRAY_LENGTH(loads) * ARRAY_LENGTH(lengths);
         i++) {
        struct tally tally = tally_of(&dice, queues[i % 3], loads[i / 3 % 3], lengths[i / 9]);
        ck_assert_int_le(tally.of[BALANCE_SATURATED], 3);
        wrong += tally.of[BALANCE_SATURATED];
        runs += RUNS;
    }
    ck_assert_int_le(200 * wrong, runs);
}
END_TEST

START_TEST(growing_queues_do_not_pass)
{
    /* Loads of 1.15, 1.25 and 2 leave 13%, 20% and 50% of the arrivals behind: at most one run in
       200 of all, and no more than three of any one queue, may pass for kept up. */
    struct dice dice = {.state = dice_seed(22)};
    static const double loads[] = {1.15, 1.25, 2};
    int wrong = 0;
    int runs = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(queues) * ARRAY_LENGTH(loads) * ARRAY_LENGTH(lengths);
         i++) {
        struct tally tally = tally_of(&dice, queues[i % 3], loads[i / 3 % 3], lengths[i / 9]);
        ck_assert_int_le(tally.of[BALANCE_KEPT_UP], 3);
        wrong += tally.of[BALANCE_KEPT_UP];
        runs += RUNS;
    }
    ck_assert_int_le(200 * wrong, runs);
}
END_TEST

START_TEST(filling_is_no_queue)
{
    /* Without a queue nothing grows but while it fills, which is never called saturated; runs 20
       times as long as a mean service all keep up. */
    struct dice dice = {.state = dice_seed(23)};
    static const double in_flight[] = {5, 50, 200};
    for (size_t i = 0; i < ARRAY_LENGTH(in_flight) * ARRAY_LENGTH(lengths); i++) {
        struct tally tally = tally_of(&dice, NO_QUEUE, in_flight[i % 3], lengths[i / 3]);
        ck_assert_int_eq(tally.of[BALANCE_SATURATED], 0);
        if ((double)lengths[i / 3] >= 20 * in_flight[i % 3])
            ck_assert_int_eq(tally.of[BALANCE_KEPT_UP], RUNS);
    }
}
END_TEST

START_TEST(a_batch_that_fills_is_no_queue)
{
    /* Steps that grow with their batch serve a load of 0.7 once there are 50 x 0.7 / 0.3 = 117 in
       it, each for 167 s. Runs that are a few times as long see it fill, of which no more than
       three in 100 may be called saturated; 20,000 requests, 170 times as long, keep up, and
       5,000 tell a load of 1.5. */
    struct dice dice = {.state = dice_seed(27)};
    for (size_t i = 0; i < ARRAY_LENGTH(lengths); i++)
        ck_assert_int_le(tally_of(&dice, BATCH_SERVER, 0.7, lengths[i]).of[BALANCE_SATURATED], 3);
    ck_assert_int_ge(tally_of(&dice, BATCH_SERVER, 0.7, 20000).of[BALANCE_KEPT_UP], RUNS * 9 / 10);
    ck_assert_int_ge(tally_of(&dice, BATCH_SERVER, 1.5, 5000).of[BALANCE_SATURATED], RUNS * 9 / 10);
}
END_TEST

START_TEST(runs_long_enough_tell)
{
    /* Away from the limit 5,000 requests answer in nine runs of ten, and near it 20,000. */
    struct dice dice = {.state = dice_seed(24)};
    for (size_t i = 0; i < ARRAY_LENGTH(queues); i++) {
        ck_assert_int_ge(tally_of(&dice, queues[i], 0.7, 5000).of[BALANCE_KEPT_UP], RUNS * 9 / 10);
        ck_assert_int_ge(tally_of(&dice, queues[i], 1.5, 5000).of[BALANCE_SATURATED],
                         RUNS * 9 / 10);
        ck_assert_int_ge(tally_of(&dice, queues[i], 0.9, 20000).of[BALANCE_KEPT_UP], RUNS * 9 / 10);
        ck_assert_int_ge(tally_of(&dice, queues[i], 1.25, 20000).of[BALANCE_SATURATED],
                         RUNS * 9 / 10);
    }
}
END_TEST

START_TEST(long_runs_tell_slow_growth)
{
    /* A load of 1.06 leaves 6% of the arrivals behind, one of 0.98 none: of 20,000 requests, two
       runs in three tell the first, and no more than three in 100 take one for the other. */
    struct dice dice = {.state = dice_seed(26)};
    for (size_t i = 0; i < ARRAY_LENGTH(queues); i++) {
        struct tally grows = tally_of(&dice, queues[i], 1.06, 20000);
        ck_assert_int_ge(grows.of[BALANCE_SATURATED], RUNS * 2 / 3);
        ck_assert_int_le(grows.of[BALANCE_KEPT_UP], 3);
        ck_assert_int_le(tally_of(&dice, queues[i], 0.98, 20000).of[BALANCE_SATURATED], 3);
    }
}
END_TEST

START_TEST(the_advice_is_worth_taking)
{
    /* Of runs that were too short, new ones as long as advised answer in two of three; and the
       advice is always for a longer run. */
    struct dice dice = {.state = dice_seed(25)};
    static const double loads[] = {0.8, 0.9, 1.15, 1.25};
    int advised = 0;
    int told = 0;
    for (int i = 0; i < 4 * RUNS; i++) {
        enum queue queue = queues[i % 3];
        double load = loads[i / 3 % 4];
        struct balance first = play(&dice, queue, load, 1000);
        if (balance_answer(&first) != BALANCE_TOO_SHORT)
            continue;
        ck_assert_double_gt(first.requests_to_tell, 1000);
        if (first.requests_to_tell > REQUESTS_MAX)
            continue;
        struct balance second = play(&dice, queue, load, (size_t)first.requests_to_tell);
        advised++;
        told += balance_answer(&second) != BALANCE_TOO_SHORT;
    }
    (void)fprintf(stderr, "%d of %d runs as long as advised could tell\n", told, advised);
    ck_assert_int_gt(advised, RUNS / 2);
    ck_assert_int_ge(3 * told, 2 * advised);
}
END_TEST

START_TEST(the_mean_of_runs_is_surer)
{
    /* Three runs of 1% +- 12%, of which none tells: the mean's half width is 12% / sqrt(3), which
       keeps up; with one of which nothing is known, nothing is. */
    const struct balance run = {0.01, 0.12, 0, 0, 1000, 1800};
    struct balance runs[3] = {run, run, run};
    struct balance mean = balance_mean(runs, 3);
    ck_assert_int_eq(balance_answer(&runs[0]), BALANCE_TOO_SHORT);
    ck_assert_double_eq_tol(mean.growth, 0.01, 1e-12);
    ck_assert_double_eq_tol(mean.half, 0.12 / sqrt(3), 1e-12);
    ck_assert_int_eq(balance_answer(&mean), BALANCE_KEPT_UP);
    ck_assert_double_eq(mean.requests_to_tell, 1000);
    runs[1] = (struct balance){NAN, INFINITY, 1, 0, 1000, 4000};
    mean = balance_mean(runs, 3);
    ck_assert_int_eq(balance_answer(&mean), BALANCE_TOO_SHORT);
    ck_assert_double_eq(mean.requests_to_tell, 4000);
}
END_TEST

START_TEST(growth_is_told_from_nothing_or_in_doubt)
{
    /* Where 2% may be that a system settles yet, 3% +- 2.5% is growth, 3% +- 5% may be, 3% +- 6.5%
       is what one run in 15 shows without any, and 1.5% +- 1% is settling. Where it may be 17%,
       10% +- 4% may be either, which a run twice as long begins to tell. */
    const struct balance grows = {.growth = 0.03, .half = 0.025, .settling = 0.02};
    const struct balance doubt = {.growth = 0.03, .half = 0.05, .settling = 0.02};
    const struct balance chance = {.growth = 0.03, .half = 0.065, .settling = 0.02};
    const struct balance settles = {.growth = 0.015, .half = 0.01, .settling = 0.02};
    const struct balance fills = {.growth = 0.1, .half = 0.04, .settling = 0.17, .requests = 1000};
    ck_assert_int_eq(balance_answer(&grows), BALANCE_SATURATED);
    ck_assert_int_eq(balance_answer(&doubt), BALANCE_TOO_SHORT);
    ck_assert_int_eq(balance_answer(&chance), BALANCE_KEPT_UP);
    ck_assert_int_eq(balance_answer(&settles), BALANCE_KEPT_UP);
    ck_assert(balance_looks_saturated(&grows));
    ck_assert(balance_looks_saturated(&doubt));
    ck_assert(!balance_looks_saturated(&chance));
    ck_assert(!balance_looks_saturated(&settles));
    ck_assert_int_eq(balance_answer(&fills), BALANCE_TOO_SHORT);
    ck_assert_double_ge(balance_mean(&fills, 1).requests_to_tell, 1700);
}
END_TEST

START_TEST(what_would_tell_is_more_than_what_did_not)
{
    /* Whether the interval is too wide or what a short run may hide too much: advice to run as many
       requests again would be none. */
    for (int growth = -10; growth <= 20; growth++)
        for (int half = 0; half <= 20; half++)
            for (int filling = 0; filling <= 2; filling++) {
                const struct balance run = {
                    growth / 100.0, half / 100.0, filling / 100.0, 0, 1000, 0};
                struct balance mean = balance_mean(&run, 1);
                if (balance_answer(&mean) == BALANCE_TOO_SHORT)
                    ck_assert_double_gt(mean.requests_to_tell, 1000);
            }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        stable_queues_raise_no_false_alarm,
        growing_queues_do_not_pass,
        filling_is_no_queue,
        a_batch_that_fills_is_no_queue,
        runs_long_enough_tell,
        long_runs_tell_slow_growth,
        the_advice_is_worth_taking,
        the_mean_of_runs_is_surer,
        growth_is_told_from_nothing_or_in_doubt,
        what_would_tell_is_more_than_what_did_not,
    };
    return suite_run("balance", tests, ARRAY_LENGTH(tests));
}
