/*
 * layout_warnings: what a layout does wrong that shows before anything runs,
 * each with the number that shows it.
 *
 *     tp_over_pcie              a tensor-parallel group has no NVLink
 *     tp_across_nodes           a tensor-parallel group spans nodes
 *     pipeline_underfilled      fewer steps in flight than stages: some always wait
 *     unbalanced_stages         another split has a faster slowest stage
 *     kv_heads_replicated       tensor_parallel exceeds the KV heads
 *     sequence_parallel_slower  decodes would be faster without it
 *     experts_imbalanced        all GPUs wait for the one with the busiest experts
 *     without_effect            keys that are set and change nothing here
 */
#ifndef TANDEM_LAYOUT_WARNINGS_H
#define TANDEM_LAYOUT_WARNINGS_H

#include "deployment.h"
#include "summary.h"

#define LAYOUT_WARNINGS_MAX 7

/*
 * Fills in `warnings` for a resolved deployment; returns their count, or -ERROR_MEMORY.
 *
 * Layers cost what steps take them to (step_cost.h): by the GPU's measured tables where there are
 * any. The NVLink that slower links are held against is an H100 SXM's by collective.h's models:
 * 450 GB/s a GPU and direction (NVIDIA H100 datasheet: 900 GB/s both), 0.6 us a hop (NCCL's tuning
 * table, NVLink LL).
 */
int layout_warnings_of(const struct deployment *deployment,
                       struct warning warnings[LAYOUT_WARNINGS_MAX], struct error *error);

#endif
