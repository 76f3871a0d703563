/*
 * config_model: a model's shape, as a file under configs/models gives it.
 */
#ifndef TANDEM_CONFIG_MODEL_H
#define TANDEM_CONFIG_MODEL_H

#include "config_reader.h"
#include "model.h"

/* Fills in `model` from a resolved mapping, or NULL; mistakes go to the diagnostics. */
void config_model_read(struct diagnostics *diagnostics, const struct yaml_node *node,
                       struct model *model);

#endif
