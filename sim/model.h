/*
 * model: the shape of a decoder-only transformer, and what its parts weigh.
 *
 * Shapes follow the Hugging Face configs of the models; each file under
 * configs/models names the one it was taken from.
 */
#ifndef TANDEM_MODEL_H
#define TANDEM_MODEL_H

#include "gpu.h"

struct model {
    char name[NAME_BYTES];
    uint32_t layers;
    uint32_t hidden;
    uint32_t ffn; /* of one dense FFN, or of one expert where experts > 0 */
    uint32_t heads;
    uint32_t kv_heads;
    uint32_t head_dim;
    uint32_t vocab;
    uint32_t max_context;       /* tokens that a sequence may have, prompt and output; 0: any */
    uint32_t experts;           /* 0: dense */
    uint32_t experts_per_token; /* top-k */
    bool tied_embeddings;       /* the LM head is the embedding table */
    bool qk_norm;               /* per-head RMSNorm of Q and K */
    enum dtype weights;         /* of the layers' projections; embedding and head stay bf16 */
    enum dtype kv;              /* of the KV cache */
};

static inline bool model_is_moe(const struct model *model)
{
    return model->experts > 0;
}

/* KV heads on each of `tensor_parallel` GPUs: they replicate where there are more GPUs. */
static inline uint32_t model_kv_heads_per_gpu(const struct model *model, uint32_t tensor_parallel)
{
    return u32_max(1, model->kv_heads / tensor_parallel);
}

/* Parameters of the whole model, embedding and head counted (once where tied). */
double model_parameters(const struct model *model);

/* Parameters that one token passes through: as above with experts_per_token experts a layer. */
double model_active_parameters(const struct model *model);

/* Bytes of one decoder layer's weights on each GPU of a tensor-parallel group. */
double model_layer_bytes(const struct model *model, uint32_t tensor_parallel);

/* Bytes of the whole embedding table, bf16. */
double model_embedding_bytes(const struct model *model);

/* Bytes of one GPU's share of the LM head, which splits by vocabulary, and the final norm. */
double model_head_bytes(const struct model *model, uint32_t tensor_parallel);

/* Bytes of K and V that one token takes in one layer on each GPU of a tensor-parallel group. */
double model_kv_bytes_per_token_layer(const struct model *model, uint32_t tensor_parallel);

/*
 * Distinct experts that `tokens` tokens are expected to reach in one layer when
 * each picks its top-k: E (1 - (1 - q)^n), where a token picks an expert with
 * probability q = k/E times `popularity`, 1 at most; 1 where all are equally
 * likely. 0 for a dense model.
 */
double model_expected_experts(const struct model *model, double tokens, double popularity);

#endif
