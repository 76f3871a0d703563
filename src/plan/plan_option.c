#include "plan_option.h"

#include "config_limits.h"
#include "topology.h"

#include <inttypes.h>
#include <stdio.h>

#define SETTINGS_MAX (13 + PLAN_AXES_MAX)
#define VALUE_BYTES 64

/* The step's token budget is tried this many times smaller and larger where the plan is silent. */
#define BUDGET_FACTOR 4

/* 100 requests times 1.1 are no more than 110, whatever the last digits say. */
#define COUNT_SLACK 1e-6

/* What an option sets in the scenario. */
struct option_settings {
    struct arena *arena;
    struct position position;
    struct config_setting settings[SETTINGS_MAX];
    size_t count;
    bool is_out_of_memory;
};

static void set_node(struct option_settings *set, const char *path, struct yaml_node *value)
{
    assert(set->count < SETTINGS_MAX);
    set->is_out_of_memory |= !value;
    set->settings[set->count++] =
        (struct config_setting){path, value, value ? value->position : set->position};
}

static void set_text(struct option_settings *set, const char *path, const char *text)
{
    set_node(set, path, yaml_node_new_scalar(set->arena, set->position, text));
}

/* What people wrote, whatever it may hold; NULL: nothing. */
static void set_words(struct option_settings *set, const char *path, const char *words)
{
    struct yaml_node *value =
        yaml_node_new_scalar(set->arena, set->position, words ? words : "null");
    if (value)
        value->is_plain = !words;
    set_node(set, path, value);
}

static void set_count(struct option_settings *set, const char *path, uint64_t count)
{
    char text[VALUE_BYTES];
    (void)snprintf(text, sizeof(text), "%" PRIu64, count);
    set_text(set, path, text);
}

/* Experts of a scenario that has them whole, over the option's GPUs; split where it has not. */
static void set_experts(struct option_settings *set, const struct plan *plan,
                        const struct plan_option *option)
{
    if (!plan->has_whole_experts)
        return;
    set_count(set, "layout.expert_parallel", option->expert_parallel ? option->tensor_parallel : 1);
    if (!option->expert_parallel)
        set_count(set, "layout.expert_imbalance", 1);
}

/* What is bought and how it is driven, where it is not the scenario's own. */
static void set_purchase(struct option_settings *set, const struct plan *plan,
                         const struct plan_option *option)
{
    if (!option->is_own) {
        set_node(set, "cluster", plan->kinds[option->kind].cluster);
        set_count(set, "layout.tensor_parallel", option->tensor_parallel);
        set_experts(set, plan, option);
        set_count(set, "layout.pipeline_parallel", option->pipeline_parallel);
        set_text(set, "layout.stage_layers", "balanced");
        set_count(set, "engine.steps_in_flight", option->pipeline_parallel);
        for (size_t i = 0; i < plan->axis_count; i++)
            set_node(set, plan->axes[i].path, plan_engine_value(plan, option->engine, i));
    }
    set_count(set, "cluster.nodes", option->nodes + option->nodes_lost);
    set_count(set, "layout.replicas", option->replicas);
}

static bool is_counted(const struct plan *plan)
{
    return sweep_load_value_kind(plan->load.kind) == SWEEP_VALUE_COUNT;
}

/* What the scenario's load comes to, `load` times. */
static double load_value(const struct plan *plan, double load)
{
    double value = plan->load_value * load;
    if (!is_counted(plan))
        return value;
    /* Requests in flight are whole; rounded to the nearest, a growth of few would be none. */
    return fmax(1, load > 1 ? ceil(value - COUNT_SLACK) : floor(value + COUNT_SLACK));
}

double plan_option_growth(const struct plan *plan, const struct plan_option *option, double growth)
{
    return is_counted(plan)
               ? load_value(plan, option->load * growth) / load_value(plan, option->load)
               : growth;
}

/* Makes the workload `option->load` times as heavy. */
static void set_load(struct option_settings *set, const struct plan *plan,
                     const struct plan_option *option)
{
    if (option->load != 1)
        set_node(set, sweep_load_path(plan->load.kind),
                 sweep_load_value(&plan->load, load_value(plan, option->load), set->arena));
}

