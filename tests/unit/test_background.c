/* Does a background run each call once, beside the caller, and end when it is told to? */
#include "background.h"

#include "../suite.h"

#include <stdint.h>

#define CALLS 1000

/* A number that the thread squares. */
struct job {
    uint64_t number;
    uint64_t square;
    uint32_t calls;
};

static void square(void *context)
{
    struct job *job = context;
    job->square = job->number * job->number;
    job->calls++;
}

START_TEST(each_call_is_made_once)
{
    /* After a wait the result of the call before it is there, a thousand times over. */
    struct background background = {.has_thread = false};
    struct job job = {.calls = 0};
    struct error error;
    ck_assert_int_eq(background_start(&background, square, &job, &error), 0);
    for (uint64_t i = 1; i <= CALLS; i++) {
        job.number = i;
        background_call(&background);
        background_wait(&background);
        ck_assert_uint_eq(job.square, i * i);
    }
    ck_assert_uint_eq(job.calls, CALLS);
    background_wait(&background); /* for nothing: returns at once */
    background_stop(&background);
}
END_TEST

START_TEST(stopping_lets_the_call_end)
{
    /* A call that was begun is made even where nobody waits for it; then it can start again. */
    struct background background = {.has_thread = false};
    struct job job = {.number = 12};
    struct error error;
    background_stop(&background); /* it never started: nothing to do */
    for (uint32_t round = 1; round <= 100; round++) {
        ck_assert_int_eq(background_start(&background, square, &job, &error), 0);
        background_call(&background);
        background_stop(&background);
        ck_assert(!background.has_thread);
        ck_assert_uint_eq(job.calls, round);
        ck_assert_uint_eq(job.square, 144);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {each_call_is_made_once, stopping_lets_the_call_end};
    return suite_run("background", tests, sizeof(tests) / sizeof(*tests));
}
