#include "recommend_trial.h"

#include "backlog_meter.h"
#include "simulation.h"
#include "workload_source.h"

#include <string.h>

#define REPLICA_GPUS_MAX 64

/* Values as near as this are equal: a rule of thumb claims no more. */
#define TIE 0.01

/* A workload's first requests, as they come or all at once; then from its first one on again where
   it has too few. */
struct opening {
    const struct workload_spec *workload;
    uint64_t seed;
    struct workload_source source;
    uint64_t taken; /* since it was opened */
    uint64_t left;
    bool at_once;
    bool is_again; /* the same requests come once more */
};

static int open_source(struct opening *opening, struct error *error)
{
    workload_source_close(&opening->source);
    opening->taken = 0;
    return workload_source_open(&opening->source, opening->workload, opening->seed, error);
}

static int next_of_source(struct opening *opening, struct arrival *arrival, struct error *error)
{
    struct arrival_source arrivals = workload_source_arrivals(&opening->source);
    int status = arrivals.next(arrivals.context, arrival, error);
    opening->taken += status > 0;
    return status;
}

static int next_of_opening(void *context, struct arrival *arrival, struct error *error)
{
    struct opening *opening = context;
    if (opening->left == 0)
        return 0;
    opening->left--;
    int status = next_of_source(opening, arrival, error);
    if (status == 0 && opening->at_once && opening->taken > 0) {
        status = open_source(opening, error);
        opening->is_again = true;
        if (status == 0)
            status = next_of_source(opening, arrival, error);
    }
    if (opening->is_again && opening->workload->is_trace)
        arrival->piece_count = 0; /* of a trace's prompts there was one each */
    if (opening->at_once)
        arrival->at = 0;
    return status;
}

/* Runs `scenario` on the opening; `summary` lives in `arena`. */
static int simulate(const struct scenario *scenario, struct opening *opening,
                    struct recorder recorder, struct summary *summary, struct arena *arena,
                    struct error *error)
{
    struct arrival_source whole = workload_source_arrivals(&opening->source);
    struct arrival_source arrivals = {
        .context = opening,
        .next = next_of_opening,
        .concurrency = opening->at_once ? 0 : whole.concurrency,
        .tells_prefixes = whole.tells_prefixes,
    };
    return simulation_play(scenario, arrivals, recorder, summary, arena, error);
}

/* What `tandem run` makes of the scenario with the trial's layout in it; but from its first request
   to its last. */
static struct scenario scenario_of(const struct scenario *scenario,
                                   const struct recommend_trial *trial)
{
    struct scenario tried = *scenario;
    tried.layout.tensor_parallel = trial->tensor_parallel;
    tried.layout.pipeline_parallel = trial->pipeline_parallel;
    tried.layout.replicas = trial->replicas;
    tried.layout.split = STAGE_SPLIT_BALANCED;
    tried.layout.sharding.expert_parallel = trial->expert_parallel;
    tried.serving.steps_in_flight = trial->pipeline_parallel;
    tried.run.warmup = 0;
    tried.run.duration = SIM_PS_MAX;
    tried.run.exact = false; /* the same numbers, sooner */
    tried.output.timeline = TIMELINE_NONE;
    return tried;
}

/* What came of requests that a layout served for one goal. */
struct outcome {
    uint64_t arrived;
    uint64_t completed;
    uint64_t rejected;
    uint64_t lost;
    double value;
    bool is_held_back;
    double kv_peak_fraction;
};

static bool warns_of_sequences(const struct summary *summary)
{
    for (uint32_t i = 0; i < summary->warning_count; i++)
        if (strcmp(summary->warnings[i].code, "sequences_full") == 0)
            return true;
    return false;
}

/* Serves up to `requests` of the workload. */
static int serve(const struct scenario *tried, const struct workload_spec *workload,
                 enum recommend_goal goal, uint64_t requests, struct outcome *outcome,
                 struct error *error)
{
    bool at_once = goal == RECOMMEND_THROUGHPUT;
    struct opening opening = {
        .workload = workload,
        .seed = tried->run.seed,
        .left = requests,
        .at_once = at_once,
    };
    struct backlog_meter meter;
    backlog_meter_init(&meter);
    struct recorder recorder = at_once ? backlog_meter_recorder(&meter) : (struct recorder){0};
    struct arena arena;
    arena_init(&arena);
    struct summary summary = {0};
    int status = open_source(&opening, error);
    if (status == 0)
        status = simulate(tried, &opening, recorder, &summary, &arena, error);
    *outcome = (struct outcome){
        .arrived = summary.arrived,
        .completed = summary.completed,
        .rejected = summary.rejected,
        .lost = summary.lost,
        .value = at_once ? backlog_meter_tokens_per_s(&meter) : summary.e2e.p50,
        .is_held_back = warns_of_sequences(&summary),
        .kv_peak_fraction = summary.pools[0].kv_peak_fraction,
    };
    arena_release(&arena);
    backlog_meter_release(&meter);
    workload_source_close(&opening.source);
    return status;
}

