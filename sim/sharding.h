/*
 * sharding: what the GPUs of a tensor-parallel group share beyond the projections.
 *
 * Plain tensor parallelism splits projections and attention; hidden states are
 * whole on each of the group's p GPUs. Two options go further:
 *
 *   sequence parallel  between a row-split projection and the next column-split
 *       one each GPU has 1/p of the tokens: the norms, the residual and what goes
 *       to the next stage. Each all-reduce is a reduce-scatter and an all-gather.
 *       Korthikanti et al., Reducing Activation Recomputation in Large Transformer
 *       Models, MLSys 2023; sends of 1/p to the next stage: Megatron-LM's scatter-gather.
 *   expert parallel    each GPU holds 1/p of the experts whole. Engines have it one of
 *       two ways. All-to-all: a GPU routes 1/p of the tokens, sends each to its experts'
 *       GPUs (dispatch) and gets their outputs back (combine). Lepikhin et al., GShard,
 *       ICLR 2021; DeepSeek-AI, DeepSeek-V3 Technical Report, 2024. A token goes to each
 *       of its experts by itself, also where several are on one GPU, and at 16 bits both
 *       ways. All-reduce: a GPU routes all tokens, which it has from attention, computes
 *       those of its experts, and what all make of them is summed as with split experts:
 *       vLLM without data parallelism (FusedMoEParallelConfig.use_all2all_kernels).
 *
 * A group of one GPU has nothing to share: its options mean nothing. All zeroes: plain.
 */
#ifndef TANDEM_SHARDING_H
#define TANDEM_SHARDING_H

#include "host.h"
#include "model.h"

struct sharding {
    bool sequence_parallel;
    bool expert_parallel;    /* only of models with experts */
    double expert_imbalance; /* where expert_parallel: tokens of the busiest GPU's experts over
                                the mean of all, >= 1 */
    enum expert_exchange expert_exchange; /* the engine's */
};

/* Tokens on the GPU that has most where `tokens` are dealt out to `ranks`. */
static inline double sharding_share(double tokens, uint32_t ranks)
{
    return ceil(tokens / ranks);
}

/* Whether each of `ranks` GPUs holds whole experts. */
static inline bool sharding_has_whole_experts(const struct sharding *sharding, uint32_t ranks)
{
    return sharding->expert_parallel && ranks > 1;
}

/* Whether each of `ranks` GPUs sends tokens to the others' experts. */
static inline bool sharding_sends_tokens(const struct sharding *sharding, uint32_t ranks)
{
    return sharding_has_whole_experts(sharding, ranks) &&
           sharding->expert_exchange == EXPERT_EXCHANGE_ALL_TO_ALL;
}

/* The imbalance of `ranks` GPUs: as asked for, but no more than where every token picks as many of
   the busiest GPU's experts as it can. */
double sharding_imbalance(const struct sharding *sharding, const struct model *model,
                          uint32_t ranks);

/* Rows that the busiest GPU's experts get of `tokens` tokens: one at least, for some GPU has one.
 */
double sharding_expert_rows(const struct sharding *sharding, const struct model *model,
                            uint32_t ranks, double tokens);

/* Distinct experts among the busiest GPU's own that those tokens are expected to reach; its experts
   are likelier than the mean by the imbalance, and equally likely among themselves. */
double sharding_experts_reached(const struct sharding *sharding, const struct model *model,
                                uint32_t ranks, double tokens);

#endif
