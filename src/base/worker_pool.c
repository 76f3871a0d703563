#include "worker_pool.h"

#include "base.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST_ROOM ((size_t)64 * 1024)

int worker_pool_init(struct worker_pool *pool, size_t workers, struct error *error)
{
    assert(workers > 0 && workers <= WORKER_POOL_MAX);
    *pool = (struct worker_pool){.workers = calloc(workers, sizeof(*pool->workers)),
                                 .worker_count = workers};
    return pool->workers ? 0 : error_out_of_memory(error, "worker processes");
}

/* Waits for the process to end; its status as waitpid() has it. */
static int reap(struct worker *worker)
{
    int status = 0;
    while (waitpid(worker->process, &status, 0) < 0 && errno == EINTR) {
    }
    (void)close(worker->descriptor);
    worker->process = 0;
    return status;
}

void worker_pool_release(struct worker_pool *pool)
{
    for (size_t i = 0; i < pool->worker_count && pool->workers; i++) {
        struct worker *worker = &pool->workers[i];
        if (worker->process > 0) {
            (void)kill(worker->process, SIGKILL);
            (void)reap(worker);
        }
        free(worker->text);
    }
    free(pool->workers);
    *pool = (struct worker_pool){0};
}

static bool write_text(int descriptor, const char *text)
{
    for (size_t left = strlen(text); left > 0;) {
        ssize_t written = write(descriptor, text, left);
        if (written < 0)
            return false;
        text += written;
        left -= (size_t)written;
    }
    return true;
}

/*
 * The child: never returns, nor runs what the parent has registered for its own
 * end. Its text is the job's, or the error's whose code it ends with. Signals that
 * the parent holds back stay held: Ctrl-C and a scheduler's SIGTERM go to every
 * process, and the parent is to say what they did.
 */
_Noreturn static void run_job(worker_job *work, void *context, int descriptor, pid_t parent)
{
    struct error error = {0};
    char *text = NULL;
    bool is_orphan = prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent;
    if (is_orphan)
        _exit(ERROR_RUN);
    bool is_done = work(context, &text, &error) == 0;
    bool is_written = write_text(descriptor, is_done ? text : error.text);
    _exit(!is_written ? ERROR_IO : is_done ? 0 : (int)error.code);
}

static struct worker *find_idle(struct worker_pool *pool)
{
    for (size_t i = 0; i < pool->worker_count; i++) {
        if (pool->workers[i].process == 0)
            return &pool->workers[i];
    }
    return NULL;
}

int worker_pool_start(struct worker_pool *pool, size_t job, worker_job *work, void *context,
                      struct error *error)
{
    struct worker *worker = find_idle(pool);
    assert(worker);
    int ends[2];
    if (pipe(ends) < 0)
        return error_set(error, ERROR_RUN, "cannot start a worker: %s", strerror(errno));
    pid_t parent = getpid();
    pid_t process = fork();
    if (process < 0) {
        int reason = errno;
        (void)close(ends[0]);
        (void)close(ends[1]);
        return error_set(error, ERROR_RUN, "cannot start a worker: %s", strerror(reason));
    }
    if (process == 0)
        run_job(work, context, ends[1], parent);
    (void)close(ends[1]);
    worker->process = process;
    worker->descriptor = ends[0];
    worker->job = job;
    worker->bytes = 0;
    pool->busy++;
    return 0;
}

/* Reads what the worker has to say: 1 there may be more, 0 it is done. */
static int hear(struct worker *worker, struct error *error)
{
    if (worker->bytes + 1 >= worker->room) {
        size_t room = worker->room == 0 ? FIRST_ROOM : 2 * worker->room;
        char *larger = realloc(worker->text, room);
        if (!larger)
            return error_out_of_memory(error, "a worker's result");
        worker->text = larger;
        worker->room = room;
    }
    ssize_t got =
        read(worker->descriptor, worker->text + worker->bytes, worker->room - worker->bytes - 1);
    if (got < 0)
        return errno == EINTR
                   ? 1
                   : error_set(error, ERROR_RUN, "cannot hear a worker: %s", strerror(errno));
    worker->bytes += (size_t)got;
    worker->text[worker->bytes] = '\0';
    return got > 0;
}

/* The error of a worker that ended with `status`, as waitpid() has it. */
static int fail(const struct worker *worker, int status, struct error *error)
{
    if (WIFSIGNALED(status))
        return error_set(error, ERROR_RUN, "a worker died of signal %d (%s)", WTERMSIG(status),
                         strsignal(WTERMSIG(status)));
    int code = WEXITSTATUS(status);
    if (code > ERROR_IO || worker->bytes == 0)
        return error_set(error, ERROR_RUN, "a worker ended with code %d", code);
    return error_set(error, (enum error_code)code, "%s", worker->text);
}

/* Hands over what an ended worker said: 1, or its error. */
static int conclude(struct worker_pool *pool, struct worker *worker, struct worker_result *result,
                    struct error *error)
{
    int status = reap(worker);
    pool->busy--;
    if (status != 0)
        return fail(worker, status, error);
    *result = (struct worker_result){.job = worker->job, .text = worker->text};
    worker->text = NULL;
    worker->room = 0;
    return 1;
}

int worker_pool_wait(struct worker_pool *pool, double timeout_s, struct worker_result *result,
                     struct error *error)
{
    struct pollfd ends[WORKER_POOL_MAX];
    for (size_t i = 0; i < pool->worker_count; i++)
        ends[i] = (struct pollfd){
            .fd = pool->workers[i].process > 0 ? pool->workers[i].descriptor : -1,
            .events = POLLIN,
        };
    int ready = poll(ends, (nfds_t)pool->worker_count, (int)(timeout_s * 1000));
    if (ready < 0 && errno != EINTR)
        return error_set(error, ERROR_RUN, "cannot wait for workers: %s", strerror(errno));
    for (size_t i = 0; i < pool->worker_count && ready > 0; i++) {
        if (ends[i].revents == 0)
            continue;
        int status = hear(&pool->workers[i], error);
        if (status <= 0)
            return status < 0 ? status : conclude(pool, &pool->workers[i], result, error);
    }
    return 0;
}
