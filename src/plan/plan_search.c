#include "plan_search.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_UP_S 0.1
#define REAL_DIGITS 17
#define RUNNERS_UP 4

/* Options that cost this much more than the best are not worth their runs. */
#define WORTH_FACTOR 2.0

/* Replicas that a saturated option needs are not guessed quite as high as they look. */
#define GUESS_SHARE 0.98

int plan_search_init(struct plan_search *search, const struct plan *plan, size_t workers,
                     const struct interrupt *interrupt, bool is_quiet, struct error *error)
{
    *search = (struct plan_search){.plan = plan, .interrupt = interrupt};
    size_t room =
        plan->cluster_count * plan->tensor_parallel_count * plan->pipeline_parallel_count + 1;
    int status = worker_pool_init(&search->pool, workers, error);
    search->candidates = calloc(room, sizeof(*search->candidates));
    search->found = calloc(room, sizeof(*search->found));
    progress_start(&search->progress, stderr, "runs", is_quiet);
    if (status == 0 && (!search->candidates || !search->found))
        status = error_out_of_memory(error, "the candidates");
    return status;
}

void plan_search_release(struct plan_search *search)
{
    progress_end(&search->progress);
    worker_pool_release(&search->pool);
    free(search->candidates);
    free(search->found);
    *search = (struct plan_search){.plan = NULL};
}

/* What a worker is to do. */
struct trial_job {
    const struct plan *plan;
    const struct plan_option *option;
    uint64_t seed;
};

/* In the child. */
static bool run_trial(void *context, int descriptor)
{
    const struct trial_job *job = context;
    json_t *trial = plan_trial_run(job->plan, job->option, job->seed);
    int status =
        trial ? json_dumpfd(trial, descriptor, JSON_COMPACT | JSON_REAL_PRECISION(REAL_DIGITS))
              : -1;
    json_decref(trial);
    return status == 0;
}

/* A trial from what its worker gave back; NULL when memory is out. */
static json_t *trial_of(const struct worker_result *ended)
{
    json_t *trial = ended->text && *ended->reason == '\0' ? json_loads(ended->text, 0, NULL) : NULL;
    return trial ? trial
                 : json_pack("{s:s, s:s}", "status", "failed", "error",
                             *ended->reason ? ended->reason : "its process said nothing");
}

/* Waits for a worker and puts its trial in its place. */
static int take_trial(struct plan_search *search, json_t *trials, struct error *error)
{
    struct worker_result ended;
    int status = 0;
    while (status == 0) {
        progress_update(&search->progress, search->trials, NAN);
        if (interrupt_is_pending(search->interrupt))
            return error_set(error, ERROR_RUN, "interrupted after %zu runs", search->trials);
        status = worker_pool_wait(&search->pool, LOOK_UP_S, &ended, error);
    }
    if (status < 0)
        return status;
    search->trials++;
    status = json_array_set_new(trials, ended.job, trial_of(&ended));
    free(ended.text);
    return status < 0 ? error_out_of_memory(error, "a run's result") : 0;
}

/* Runs `option` under the seeds `first` to `last`, side by side; puts the results into `trials`. */
static int run_seeds(struct plan_search *search, const struct plan_option *option, uint32_t first,
                     uint32_t last, json_t *trials, struct error *error)
{
    int status = 0;
    for (uint32_t i = first; i <= last && status == 0; i++) {
        if (json_array_append_new(trials, json_null()) < 0)
            return error_out_of_memory(error, "a run's result");
        if (!worker_pool_has_room(&search->pool))
            status = take_trial(search, trials, error);
        struct trial_job job = {search->plan, option, i};
        if (status == 0)
            status = worker_pool_start(&search->pool, i - 1, run_trial, &job, error);
    }
    while (status == 0 && search->pool.busy > 0)
        status = take_trial(search, trials, error);
    return status;
}

int plan_search_try(struct plan_search *search, const struct plan_option *option,
                    struct plan_verdict *verdict, struct error *error)
{
    json_t *trials = json_array();
    int status = trials ? run_seeds(search, option, 1, 1, trials, error)
                        : error_out_of_memory(error, "a run's result");
    if (status == 0)
        plan_judge(trials, &search->slo, search->plan->headroom, verdict);
    if (status == 0 && verdict->outcome <= PLAN_UNPROVEN && search->plan->seeds > 1) {
        status = run_seeds(search, option, 2, search->plan->seeds, trials, error);
        if (status == 0)
            plan_judge(trials, &search->slo, search->plan->headroom, verdict);
    }
    json_decref(trials);
    return status;
}

/* Reads the SLO and the traffic, which all options share, as one of them has them. */
static int read_task(struct plan_search *search, const struct plan_option *option,
                     struct error *error)
{
    struct config config;
    int status = plan_load_option(search->plan, option, 1, &config, error);
    search->slo = config.scenario.slo;
    if (status == 0 && search->slo.ttft_s == 0 && search->slo.tpot_s == 0)
        status = error_set(error, ERROR_CONFIG,
                           "the plan's scenario has no 'slo': say what must be met");
    if (status == 0)
        status = plan_traffic_read(&search->traffic, &config, error);
    config_release(&config);
    return status;
}