/* Requests of which some wait most of the time where so many are served at once. */
static uint64_t backlog_of(uint64_t at_once)
{
    return u64_min(u64_max(BACKLOG_TIMES * at_once, RECOMMEND_THROUGHPUT_REQUESTS_MIN),
                   RECOMMEND_THROUGHPUT_REQUESTS_MAX);
}

/* Tries a layout that had room for more sequences with as many as its KV holds: as many steps as
   before, for they are as much fuller as there are more requests. */
static int try_more(struct recommend_trial *trial, double kv_peak_fraction, struct scenario *tried,
                    const struct workload_spec *workload, struct error *error)
{
    double times = fmin(1 / kv_peak_fraction, RECOMMEND_MORE_SEQUENCES_TIMES);
    uint64_t sequences = (uint64_t)(tried->serving.max_sequences * times);
    sequences = u64_min(sequences,
                        RECOMMEND_THROUGHPUT_REQUESTS_MAX / BACKLOG_TIMES / tried->layout.replicas);
    if (sequences <= tried->serving.max_sequences)
        return 0;
    struct outcome outcome;
    tried->serving.max_sequences = (uint32_t)sequences;
    uint64_t requests = backlog_of(sequences * tried->layout.replicas);
    int status = serve(tried, workload, RECOMMEND_THROUGHPUT, requests, &outcome, error);
    trial->more_sequences = (uint32_t)sequences;
    trial->more_tokens_per_s = outcome.value;
    return status;
}

/* One layout's trial for one goal, which takes up to `requests`; leaves there how many there were.
 */
static int try_goal(struct recommend_trial *trial, enum recommend_goal goal,
                    const struct scenario *scenario, const struct workload_spec *workload,
                    uint64_t *requests, struct error *error)
{
    struct scenario tried = scenario_of(scenario, trial);
    struct outcome outcome;
    int status = serve(&tried, workload, goal, *requests, &outcome, error);
    *requests = outcome.arrived;
    trial->completed += outcome.completed;
    trial->rejected += outcome.rejected;
    trial->lost += outcome.lost;
    trial->value[goal] = outcome.value;
    trial->is_held_back[goal] = outcome.is_held_back;
    if (status == 0 && goal == RECOMMEND_THROUGHPUT && outcome.is_held_back)
        status = try_more(trial, outcome.kv_peak_fraction, &tried, workload, error);
    return status;
}

/* 1: the candidate's replicas, one or more, can be laid out and hold the model; 0: not. */
static int fits(const struct scenario *scenario, const struct recommend_trial *candidate,
                struct error *error)
{
    if (candidate->replicas == 0)
        return 0;
    const struct scenario tried = scenario_of(scenario, candidate);
    struct deployment deployment;
    struct error misfit;
    struct arena arena;
    arena_init(&arena);
    int status = deployment_resolve(&deployment, &tried, NULL, &arena, &misfit);
    arena_release(&arena);
    if (status == 0)
        return 1;
    if (misfit.code == ERROR_CONFIG)
        return 0;
    *error = misfit;
    return status;
}

/* Whether `one` is listed before `other`, another layout. */
static bool is_before(const struct recommend_trial *one, const struct recommend_trial *other)
{
    if (one->tensor_parallel != other->tensor_parallel)
        return one->tensor_parallel > other->tensor_parallel;
    if (one->pipeline_parallel != other->pipeline_parallel)
        return one->pipeline_parallel < other->pipeline_parallel;
    return !one->expert_parallel;
}

/* Adds a candidate, in its place, if it fits. */
static int add(struct recommend_trials *trials, const struct scenario *scenario,
               const struct recommend_trial *candidate, struct error *error)
{
    int fitting = fits(scenario, candidate, error);
    if (fitting <= 0)
        return fitting;
    uint32_t at = trials->count++;
    for (; at > 0 && is_before(candidate, &trials->of[at - 1]); at--)
        trials->of[at] = trials->of[at - 1];
    trials->of[at] = *candidate;
    trials->has_whole_experts |= candidate->expert_parallel;
    return 0;
}

/* Adds a layout if it is new: with split experts, or none, and with whole ones where several GPUs
   can share them. */
