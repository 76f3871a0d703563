/*
 * config_gpu: one kind of GPU, as a file under configs/gpus gives it.
 */
#ifndef TANDEM_CONFIG_GPU_H
#define TANDEM_CONFIG_GPU_H

#include "config_file.h"
#include "config_reader.h"
#include "gpu.h"

/*
 * Fills in `gpu` from a resolved mapping, or NULL; mistakes go to the diagnostics.
 * `*measured` is the folder of its measured tables; NULL where it names none. A
 * `measured` of NULL: nobody looks for them, they need not be there yet.
 */
void config_gpu_read(struct config_loader *loader, const struct yaml_node *node, struct gpu *gpu,
                     const char **measured);

#endif
