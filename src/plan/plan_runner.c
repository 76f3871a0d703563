#include "plan_runner.h"

#include "array_room.h"
#include "plan_trial.h"

#include <stdlib.h>

#define LOOK_UP_S 0.1
#define REAL_DIGITS 17

int plan_runner_init(struct plan_runner *runner, const struct plan *plan, size_t workers,
                     const struct interrupt *interrupt, bool is_quiet, struct error *error)
{
    *runner = (struct plan_runner){.plan = plan, .interrupt = interrupt};
    progress_start(&runner->progress, stderr, "runs", is_quiet);
    return worker_pool_init(&runner->pool, workers, error);
}

void plan_runner_release(struct plan_runner *runner)
{
    progress_end(&runner->progress);
    worker_pool_release(&runner->pool);
    free(runner->trialled);
    *runner = (struct plan_runner){.plan = NULL};
}

/* The runs of some options: an array of trials for each. */
struct batch {
    const struct plan_option *options;
    size_t count;
    uint32_t seeds; /* job number: option x seeds + draw */
    json_t **trials;
};

/* What a worker is to do. */
struct trial_job {
    const struct plan *plan;
    const struct plan_option *option;
    uint32_t draw;
};

/* In the child. */
static int run_trial(void *context, char **text, struct error *error)
{
    const struct trial_job *job = context;
    json_t *trial = plan_trial_run(job->plan, job->option, job->draw, error);
    if (!trial)
        return -(int)error->code;
    *text = json_dumps(trial, JSON_COMPACT | JSON_REAL_PRECISION(REAL_DIGITS));
    json_decref(trial);
    return *text ? 0 : error_out_of_memory(error, "a run's result");
}

/* Waits for a worker and puts its trial in its place. */
static int take_trial(struct plan_runner *runner, const struct batch *batch, struct error *error)
{
    struct worker_result ended;
    int status = 0;
    while (status == 0) {
        progress_update(&runner->progress, runner->runs, NAN);
        if (interrupt_is_pending(runner->interrupt))
            return error_set(error, ERROR_RUN, "interrupted after %zu runs", runner->runs);
        status = worker_pool_wait(&runner->pool, LOOK_UP_S, &ended, error);
    }
    if (status < 0)
        return status;
    runner->runs++;
    status = json_array_set_new(batch->trials[ended.job / batch->seeds], ended.job % batch->seeds,
                                json_loads(ended.text, 0, NULL));
    free(ended.text);
    return status < 0 ? error_out_of_memory(error, "a run's result") : 0;
}

/* Starts the runs of one option of the draws from `first` to before `end`. */
static int start_draws(struct plan_runner *runner, const struct batch *batch, size_t option,
                       uint32_t first, uint32_t end, struct error *error)
{
    int status = 0;
    for (uint32_t draw = first; draw < end && status == 0; draw++) {
        if (json_array_append_new(batch->trials[option], json_null()) < 0)
            return error_out_of_memory(error, "a run's result");
        if (!worker_pool_has_room(&runner->pool))
            status = take_trial(runner, batch, error);
        struct trial_job job = {runner->plan, &batch->options[option], draw};
        if (status == 0)
            status = worker_pool_start(&runner->pool, option * batch->seeds + draw, run_trial, &job,
                                       error);
    }
    return status;
}

static int wait_for_all(struct plan_runner *runner, const struct batch *batch, struct error *error)
{
    int status = 0;
    while (status == 0 && runner->pool.busy > 0)
        status = take_trial(runner, batch, error);
    return status;
}

/* Whether other seeds could say something else than the first: not of what surely misses the SLO,
   saturated or not. */
static bool is_open(const struct plan_verdict *first, const struct slo *slo)
{
    bool misses = first->within.mean + first->within.half < slo->percentile / 100;
    return first->outcome <= PLAN_TOO_SHORT || (first->outcome == PLAN_SATURATED && !misses);
}

/* One seed of every option, then the others of those that are open. */
static int run_batch(struct plan_runner *runner, const struct batch *batch,
                     struct plan_verdict *verdicts, struct error *error)
{
    double headroom = runner->plan->headroom;
    int status = 0;
    for (size_t i = 0; i < batch->count && status == 0; i++)
        status = start_draws(runner, batch, i, 0, 1, error);
    if (status == 0)
        status = wait_for_all(runner, batch, error);
    for (size_t i = 0; i < batch->count && status == 0; i++) {
        plan_judge(batch->trials[i], &runner->slo, headroom, &verdicts[i]);
        if (is_open(&verdicts[i], &runner->slo))
            status = start_draws(runner, batch, i, 1, batch->seeds, error);
    }
    if (status == 0)
        status = wait_for_all(runner, batch, error);
    for (size_t i = 0; i < batch->count && status == 0; i++)
        plan_judge(batch->trials[i], &runner->slo, headroom, &verdicts[i]);
    return status;
}

static int keep(struct plan_runner *runner, const struct plan_option *option,
                const struct plan_verdict *verdict, struct error *error)
{
    struct plan_trialled *trialled =
        array_room_on_heap(runner->trialled, runner->trialled_count, sizeof(*trialled));
    if (!trialled)
        return error_out_of_memory(error, "what was judged");
    trialled[runner->trialled_count++] = (struct plan_trialled){*option, *verdict};
    runner->trialled = trialled;
    return 0;
}

int plan_runner_judge(struct plan_runner *runner, const struct plan_option *options, size_t count,
                      struct plan_verdict *verdicts, struct error *error)
{
    struct batch batch = {.options = options,
                          .count = count,
                          .seeds = runner->seeds,
                          .trials = calloc(count, sizeof(json_t *))};
    bool is_whole = batch.trials != NULL;
    for (size_t i = 0; i < count && is_whole; i++) {
        batch.trials[i] = json_array();
        is_whole = batch.trials[i] != NULL;
    }
    int status = is_whole ? run_batch(runner, &batch, verdicts, error)
                          : error_out_of_memory(error, "the runs' results");
    for (size_t i = 0; i < count && status == 0; i++)
        status = keep(runner, &options[i], &verdicts[i], error);
    for (size_t i = 0; i < count && batch.trials; i++)
        json_decref(batch.trials[i]);
    free(batch.trials);
    return status;
}
