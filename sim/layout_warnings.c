#include "layout_warnings.h"

#include "collective.h"
#include "exchange.h"

#include <stdio.h>

#define NVLINK_BYTES_PER_S 450e9
#define NVLINK_HOP_S 0.6e-6

/* A split worse by less than this is not worth a warning. */
#define GAIN_MIN 0.01

#define SPLIT_BYTES 120
#define SPLIT_STAGES_MAX 16

#define US 1e6

/* One layer of a tensor-parallel group on some tokens, attention left out. */
struct layer_time {
    double compute_s;
    double collectives_s;
};

/* What the layers of a group cost, laid out as the scenario has it or otherwise. */
struct group_layer {
    struct step_cost cost;
    struct arena arena;
};

static void group_layer_release(struct group_layer *layer)
{
    arena_release(&layer->arena);
}

/* Of the GPUs `gpus`, as many as `spec` has in a group. Release it in any case. */
static int group_layer_init(struct group_layer *layer, const struct deployment *deployment,
                            const struct layout_spec *spec, const uint32_t *gpus,
                            struct error *error)
{
    const struct scenario *scenario = deployment->scenario;
    const struct topology *topology = &deployment->topology;
    uint32_t ranks = spec->tensor_parallel;
    const struct step_cost_setup setup = {
        .model = &scenario->model,
        .gpu = &scenario->cluster.gpu,
        .serving = &scenario->serving,
        .measured = &scenario->measured,
        .layout = spec,
        .context_max = 1, /* attention is left out */
        .scale = deployment->cost.group.scale,
    };
    arena_init(&layer->arena);
    int status = step_cost_init(&layer->cost, &setup, &layer->arena, error);
    if (status < 0)
        return status;
    struct collective_group group = collective_group_of(topology, gpus, ranks);
    struct group_links links = group_links_of(topology, deployment->measured, gpus, ranks);
    return step_cost_class(&layer->cost, &group, &links, &layer->arena, error);
}

static struct layer_time group_layer_time(struct group_layer *layer, uint32_t tokens)
{
    struct step_cost *cost = &layer->cost;
    struct layer_time time = {step_cost_tokens(cost, tokens)->layer_s, 0};
    for (uint32_t i = 0; i < cost->exchange_count; i++)
        time.collectives_s +=
            step_cost_exchange(cost, 0, cost->exchanges[i].exchange, tokens).seconds;
    return time;
}

static double whole_s(struct layer_time time)
{
    return time.compute_s + time.collectives_s;
}

/* What a layer of `tokens` tokens takes on those GPUs. 0 or negative. */
static int time_layer(const struct deployment *deployment, const struct layout_spec *spec,
                      const uint32_t *gpus, uint32_t tokens, double *seconds, struct error *error)
{
    struct group_layer layer;
    int status = group_layer_init(&layer, deployment, spec, gpus, error);
    if (status == 0)
        *seconds = whole_s(group_layer_time(&layer, tokens));
    group_layer_release(&layer);
    return status;
}

/* The collectives of a layer over the reference NVLink, by the models. */
static double nvlink_collectives_s(const struct step_cost *cost, uint32_t tokens)
{
    const struct alpha_beta nvlink = {NVLINK_HOP_S, NVLINK_BYTES_PER_S};
    const struct compute *compute = &cost->compute;
    const struct collective_group reference = {
        .ranks = compute->tensor_parallel,
        .nodes = 1,
        .ring = nvlink,
        .direct = nvlink,
        .spread = nvlink,
        .start_s = cost->classes[0].group.start_s,
    };
    double seconds = 0;
    for (uint32_t i = 0; i < cost->exchange_count; i++) {
        enum exchange exchange = cost->exchanges[i].exchange;
        double bytes = step_cost_exchange_bytes(cost, exchange, tokens) *
                       exchange_imbalance(exchange, compute->model, &compute->sharding,
                                          compute->tensor_parallel);
        seconds += collective_engine_s(&reference, exchange_operation(exchange), bytes,
                                       cost->host->custom_all_reduce, NULL);
    }
    return cost->group.scale * seconds;
}

