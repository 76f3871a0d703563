/*
 * config_engine: the scenario's `engine`, and the serving engine's host costs
 * as a file under configs/engines gives them.
 */
#ifndef TANDEM_CONFIG_ENGINE_H
#define TANDEM_CONFIG_ENGINE_H

#include "config_reader.h"
#include "serving.h"

#define CONFIG_HOST_DEFAULT "engines/cuda-graphs"

/*
 * Fills in `serving` from a mapping whose `host` is resolved, or from NULL;
 * mistakes go to the diagnostics. `pipeline_parallel` is the default of the
 * steps in flight.
 */
void config_engine_read(struct diagnostics *diagnostics, const struct yaml_node *node,
                        uint32_t pipeline_parallel, struct serving *serving);

#endif
