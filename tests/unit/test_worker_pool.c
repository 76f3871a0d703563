/* Does a pool give back what its processes say, and how they end? */
#include "worker_pool.h"

#include "../suite.h"

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct error error;

/* Writes `bytes` times the letter x, in pieces. */
static bool say_xs(void *context, int descriptor)
{
    char piece[1000];
    memset(piece, 'x', sizeof(piece));
    for (size_t left = *(const size_t *)context; left > 0;) {
        size_t bytes = left < sizeof(piece) ? left : sizeof(piece);
        if (write(descriptor, piece, bytes) != (ssize_t)bytes)
            return false;
        left -= bytes;
    }
    return true;
}

static bool crash(void *context, int descriptor)
{
    (void)context;
    (void)write(descriptor, "half", 4);
    (void)raise(SIGKILL);
    return true;
}

static bool give_up(void *context, int descriptor)
{
    (void)context;
    (void)descriptor;
    return false;
}

static bool sleep_long(void *context, int descriptor)
{
    (void)context;
    (void)descriptor;
    (void)sleep(1000);
    return true;
}

static struct worker_result wait_for_one(struct worker_pool *pool)
{
    struct worker_result result;
    int status;
    while ((status = worker_pool_wait(pool, 1, &result, &error)) == 0) {
    }
    ck_assert_int_eq(status, 1);
    return result;
}

START_TEST(gives_back_every_text)
{
    /* 40 jobs on three workers, from nothing to more than a pipe holds: all come, each its own. */
    struct worker_pool pool;
    ck_assert_int_eq(worker_pool_init(&pool, 3, &error), 0);
    size_t started = 0;
    bool is_done[40] = {false};
    for (size_t done = 0; done < 40; done++) {
        for (; started < 40 && worker_pool_has_room(&pool); started++) {
            size_t bytes = started * started * 200;
            ck_assert_int_eq(worker_pool_start(&pool, started, say_xs, &bytes, &error), 0);
        }
        struct worker_result result = wait_for_one(&pool);
        ck_assert_str_eq(result.reason, "");
        ck_assert_uint_eq(strlen(result.text), result.job * result.job * 200);
        ck_assert(!is_done[result.job]);
        is_done[result.job] = true;
        free(result.text);
    }
    worker_pool_release(&pool);
}
END_TEST

START_TEST(tells_how_a_job_ended)
{
    /* A crash and a failure are results, with their reasons; the pool goes on. */
    struct worker_pool pool;
    ck_assert_int_eq(worker_pool_init(&pool, 1, &error), 0);
    ck_assert_int_eq(worker_pool_start(&pool, 7, crash, NULL, &error), 0);
    struct worker_result result = wait_for_one(&pool);
    ck_assert_uint_eq(result.job, 7);
    ck_assert_ptr_nonnull(strstr(result.reason, "signal 9"));
    free(result.text);
    ck_assert_int_eq(worker_pool_start(&pool, 8, give_up, NULL, &error), 0);
    result = wait_for_one(&pool);
    ck_assert_uint_eq(result.job, 8);
    ck_assert_ptr_nonnull(strstr(result.reason, "code 1"));
    free(result.text);
    worker_pool_release(&pool);
}
END_TEST

START_TEST(release_ends_what_still_runs)
{
    /* A job that would sleep for minutes does not keep the pool. */
    struct worker_pool pool;
    ck_assert_int_eq(worker_pool_init(&pool, 2, &error), 0);
    ck_assert_int_eq(worker_pool_start(&pool, 0, sleep_long, NULL, &error), 0);
    pid_t process = pool.workers[0].process;
    worker_pool_release(&pool);
    ck_assert_int_eq(kill(process, 0), -1);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        gives_back_every_text,
        tells_how_a_job_ended,
        release_ends_what_still_runs,
    };
    return suite_run("worker_pool", tests, sizeof(tests) / sizeof(*tests));
}