/* The group over the slowest medium, the first of equals. */
static const uint32_t *slowest_group(const struct layout *layout, const struct topology *topology,
                                     enum medium *medium)
{
    const uint32_t *slowest = layout_group(layout, 0, 0);
    *medium = topology_group_medium(topology, slowest, layout->tensor_parallel);
    for (uint32_t replica = 0; replica < layout->replicas; replica++) {
        for (uint32_t stage = 0; stage < layout->stages; stage++) {
            const uint32_t *group = layout_group(layout, replica, stage);
            enum medium of_group = topology_group_medium(topology, group, layout->tensor_parallel);
            if (of_group > *medium) {
                *medium = of_group;
                slowest = group;
            }
        }
    }
    return slowest;
}

/* A layer of a group over slow links, beside NVLink's and one GPU's. */
struct slow_layer {
    double collectives_s;
    double over_nvlink; /* its collectives, over what NVLink's take */
    double share;       /* of the layer */
    double speedup;     /* over one GPU */
};

static struct slow_layer slow_layer_of(struct group_layer *group, struct group_layer *one,
                                       uint32_t tokens)
{
    struct layer_time time = group_layer_time(group, tokens);
    return (struct slow_layer){
        .collectives_s = time.collectives_s,
        .over_nvlink = time.collectives_s / nvlink_collectives_s(&group->cost, tokens),
        .share = time.collectives_s / whole_s(time),
        .speedup = whole_s(group_layer_time(one, tokens)) / whole_s(time),
    };
}

/* Of one token, and of the largest step. 0 or negative. */
static int look_at_slow_group(const struct deployment *deployment, const uint32_t *gpus,
                              struct slow_layer layers[2], struct error *error)
{
    const struct scenario *scenario = deployment->scenario;
    const uint32_t tokens[2] = {1, scenario->serving.max_step_tokens};
    struct layout_spec alone = scenario->layout;
    alone.tensor_parallel = 1;
    struct group_layer group;
    struct group_layer one;
    int status = group_layer_init(&group, deployment, &scenario->layout, gpus, error);
    int rc_one = group_layer_init(&one, deployment, &alone, gpus, error);
    status = status < 0 ? status : rc_one;
    for (size_t i = 0; i < ARRAY_LENGTH(tokens) && status == 0; i++)
        layers[i] = slow_layer_of(&group, &one, tokens[i]);
    group_layer_release(&group);
    group_layer_release(&one);
    return status;
}

/* tp_over_pcie, tp_across_nodes. */
static int warn_slow_group(const struct deployment *deployment, struct warning *warning,
                           struct error *error)
{
    uint32_t ranks = deployment->layout.tensor_parallel;
    enum medium medium;
    const uint32_t *gpus = slowest_group(&deployment->layout, &deployment->topology, &medium);
    if (medium != MEDIUM_PCIE && medium != MEDIUM_NETWORK)
        return 0;
    struct slow_layer of[2];
    int status = look_at_slow_group(deployment, gpus, of, error);
    if (status < 0)
        return status;
    return warning_set(
        warning, medium == MEDIUM_PCIE ? "tp_over_pcie" : "tp_across_nodes",
        "tensor-parallel groups of %u GPUs talk over %s: with 1 and %u tokens the collectives of "
        "a layer take %.1f and %.1f us, %.1fx and %.1fx an H100's NVLink (450 GB/s), which is "
        "%.0f%% and %.0f%% of the layer's time, attention aside, and leaves %u GPUs %.2fx and "
        "%.2fx as fast as one",
        ranks, medium_name(medium), deployment->scenario->serving.max_step_tokens,
        of[0].collectives_s * US, of[1].collectives_s * US, of[0].over_nvlink, of[1].over_nvlink,
        of[0].share * 100, of[1].share * 100, ranks, of[0].speedup, of[1].speedup);
}

