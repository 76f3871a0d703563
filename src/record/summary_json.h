/*
 * summary_json: a run's summary as the one JSON object that `--json` prints, after what it is of
 * (scenario_json.h).
 *
 *     requests{arrived,completed,rejected,preemptions,retried,lost,warmup}
 *     duration_s requests_per_s input_tokens_per_s output_tokens_per_s
 *     goodput_requests_per_s slo{met,share}
 *     ttft_s|tpot_s|itl_s|e2e_s|queue_s{mean,p50,p90,p95,p99,max}
 *     stages[]{replica,stage,layers,busy{compute,collective},
 *              idle{no_work,fill_drain,imbalance,transfer,host}}   shares of the run from
 *              its first arrival on, sum 1
 *     memory[]{stage,weights_bytes,activation_bytes,reserve_bytes,kv_bytes}   one GPU's
 *     kv{capacity_tokens,peak_fraction} nodes{count,gpus}   the cluster's, and each one's
 *     pools[]{role,tensor_parallel,pipeline_parallel,replicas,policy,max_step_tokens,
 *             max_sequences,kv_capacity_tokens,kv_peak_fraction}   defaults filled in
 *     kv_transfers{count,bytes,wait_s}
 *     links[]{name,users,bytes,utilization,waited_s,twice_saves} links_left_out
 *     costs{measured,interpolated,extrapolated,estimated}   shares of working time
 *     warnings[]{code,text} simulation{wall_s,events,steps,requests_per_wall_s}
 *
 * Keys come in this order; NaN, the ratio of nothing, is null; numbers read
 * back to the same double.
 */
#ifndef TANDEM_SUMMARY_JSON_H
#define TANDEM_SUMMARY_JSON_H

#include "error.h"
#include "summary.h"

#include <jansson.h>
#include <stdio.h>

/* The object, which the caller json_decref()s; NULL when memory is out. */
json_t *summary_json_new(const struct summary *summary);

/* The same without its wall-clock numbers, which differ from run to run of one scenario. */
json_t *summary_json_reproducible(const struct summary *summary);

/* Its arrays `memory` and `warnings`, for `check` too; NULL when memory is out. */
json_t *summary_json_memory(const struct memory_summary *memory, uint32_t count);
json_t *summary_json_warnings(const struct warning *warnings, uint32_t count);

/* Prints it, indented, and a newline. ERROR_MEMORY, or ERROR_IO where `stream` takes no more. */
int summary_json_print(const struct summary *summary, FILE *stream, struct error *error);

#endif
