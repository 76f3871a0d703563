/*
 * plan_bound: what no serving engine can beat, to rule options out unseen.
 *
 * From the GPU's peak rates alone, with nothing lost: an option that these
 * bounds rule out needs no run.
 */
#ifndef TANDEM_PLAN_BOUND_H
#define TANDEM_PLAN_BOUND_H

#include "gpu.h"
#include "model.h"

/* Requests/s that `gpus` can at most serve: two FLOPs for each parameter that a token passes
   through, `tokens` in and out a request. */
double plan_bound_requests_per_s(const struct model *model, const struct gpu *gpu, double gpus,
                                 double tokens);

/* The shortest time between two tokens of a request: every layer's weights are read once, by
   `tensor_parallel` GPUs side by side and stage after stage. */
double plan_bound_tpot_s(const struct model *model, const struct gpu *gpu,
                         uint32_t tensor_parallel);

/* The shortest time to the first token after `tokens` of input: the FLOPs of its prefill, on all
   `gpus` of a replica at once, as if its chunks filled the stages. */
double plan_bound_ttft_s(const struct model *model, const struct gpu *gpu, double gpus,
                         double tokens);

#endif