/* pipeline_underfilled */
static int warn_underfilled(const struct deployment *deployment, struct warning *warning,
                            struct error *error)
{
    (void)error;
    const struct layout *layout = &deployment->layout;
    const struct serving *serving = &deployment->scenario->serving;
    /* A step holds one sequence at least, and a sequence is in one step. */
    uint32_t steps = u32_min(serving->steps_in_flight, serving->max_sequences);
    if (steps >= layout->stages)
        return 0;
    const char *key = steps < serving->steps_in_flight ? "max_sequences" : "steps_in_flight";
    return warning_set(warning, "pipeline_underfilled",
                       "%s %u cannot fill a pipeline of %u stages: on average each works at most "
                       "%.0f%% of the time; set it to %u or more",
                       key, steps, layout->stages, 100.0 * steps / layout->stages, layout->stages);
}

/* "[26, 18, 18, 18]"; of long pipelines, the first stages. */
static void print_split(const uint32_t stage_layers[], uint32_t stages, char text[SPLIT_BYTES])
{
    uint32_t shown = u32_min(stages, SPLIT_STAGES_MAX);
    size_t used = 0;
    for (uint32_t stage = 0; stage < shown && used < SPLIT_BYTES; stage++)
        used += (size_t)snprintf(text + used, SPLIT_BYTES - used, "%s%u", stage > 0 ? ", " : "[",
                                 stage_layers[stage]);
    if (used < SPLIT_BYTES)
        (void)snprintf(text + used, SPLIT_BYTES - used, "%s", shown < stages ? ", ...]" : "]");
}

/* unbalanced_stages */
static int warn_unbalanced(const struct deployment *deployment, struct warning *warning,
                           struct error *error)
{
    (void)error;
    const struct layout *layout = &deployment->layout;
    const struct stage_extras extras = deployment->extras;
    uint32_t better[LAYOUT_STAGES_MAX];
    layout_balance(deployment->scenario->model.layers, layout->stages, extras, better);
    double slowest = layout_slowest_stage(layout->stage_layers, layout->stages, extras);
    double slowest_better = layout_slowest_stage(better, layout->stages, extras);
    double gain = slowest / slowest_better - 1;
    if (gain < GAIN_MIN)
        return 0;
    char split[SPLIT_BYTES];
    char better_split[SPLIT_BYTES];
    print_split(layout->stage_layers, layout->stages, split);
    print_split(better, layout->stages, better_split);
    return warning_set(
        warning, "unbalanced_stages",
        "the slowest stage of %s gates the others with the work of %.1f layers; %s has "
        "%.1f at most, up to %.0f%% more throughput",
        split, slowest, better_split, slowest_better, gain * 100);
}

/* kv_heads_replicated */
static int warn_kv_replicated(const struct deployment *deployment, struct warning *warning,
                              struct error *error)
{
    (void)error;
    const struct layout *layout = &deployment->layout;
    uint32_t kv_heads = deployment->scenario->model.kv_heads;
    if (layout->tensor_parallel <= kv_heads)
        return 0;
    double copies = (double)layout->tensor_parallel / kv_heads;
    return warning_set(
        warning, "kv_heads_replicated",
        "tensor_parallel %u exceeds the %u KV heads: each is held by %.0f GPUs, so a "
        "token's KV takes %.0fx the memory and as many times the reads",
        layout->tensor_parallel, kv_heads, copies, copies);
}

/* A layer of so many tokens, its collectives counted, on the layout's first group; and the same if
   its GPUs were sharded otherwise. 0 or negative. */
static int compare_sharding(const struct deployment *deployment, const struct sharding *otherwise,
                            uint32_t tokens, double *here_s, double *otherwise_s,
                            struct error *error)
{
    const uint32_t *gpus = layout_group(&deployment->layout, 0, 0);
    struct layout_spec spec = deployment->scenario->layout;
    int status = time_layer(deployment, &spec, gpus, tokens, here_s, error);
    if (status < 0)
        return status;
    spec.sharding = *otherwise;
    return time_layer(deployment, &spec, gpus, tokens, otherwise_s, error);
}