/* Sets what tells the plan's own scenarios from the one that it is of. */
static void set_option(struct option_settings *set, const struct plan *plan,
                       const struct plan_option *option, uint32_t draw)
{
    set_words(set, "name", plan->name);
    set_words(set, "description", plan->description);
    set_purchase(set, plan, option);
    set_load(set, plan, option);
    if (draw > 0)
        set_count(set, "run.seed", plan->seed + draw);
}

/* Loads the scenario, with its events or without; its tree shares nodes with `arena`. */
static int load_with(const struct plan *plan, const struct plan_option *option, uint32_t draw,
                     bool with_events, struct config *config, struct arena *arena,
                     struct error *error)
{
    struct option_settings set = {.arena = arena, .position = plan->scenario->position};
    set_option(&set, plan, option, draw);
    if (!with_events)
        set_text(&set, "events", "null");
    int status = set.is_out_of_memory ? error_out_of_memory(error, "an option of the plan") : 0;
    /* Zeroed, it may be released; loading it starts it anew. */
    *config = (struct config){.name = NULL};
    if (status == 0)
        status = config_load_scenario_variant(config, plan->scenario, set.settings, set.count,
                                              &plan->inputs, error);
    return status;
}

/* Whether an option that is wrong would not be without the scenario's events. */
static bool events_are_amiss(const struct plan *plan, const struct plan_option *option,
                             uint32_t draw, struct arena *arena)
{
    struct config config;
    struct error error;
    int status = load_with(plan, option, draw, false, &config, arena, &error);
    config_release(&config);
    return status == 0;
}

/* Loads the scenario; its tree shares nodes with `arena`. */
static int load(const struct plan *plan, const struct plan_option *option, uint32_t draw,
                struct config *config, struct arena *arena, struct error *error)
{
    int status = load_with(plan, option, draw, true, config, arena, error);
    if (status != -ERROR_CONFIG || option->is_own || !events_are_amiss(plan, option, draw, arena))
        return status;
    return error_append(error,
                        "\nnote: a search tries each kind of cluster from one node on, and all "
                        "must have what events name;\nleave events out (--set events=null), "
                        "or judge the scenario's own cluster (--check)");
}

/* Whether a cluster has what an event happens to. */
static bool has_target(const struct topology *topology, const struct fault *fault)
{
    uint32_t link;
    switch (fault->target) {
    case FAULT_GPU:
        return fault->index < topology->gpu_count;
    case FAULT_NODE:
        return fault->index < topology->gpu_count / topology->gpus_per_node;
    case FAULT_LINK:
        break;
    }
    return topology_find_link(topology, fault->link, &link);
}

/* Takes the last nodes away, and the events that happen to them or to links that they alone need.
 */
static int lose_nodes(struct config *config, uint32_t nodes, struct error *error)
{
    struct scenario *scenario = &config->scenario;
    struct topology topology;
    struct fault *left = arena_calloc(&config->arena, scenario->fault_count + 1, sizeof(*left));
    if (!left)
        return error_out_of_memory(error, "the events");
    uint32_t count = 0;
    scenario->cluster.nodes -= nodes;
    int status = topology_build(&topology, &scenario->cluster, &config->arena, error);
    for (uint32_t i = 0; i < scenario->fault_count && status == 0; i++) {
        if (has_target(&topology, &scenario->faults[i]))
            left[count++] = scenario->faults[i];
    }
    scenario->faults = left;
    scenario->fault_count = count;
    return status;
}

int plan_option_load(const struct plan *plan, const struct plan_option *option, uint32_t draw,
                     struct config *config, struct error *error)
{
    struct arena arena;
    arena_init(&arena);
    int status = load(plan, option, draw, config, &arena, error);
    if (status == 0 && option->nodes_lost > 0)
        status = lose_nodes(config, option->nodes_lost, error);
    config->scenario.output.timeline = TIMELINE_NONE;
    config->root = NULL;
    arena_release(&arena);
    return status;
}

