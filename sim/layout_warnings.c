#include "layout_warnings.h"

#include "collective.h"
#include "compute.h"
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

static double layer_compute_s(const struct scenario *scenario, const struct sharding *sharding,
                              uint32_t tensor_parallel, double tokens)
{
    const struct compute compute = {
        .gpu = &scenario->cluster.gpu,
        .model = &scenario->model,
        .tensor_parallel = tensor_parallel,
        .sharding = *sharding,
    };
    struct kernel kernels[LAYER_KERNELS_MAX];
    uint32_t count = compute_layer_kernels(&compute, tokens, kernels);
    double seconds = 0;
    for (uint32_t i = 0; i < count; i++)
        seconds += compute_kernel(&compute, &kernels[i]).seconds;
    return seconds;
}

static struct layer_time time_layer(const struct scenario *scenario,
                                    const struct sharding *sharding,
                                    const struct collective_group *group, double tokens)
{
    const struct model *model = &scenario->model;
    struct exchange_place places[EXCHANGES_OF_LAYER_MAX];
    uint32_t count = exchange_places(model, sharding, group->ranks, places);
    struct layer_time time = {layer_compute_s(scenario, sharding, group->ranks, tokens), 0};
    for (uint32_t i = 0; i < count; i++) {
        enum exchange exchange = places[i].exchange;
        double bytes = exchange_bytes(exchange, model, group->ranks, tokens) *
                       exchange_imbalance(exchange, model, sharding, group->ranks);
        time.collectives_s += collective_engine_s(group, exchange_operation(exchange), bytes,
                                                  scenario->serving.host.custom_all_reduce, NULL);
    }
    return time;
}

/* The same on the reference NVLink. */
static struct layer_time time_layer_on_nvlink(const struct scenario *scenario,
                                              const struct sharding *sharding,
                                              const struct collective_group *group, double tokens)
{
    const struct alpha_beta nvlink = {NVLINK_HOP_S, NVLINK_BYTES_PER_S};
    const struct collective_group reference = {
        .ranks = group->ranks,
        .nodes = 1,
        .ring = nvlink,
        .direct = nvlink,
        .spread = nvlink,
        .start_s = group->start_s,
    };
    return time_layer(scenario, sharding, &reference, tokens);
}