/* sequence_parallel_slower */
static int warn_sequence_parallel(const struct deployment *deployment, struct warning *warning,
                                  struct error *error)
{
    const struct serving *serving = &deployment->scenario->serving;
    struct sharding without = deployment->layout.sharding;
    if (!without.sequence_parallel || deployment->layout.tensor_parallel == 1)
        return 0;
    uint32_t tokens = u32_ceil_div(serving->max_sequences, serving->steps_in_flight);
    double with_s;
    double without_s;
    without.sequence_parallel = false;
    int status = compare_sharding(deployment, &without, tokens, &with_s, &without_s, error);
    if (status < 0 || with_s / without_s - 1 < GAIN_MIN)
        return status;
    return warning_set(
        warning, "sequence_parallel_slower",
        "sequence_parallel starts two collectives for one: with %u tokens, the fullest "
        "decode step, a layer takes %.1f us, attention aside, and %.1f us without it",
        tokens, with_s * US, without_s * US);
}

/* experts_imbalanced */
static int warn_imbalanced(const struct deployment *deployment, struct warning *warning,
                           struct error *error)
{
    const struct scenario *scenario = deployment->scenario;
    uint32_t ranks = deployment->layout.tensor_parallel;
    struct sharding balanced = deployment->layout.sharding;
    double imbalance = sharding_imbalance(&balanced, &scenario->model, ranks);
    if (!sharding_has_whole_experts(&balanced, ranks))
        return 0;
    uint32_t tokens = scenario->serving.max_step_tokens;
    double busiest_s;
    double mean_s;
    balanced.expert_imbalance = 1;
    int status = compare_sharding(deployment, &balanced, tokens, &busiest_s, &mean_s, error);
    if (status < 0 || busiest_s / mean_s - 1 < GAIN_MIN)
        return status;
    return warning_set(warning, "experts_imbalanced",
                       "all wait for the busiest GPU's experts, which get %.4g times the mean's "
                       "tokens: with %u tokens a layer takes %.1f us, attention aside, and %.1f us "
                       "were they equally busy",
                       imbalance, tokens, busiest_s * US, mean_s * US);
}

/* Groups stand in the order of the cluster's GPUs, as packed ones do. */
static bool is_in_order(const struct layout *layout)
{
    uint32_t groups = layout->replicas * layout->stages;
    for (uint32_t i = 1; i < groups; i++)
        if (layout->gpus[(size_t)i * layout->tensor_parallel] <
            layout->gpus[(size_t)(i - 1) * layout->tensor_parallel])
            return false;
    return true;
}

/* without_effect */
static int warn_without_effect(const struct deployment *deployment, struct warning *warning,
                               struct error *error)
{
    (void)error;
    const struct scenario *scenario = deployment->scenario;
    const struct layout *layout = &deployment->layout;
    const struct sharding *sharding = &layout->sharding;
    const struct cluster *cluster = &scenario->cluster;
    bool is_whole = sharding_has_whole_experts(sharding, layout->tensor_parallel);
    const struct {
        bool is_idle;
        const char *text;
    } keys[] = {
        {sharding->sequence_parallel && layout->tensor_parallel == 1,
         "sequence_parallel, for a stage is one GPU"},
        {sharding->expert_imbalance > 1 && !is_whole,
         "expert_imbalance, for no GPU holds whole experts (expert_parallel)"},
        {scenario->layout.placement == LAYOUT_PLACEMENT_SPREAD && cluster->nodes == 1 &&
             is_in_order(layout),
         "placement: spread, for there is one node"},
        {cluster->nvlink_reduces && step_cost_measures_sums(&deployment->cost),
         "nvlink_reduces, for the GPU's measured collectives go in front of the models and are as "
         "its switches did them"},
    };
    char text[WARNING_TEXT_BYTES] = "";
    size_t used = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(keys); i++)
        if (keys[i].is_idle)
            used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", used > 0 ? "; " : "",
                                     keys[i].text);
    return used > 0 && warning_set(warning, "without_effect", "without effect here: %s", text);
}

int layout_warnings_of(const struct deployment *deployment,
                       struct warning warnings[LAYOUT_WARNINGS_MAX], struct error *error)
{
    int (*const of[])(const struct deployment *, struct warning *, struct error *) = {
        warn_slow_group,        warn_underfilled, warn_unbalanced,     warn_kv_replicated,
        warn_sequence_parallel, warn_imbalanced,  warn_without_effect,
    };
    int count = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(of); i++) {
        int status = of[i](deployment, &warnings[count], error);
        if (status < 0)
            return status;
        count += status;
    }
    return count;
}
