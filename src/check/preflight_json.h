/*
 * preflight_json: what `tandem check` found out, as one JSON object.
 *
 *     model{name,parameters,active_parameters} cluster{name,gpu,gpus}
 *     layout{tensor_parallel,sequence_parallel,expert_parallel,expert_imbalance,
 *            pipeline_parallel,replicas,gpus}
 *     stages[]{replica,stage,layers,first_layer,gpus[]}
 *     memory[]{stage,weights_bytes,activation_bytes,reserve_bytes,kv_bytes} kv{capacity_tokens}
 *     tensor_parallel_group{route[],
 *         all_reduces|reduce_scatters|all_gathers|dispatches|combines[]
 *             {tokens,bytes,time_s,algorithm},
 *         experts[]{tokens,busiest_s,mean_s}}
 *     stage_hop{route[],latency_s,bandwidth_bytes_per_s,bytes,time_s}
 *     warnings[]{code,text}
 *     recommendations[]{goal,tensor_parallel,pipeline_parallel,reason,
 *                       simulation{agrees,rule,best{tensor_parallel,expert_parallel,
 *                                                   pipeline_parallel,value}}}
 *     trials{latency_requests,throughput_requests,
 *            layouts[]{tensor_parallel,expert_parallel,expert_imbalance,pipeline_parallel,
 *                      replicas,e2e_s_p50,output_tokens_per_s,rejected,lost}}
 *
 * The last two with --recommend only. `rule` and `value` are the goal's: e2e_s_p50
 * or output_tokens_per_s. What is not there is null: the group of one GPU, the hop
 * of one stage, the layout where no rule gives one, the best where none serves.
 */
#ifndef TANDEM_PREFLIGHT_JSON_H
#define TANDEM_PREFLIGHT_JSON_H

#include "preflight.h"

#include <stdio.h>

/* `recommendations` only where not NULL. ERROR_MEMORY, or ERROR_IO. */
int preflight_json_print(const struct preflight *preflight,
                         const struct preflight_recommendations *recommendations, FILE *stream,
                         struct error *error);

#endif
