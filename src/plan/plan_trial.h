/*
 * plan_trial: one run of something that could be bought, as JSON.
 *
 *     status    "done"
 *     balance   whether it kept up (balance_json.h)
 *     requests_per_s output_tokens_per_s
 *     arriving_tokens_per_s   output tokens of the requests that arrived in a second; null in a
 *               closed loop
 *     requests  that arrived after the warm-up: all of what follows is of them
 *     rejected, lost   shares of them
 *     kv_tokens, prompt_tokens, context_tokens   that a replica's KV holds, a step takes of one
 *               prompt (null where prompts are cut in chunks), and the model takes (null: any)
 *     good      share of them whose own TTFT and TPOT are within the SLO
 *     max_sequences   that a replica serves at once
 *     busy, stage, compute, collective, kv, preemptions, slots, crowded    as plan_pressure.h has
 * them judged    requests in the batches of what follows, together within    array: the share of
 * each of PLAN_BATCHES batches of requests that is within the SLO less the headroom, in order of
 * arrival, the first PLAN_SETTLING of them left out; empty where there were fewer than
 * PLAN_REQUESTS_MIN ttft_s, tpot_s   arrays: the SLO's percentile of those of each batch that were
 * served
 *
 * or, of an option that is wrong or runs beyond the clock, as metered_run.h has it. A request that
 * was rejected or lost is within no SLO. Batches stand for runs of their own: their spread says how
 * sure a share or a percentile is (batch means: Law, Simulation Modeling and Analysis, 5th ed.,
 * 9.5.3).
 */
#ifndef TANDEM_PLAN_TRIAL_H
#define TANDEM_PLAN_TRIAL_H

#include "plan_option.h"

#include <jansson.h>

#define PLAN_BATCHES 8
#define PLAN_SETTLING 0.1 /* share of the requests that fill the system first */

/* Fewer show nothing: each would be worth more than a tenth of its batch. */
#define PLAN_REQUESTS_MIN (10 * PLAN_BATCHES)

/* NULL where not the option failed, but the program: any error but ERROR_CONFIG and ERROR_RUN. The
   caller json_decref()s it. */
json_t *plan_trial_run(const struct plan *plan, const struct plan_option *option, uint32_t draw,
                       struct error *error);

#endif
