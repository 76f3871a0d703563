/*
 * fixtures: the hardware, models and scenarios that tests use.
 *
 * Round numbers near the real ones, so that an expectation can be worked out on
 * paper. Nothing here is calibrated; configs/ is.
 */
#ifndef TANDEM_TESTS_FIXTURES_H
#define TANDEM_TESTS_FIXTURES_H

#include "scenario.h"

#include <stdio.h>

/* 80 GB, 1 PFLOP/s, 3 TB/s, all of it reached. */
static inline struct gpu fixture_gpu(void)
{
    return (struct gpu){
        .name = "fixture-gpu",
        .memory_bytes = 80e9,
        .memory_bytes_per_s = 3e12,
        .flops_per_s = {[DTYPE_BF16] = 1e15, [DTYPE_FP8] = 2e15},
        .efficiency = {1, 1, 1, 1, 1, 1, 1},
        .kernel_gap_s = 1e-6,
        .elementwise_gap_s = 1e-6,
    };
}

/* Nodes of `gpus_per_node` GPUs on NVLink of 400 GB/s, one NIC of 50 GB/s each, two sockets. */
static inline struct cluster fixture_nvlink_cluster(uint32_t nodes, uint32_t gpus_per_node)
{
    return (struct cluster){
        .name = "fixture-nvlink",
        .gpu = fixture_gpu(),
        .nodes = nodes,
        .gpus_per_node = gpus_per_node,
        .nvlink = {.bytes_per_s = 400e9, .efficiency = 1, .latency_s = 0.5e-6},
        .pcie = {.bytes_per_s = 60e9, .efficiency = 1, .latency_s = 1e-6},
        .gpus_per_host_bridge = u32_ceil_div(gpus_per_node, 2),
        .inter_socket = {.bytes_per_s = 40e9, .efficiency = 1, .latency_s = 0.2e-6},
        .nic = {.bytes_per_s = 50e9, .efficiency = 1, .latency_s = 2e-6},
        .nics_per_node = gpus_per_node,
        .collective_start_s = 3e-6,
        .host_staging_factor = 1,
    };
}

/* One node of eight GPUs on PCIe of 25 GB/s under two sockets, no NVLink. */
static inline struct cluster fixture_pcie_cluster(void)
{
    struct cluster cluster = fixture_nvlink_cluster(1, 8);
    (void)snprintf(cluster.name, sizeof(cluster.name), "fixture-pcie");
    cluster.nvlink = (struct link_kind){.bytes_per_s = 0};
    cluster.pcie.bytes_per_s = 25e9;
    return cluster;
}

/* The shape of Llama-3.1-70B (Hugging Face, meta-llama/Llama-3.1-70B, config.json). */
static inline struct model fixture_llama_70b(void)
{
    return (struct model){
        .name = "llama-3.1-70b",
        .layers = 80,
        .hidden = 8192,
        .ffn = 28672,
        .heads = 64,
        .kv_heads = 8,
        .head_dim = 128,
        .vocab = 128256,
        .weights = DTYPE_BF16,
        .kv = DTYPE_BF16,
    };
}

/* The shape of Llama-3.1-8B (Hugging Face, meta-llama/Llama-3.1-8B, config.json). */
static inline struct model fixture_llama_8b(void)
{
    struct model model = fixture_llama_70b();
    (void)snprintf(model.name, sizeof(model.name), "llama-3.1-8b");
    model.layers = 32;
    model.hidden = 4096;
    model.ffn = 14336;
    model.heads = 32;
    return model;
}

static inline struct serving fixture_serving(void)
{
    return (struct serving){
        .policy = BATCHER_CHUNKED_PREFILL,
        .max_step_tokens = 2048,
        .max_sequences = 128,
        .steps_in_flight = 1,
        .kv_block_tokens = 16,
        .memory_utilization = 0.9,
        .reserve_bytes = 2e9,
    };
}

/* Llama-3.1-8B on `nodes` nodes of eight GPUs, laid out so: no host, no bound on latencies, no end
   but its requests'. */
static inline struct scenario fixture_scenario(uint32_t nodes, struct layout_spec layout)
{
    return (struct scenario){
        .model = fixture_llama_8b(),
        .cluster = fixture_nvlink_cluster(nodes, 8),
        .layout = layout,
        .serving = fixture_serving(),
        .slo = {.percentile = 95},
        .run = {.duration = SIM_PS_MAX},
        .output = {.window_end = SIM_PS_MAX},
    };
}

#endif
