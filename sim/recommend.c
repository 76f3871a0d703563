#include "recommend.h"

#include <stdio.h>

/* GPUs that the rules spread one model over inside a node. */
#define NODE_GPUS_MAX 8

#define FITTING_BYTES 256

#define GB 1e9

static bool has_nvlink(const struct memory_terms *terms)
{
    return terms->cluster->nvlink.bytes_per_s > 0;
}

static uint32_t node_gpus(const struct memory_terms *terms)
{
    return u32_min(terms->cluster->gpus_per_node, NODE_GPUS_MAX);
}

/* The most GPUs of a node, up to 8, that can share the model as one group. */
static uint32_t widest_group(const struct memory_terms *terms)
{
    uint32_t width = node_gpus(terms);
    while (!layout_divides(terms->model, width))
        width--;
    return width;
}

static void choose(struct recommendation *recommendation, uint32_t tensor_parallel, uint32_t stages)
{
    recommendation->layout = (struct layout_spec){
        .tensor_parallel = tensor_parallel,
        .pipeline_parallel = stages,
        .replicas = 1,
        .split = STAGE_SPLIT_BALANCED,
    };
}

/* Rule 1. */
static bool try_single(const struct memory_terms *terms, struct recommendation *recommendation)
{
    if (!memory_fits(terms, 1, 1))
        return false;
    choose(recommendation, 1, 1);
    const struct model *model = terms->model;
    double weights_bytes = memory_weights_bytes(model, 1, 0, 1, model->layers, false);
    (void)snprintf(recommendation->reason, sizeof(recommendation->reason),
                   "fits on one GPU: %.1f GB of weights in %.0f GB, and one GPU spends no time on "
                   "communication",
                   weights_bytes / GB, terms->cluster->gpu.memory_bytes / GB);
    return true;
}

/* Rule 2: the widest group is the fastest for one request. */
static bool try_node_tensor(const struct memory_terms *terms, struct recommendation *recommendation)
{
    uint32_t width = widest_group(terms);
    if (!memory_fits(terms, width, 1))
        return false;
    choose(recommendation, width, 1);
    (void)snprintf(recommendation->reason, sizeof(recommendation->reason),
                   "latency, and NVLink joins the GPUs of a node: TP=%u lets every GPU read its "
                   "share of the weights for the same token",
                   width);
    return true;
}

/* Rule 3: the longest pipeline leaves most memory for KV. */
static bool try_node_pipeline(const struct memory_terms *terms,
                              struct recommendation *recommendation)
{
    uint32_t stages = u32_min(node_gpus(terms), terms->model->layers);
    if (!memory_fits(terms, 1, stages))
        return false;
    choose(recommendation, 1, stages);
    const char *why = has_nvlink(terms)
                          ? "throughput: stages of PP=%u send hidden states once a stage, where TP "
                            "would all-reduce them twice a layer"
                          : "PCIe joins the GPUs: stages of PP=%u send hidden states once a stage; "
                            "TP's two all-reduces a layer are too much for PCIe";
    (void)snprintf(recommendation->reason, sizeof(recommendation->reason), why, stages);
    return true;
}

/* Rules 4 and 5. */
static bool try_cluster(const struct memory_terms *terms, struct recommendation *recommendation)
{
    uint32_t width = has_nvlink(terms) ? widest_group(terms) : 1;
    uint64_t groups = layout_group_capacity(terms->cluster, width);
    uint32_t stages = u32_min(terms->model->layers, LAYOUT_STAGES_MAX);
    stages = (uint32_t)u64_min(groups, stages);
    if (terms->cluster->nodes == 1 || !memory_fits(terms, width, stages))
        return false;
    choose(recommendation, width, stages);
    if (has_nvlink(terms))
        (void)snprintf(
            recommendation->reason, sizeof(recommendation->reason),
            "needs more than the %u GPUs of a node: TP=%u stays on its NVLink, and PP=%u "
            "across crosses the network with hidden states alone, once a stage",
            node_gpus(terms), width, stages);
    else
        (void)snprintf(
            recommendation->reason, sizeof(recommendation->reason),
            "needs more than the %u GPUs of a node, which PCIe joins: PP=%u sends hidden "
            "states once a stage",
            node_gpus(terms), stages);
    return true;
}

static int error_none_fits(const struct memory_terms *terms, struct error *error)
{
    char fitting[FITTING_BYTES];
    uint32_t found = memory_list_fitting(terms, fitting, sizeof(fitting));
    return error_set(error, ERROR_CONFIG,
                     "no layout that the rules know fits '%s' on cluster '%s'%s%s",
                     terms->model->name, terms->cluster->name,
                     found > 0 ? "; layouts that fit: " : ", nor any other", fitting);
}

int recommend_layout(struct recommendation *recommendation, enum recommend_goal goal,
                     const struct memory_terms *terms, struct error *error)
{
    bool tensor = goal == RECOMMEND_LATENCY && has_nvlink(terms);
    if (try_single(terms, recommendation))
        return 0;
    if (tensor ? try_node_tensor(terms, recommendation) : try_node_pipeline(terms, recommendation))
        return 0;
    if (try_cluster(terms, recommendation))
        return 0;
    return error_none_fits(terms, error);
}

const char *recommend_goal_name(enum recommend_goal goal)
{
    static const char *const names[RECOMMEND_GOAL_COUNT] = {
#define X(name, text) text,
        RECOMMEND_GOALS(X)
#undef X
    };
    return names[goal];
}
