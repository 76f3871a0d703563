#include "plan_bound.h"

/* Parameters of the layers that one token passes through. */
static double layer_parameters(const struct model *model)
{
    double table = (double)model->vocab * model->hidden;
    return model_active_parameters(model) - table * (model->tied_embeddings ? 1 : 2);
}

double plan_bound_requests_per_s(const struct model *model, const struct gpu *gpu, double gpus,
                                 double tokens)
{
    return gpus * gpu_flops_per_s(gpu, model->weights) / (2 * layer_parameters(model) * tokens);
}

double plan_bound_tpot_s(const struct model *model, const struct gpu *gpu, uint32_t tensor_parallel)
{
    double bytes = layer_parameters(model) * dtype_bytes(model->weights);
    return bytes / (tensor_parallel * gpu->memory_bytes_per_s);
}

double plan_bound_ttft_s(const struct model *model, const struct gpu *gpu, double gpus,
                         double tokens)
{
    return 1 / plan_bound_requests_per_s(model, gpu, gpus, tokens);
}
