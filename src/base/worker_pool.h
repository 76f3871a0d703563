/*
 * worker_pool: jobs in processes of their own, each of which gives back a text.
 *
 *     worker_pool_start(&pool, 7, work, &job, &error)     forks; work() runs in the child
 *     worker_pool_wait(&pool, 0.1, &result, &error)       1: job 7 is done
 *
 * A job that fails, or whose process dies, is an error of whoever waits: what it
 * was about says nothing of why. Children die with their parent, and hold back
 * the signals that it holds back. Not for programs that have threads, or files open that fork()
 * must not share.
 */
#ifndef TANDEM_WORKER_POOL_H
#define TANDEM_WORKER_POOL_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define WORKER_POOL_MAX 1024

/* In the child: puts the job's text, on the heap, in `*text`; or a negative error. */
typedef int worker_job(void *context, char **text, struct error *error);

struct worker {
    pid_t process; /* 0: idle */
    int descriptor;
    size_t job;
    char *text;
    size_t bytes;
    size_t room;
};

struct worker_pool {
    struct worker *workers;
    size_t worker_count;
    size_t busy;
};

struct worker_result {
    size_t job;
    char *text; /* NUL-terminated; the caller's to free() */
};

/* At most `workers` jobs at a time, 1 to WORKER_POOL_MAX. ERROR_MEMORY. */
int worker_pool_init(struct worker_pool *pool, size_t workers, struct error *error);

/* Kills what is still running. */
void worker_pool_release(struct worker_pool *pool);

static inline bool worker_pool_has_room(const struct worker_pool *pool)
{
    return pool->busy < pool->worker_count;
}

/* Starts a job, for which there must be room. ERROR_RUN where the system lets no process start. */
int worker_pool_start(struct worker_pool *pool, size_t job, worker_job *work, void *context,
                      struct error *error);

/* Waits for a job to end, `timeout_s` at most. 1: `result` is filled in; 0: none ended; the error
   of a job that failed; ERROR_RUN, also where its process died; ERROR_MEMORY. */
int worker_pool_wait(struct worker_pool *pool, double timeout_s, struct worker_result *result,
                     struct error *error);

#endif
