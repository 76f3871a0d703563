#include "recommend.h"

#include <stdio.h>

/* GPUs that the rules spread one model over inside a node. */
#define NODE_GPUS_MAX 8

/* Of a cluster that is grown until it holds a replica. */
#define GPUS_MAX 1024

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

/* Whether the layout fits; it is the recommendation's in either case. */
static bool choose(struct recommendation *recommendation, const struct memory_terms *terms,
                   uint32_t tensor_parallel, uint32_t stages)
{
    recommendation->layout = (struct layout_spec){
        .tensor_parallel = tensor_parallel,
        .pipeline_parallel = stages,
        .replicas = 1,
        .split = STAGE_SPLIT_BALANCED,
    };
    return memory_fits(terms, tensor_parallel, stages);
}

/* Rule 1. */
static bool try_single(const struct memory_terms *terms, struct recommendation *recommendation)
{
    if (!choose(recommendation, terms, 1, 1))
        return false;
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
    if (!choose(recommendation, terms, width, 1))
        return false;
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
    if (!choose(recommendation, terms, 1, stages))
        return false;
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
    if (terms->cluster->nodes == 1 || !choose(recommendation, terms, width, stages))
        return false;
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

/* Lists in `text` what fits on twice the nodes, on four times, and so on; "" where nothing does. */
static void list_fitting_on_more(const struct memory_terms *terms, char *text, size_t text_bytes)
{
    struct cluster more = *terms->cluster;
    struct memory_terms grown = *terms;
    grown.cluster = &more;
    text[0] = '\0';
    while (text[0] == '\0' && (uint64_t)more.nodes * more.gpus_per_node <= GPUS_MAX / 2) {
        more.nodes *= 2;
        (void)memory_list_fitting(&grown, text, text_bytes);
    }
}

/* By how much the last layout that was tried is too large, and what would fit. */
static int error_none_fits(const struct layout_spec *last, const struct memory_terms *terms,
                           struct error *error)
{
    char fitting[FITTING_BYTES];
    int status = memory_error_misfit(terms, last->tensor_parallel, last->pipeline_parallel, error);
    if (memory_list_fitting(terms, fitting, sizeof(fitting)) > 0)
        return status; /* it lists them */
    struct error misfit = *error;
    list_fitting_on_more(terms, fitting, sizeof(fitting));
    return error_set(error, ERROR_CONFIG, "%s; %s%s", misfit.text,
                     fitting[0] ? "on more of its nodes would fit "
                                : "nor does any on more of its nodes",
                     fitting);
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
    return error_none_fits(&recommendation->layout, terms, error);
}

const char *recommend_goal_name(enum recommend_goal goal)
{
    static const char *const names[RECOMMEND_GOAL_COUNT] = {RECOMMEND_GOALS(LIST_TEXT)};
    return names[goal];
}