static int add_layout(struct recommend_trials *trials, const struct scenario *scenario,
                      uint32_t tensor_parallel, uint32_t stages, struct error *error)
{
    if (recommend_trials_find(trials, tensor_parallel, stages))
        return 0;
    uint64_t groups = layout_group_capacity(&scenario->cluster, tensor_parallel);
    struct recommend_trial candidate = {
        .tensor_parallel = tensor_parallel,
        .pipeline_parallel = stages,
        .replicas = (uint32_t)(groups / stages),
    };
    int status = add(trials, scenario, &candidate, error);
    candidate.expert_parallel = true;
    return status < 0 || tensor_parallel == 1 ? status : add(trials, scenario, &candidate, error);
}

static int add_candidates(struct recommend_trials *trials, const struct scenario *scenario,
                          const struct recommendation *const rules[RECOMMEND_GOAL_COUNT],
                          struct error *error)
{
    int status = 0;
    for (size_t i = 0; status == 0 && i < RECOMMEND_GOAL_COUNT; i++) {
        if (rules[i])
            status = add_layout(trials, scenario, rules[i]->layout.tensor_parallel,
                                rules[i]->layout.pipeline_parallel, error);
    }
    for (uint32_t width = 1; width <= REPLICA_GPUS_MAX; width *= 2) {
        for (uint32_t stages = 1; status == 0 && width * stages <= REPLICA_GPUS_MAX; stages *= 2)
            status = add_layout(trials, scenario, width, stages, error);
    }
    return status;
}

/* So many that some wait most of the time, whichever layout serves them: layouts are compared by
   how many they complete, too. */
static uint64_t throughput_requests(const struct recommend_trials *trials,
                                    const struct scenario *scenario)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < trials->count; i++) {
        const struct scenario tried = scenario_of(scenario, &trials->of[i]);
        most = u64_max(most, (uint64_t)tried.serving.max_sequences * tried.layout.replicas);
    }
    return backlog_of(most);
}

int recommend_trials_run(struct recommend_trials *trials, const struct scenario *scenario,
                         const struct workload_spec *workload,
                         const struct recommendation *const rules[RECOMMEND_GOAL_COUNT],
                         struct error *error)
{
    *trials = (struct recommend_trials){
        .sequences = scenario->serving.max_sequences,
        .sharding = scenario->layout.sharding,
    };
    int status = add_candidates(trials, scenario, rules, error);
    trials->requests[RECOMMEND_LATENCY] = RECOMMEND_LATENCY_REQUESTS;
    trials->requests[RECOMMEND_THROUGHPUT] = throughput_requests(trials, scenario);
    for (uint32_t i = 0; i < trials->count; i++) {
        for (int goal = 0; status == 0 && goal < RECOMMEND_GOAL_COUNT; goal++)
            status = try_goal(&trials->of[i], (enum recommend_goal)goal, scenario, workload,
                              &trials->requests[goal], error);
    }
    return status;
}

const struct recommend_trial *recommend_trials_find(const struct recommend_trials *trials,
                                                    uint32_t tensor_parallel, uint32_t stages)
{
    for (uint32_t i = 0; i < trials->count; i++) {
        const struct recommend_trial *trial = &trials->of[i];
        if (trial->tensor_parallel == tensor_parallel && trial->pipeline_parallel == stages &&
            !trial->expert_parallel)
            return trial;
    }
    return NULL;
}

/* Whether `one` completes more than `other`, or as many and is better by more than `margin`. */
static bool is_better(const struct recommend_trial *one, const struct recommend_trial *other,
                      enum recommend_goal goal, double margin)
{
    if (one->completed != other->completed)
        return one->completed > other->completed;
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

double recommend_trial_roomy_tokens_per_s(const struct recommend_trial *trial)
{
    return fmax(trial->value[RECOMMEND_THROUGHPUT], trial->more_tokens_per_s);
}

const struct recommend_trial *recommend_trials_roomy_best(const struct recommend_trials *trials)
{
    const struct recommend_trial *best = NULL;
    for (uint32_t i = 0; i < trials->count; i++) {
        const struct recommend_trial *trial = &trials->of[i];
        bool is_fuller = best && trial->completed > best->completed;
        bool is_faster =
            best && trial->completed == best->completed &&
            recommend_trial_roomy_tokens_per_s(trial) > recommend_trial_roomy_tokens_per_s(best);
        if (trial->completed > 0 && (!best || is_fuller || is_faster))
            best = trial;
    }
    return best;
}

bool recommend_trial_agrees(const struct recommend_trial *rule, const struct recommend_trial *best,
                            enum recommend_goal goal)
{
    return !is_better(best, rule, goal, TIE);
}
