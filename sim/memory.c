#include "memory.h"

#include <stdio.h>

#define FITTING_MAX 6
#define FITTING_BYTES 256

#define GB 1e9

static double hidden_state_bytes(const struct model *model, double tokens)
{
    return tokens * model->hidden * dtype_bytes(DTYPE_BF16);
}

/* Tokens' rows of gate and up on one GPU, in units of one gate and up of all of ffn. */
static double gate_up_rows(const struct model *model, uint32_t tensor_parallel,
                           const struct sharding *sharding, double tokens)
{
    if (sharding_has_whole_experts(sharding, tensor_parallel))
        return sharding_expert_rows(sharding, model, tensor_parallel, tokens);
    double copies = model_is_moe(model) ? model->experts_per_token : 1;
    return tokens * copies / tensor_parallel;
}

/* The largest tensor between two kernels of one layer, on one GPU, with the rows that were sent to
   it for its experts. */
static double intermediate_bytes(const struct model *model, uint32_t tensor_parallel,
                                 const struct sharding *sharding, double tokens)
{
    double heads = (double)model->heads / tensor_parallel;
    double kv_heads = model_kv_heads_per_gpu(model, tensor_parallel);
    double qkv = tokens * (heads + 2 * kv_heads) * model->head_dim;
    double rows = gate_up_rows(model, tensor_parallel, sharding, tokens);
    double sent_width = sharding_sends_tokens(sharding, tensor_parallel) ? model->hidden : 0;
    double gate_up = rows * (2.0 * model->ffn + sent_width);
    return fmax(qkv, gate_up) * dtype_bytes(DTYPE_BF16);
}

double memory_activation_bytes(const struct model *model, const struct serving *serving,
                               uint32_t tensor_parallel, const struct sharding *sharding,
                               uint32_t stage, uint32_t stages)
{
    double tokens = serving->max_step_tokens;
    double held = sharding->sequence_parallel ? sharding_share(tokens, tensor_parallel) : tokens;
    /* The residual as it is held, and the layer's input, whole for the projections. */
    double bytes = hidden_state_bytes(model, held) + hidden_state_bytes(model, tokens) +
                   intermediate_bytes(model, tensor_parallel, sharding, tokens);
    if (stage > 0)
        bytes += serving->steps_in_flight * 2 * hidden_state_bytes(model, held);
    if (stage + 1 == stages) {
        double vocab = u32_ceil_div(model->vocab, tensor_parallel);
        bytes += serving->max_sequences * vocab * (dtype_bytes(DTYPE_BF16) + sizeof(float));
    }
    return bytes;
}

double memory_weights_bytes(const struct model *model, uint32_t tensor_parallel, uint32_t stage,
                            uint32_t stages, uint32_t stage_layers, bool shard_embedding)
{
    double bytes = stage_layers * model_layer_bytes(model, tensor_parallel);
    bool last = stage + 1 == stages;
    if (stage == 0)
        bytes += model_embedding_bytes(model) / (shard_embedding ? tensor_parallel : 1);
    if (last && stage == 0 && model->tied_embeddings)
        bytes += model->hidden * dtype_bytes(DTYPE_BF16); /* the final norm */
    else if (last)
        bytes += model_head_bytes(model, tensor_parallel);
    return bytes;
}

static double usable_bytes(const struct memory_terms *terms)
{
    return terms->cluster->gpu.memory_bytes * terms->serving->memory_utilization;
}

bool memory_step_fits(const struct memory_terms *terms, const struct layout_spec *spec)
{
    for (uint32_t stage = 0; stage < spec->pipeline_parallel; stage++)
        if (memory_activation_bytes(terms->model, terms->serving, spec->tensor_parallel,
                                    &spec->sharding, stage,
                                    spec->pipeline_parallel) > usable_bytes(terms))
            return false;
    return true;
}

/* Bytes of one KV block on one GPU of a stage. */
static double block_bytes(const struct layout *layout, const struct memory_terms *terms,
                          uint32_t stage)
{
    return (double)terms->serving->kv_block_tokens * layout->stage_layers[stage] *
           model_kv_bytes_per_token_layer(terms->model, layout->tensor_parallel);
}

