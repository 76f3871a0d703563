/* Does a meter tell a system that keeps up from one that does not? */
#include "sweep_meter.h"

#include "../suite.h"

#include <string.h>

#define REQUESTS 1000

static struct error error;
static size_t heard_next;

static int hear_next(void *context, const struct request_record *record, struct error *unused)
{
    (void)context;
    (void)record;
    (void)unused;
    heard_next++;
    return 0;
}

/* REQUESTS requests a second apart, the first at 100 s, each `latency_s` + `growth_s` x its number
   in the system. */
static struct sweep_reading read_run(double latency_s, double growth_s, const char *warning,
                                     bool is_closed_loop)
{
    struct sweep_meter meter;
    struct warning warned = {.code = ""};
    struct summary summary = {.warnings = &warned, .warning_count = 1};
    strcpy(warned.code, warning);
    sweep_meter_init(&meter, (struct recorder){.request = hear_next});
    struct recorder recorder = sweep_meter_recorder(&meter);
    for (int i = 0; i < REQUESTS; i++) {
        struct request_record record = {.arrival = sim_ps_from_s(100 + i)};
        record.done = record.arrival + sim_ps_from_s(latency_s + growth_s * i);
        ck_assert_int_eq(recorder.request(recorder.context, &record, &error), 0);
    }
    struct sweep_reading reading = sweep_meter_read(&meter, is_closed_loop, &summary);
    sweep_meter_release(&meter);
    return reading;
}

START_TEST(a_steady_latency_is_no_saturation)
{
    /* One request a second is offered and served, whether each takes 1 s or 300 s. */
    ck_assert(!read_run(1, 0, "", false).is_saturated);
    ck_assert(!read_run(300, 0, "", false).is_saturated);
    ck_assert_double_eq_tol(read_run(1, 0, "", false).offered_requests_per_s, 1, 1e-12);
}
END_TEST

START_TEST(a_growing_latency_is_saturation)
{
    /* Each waits g longer than the one before: 1 / (1 + g) of the load is served. The limit is
       0.95. */
    ck_assert(!read_run(1, 0.04, "", false).is_saturated);
    ck_assert(read_run(1, 0.07, "", false).is_saturated);
}
END_TEST

START_TEST(a_run_that_says_so_is_saturated)
{
    /* The simulator's own warning counts, another does not. */
    ck_assert(read_run(1, 0, "overloaded", false).is_saturated);
    ck_assert(!read_run(1, 0, "kv_preemptions", false).is_saturated);
}
END_TEST

START_TEST(a_closed_loop_never_saturates)
{
    /* It has no load of its own. */
    struct sweep_reading reading = read_run(1, 0.5, "", true);
    ck_assert(!reading.is_saturated);
    ck_assert_double_nan(reading.offered_requests_per_s);
}
END_TEST

START_TEST(hands_everything_on)
{
    /* The recorder behind it hears each request; what it does not listen to is not asked for. */
    heard_next = 0;
    (void)read_run(1, 0, "", false);
    ck_assert_uint_eq(heard_next, REQUESTS);
    struct sweep_meter meter;
    sweep_meter_init(&meter, (struct recorder){0});
    ck_assert_ptr_null(sweep_meter_recorder(&meter).span);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_steady_latency_is_no_saturation,
        a_growing_latency_is_saturation,
        a_run_that_says_so_is_saturated,
        a_closed_loop_never_saturates,
        hands_everything_on,
    };
    return suite_run("sweep_meter", tests, sizeof(tests) / sizeof(*tests));
}
