#include "recommend_trial.h"

#include "memory.h"
#include "simulation.h"
#include "workload_source.h"

#define REPLICA_GPUS_MAX 64

/* Values as near as this are equal: a rule of thumb claims no more. */
#define TIE 0.01

/* A workload's first requests, as they come or all at once. */
struct opening {
    struct arrival_source whole;
    uint64_t left;
    bool at_once;
};

static int next_of_opening(void *context, struct arrival *arrival, struct error *error)
{
    struct opening *opening = context;
    if (opening->left == 0)
        return 0;
    opening->left--;
    int status = opening->whole.next(opening->whole.context, arrival, error);
    if (opening->at_once)
        arrival->at = 0;
    return status;
}

static struct opening opening_of(const struct workload_source *source, enum recommend_goal goal)
{
    bool at_once = goal == RECOMMEND_THROUGHPUT;
    return (struct opening){
        .whole = workload_source_arrivals(source),
        .left = at_once ? RECOMMEND_THROUGHPUT_REQUESTS : RECOMMEND_LATENCY_REQUESTS,
        .at_once = at_once,
    };
}

/* Runs `scenario` on the opening; `summary` lives in `arena`. */
static int simulate(const struct scenario *scenario, struct opening *opening,
                    struct summary *summary, struct arena *arena, struct error *error)
{
    struct arrival_source arrivals = {
        .context = opening,
        .next = next_of_opening,
        .concurrency = opening->at_once ? 0 : opening->whole.concurrency,
    };
    uint64_t requests = opening->left;
    struct simulation *simulation = simulation_new(scenario, arrivals, (struct recorder){0}, error);
    if (!simulation)
        return -(int)error->code;
    int status;
    while ((status = simulation_advance(simulation, requests, error)) > 0)
        ;
    if (status == 0)
        status = simulation_summarize(simulation, summary, arena, error);
    simulation_free(simulation);
    return status;
}

static struct scenario scenario_of(const struct scenario *scenario,
                                   const struct recommend_trial *trial)
{
    struct scenario tried = *scenario;
    tried.layout = (struct layout_spec){
        .tensor_parallel = trial->tensor_parallel,
        .pipeline_parallel = trial->pipeline_parallel,
        .replicas = trial->replicas,
        .split = STAGE_SPLIT_BALANCED,
        .router = scenario->layout.router,
    };
    tried.serving.steps_in_flight = trial->pipeline_parallel;
    tried.run = (struct run){.seed = scenario->run.seed, .duration = SIM_PS_MAX};
    tried.output.timeline = TIMELINE_NONE;
    return tried;
}

/* The trial for one goal. */
static int try_goal(struct recommend_trial *trial, enum recommend_goal goal,
                    const struct scenario *scenario, const struct workload_spec *workload,
                    struct error *error)
{
    const struct scenario tried = scenario_of(scenario, trial);
    struct workload_source source;
    int status = workload_source_open(&source, workload, scenario->run.seed, error);
    if (status < 0)
        return status;
    struct arena arena;
    arena_init(&arena);
    struct summary summary = {0};
    struct opening opening = opening_of(&source, goal);
    status = simulate(&tried, &opening, &summary, &arena, error);
    trial->completed += summary.completed;
    trial->rejected += summary.rejected;
    trial->value[goal] = goal == RECOMMEND_LATENCY ? summary.e2e.p50 : summary.output_tokens_per_s;
    arena_release(&arena);
    workload_source_close(&source);
    return status;
}

/* Adds a candidate that fits, behind those with wider groups or as wide ones and fewer stages. */
static void add(struct recommend_trials *trials, const struct scenario *scenario,
                uint32_t tensor_parallel, uint32_t stages)
{
    if (recommend_trials_find(trials, tensor_parallel, stages))
        return;
    uint64_t groups = layout_group_capacity(&scenario->cluster, tensor_parallel);
    uint32_t at = trials->count++;
    for (; at > 0; at--) {
        const struct recommend_trial *before = &trials->of[at - 1];
        if (before->tensor_parallel > tensor_parallel ||
            (before->tensor_parallel == tensor_parallel && before->pipeline_parallel < stages))
            break;
        trials->of[at] = *before;
    }
    trials->of[at] = (struct recommend_trial){
        .tensor_parallel = tensor_parallel,
        .pipeline_parallel = stages,
        .replicas = (uint32_t)(groups / stages),
    };
}

static void add_candidates(struct recommend_trials *trials, const struct scenario *scenario,
                           struct stage_extras extras,
                           const struct recommendation *const rules[RECOMMEND_GOAL_COUNT])
{
    for (size_t i = 0; i < RECOMMEND_GOAL_COUNT; i++) {
        if (rules[i])
            add(trials, scenario, rules[i]->layout.tensor_parallel,
                rules[i]->layout.pipeline_parallel);
    }
    for (uint32_t width = 1; width <= REPLICA_GPUS_MAX; width *= 2) {
        for (uint32_t stages = 1; width * stages <= REPLICA_GPUS_MAX; stages *= 2) {
            if (memory_fits(&scenario->model, &scenario->cluster, &scenario->serving, extras, width,
                            stages))
                add(trials, scenario, width, stages);
        }
    }
}

int recommend_trials_run(struct recommend_trials *trials, const struct scenario *scenario,
                         const struct workload_spec *workload, struct stage_extras extras,
                         const struct recommendation *const rules[RECOMMEND_GOAL_COUNT],
                         struct error *error)
{
    trials->count = 0;
    add_candidates(trials, scenario, extras, rules);
    for (uint32_t i = 0; i < trials->count; i++) {
        for (int goal = 0; goal < RECOMMEND_GOAL_COUNT; goal++) {
            int status =
                try_goal(&trials->of[i], (enum recommend_goal)goal, scenario, workload, error);
            if (status < 0)
                return status;
        }
    }
    return 0;
}

const struct recommend_trial *recommend_trials_find(const struct recommend_trials *trials,
                                                    uint32_t tensor_parallel, uint32_t stages)
{
    for (uint32_t i = 0; i < trials->count; i++) {
        const struct recommend_trial *trial = &trials->of[i];
        if (trial->tensor_parallel == tensor_parallel && trial->pipeline_parallel == stages)
            return trial;
    }
    return NULL;
}

/* Whether `one` rejects fewer than `other`, or as many and is better by more than `margin`. */
static bool is_better(const struct recommend_trial *one, const struct recommend_trial *other,
                      enum recommend_goal goal, double margin)
{
    if (one->rejected != other->rejected)
        return one->rejected < other->rejected;
    double value = one->value[goal];
    double other_value = other->value[goal];
    return goal == RECOMMEND_LATENCY ? value < other_value * (1 - margin)
                                     : value > other_value * (1 + margin);
}

const struct recommend_trial *recommend_trials_best(const struct recommend_trials *trials,
                                                    enum recommend_goal goal)
{
    const struct recommend_trial *best = NULL;
    for (uint32_t i = 0; i < trials->count; i++) {
        const struct recommend_trial *trial = &trials->of[i];
        if (trial->completed > 0 && (!best || is_better(trial, best, goal, 0)))
            best = trial;
    }
    return best;
}

bool recommend_trial_agrees(const struct recommend_trial *rule, const struct recommend_trial *best,
                            enum recommend_goal goal)
{
    return !is_better(best, rule, goal, TIE);
}
