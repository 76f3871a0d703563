/*
 * memory: what one GPU of each stage holds, and how much of it is left for KV.
 *
 *     memory_bytes x memory_utilization
 *         = weights      the stage's layers; embedding on the first stage, head on the last
 *         + activations  of the largest step, max_step_tokens tokens
 *         + reserve      the engine's own
 *         + KV           what is left, in blocks
 *
 * The embedding table is whole on every GPU of the first stage, or splits by
 * vocabulary where the engine shards it, as the LM head does. A replica's sequences
 * hold KV on every stage, so its capacity is its tightest stage's.
 */
#ifndef TANDEM_MEMORY_H
#define TANDEM_MEMORY_H

#include "error.h"
#include "layout.h"
#include "serving.h"
#include "summary.h"

/* What is to fit, and where. */
struct memory_terms {
    const struct model *model;
    const struct cluster *cluster;
    const struct serving *serving;
    struct stage_extras extras; /* of layouts that are split `balanced` */
};

struct memory_plan {
    uint32_t stages;
    struct memory_summary stage[LAYOUT_STAGES_MAX]; /* kv_bytes: the room, used up or not */
    uint32_t tightest_stage;                        /* the one that bounds kv_blocks */
    uint32_t kv_blocks;                             /* of one replica */
    uint64_t kv_tokens;                             /* kv_blocks x kv_block_tokens */
};

/*
 * Activation bytes on one GPU of `stage`: residual and layer input, the widest
 * intermediate of a layer (Q, K and V, or gate and up; for every expert that a
 * token is sent to), the logits in bf16 and fp32 on the last stage, and behind
 * the first stage one receive buffer (two tensors) for each step in flight.
 * Sequence parallel, residual and receive buffers are of the GPU's share of the
 * tokens. Where GPUs hold whole experts, the busiest GPU's rows, which came from
 * all, lie beside their gate and up.
 */
double memory_activation_bytes(const struct model *model, const struct serving *serving,
                               uint32_t tensor_parallel, const struct sharding *sharding,
                               uint32_t stage, uint32_t stages);

/* Weight bytes on one GPU of `stage` with `stage_layers` layers; a tied table counts once. As many
   whole experts weigh what the same share of every expert does. */
double memory_weights_bytes(const struct model *model, uint32_t tensor_parallel, uint32_t stage,
                            uint32_t stages, uint32_t stage_layers, bool shard_embedding);

/* Whether what a step of max_step_tokens takes is within what a GPU of each stage has, nothing else
   counted: where it is not, no split of the layers helps. */
bool memory_step_fits(const struct memory_terms *terms, const struct layout_spec *spec);

/*
 * Fills in `plan` for `layout`. ERROR_CONFIG where a stage has no room for one
 * KV block: by how much, on which stage, and which layouts would fit. Also where
 * serving.kv_tokens caps the capacity below one block.
 */
int memory_plan_resolve(struct memory_plan *plan, const struct layout *layout,
                        const struct memory_terms *terms, struct error *error);

/*
 * Whether one replica of tensor_parallel x stages, sharded plainly, can be placed
 * on the cluster and fits, split `balanced`, with one step in flight for each stage.
 */
bool memory_fits(const struct memory_terms *terms, uint32_t tensor_parallel, uint32_t stages);

/* Of such a replica, which can be placed and does not fit: the ERROR_CONFIG of
   memory_plan_resolve() in `error`. */
int memory_error_misfit(const struct memory_terms *terms, uint32_t tensor_parallel, uint32_t stages,
                        struct error *error);

/*
 * Writes the smallest plain layouts that fit into `text`: "TP=2 (2 GPUs), TP=1 x PP=3
 * (3 GPUs)"; cut to `text_bytes`, empty where none does. Returns their number.
 */
uint32_t memory_list_fitting(const struct memory_terms *terms, char *text, size_t text_bytes);

#endif