int plan_option_text(const struct plan *plan, const struct plan_option *option, struct arena *arena,
                     const char **text, struct error *error)
{
    struct config config;
    int status = load(plan, option, 0, &config, arena, error);
    if (status == 0) {
        *text = arena_strdup(arena, config.text);
        status = *text ? 0 : error_out_of_memory(error, "the scenario's text");
    }
    config_release(&config);
    return status;
}

bool plan_option_has_whole_experts(const struct plan *plan, uint32_t tensor_parallel)
{
    const struct layout_spec layout = {.tensor_parallel = tensor_parallel,
                                       .sharding = {.expert_parallel = plan->has_whole_experts}};
    const struct model model = {.experts = plan->experts};
    struct error error;
    return sharding_has_whole_experts(&layout.sharding, tensor_parallel) &&
           layout_check_experts(&layout, &model, &error) == 0;
}

static void note_experts(struct plan *plan, const struct scenario *scenario)
{
    plan->has_whole_experts = scenario->layout.sharding.expert_parallel;
    plan->experts = scenario->model.experts;
    plan->expert_imbalance = scenario->layout.sharding.expert_imbalance;
}

/* The scenario's own layout says so, of which a search needs nothing else: the cluster may be
   missing, or too small for it. */
static int learn_experts(struct plan *plan, struct error *error)
{
    struct config config = {.name = NULL};
    int status =
        config_load_scenario_variant(&config, plan->scenario, NULL, 0, &plan->inputs, error);
    note_experts(plan, &config.scenario);
    config_release(&config);
    return status == -ERROR_MEMORY ? status : 0;
}

static void learn_load(struct plan *plan, const struct workload_spec *workload)
{
    const struct arrivals *arrivals = &workload->synthetic.arrivals;
    plan->load.position = plan->scenario->position;
    if (workload->is_trace) {
        plan->load.kind = SWEEP_LOAD_RATE_SCALE;
        plan->load_value = workload->rate_scale;
    } else if (arrivals->process == ARRIVAL_CLOSED_LOOP) {
        plan->load.kind = SWEEP_LOAD_CONCURRENCY;
        plan->load_value = arrivals->concurrency;
    } else {
        plan->load.kind = SWEEP_LOAD_RATE;
        plan->load_value = arrivals->rate_per_s;
    }
    plan->load_factor =
        is_counted(plan) ? load_value(plan, plan->growth) / plan->load_value : plan->growth;
}

/* The axis of a plan that lists none. */
static int add_default_axis(struct plan *plan, uint32_t max_step_tokens, struct error *error)
{
    const uint32_t budgets[] = {max_step_tokens, max_step_tokens / BUDGET_FACTOR,
                                max_step_tokens * BUDGET_FACTOR};
    struct plan_axis *axis = &plan->axes[0];
    *axis = (struct plan_axis){.path = "engine.max_step_tokens"};
    for (size_t i = 0; i < ARRAY_LENGTH(budgets); i++) {
        char text[VALUE_BYTES];
        if (budgets[i] < 1 || budgets[i] > CONFIG_TOKENS_MAX)
            continue;
        (void)snprintf(text, sizeof(text), "%" PRIu32, budgets[i]);
        struct yaml_node *value =
            yaml_node_new_scalar(&plan->arena, plan->scenario->position, text);
        if (!value)
            return error_out_of_memory(error, "the engine's settings");
        axis->values[axis->count++] = value;
    }
    plan->axis_count = 1;
    return 0;
}

int plan_option_learn(struct plan *plan, const struct plan_option *option, struct error *error)
{
    struct plan_option unscaled = *option;
    struct config config;
    unscaled.load = 1;
    int status = option->is_own ? 0 : learn_experts(plan, error);
    if (status < 0)
        return status;
    status = plan_option_load(plan, &unscaled, 0, &config, error);
    if (option->is_own)
        note_experts(plan, &config.scenario);
    plan->seed = config.scenario.run.seed;
    if (status == 0)
        learn_load(plan, &config.workload);
    if (status == 0 && !plan->has_search && !option->is_own)
        status = add_default_axis(plan, config.scenario.serving.max_step_tokens, error);
    config_release(&config);
    return status;
}