static struct memory_summary summarize_stage(const struct layout *layout,
                                             const struct memory_terms *terms, uint32_t stage)
{
    struct memory_summary summary = {
        .stage = stage,
        .weights_bytes =
            memory_weights_bytes(terms->model, layout->tensor_parallel, stage, layout->stages,
                                 layout->stage_layers[stage], terms->serving->host.shard_embedding),
        .activation_bytes =
            memory_activation_bytes(terms->model, terms->serving, layout->tensor_parallel,
                                    &layout->sharding, stage, layout->stages),
        .reserve_bytes = terms->serving->reserve_bytes,
    };
    summary.kv_bytes = usable_bytes(terms) - summary.weights_bytes - summary.activation_bytes -
                       summary.reserve_bytes;
    return summary;
}

/*
 * Fills in every stage and the tightest. Returns the blocks that it has room
 * for: below 1, the negative included, the layout does not fit.
 */
static double fill_plan(struct memory_plan *plan, const struct layout *layout,
                        const struct memory_terms *terms)
{
    double blocks_least = INFINITY;
    plan->stages = layout->stages;
    for (uint32_t stage = 0; stage < layout->stages; stage++) {
        plan->stage[stage] = summarize_stage(layout, terms, stage);
        double blocks = plan->stage[stage].kv_bytes / block_bytes(layout, terms, stage);
        if (blocks < blocks_least) {
            blocks_least = blocks;
            plan->tightest_stage = stage;
        }
    }
    return blocks_least;
}

/* A replica that is sharded plainly and split `balanced`, with one step in flight for each stage.
 */
struct plain_replica {
    struct layout layout;
    struct serving serving;
    struct memory_terms terms;
    struct memory_plan plan;
};

/* `replica` is where it lives. Returns the blocks that it has room for, as fill_plan(). */
static double fill_plain(struct plain_replica *replica, const struct memory_terms *terms,
                         uint32_t tensor_parallel, uint32_t stages)
{
    replica->layout =
        (struct layout){.tensor_parallel = tensor_parallel, .stages = stages, .replicas = 1};
    layout_balance(terms->model->layers, stages, terms->extras, replica->layout.stage_layers);
    replica->serving = *terms->serving;
    replica->serving.steps_in_flight = stages;
    replica->terms = *terms;
    replica->terms.serving = &replica->serving;
    return fill_plan(&replica->plan, &replica->layout, &replica->terms);
}

bool memory_fits(const struct memory_terms *terms, uint32_t tensor_parallel, uint32_t stages)
{
    const struct model *model = terms->model;
    struct plain_replica replica;
    return stages > 0 && stages <= LAYOUT_STAGES_MAX && stages <= model->layers &&
           layout_divides(model, tensor_parallel) &&
           layout_group_capacity(terms->cluster, tensor_parallel) >= stages &&
           fill_plain(&replica, terms, tensor_parallel, stages) >= 1;
}

/* Appends "TP=2 x PP=2 (4 GPUs)" at `used`; returns the text's length, at most text_bytes - 1. */
static size_t append_layout(char *text, size_t text_bytes, size_t used, uint32_t tensor_parallel,
                            uint32_t stages)
{
    char pipeline[24] = "";
    uint32_t gpus = tensor_parallel * stages;
    if (stages > 1)
        (void)snprintf(pipeline, sizeof(pipeline), " x PP=%u", stages);
    int length = snprintf(text + used, text_bytes - used, "%sTP=%u%s (%u GPU%s)",
                          used > 0 ? ", " : "", tensor_parallel, pipeline, gpus, plural(gpus));
    size_t end = used + (size_t)length;
    return end < text_bytes ? end : text_bytes - 1;
}

