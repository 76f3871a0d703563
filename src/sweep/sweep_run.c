#include "sweep_run.h"

#include "array_room.h"
#include "progress.h"
#include "sweep_task.h"
#include "worker_pool.h"

#include <stdio.h>
#include <stdlib.h>

#define LOOK_UP_S 0.1 /* at the signals and the progress bar */

/* One series whose loads are being found. */
struct series_state {
    size_t tasks[SWEEP_CURVE_POINTS_MAX];
    size_t count;
    size_t open; /* of the tasks, not done */
};

struct runner {
    struct sweep *sweep;
    const struct sweep_run_options *options;
    struct sweep_journal *journal;
    struct worker_pool pool;
    struct progress progress;
    struct sweep_task *tasks;
    size_t task_count;
    size_t next_task; /* those before it were started, or were in the journal */
    size_t done_count;
    size_t resumed_count;        /* of these, from the journal */
    size_t expected;             /* tasks in all, as far as is known */
    struct series_state *series; /* where loads are found; else NULL */
};

static struct sweep_task *new_task(struct runner *runner, struct error *error)
{
    struct sweep_task *tasks =
        array_room_on_heap(runner->tasks, runner->task_count, sizeof(*tasks));
    if (!tasks) {
        (void)error_out_of_memory(error, "the points");
        return NULL;
    }
    runner->tasks = tasks;
    return &tasks[runner->task_count];
}

/* Adds the point, done if the journal has it; 1 if it is still to be run, 0 if not. */
static int add_task(struct runner *runner, size_t series, double position,
                    struct yaml_node *load_value, struct error *error)
{
    struct sweep_task *task = new_task(runner, error);
    if (!task)
        return -ERROR_MEMORY;
    int status =
        sweep_task_init(task, runner->sweep, runner->options, series, position, load_value, error);
    if (status < 0)
        return status;
    runner->task_count++;
    json_t *known = sweep_journal_find(runner->journal, task->fingerprint);
    if (!known)
        return 1;
    runner->done_count++;
    runner->resumed_count++;
    return sweep_task_finish(task, known, error);
}

/* Good enough for where to look next, also where the run was too short to tell. */
static bool looks_saturated(const struct balance *balance, double served)
{
    if (isnan(balance->growth))
        return served < 1 - BALANCE_LIMIT;
    return balance_looks_saturated(balance);
}

static size_t next_loads(const struct runner *runner, const struct series_state *series,
                         double loads[SWEEP_CURVE_POINTS_MAX])
{
    struct sweep_curve_point tried[SWEEP_CURVE_POINTS_MAX];
    for (size_t i = 0; i < series->count; i++) {
        const struct sweep_task *task = &runner->tasks[series->tasks[i]];
        const json_t *record = task->record;
        double offered = sweep_record_load(record, SWEEP_LOAD_RATE);
        double let_in = 1 - sweep_record_summary(record, "requests.rejected") /
                                sweep_record_summary(record, "requests.arrived");
        double served = sweep_record_summary(record, "requests_per_s") / (offered * let_in);
        struct balance balance = sweep_record_balance(record);
        tried[i] = (struct sweep_curve_point){
            .load = task->position,
            .is_beyond = !sweep_record_is_done(record) || looks_saturated(&balance, served),
            .is_guess = sweep_record_is_too_short(record),
            .misses_slo = sweep_record_misses_slo(record),
            .served = served,
        };
    }
    return sweep_curve_next(&runner->sweep->load.curve, tried, series->count, loads);
}

/* Adds the loads that a series is to try next, until there are some to run or it is done. */
static int extend_series(struct runner *runner, size_t index, struct error *error)
{
    struct sweep *sweep = runner->sweep;
    struct series_state *series = &runner->series[index];
    while (series->open == 0) {
        double loads[SWEEP_CURVE_POINTS_MAX];
        size_t count = next_loads(runner, series, loads);
        if (count == 0) {
            runner->expected -= sweep->load.curve.points - series->count;
            return 0;
        }
        for (size_t i = 0; i < count; i++) {
            struct yaml_node *value = sweep_load_value(&sweep->load, loads[i], &sweep->arena);
            if (!value)
                return error_out_of_memory(error, "a load");
            int status = add_task(runner, index, loads[i], value, error);
            if (status < 0)
                return status;
            series->tasks[series->count++] = runner->task_count - 1;
            series->open += (size_t)status;
        }
    }
    return 0;
}

static bool is_in_share(const struct runner *runner, size_t index)
{
    return index % runner->options->shard_count == runner->options->shard - 1;
}

/* Adds the share's series, each with its first loads. */
static int plan_curves(struct runner *runner, struct error *error)
{
    const struct sweep *sweep = runner->sweep;
    runner->series = calloc(sweep->series_count, sizeof(*runner->series));
    if (!runner->series)
        return error_out_of_memory(error, "the series");
    int status = 0;
    for (size_t i = 0; i < sweep->series_count && status == 0; i++) {
        if (!is_in_share(runner, i))
            continue;
        runner->expected += sweep->load.curve.points;
        status = extend_series(runner, i, error);
    }
    return status;
}

/* Adds the share's points where they are all known. */
static int plan_points(struct runner *runner, struct error *error)
{
    const struct sweep *sweep = runner->sweep;
    const struct sweep_load *load = &sweep->load;
    size_t loads = load->listed_count > 0 ? load->listed_count : 1;
    int status = 0;
    for (size_t i = 0; i < sweep->series_count * loads && status >= 0; i++) {
        struct yaml_node *value = load->listed_count > 0 ? load->listed[i % loads] : NULL;
        if (!is_in_share(runner, i))
            continue;
        status = add_task(runner, i / loads, (double)(i % loads), value, error);
        runner->expected++;
    }
    return status < 0 ? status : 0;
}

