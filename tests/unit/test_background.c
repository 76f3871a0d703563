/* Does a background make each call once, in order, beside the caller, and end when it is told to?
 */
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
    ck_assert_int_eq(background_start(&background, square, &error), 0);
    background_wait(&background, 0); /* for nothing: returns at once */
    for (uint64_t i = 1; i <= CALLS; i++) {
        job.number = i;
        ck_assert_uint_eq(background_call(&background, &job), i);
        background_wait(&background, i);
        ck_assert_uint_eq(job.square, i * i);
    }
    ck_assert_uint_eq(job.calls, CALLS);
    background_stop(&background);
}
END_TEST

/* Who was called, in order. */
static uint64_t called[CALLS];
static uint64_t called_count;

static void note(void *context)
{
    const struct job *job = context;
    called[called_count++] = job->number;
}

START_TEST(calls_are_made_in_the_order_of_asking)
{
    /* Far more than may wait for their turn: asking for one more waits for the first. */
    static struct job jobs[CALLS];
    struct background background = {.has_thread = false};
    struct error error;
    called_count = 0;
    ck_assert_int_eq(background_start(&background, note, &error), 0);
    for (uint64_t i = 0; i < CALLS; i++) {
        jobs[i].number = i;
        ck_assert_uint_eq(background_call(&background, &jobs[i]), i + 1);
    }
    background_wait(&background, CALLS / 2);
    for (uint64_t i = 0; i < CALLS / 2; i++)
        ck_assert_uint_eq(called[i], i);
    background_wait(&background, CALLS);
    ck_assert_uint_eq(called_count, CALLS);
    for (uint64_t i = 0; i < CALLS; i++)
        ck_assert_uint_eq(called[i], i);
    background_stop(&background);
}
END_TEST

START_TEST(stopping_lets_the_calls_end)
{
    /* Calls that were asked for are made even where nobody waits for them; then it can start again.
     */
    struct background background = {.has_thread = false};
    struct job job = {.number = 12};
    struct error error;
    background_stop(&background); /* it never started: nothing to do */
    for (uint32_t round = 1; round <= 100; round++) {
        ck_assert_int_eq(background_start(&background, square, &error), 0);
        (void)background_call(&background, &job);
        (void)background_call(&background, &job);
        background_stop(&background);
        ck_assert(!background.has_thread);
        ck_assert_uint_eq(job.calls, 2 * round);
        ck_assert_uint_eq(job.square, 144);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        each_call_is_made_once,
        calls_are_made_in_the_order_of_asking,
        stopping_lets_the_calls_end,
    };
    return suite_run("background", tests, ARRAY_LENGTH(tests));
}