static int list_candidates(struct plan_search *search, struct error *error)
{
    const struct plan *plan = search->plan;
    int status = 0;
    for (size_t k = 0; k < plan->cluster_count; k++) {
        for (size_t t = 0; t < plan->tensor_parallel_count; t++) {
            for (size_t p = 0; p < plan->pipeline_parallel_count && status == 0; p++)
                status = plan_candidate_init(&search->candidates[search->candidate_count++], plan,
                                             k, plan->tensor_parallel[t],
                                             plan->pipeline_parallel[p], &search->traffic, error);
        }
    }
    return status;
}

/* The cheapest open candidate; of equals the one with fewer GPUs, then the one listed first. */
static struct plan_candidate *find_cheapest(const struct plan_search *search)
{
    enum plan_billing billing = search->plan->billing;
    struct plan_candidate *best = NULL;
    for (size_t i = 0; i < search->candidate_count; i++) {
        struct plan_candidate *candidate = &search->candidates[i];
        if (candidate->state != PLAN_OPEN)
            continue;
        double usd = plan_candidate_usd_per_hour(candidate, billing);
        double best_usd = best ? plan_candidate_usd_per_hour(best, billing) : INFINITY;
        if (usd < best_usd ||
            (usd == best_usd && plan_candidate_gpus(candidate) < plan_candidate_gpus(best)))
            best = candidate;
    }
    return best;
}

static void rule_out(struct plan_candidate *candidate, uint32_t replicas)
{
    candidate->state = PLAN_RULED_OUT;
    (void)snprintf(candidate->why, sizeof(candidate->why), "even %u replica%s: %.*s", replicas,
                   replicas == 1 ? "" : "s", (int)strcspn(candidate->verdict.reason, "\n"),
                   candidate->verdict.reason);
}

/* What as many replicas as there may be cannot do is not worth trying with fewer. */
static int try_most(struct plan_search *search, struct plan_candidate *candidate,
                    struct error *error)
{
    uint32_t replicas = candidate->option.replicas;
    candidate->is_most_tried = true;
    if (replicas == candidate->replicas_max)
        return 0;
    plan_candidate_resize(candidate, candidate->replicas_max);
    int status = plan_search_try(search, &candidate->option, &candidate->verdict, error);
    plan_candidate_resize(candidate, replicas);
    if (status == 0 && candidate->verdict.outcome != PLAN_MEETS)
        rule_out(candidate, candidate->replicas_max);
    return status;
}

/* Tries the candidate as it is; if that is not enough it comes back with more replicas. */
static int try_candidate(struct plan_search *search, struct plan_candidate *candidate,
                         struct error *error)
{
    int status = plan_search_try(search, &candidate->option, &candidate->verdict, error);
    if (status < 0)
        return status;
    const struct plan_verdict *verdict = &candidate->verdict;
    uint32_t replicas = candidate->option.replicas;
    if (verdict->outcome == PLAN_MEETS) {
        candidate->state = PLAN_FOUND;
        search->found[search->found_count++] = (size_t)(candidate - search->candidates);
        return 0;
    }
    double more = replicas + 1.0;
    if (verdict->outcome == PLAN_SATURATED && verdict->served > 0)
        more = fmax(more, floor(replicas / verdict->served * GUESS_SHARE));
    if (verdict->outcome == PLAN_FAILED || replicas == candidate->replicas_max)
        rule_out(candidate, replicas);
    else
        plan_candidate_resize(candidate, (uint32_t)fmin(more, candidate->replicas_max));
    return 0;
}

/* Whether `candidate`, the cheapest that is left, may still be of interest. */
static bool is_worth_trying(const struct plan_search *search,
                            const struct plan_candidate *candidate)
{
    if (search->found_count == 0)
        return true;
    enum plan_billing billing = search->plan->billing;
    const struct plan_candidate *best = &search->candidates[search->found[0]];
    return search->found_count <= RUNNERS_UP &&
           plan_candidate_usd_per_hour(candidate, billing) <
               WORTH_FACTOR * plan_candidate_usd_per_hour(best, billing);
}

int plan_search_run(struct plan_search *search, struct error *error)
{
    if (search->plan->cluster_count == 0)
        return error_set(error, ERROR_CONFIG, "the plan has no 'clusters' to choose from");
    const struct plan_option any = {.tensor_parallel = 1,
                                    .pipeline_parallel = 1,
                                    .replicas = 1,
                                    .nodes = 1,
                                    .load = search->plan->growth};
    int status = read_task(search, &any, error);
    if (status == 0)
        status = list_candidates(search, error);
    while (status == 0) {
        struct plan_candidate *candidate = find_cheapest(search);
        if (!candidate || !is_worth_trying(search, candidate))
            break;
        status = candidate->is_most_tried ? try_candidate(search, candidate, error)
                                          : try_most(search, candidate, error);
    }
    progress_end(&search->progress);
    return status;
}

int plan_search_check(struct plan_search *search, struct error *error)
{
    struct plan_candidate *own = &search->candidates[0];
    int status = plan_candidate_init_own(own, search->plan, error);
    if (status == 0)
        status = read_task(search, &own->option, error);
    if (status == 0)
        status = plan_search_try(search, &own->option, &own->verdict, error);
    if (status == 0) {
        search->candidate_count = 1;
        own->state = own->verdict.outcome == PLAN_MEETS ? PLAN_FOUND : PLAN_RULED_OUT;
        search->found_count = own->state == PLAN_FOUND;
    }
    progress_end(&search->progress);
    return status;
}
