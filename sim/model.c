#include "model.h"

/* Parameters of one layer's projections in attention: Q and output, K and V; over `kv_heads`. */
static double attention_parameters(const struct model *model, double heads, double kv_heads)
{
    return (double)model->hidden * model->head_dim * (2 * heads + 2 * kv_heads);
}

/* Parameters of gate, up and down of one FFN, or of one expert. */
static double ffn_parameters(const struct model *model)
{
    return 3.0 * model->hidden * model->ffn;
}

/* Parameters of one layer that every GPU holds whole: norms and, in an MoE, the router. */
static double replicated_parameters(const struct model *model)
{
    double norms = 2.0 * model->hidden + (model->qk_norm ? 2.0 * model->head_dim : 0);
    return norms + (double)model->hidden * model->experts;
}

static double embedding_parameters(const struct model *model)
{
    return (double)model->vocab * model->hidden;
}

/* Parameters of the whole model with `ffns` FFNs counted in each layer. */
static double parameters_with_ffns(const struct model *model, double ffns)
{
    double layer = attention_parameters(model, model->heads, model->kv_heads) +
                   ffns * ffn_parameters(model) + replicated_parameters(model);
    double tables = (model->tied_embeddings ? 1 : 2) * embedding_parameters(model);
    return model->layers * layer + tables + model->hidden;
}

double model_parameters(const struct model *model)
{
    return parameters_with_ffns(model, model_is_moe(model) ? model->experts : 1);
}

double model_active_parameters(const struct model *model)
{
    return parameters_with_ffns(model, model_is_moe(model) ? model->experts_per_token : 1);
}

double model_layer_bytes(const struct model *model, uint32_t tensor_parallel)
{
    double heads = (double)model->heads / tensor_parallel;
    double kv_heads = model_kv_heads_per_gpu(model, tensor_parallel);
    double ffns = model_is_moe(model) ? model->experts : 1;
    double projections = attention_parameters(model, heads, kv_heads) +
                         ffns * ffn_parameters(model) / tensor_parallel;
    return projections * dtype_bytes(model->weights) +
           replicated_parameters(model) * dtype_bytes(DTYPE_BF16);
}

double model_embedding_bytes(const struct model *model)
{
    return embedding_parameters(model) * dtype_bytes(DTYPE_BF16);
}

double model_head_bytes(const struct model *model, uint32_t tensor_parallel)
{
    double parameters = embedding_parameters(model) / tensor_parallel + model->hidden;
    return parameters * dtype_bytes(DTYPE_BF16);
}

double model_kv_bytes_per_token_layer(const struct model *model, uint32_t tensor_parallel)
{
    double kv_heads = model_kv_heads_per_gpu(model, tensor_parallel);
    return 2 * kv_heads * model->head_dim * dtype_bytes(model->kv);
}

double model_expected_experts(const struct model *model, double tokens, double popularity)
{
    if (!model_is_moe(model))
        return 0;
    double share = fmin(1, popularity * model->experts_per_token / model->experts);
    return model->experts * -expm1(tokens * log1p(-share));
}
