/*
 * config_run: the scenario's `slo`, `run` and `output`, all of them optional.
 *
 * Each fills in its struct from a mapping, or its defaults from NULL; mistakes
 * go to the diagnostics.
 */
#ifndef TANDEM_CONFIG_RUN_H
#define TANDEM_CONFIG_RUN_H

#include "config_reader.h"
#include "scenario.h"

void config_slo_read(struct diagnostics *diagnostics, const struct yaml_node *node,
                     struct slo *slo);
void config_run_read(struct diagnostics *diagnostics, const struct yaml_node *node,
                     struct run *run);
void config_output_read(struct diagnostics *diagnostics, const struct yaml_node *node,
                        struct output *output);

#endif
