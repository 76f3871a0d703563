#include "warnings.h"

#include "collective.h"
#include "compute.h"

#include <stdio.h>

#define NVLINK_BYTES_PER_S 450e9
#define NVLINK_HOP_S 0.6e-6

/* A split worse by less than this is not worth a warning. */
#define GAIN_MIN 0.01

#define SPLIT_BYTES 120
#define SPLIT_STAGES_MAX 16

#define US 1e6

/* One layer of a tensor-parallel group on `tokens` tokens, attention left out. */
struct layer_time {
    double all_reduce_s;        /* one of its two */
    double nvlink_all_reduce_s; /* the same on the reference NVLink */
    double all_reduce_share;    /* of the layer */
    double speedup;             /* over one GPU */
};

static double layer_compute_s(const struct scenario *scenario, uint32_t tensor_parallel,
                              double tokens)
{
    const struct compute compute = {
        .gpu = &scenario->cluster.gpu,
        .model = &scenario->model,
        .tensor_parallel = tensor_parallel,
    };
    struct kernel kernels[LAYER_KERNELS_MAX];
    uint32_t count = compute_layer_kernels(&compute, tokens, kernels);
    double seconds = 0;
    for (uint32_t i = 0; i < count; i++)
        seconds += compute_kernel(&compute, &kernels[i]).seconds;
    return seconds;
}

static struct layer_time time_layer(const struct scenario *scenario,
                                    const struct collective_group *group, double tokens)
{
    const struct alpha_beta nvlink = {NVLINK_HOP_S, NVLINK_BYTES_PER_S};
    const struct collective_group reference = {
        .ranks = group->ranks,
        .nodes = 1,
        .ring = nvlink,
        .direct = nvlink,
        .start_s = group->start_s,
    };
    double bytes = tokens * scenario->model.hidden * dtype_bytes(DTYPE_BF16);
    double all_reduce_s = collective_all_reduce_s(group, bytes, NULL);
    double layer_s = layer_compute_s(scenario, group->ranks, tokens) + 2 * all_reduce_s;
    return (struct layer_time){
        .all_reduce_s = all_reduce_s,
        .nvlink_all_reduce_s = collective_all_reduce_s(&reference, bytes, NULL),
        .all_reduce_share = 2 * all_reduce_s / layer_s,
        .speedup = layer_compute_s(scenario, 1, tokens) / layer_s,
    };
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
    uint32_t tokens = scenario->serving.max_step_tokens;
    struct layer_time one = time_layer(scenario, &group, 1);
    struct layer_time most = time_layer(scenario, &group, tokens);
    (void)snprintf(warning->code, sizeof(warning->code), "%s",
                   medium == MEDIUM_PCIE ? "tp_over_pcie" : "tp_across_nodes");
    (void)snprintf(
        warning->text, sizeof(warning->text),
        "tensor-parallel groups of %u GPUs talk over %s: with 1 and %u tokens an all-reduce takes "
        "%.1f and %.1f us, %.1fx and %.1fx an H100's NVLink (450 GB/s); the two of a layer are "
        "%.0f%% and %.0f%% of its time, attention aside, which leaves %u GPUs %.2fx and %.2fx as "
        "fast as one",
        group.ranks, medium_name(medium), tokens, one.all_reduce_s * US, most.all_reduce_s * US,
        one.all_reduce_s / one.nvlink_all_reduce_s, most.all_reduce_s / most.nvlink_all_reduce_s,
        one.all_reduce_share * 100, most.all_reduce_share * 100, group.ranks, one.speedup,
        most.speedup);
    return true;
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
    (void)snprintf(warning->code, sizeof(warning->code), "pipeline_underfilled");
    (void)snprintf(warning->text, sizeof(warning->text),
                   "%s %u cannot fill a pipeline of %u stages: on average each works at most "
                   "%.0f%% of the time; set it to %u or more",
                   key, steps, layout->stages, 100.0 * steps / layout->stages, layout->stages);
    return true;
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
    (void)snprintf(warning->code, sizeof(warning->code), "unbalanced_stages");
    (void)snprintf(warning->text, sizeof(warning->text),
                   "the slowest stage of %s gates the others with the work of %.1f layers; %s has "
                   "%.1f at most, up to %.0f%% more throughput",
                   split, slowest, better_split, slowest_better, gain * 100);
    return true;
}

/* kv_heads_replicated */
static bool warn_kv_replicated(const struct scenario *scenario, const struct layout *layout,
                               struct warning *warning)
{
    uint32_t kv_heads = scenario->model.kv_heads;
    if (layout->tensor_parallel <= kv_heads)
        return false;
    double copies = (double)layout->tensor_parallel / kv_heads;
    (void)snprintf(warning->code, sizeof(warning->code), "kv_heads_replicated");
    (void)snprintf(warning->text, sizeof(warning->text),
                   "tensor_parallel %u exceeds the %u KV heads: each is held by %.0f GPUs, so a "
                   "token's KV takes %.0fx the memory and as many times the reads",
                   layout->tensor_parallel, kv_heads, copies, copies);
    return true;
}

uint32_t warnings_of_layout(const struct scenario *scenario, const struct layout *layout,
                            const struct topology *topology, struct stage_extras extras,
                            struct warning warnings[WARNINGS_OF_LAYOUT_MAX])
{
    uint32_t count = 0;
    count += warn_slow_group(scenario, layout, topology, &warnings[count]);
    count += warn_underfilled(scenario, layout, &warnings[count]);
    count += warn_unbalanced(scenario, layout, extras, &warnings[count]);
    count += warn_kv_replicated(scenario, layout, &warnings[count]);
    return count;
}
