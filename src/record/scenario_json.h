/*
 * scenario_json: what a result is of, as JSON.
 *
 *     version name seed model{name,parameters,active_parameters} cluster{name,gpu,gpus}
 *     layout{tensor_parallel,sequence_parallel,expert_parallel,expert_imbalance,
 *            pipeline_parallel,replicas,gpus}   of two pools, that which prefills
 *     slo{ttft_s,tpot_s,percentile}
 *
 * A bound or a name that is not given is null. The functions return NULL when memory is out.
 */
#ifndef TANDEM_SCENARIO_JSON_H
#define TANDEM_SCENARIO_JSON_H

#include "scenario.h"

#include <jansson.h>

json_t *scenario_json_model(const struct model *model);
json_t *scenario_json_cluster(const struct cluster *cluster);
json_t *scenario_json_layout(const struct layout_spec *layout);

/* All of it; `name` is the scenario's own, or NULL. */
json_t *scenario_json_new(const char *name, const struct scenario *scenario);

#endif
