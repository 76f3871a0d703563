/*
 * plan_json: the answer to a plan as the one JSON object that `--json` prints.
 *
 *     name met seeds runs
 *     uncapped[]    names of kinds on which prompts may take longer than it says
 *     obstacles     what rules candidates out, in words
 *     traffic{requests_per_s,input_tokens,output_tokens}   under the plan's growth
 *     slo{ttft_s,tpot_s,percentile,headroom}
 *     plans[]       best first: a candidate, and
 *       growth{holds,untold,fails,breaks{figure,resource,why,pressure},points[]{load,...verdict}}
 *         untold: the load after `holds` where its runs were too short to tell
 *       node_lost{replicas_left,...verdict}
 *     candidates[]  all, as they are listed:
 *       kind tensor_parallel pipeline_parallel engine{key: value} state constraint why
 *       replicas nodes racks gpus billed_gpus
 *       usd_per_hour usd_per_million_output_tokens purchase_usd power_w
 *       wh_per_million_output_tokens
 *       verdict{outcome,figure,reason,within{mean,half},ttft_s{mean,half},tpot_s{mean,half},
 *               margin,served,good,rejected,lost,requests_per_s,output_tokens_per_s,
 *               lasting_tokens_per_s,lasting_busy,
 *               pressure{busy,stage,compute,collective,kv,preemptions,slots}}
 *
 * NaN, and what is not known of a candidate that was not run, is null.
 */
#ifndef TANDEM_PLAN_JSON_H
#define TANDEM_PLAN_JSON_H

#include "plan_answer.h"

#include <stdio.h>

/* Prints it, indented, and a newline. ERROR_MEMORY, ERROR_IO. */
int plan_json_print(const struct plan_answer *answer, FILE *stream, struct error *error);

#endif
