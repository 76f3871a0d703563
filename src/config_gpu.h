/*
 * config_gpu: one kind of GPU, as a file under configs/gpus gives it.
 */
#ifndef TANDEM_CONFIG_GPU_H
#define TANDEM_CONFIG_GPU_H

#include "config_reader.h"
#include "gpu.h"

/* Fills in `gpu` from a resolved mapping, or NULL; mistakes go to the diagnostics. */
void config_gpu_read(struct diagnostics *diagnostics, const struct yaml_node *node,
                     struct gpu *gpu);

#endif
