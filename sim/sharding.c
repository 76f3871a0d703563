#include "sharding.h"

double sharding_imbalance(const struct sharding *sharding, const struct model *model,
                          uint32_t ranks)
{
    uint32_t own = model->experts / ranks;
    double picks_most = u32_min(model->experts_per_token, own);
    return fmin(sharding->expert_imbalance, picks_most * ranks / model->experts_per_token);
}

double sharding_expert_rows(const struct sharding *sharding, const struct model *model,
                            uint32_t ranks, double tokens)
{
    double mean = tokens * model->experts_per_token / ranks;
    return fmax(1, mean * sharding_imbalance(sharding, model, ranks));
}

double sharding_experts_reached(const struct sharding *sharding, const struct model *model,
                                uint32_t ranks, double tokens)
{
    double imbalance = sharding_imbalance(sharding, model, ranks);
    return fmax(1, model_expected_experts(model, tokens, imbalance) / ranks);
}
