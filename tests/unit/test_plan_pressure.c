/* Does the first resource to give way follow from the shares, and the sentence from both? */
#include "plan_pressure.h"

#include "../suite.h"

#include <string.h>

/* A run whose stages are half at work and nothing of which is full. */
static const struct plan_pressure calm = {.busy = 0.5,
                                          .stage = 3,
                                          .compute = 0.45,
                                          .collective = 0.1,
                                          .kv = 0.4,
                                          .preemptions = 0,
                                          .slots = 0.3};

static void expect(struct plan_pressure pressure, enum plan_resource resource, const char *words)
{
    char text[PLAN_PRESSURE_TEXT_BYTES];
    plan_pressure_text(&pressure, text);
    ck_assert_int_eq(plan_pressure_first(&pressure), resource);
    ck_assert_msg(strstr(text, words) != NULL, "%s", text);
}

START_TEST(the_fullest_resource_is_named)
{
    struct plan_pressure pressure = calm;
    /* Nothing is full: steps are too long in themselves. */
    expect(pressure, PLAN_RESOURCE_STEP_LENGTH, "stage 3, the busiest, works 55.0% of the time");
    /* Nothing is full, but requests wait for slots, with KV to spare: not for 9% of the time. */
    pressure.crowded = 0.09;
    expect(pressure, PLAN_RESOURCE_STEP_LENGTH, "no resource is full");
    pressure.crowded = 0.5;
    expect(pressure, PLAN_RESOURCE_SLOTS, "30.0% of max_sequences");
    ck_assert(plan_pressure_is_held_back(&pressure));
    /* With KV 91% full they would wait for that. */
    pressure.kv = 0.91;
    ck_assert(!plan_pressure_is_held_back(&pressure));
    expect(pressure, PLAN_RESOURCE_STEP_LENGTH, "no resource is full");
    pressure = calm;
    /* A stage at work for 90% of the time, by the larger part of it. */
    pressure.compute = 0.8;
    expect(pressure, PLAN_RESOURCE_COMPUTE, "stage 3 is busy 90.0% of the time (compute 80.0%");
    pressure.compute = 0.1;
    pressure.collective = 0.8;
    expect(pressure, PLAN_RESOURCE_COLLECTIVE, "collectives 80.0%");
    /* Slots bound the batch, whatever the stages do; preemptions prove that KV does. */
    pressure.slots = 0.95;
    expect(pressure, PLAN_RESOURCE_SLOTS, "95.0% of max_sequences");
    pressure.preemptions = 0.25;
    expect(pressure, PLAN_RESOURCE_KV_MEMORY, "40.0% at its peak, 0.25 preemptions a request");
    pressure.preemptions = 0;
    pressure.kv = 0.99;
    expect(pressure, PLAN_RESOURCE_KV_MEMORY, "99.0% at its peak");
}
END_TEST

START_TEST(runs_are_averaged)
{
    /* The mean of two runs; the stage is the first's. */
    json_t *trials =
        json_pack("[{s:f, s:i, s:f, s:f, s:f, s:f, s:f}, {s:f, s:i, s:f, s:f, s:f, s:f, s:f}]",
                  "busy", 0.5, "stage", 1, "compute", 0.4, "collective", 0.2, "kv", 0.3,
                  "preemptions", 0.0, "slots", 0.1, "busy", 0.7, "stage", 2, "compute", 0.6,
                  "collective", 0.4, "kv", 0.5, "preemptions", 1.0, "slots", 0.3);
    ck_assert_ptr_nonnull(trials);
    struct plan_pressure mean = plan_pressure_mean(trials);
    json_decref(trials);
    ck_assert_double_eq_tol(mean.busy, 0.6, 1e-12);
    ck_assert_uint_eq(mean.stage, 1);
    ck_assert_double_eq_tol(mean.compute, 0.5, 1e-12);
    ck_assert_double_eq_tol(mean.collective, 0.3, 1e-12);
    ck_assert_double_eq_tol(mean.kv, 0.4, 1e-12);
    ck_assert_double_eq_tol(mean.preemptions, 0.5, 1e-12);
    ck_assert_double_eq_tol(mean.slots, 0.2, 1e-12);
}
END_TEST

START_TEST(a_run_that_serves_nothing_leans_on_nothing)
{
    /* What a run does not know is null in its trial, and unknown in the mean, not 0: steps are not
       too long where none was served to its end. */
    json_t *trials =
        json_pack("[{s:f, s:i, s:f, s:f, s:f, s:n, s:n}]", "busy", 0.0, "stage", 0, "compute", 0.0,
                  "collective", 0.0, "kv", 0.0, "preemptions", "slots");
    ck_assert_ptr_nonnull(trials);
    struct plan_pressure mean = plan_pressure_mean(trials);
    json_decref(trials);
    ck_assert_double_nan(mean.preemptions);
    ck_assert_double_nan(mean.slots);
    ck_assert_double_eq(mean.kv, 0);
    expect(mean, PLAN_RESOURCE_NONE, "no request is served to its end");
    ck_assert_str_eq(plan_resource_name(PLAN_RESOURCE_NONE), "none");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {the_fullest_resource_is_named, runs_are_averaged,
                                  a_run_that_serves_nothing_leans_on_nothing};
    return suite_run("plan_pressure", tests, ARRAY_LENGTH(tests));
}