uint32_t memory_list_fitting(const struct memory_terms *terms, char *text, size_t text_bytes)
{
    uint64_t cluster_gpus = (uint64_t)terms->cluster->nodes * terms->cluster->gpus_per_node;
    uint64_t gpus_max = u64_min(cluster_gpus, (uint64_t)terms->model->heads * LAYOUT_STAGES_MAX);
    uint32_t found = 0;
    size_t used = 0;
    text[0] = '\0';
    for (uint32_t gpus = 1; gpus <= gpus_max; gpus++) {
        for (uint32_t stages = 1; stages <= u32_min(gpus, LAYOUT_STAGES_MAX); stages++) {
            if (gpus % stages != 0 || !memory_fits(terms, gpus / stages, stages))
                continue;
            used = append_layout(text, text_bytes, used, gpus / stages, stages);
            if (++found == FITTING_MAX)
                return found;
        }
    }
    return found;
}

/* Bytes by which a stage's room falls short of one KV block. */
static double shortfall_bytes(const struct memory_plan *plan, const struct layout *layout,
                              const struct memory_terms *terms, uint32_t stage)
{
    return block_bytes(layout, terms, stage) - plan->stage[stage].kv_bytes;
}

/* The stage that is short of most, in figures, then what would fit. */
static int error_no_room(const struct memory_plan *plan, const struct layout *layout,
                         const struct memory_terms *terms, struct error *error)
{
    uint32_t worst = 0;
    for (uint32_t stage = 1; stage < plan->stages; stage++)
        if (shortfall_bytes(plan, layout, terms, stage) >
            shortfall_bytes(plan, layout, terms, worst))
            worst = stage;
    const struct memory_summary *stage = &plan->stage[worst];
    double block = block_bytes(layout, terms, worst);
    double usable = usable_bytes(terms);
    char fitting[FITTING_BYTES];
    uint32_t found = memory_list_fitting(terms, fitting, sizeof(fitting));
    return error_set_key(
        error, "layout",
        "'%s' does not fit with tensor_parallel %u x pipeline_parallel %u: each GPU of stage %u "
        "(%u layers) needs %.2f GB (weights %.2f, activations %.2f, reserve %.2f, one KV block "
        "%.3f) and has %.2f GB (%.4g GB x utilization %.4g), %.2f GB too few; %s%s",
        terms->model->name, layout->tensor_parallel, layout->stages, worst,
        layout->stage_layers[worst], (usable - stage->kv_bytes + block) / GB,
        stage->weights_bytes / GB, stage->activation_bytes / GB, stage->reserve_bytes / GB,
        block / GB, usable / GB, terms->cluster->gpu.memory_bytes / GB,
        terms->serving->memory_utilization, (block - stage->kv_bytes) / GB,
        found > 0 ? "layouts that fit: " : "no layout of one replica fits on cluster ",
        found > 0 ? fitting : terms->cluster->name);
}

int memory_error_misfit(const struct memory_terms *terms, uint32_t tensor_parallel, uint32_t stages,
                        struct error *error)
{
    struct plain_replica replica;
    (void)fill_plain(&replica, terms, tensor_parallel, stages);
    return error_no_room(&replica.plan, &replica.layout, &replica.terms, error);
}

int memory_plan_resolve(struct memory_plan *plan, const struct layout *layout,
                        const struct memory_terms *terms, struct error *error)
{
    const struct serving *serving = terms->serving;
    assert(layout->stages > 0 && layout->stages <= LAYOUT_STAGES_MAX);
    double blocks = fill_plan(plan, layout, terms);
    if (blocks < 1)
        return error_no_room(plan, layout, terms, error);
    if (serving->kv_tokens > 0)
        blocks = fmin(blocks, (double)(serving->kv_tokens / serving->kv_block_tokens));
    if (blocks < 1)
        return error_set_key(error, "engine.kv_tokens",
                             "kv_tokens %llu is less than one block of %u tokens",
                             (unsigned long long)serving->kv_tokens, serving->kv_block_tokens);
    plan->kv_blocks = (uint32_t)fmin(blocks, UINT32_MAX);
    plan->kv_tokens = (uint64_t)plan->kv_blocks * serving->kv_block_tokens;
    return 0;
}