/* In the child. */
static int run_task(void *context, char **text, struct error *error)
{
    struct runner *runner = context;
    const struct sweep_task *task = &runner->tasks[runner->next_task];
    return sweep_task_run(task, runner->sweep, runner->options, text, error);
}

/* Gives every idle worker a task that is not done, in the order in which they were added. */
static int start_tasks(struct runner *runner, struct error *error)
{
    int status = 0;
    while (status == 0 && runner->next_task < runner->task_count &&
           worker_pool_has_room(&runner->pool)) {
        if (!runner->tasks[runner->next_task].is_done)
            status = worker_pool_start(&runner->pool, runner->next_task, run_task, runner, error);
        runner->next_task++;
    }
    return status;
}

/* Takes up what a worker gave back. */
static int take_result(struct runner *runner, const struct worker_result *ended,
                       struct error *error)
{
    struct sweep_task *task = &runner->tasks[ended->job];
    json_t *result = json_loads(ended->text, 0, NULL);
    if (!result)
        return error_out_of_memory(error, "a point's result");
    int status = sweep_journal_append(runner->journal, task->fingerprint, ended->text, error);
    if (status == 0)
        status = sweep_task_finish(task, result, error);
    json_decref(result);
    if (status < 0)
        return status;
    runner->done_count++;
    if (!runner->series)
        return 0;
    struct series_state *series = &runner->series[task->series];
    series->open--;
    return extend_series(runner, task->series, error);
}

/* What ends a sweep early says how to go on: what is done is in the journal, which else is gone. */
static int stop(const struct runner *runner, struct error *error)
{
    if (runner->done_count == 0)
        return error_append(error, "; no point was done");
    return error_append(error, "; points done: %zu; go on with --resume", runner->done_count);
}

static int run_all(struct runner *runner, struct error *error)
{
    int status = start_tasks(runner, error);
    while (status == 0 && runner->done_count < runner->task_count) {
        struct worker_result ended;
        status = worker_pool_wait(&runner->pool, LOOK_UP_S, &ended, error);
        if (status < 0)
            return stop(runner, error);
        if (status > 0) { /* nobody idles while a result is taken up and loads are found */
            status = start_tasks(runner, error);
            if (status == 0)
                status = take_result(runner, &ended, error);
            free(ended.text);
        }
        if (status == 0)
            status = start_tasks(runner, error);
        if (status == 0) /* while the workers are at work: disks take their time */
            status = sweep_journal_sync(runner->journal, error);
        progress_update(&runner->progress, runner->done_count,
                        (double)runner->done_count / (double)runner->expected);
        if (status == 0 && interrupt_is_pending(runner->options->interrupt)) {
            (void)error_set(error, ERROR_RUN, "interrupted");
            return stop(runner, error);
        }
    }
    return status < 0 ? stop(runner, error) : 0;
}

/* What a journal has of another sweep would be gone with it once this one is done. */
static int check_journal(const struct runner *runner, struct error *error)
{
    size_t count = json_object_size(runner->journal->results);
    if (count == 0 || runner->resumed_count > 0)
        return 0;
    return error_set(
        error, ERROR_USAGE,
        "%s holds %zu point%s, but none of this sweep as it is now, with its files and "
        "--point-files: remove it, or name another output",
        runner->journal->path, count, plural(count));
}

/* The points' records, in order. */
static int collect(const struct runner *runner, struct sweep_results *results, struct error *error)
{
    results->records = json_array();
    if (!results->records)
        return error_out_of_memory(error, "the points");
    for (size_t i = 0; i < runner->task_count; i++) {
        if (json_array_append(results->records, runner->tasks[i].record) < 0)
            return error_out_of_memory(error, "the points");
    }
    return sweep_results_sort(results, error);
}

static int run(struct runner *runner, struct sweep_results *results, struct error *error)
{
    const struct sweep *sweep = runner->sweep;
    bool finds_loads = sweep->load.kind != SWEEP_LOAD_NONE && sweep->load.listed_count == 0;
    int status = finds_loads ? plan_curves(runner, error) : plan_points(runner, error);
    if (status < 0)
        status = sweep_task_explain(runner->sweep, runner->options, error);
    if (status == 0)
        status = check_journal(runner, error);
    if (status < 0)
        return status;
    status = worker_pool_init(&runner->pool, runner->options->workers, error);
    progress_start(&runner->progress, stderr, "points", runner->options->is_quiet);
    if (status == 0)
        status = run_all(runner, error);
    progress_end(&runner->progress);
    worker_pool_release(&runner->pool);
    return status < 0 ? status : collect(runner, results, error);
}

int sweep_run_header(struct sweep *sweep, const struct sweep_run_options *options,
                     struct sweep_results *results, struct error *error)
{
    *results = (struct sweep_results){
        .version = TANDEM_VERSION,
        .name = sweep->name,
        .sweep_text = sweep->text,
        .load = sweep->load.kind,
        .shard = options->shard,
        .shard_count = options->shard_count,
    };
    int status = sweep_task_first_scenario(sweep, options, &results->scenario_text, error);
    return status < 0 ? sweep_task_explain(sweep, options, error) : 0;
}

int sweep_run(struct sweep *sweep, const struct sweep_run_options *options,
              struct sweep_journal *journal, struct sweep_results *results, struct error *error)
{
    struct runner runner = {.sweep = sweep, .options = options, .journal = journal};
    int status = sweep_run_header(sweep, options, results, error);
    if (status == 0)
        status = run(&runner, results, error);
    results->resumed_count = runner.resumed_count;
    for (size_t i = 0; i < runner.task_count; i++)
        sweep_task_release(&runner.tasks[i]);
    free(runner.tasks);
    free(runner.series);
    return status;
}