static double whole_s(struct layer_time time)
{
    return time.compute_s + time.collectives_s;
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

/* tp_over_pcie, tp_across_nodes. */
static bool warn_slow_group(const struct scenario *scenario, const struct layout *layout,
                            const struct topology *topology, struct warning *warning)
{
    enum medium medium;
    const uint32_t *gpus = slowest_group(layout, topology, &medium);
    if (medium != MEDIUM_PCIE && medium != MEDIUM_NETWORK)
        return false;
    struct collective_group group = collective_group_of(topology, gpus, layout->tensor_parallel);
    const double tokens[2] = {1, scenario->serving.max_step_tokens};
    double collectives_s[2];
    double ratio[2];
    double share[2];
    double speedup[2];
    for (size_t i = 0; i < ARRAY_LENGTH(tokens); i++) {
        struct layer_time here = time_layer(scenario, &layout->sharding, &group, tokens[i]);
        struct layer_time nvlink =
            time_layer_on_nvlink(scenario, &layout->sharding, &group, tokens[i]);
        collectives_s[i] = here.collectives_s;
        ratio[i] = here.collectives_s / nvlink.collectives_s;
        share[i] = here.collectives_s / whole_s(here);
        speedup[i] = layer_compute_s(scenario, &layout->sharding, 1, tokens[i]) / whole_s(here);
    }
    return warning_set(
        warning, medium == MEDIUM_PCIE ? "tp_over_pcie" : "tp_across_nodes",
        "tensor-parallel groups of %u GPUs talk over %s: with 1 and %.0f tokens the collectives of "
        "a layer take %.1f and %.1f us, %.1fx and %.1fx an H100's NVLink (450 GB/s), which is "
        "%.0f%% and %.0f%% of the layer's time, attention aside, and leaves %u GPUs %.2fx and "
        "%.2fx as fast as one",
        group.ranks, medium_name(medium), tokens[1], collectives_s[0] * US, collectives_s[1] * US,
        ratio[0], ratio[1], share[0] * 100, share[1] * 100, group.ranks, speedup[0], speedup[1]);
}

/* pipeline_underfilled */
static bool warn_underfilled(const struct scenario *scenario, const struct layout *layout,
                             struct warning *warning)
{
    const struct serving *serving = &scenario->serving;
    /* A step holds one sequence at least, and a sequence is in one step. */
    uint32_t steps = u32_min(serving->steps_in_flight, serving->max_sequences);
    if (steps >= layout->stages)
        return false;
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
static bool warn_unbalanced(const struct scenario *scenario, const struct layout *layout,
                            struct stage_extras extras, struct warning *warning)
{
    uint32_t better[LAYOUT_STAGES_MAX];
    layout_balance(scenario->model.layers, layout->stages, extras, better);
    double slowest = layout_slowest_stage(layout->stage_layers, layout->stages, extras);
    double slowest_better = layout_slowest_stage(better, layout->stages, extras);
    double gain = slowest / slowest_better - 1;
    if (gain < GAIN_MIN)
        return false;
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
static bool warn_kv_replicated(const struct scenario *scenario, const struct layout *layout,
                               struct warning *warning)
{
    uint32_t kv_heads = scenario->model.kv_heads;
    if (layout->tensor_parallel <= kv_heads)
        return false;
    double copies = (double)layout->tensor_parallel / kv_heads;
    return warning_set(
        warning, "kv_heads_replicated",
        "tensor_parallel %u exceeds the %u KV heads: each is held by %.0f GPUs, so a "
        "token's KV takes %.0fx the memory and as many times the reads",
        layout->tensor_parallel, kv_heads, copies, copies);
}

/* A layer of so many tokens, its collectives counted, on the layout's first group if its GPUs were
   sharded so. */
static double layer_s(const struct scenario *scenario, const struct layout *layout,
                      const struct topology *topology, const struct sharding *sharding,
                      uint32_t tokens)
{
    struct collective_group group =
        collective_group_of(topology, layout_group(layout, 0, 0), layout->tensor_parallel);
    return whole_s(time_layer(scenario, sharding, &group, tokens));
}

/* sequence_parallel_slower */
static bool warn_sequence_parallel(const struct scenario *scenario, const struct layout *layout,
                                   const struct topology *topology, struct warning *warning)
{
    const struct serving *serving = &scenario->serving;
    struct sharding without = layout->sharding;
    if (!layout->sharding.sequence_parallel || layout->tensor_parallel == 1)
        return false;
    uint32_t tokens = u32_ceil_div(serving->max_sequences, serving->steps_in_flight);
    without.sequence_parallel = false;
    double with_s = layer_s(scenario, layout, topology, &layout->sharding, tokens);
    double without_s = layer_s(scenario, layout, topology, &without, tokens);
    if (with_s / without_s - 1 < GAIN_MIN)
        return false;
    return warning_set(
        warning, "sequence_parallel_slower",
        "sequence_parallel starts two collectives for one: with %u tokens, the fullest "
        "decode step, a layer takes %.1f us, attention aside, and %.1f us without it",
        tokens, with_s * US, without_s * US);
}

/* experts_imbalanced */
static bool warn_imbalanced(const struct scenario *scenario, const struct layout *layout,
                            const struct topology *topology, struct warning *warning)
{
    struct sharding balanced = layout->sharding;
    if (!sharding_has_whole_experts(&layout->sharding, layout->tensor_parallel))
        return false;
    uint32_t tokens = scenario->serving.max_step_tokens;
    balanced.expert_imbalance = 1;
    double busiest_s = layer_s(scenario, layout, topology, &layout->sharding, tokens);
    double mean_s = layer_s(scenario, layout, topology, &balanced, tokens);
    if (busiest_s / mean_s - 1 < GAIN_MIN)
        return false;
    return warning_set(
        warning, "experts_imbalanced",
        "all wait for the busiest GPU's experts, which get %.4g times the mean's "
        "tokens: with %u tokens a layer takes %.1f us, attention aside, and %.1f us "
        "were they equally busy",
        sharding_imbalance(&layout->sharding, &scenario->model, layout->tensor_parallel), tokens,
        busiest_s * US, mean_s * US);
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
static bool warn_without_effect(const struct scenario *scenario, const struct layout *layout,
                                bool has_measured_sums, struct warning *warning)
{
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
        {cluster->nvlink_reduces && has_measured_sums,
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

uint32_t layout_warnings_of(const struct scenario *scenario, const struct layout *layout,
                            const struct topology *topology, struct stage_extras extras,
                            bool has_measured_sums, struct warning warnings[LAYOUT_WARNINGS_MAX])
{
    uint32_t count = 0;
    count += warn_slow_group(scenario, layout, topology, &warnings[count]);
    count += warn_underfilled(scenario, layout, &warnings[count]);
    count += warn_unbalanced(scenario, layout, extras, &warnings[count]);
    count += warn_kv_replicated(scenario, layout, &warnings[count]);
    count += warn_sequence_parallel(scenario, layout, topology, &warnings[count]);
    count += warn_imbalanced(scenario, layout, topology, &warnings[count]);
    count += warn_without_effect(scenario, layout, has_measured_sums, &warnings[count]);
    return count;
}
