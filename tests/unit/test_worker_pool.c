/* Does a pool give back what its processes say, and how they end? */
#include "worker_pool.h"

#include "../suite.h"

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct error error;

/* Says `bytes` times the letter x. */
static int say_xs(void *context, char **text, struct error *failure)
{
    size_t bytes = *(const size_t *)context;
    *text = calloc(bytes + 1, 1);
    if (!*text)
        return error_out_of_memory(failure, "x");
    memset(*text, 'x', bytes);
    return 0;
}

static int crash(void *context, char **text, struct error *failure)
{
    (void)context;
    (void)text;
    (void)failure;
    return raise(SIGKILL);
}

static int give_up(void *context, char **text, struct error *failure)
{
    (void)context;
    (void)text;
    return error_set(failure, ERROR_IO, "the disk is full");
}

static int leave(void *context, char **text, struct error *failure)
{
    (void)context;
    (void)text;
    (void)failure;
    _exit(99);
}

static int sleep_long(void *context, char **text, struct error *failure)
{
    (void)context;
    (void)text;
    (void)failure;
    return (int)sleep(1000);
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
        ck_assert_uint_eq(strlen(result.text), result.job * result.job * 200);
        ck_assert(!is_done[result.job]);
        is_done[result.job] = true;
        free(result.text);
    }
    worker_pool_release(&pool);
}
END_TEST

START_TEST(a_job_that_fails_is_the_caller_s_error)
{
    /* A job's own error comes as it was made; a process that died or left is told; the pool goes
       on. */
    const struct {
        worker_job *work;
        int status;
        const char *text;
    } ends[] = {
        {give_up, -ERROR_IO, "the disk is full"},
        {crash, -ERROR_RUN, "a worker died of signal 9 (Killed)"},
        {leave, -ERROR_RUN, "a worker ended with code 99"},
    };
    struct worker_pool pool;
    ck_assert_int_eq(worker_pool_init(&pool, 1, &error), 0);
    for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
        struct worker_result result;
        int status;
        ck_assert_int_eq(worker_pool_start(&pool, 7, ends[i].work, NULL, &error), 0);
        while ((status = worker_pool_wait(&pool, 1, &result, &error)) == 0) {
        }
        ck_assert_int_eq(status, ends[i].status);
        ck_assert_int_eq(error.code, -status);
        ck_assert_str_eq(error.text, ends[i].text);
    }
    size_t bytes = 5;
    ck_assert_int_eq(worker_pool_start(&pool, 8, say_xs, &bytes, &error), 0);
    struct worker_result result = wait_for_one(&pool);
    ck_assert_uint_eq(result.job, 8);
    ck_assert_str_eq(result.text, "xxxxx");
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
        a_job_that_fails_is_the_caller_s_error,
        release_ends_what_still_runs,
    };
    return suite_run("worker_pool", tests, ARRAY_LENGTH(tests));
}
