/* Does a meter tell a system that keeps up from one that does not, and from one that it saw too
   little of? */
#include "load_meter.h"

#include "../suite.h"

#define REQUESTS 1000

static struct error error;
static size_t heard_next;

static int hear_next(void *context, const union record *records, size_t count, struct error *unused)
{
    (void)context;
    (void)records;
    (void)unused;
    heard_next += count;
    return 0;
}

/* How long a request is in the system, by its number. */
struct latency {
    double first_s;
    double growth_s;   /* from each to the next */
    double settling_s; /* what it grows by in all, as 1 - exp(-4 x number / REQUESTS) */
};

static double latency_at(const struct latency *latency, int i)
{
    return latency->first_s + latency->growth_s * i +
           latency->settling_s * -expm1(-4.0 * i / REQUESTS);
}

/* REQUESTS requests a second apart, the first at 100 s. */
static struct load_reading read_latency(struct latency latency, bool is_closed_loop)
{
    struct load_meter meter;
    load_meter_init(&meter, (struct recorder){.record = hear_next});
    struct recorder recorder = load_meter_recorder(&meter);
    for (int i = 0; i < REQUESTS; i++) {
        sim_ps arrival = sim_ps_from_s(100 + i);
        union record records[] = {
            {.type = RECORD_STEP},
            {.request = {.type = RECORD_REQUEST,
                         .arrival = arrival,
                         .scheduled = arrival,
                         .done = arrival + sim_ps_from_s(latency_at(&latency, i))}},
        };
        ck_assert_int_eq(recorder.record(recorder.context, records, 2, &error), 0);
    }
    struct load_reading reading = load_meter_read(&meter, is_closed_loop);
    load_meter_release(&meter);
    return reading;
}

static struct load_reading read_run(double latency_s, double growth_s, bool is_closed_loop)
{
    return read_latency((struct latency){latency_s, growth_s, 0}, is_closed_loop);
}

static enum balance_answer answer(double latency_s, double growth_s)
{
    struct load_reading reading = read_run(latency_s, growth_s, false);
    return balance_answer(&reading.balance);
}

START_TEST(a_steady_latency_is_no_saturation)
{
    /* One request a second is offered and served, whether each takes 1 s or 300 s. */
    ck_assert_int_eq(answer(1, 0), BALANCE_KEPT_UP);
    ck_assert_int_eq(answer(300, 0), BALANCE_KEPT_UP);
    ck_assert_double_eq_tol(read_run(1, 0, false).offered_requests_per_s, 1, 1e-12);
}
END_TEST

START_TEST(a_growing_latency_is_saturation)
{
    /* Each waits g longer than the one before: 1 / (1 + g) of the load is served, however little
       less than all of it. */
    ck_assert_int_eq(answer(1, 0.01), BALANCE_SATURATED);
    ck_assert_int_eq(answer(1, 0.04), BALANCE_SATURATED);
    ck_assert_int_eq(answer(1, 0.07), BALANCE_SATURATED);
    ck_assert_double_eq_tol(read_run(1, 0.25, false).balance.growth, 0.2, 1e-3);
}
END_TEST

START_TEST(a_latency_that_settles_is_no_saturation)
{
    /* It still grows over the second half, from 17.3 s to 19.6 s, but ever more slowly. */
    struct load_reading reading = read_latency((struct latency){1, 0, 20}, false);
    ck_assert_double_gt(reading.balance.growth, reading.balance.half);
    ck_assert_int_eq(balance_answer(&reading.balance), BALANCE_KEPT_UP);
}
END_TEST

START_TEST(a_run_as_short_as_its_requests_cannot_tell)
{
    /* Nothing is done before the second half of the 1,000 s: they may all be served at once, or
       none. 20 times the 600 s that each takes would tell, at one a second. */
    ck_assert_int_eq(answer(600, 0), BALANCE_TOO_SHORT);
    ck_assert_double_eq(read_run(600, 0, false).balance.requests_to_tell, 13000);
}
END_TEST

START_TEST(a_closed_loop_never_saturates)
{
    /* It has no load of its own. */
    struct load_reading reading = read_run(1, 0.5, true);
    ck_assert_int_eq(balance_answer(&reading.balance), BALANCE_KEPT_UP);
    ck_assert_double_nan(reading.offered_requests_per_s);
}
END_TEST

START_TEST(hands_everything_on)
{
    /* The recorder behind it hears of everything, the meter itself of requests alone. */
    heard_next = 0;
    struct load_reading reading = read_run(1, 0, false);
    ck_assert_uint_eq(heard_next, 2 * REQUESTS);
    ck_assert_double_eq_tol(reading.offered_requests_per_s, 1, 1e-12);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_steady_latency_is_no_saturation,       a_growing_latency_is_saturation,
        a_latency_that_settles_is_no_saturation, a_run_as_short_as_its_requests_cannot_tell,
        a_closed_loop_never_saturates,           hands_everything_on,
    };
    return suite_run("load_meter", tests, ARRAY_LENGTH(tests));
}
