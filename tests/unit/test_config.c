/*
 * Does each key of a scenario and its files land where it belongs? What wrong
 * ones say is for tests/cli/config_errors.
 */
#include "config_folder.h"
#include "suite.h"

START_TEST(test_defaults)
{
    load("%slayout: {pipeline_parallel: 2}\n%s", config_head, config_workload);
    const struct scenario *scenario = &config.scenario;

    ck_assert_ptr_null(config.name);
    ck_assert_uint_eq(scenario->model.head_dim, 256 / 8);
    ck_assert_uint_eq(scenario->model.experts, 0);
    ck_assert_int_eq(scenario->model.weights, DTYPE_BF16);
    ck_assert_int_eq(scenario->model.kv, DTYPE_BF16);
    ck_assert_double_eq(scenario->cluster.gpu.flops_per_s[DTYPE_FP8], 0);
    ck_assert_double_eq(scenario->cluster.pcie.efficiency, 1);
    ck_assert_double_eq(scenario->cluster.nvlink.bytes_per_s, 0);
    ck_assert_uint_eq(scenario->cluster.gpus_per_host_bridge, 4);
    ck_assert_uint_eq(scenario->cluster.nics_per_node, 0);
    ck_assert_double_eq(scenario->cluster.host_staging_factor, 1);
    ck_assert_uint_eq(scenario->layout.tensor_parallel, 1);
    ck_assert_uint_eq(scenario->layout.replicas, 1);
    ck_assert_int_eq(scenario->layout.split, STAGE_SPLIT_BALANCED);
    ck_assert_int_eq(scenario->layout.router, ROUTER_ROUND_ROBIN);
    ck_assert_int_eq(scenario->serving.policy, BATCHER_CHUNKED_PREFILL);
    ck_assert_uint_eq(scenario->serving.max_step_tokens, 2048);
    ck_assert_uint_eq(scenario->serving.max_sequences, 256);
    ck_assert_uint_eq(scenario->serving.steps_in_flight, 2); /* the pipeline's stages */
    ck_assert_int_eq(scenario->serving.step_share, STEP_SHARE_BALANCED);
    ck_assert_uint_eq(scenario->serving.kv_block_tokens, 16);
    ck_assert_int_eq(scenario->serving.kv_admission, KV_ADMISSION_ON_DEMAND);
    ck_assert_double_eq(scenario->serving.memory_utilization, 0.9);
    ck_assert_double_eq(scenario->serving.reserve_bytes, 2e9);
    ck_assert_uint_eq(scenario->serving.kv_tokens, 0);
    ck_assert_str_eq(scenario->serving.host.name, "quick");
    ck_assert_double_eq(scenario->slo.ttft_s, 0);
    ck_assert_double_eq(scenario->slo.percentile, 95);
    ck_assert_uint_eq(scenario->run.seed, 1);
    ck_assert_int_eq(scenario->run.warmup, 0);
    ck_assert(scenario->run.duration == SIM_PS_MAX);
    ck_assert(!scenario->run.exact);
    ck_assert_int_eq(scenario->output.timeline, TIMELINE_NONE);
    ck_assert(scenario->output.window_end == SIM_PS_MAX);
}
END_TEST

START_TEST(test_every_key_of_a_scenario)
{
    load("name: whole\ndescription: all keys\nmodel: models/tiny\ncluster: clusters/box\n"
         "layout: {tensor_parallel: 2, pipeline_parallel: 2, replicas: 3, "
         "stage_layers: [3, 1], router: least_outstanding, placement: spread}\n"
         "engine: {policy: static, max_step_tokens: 100, max_sequences: 5, "
         "steps_in_flight: 4, step_share: greedy, kv_block_tokens: 32, "
         "kv_admission: reserved, memory_utilization: 0.8, reserve: 1 GiB, kv_tokens: 9000}\n"
         "%sslo: {ttft: 500 ms, tpot: 50 ms, percentile: 99}\n"
         "run: {seed: 18446744073709551615, warmup: 30 s, duration: 10 min, exact: true, "
         "links: shared, on_loss: lose}\n"
         "events: [{at: 1 s, until: 2 s, slow: {gpu: 3, factor: 1.5}}, "
         "{at: 3 s, down: {link: node0/gpu0>bridge0}}]\n"
         "output: {timeline: layers, window: [60 s, 62 s]}\n",
         config_workload);
    const struct scenario *scenario = &config.scenario;

    ck_assert_str_eq(config.name, "whole");
    ck_assert_str_eq(config.description, "all keys");
    ck_assert_uint_eq(scenario->layout.tensor_parallel, 2);
    ck_assert_uint_eq(scenario->layout.replicas, 3);
    ck_assert_int_eq(scenario->layout.split, STAGE_SPLIT_LISTED);
    ck_assert_uint_eq(scenario->layout.listed_layers[0], 3);
    ck_assert_uint_eq(scenario->layout.listed_layers[1], 1);
    ck_assert_int_eq(scenario->layout.router, ROUTER_LEAST_OUTSTANDING);
    ck_assert_int_eq(scenario->layout.placement, LAYOUT_PLACEMENT_SPREAD);
    ck_assert_ptr_null(scenario->decode);
    ck_assert_int_eq(scenario->serving.policy, BATCHER_STATIC);
    ck_assert_uint_eq(scenario->serving.max_step_tokens, 100);
    ck_assert_uint_eq(scenario->serving.max_sequences, 5);
    ck_assert_uint_eq(scenario->serving.steps_in_flight, 4);
    ck_assert_int_eq(scenario->serving.step_share, STEP_SHARE_GREEDY);
    ck_assert_uint_eq(scenario->serving.kv_block_tokens, 32);
    ck_assert_int_eq(scenario->serving.kv_admission, KV_ADMISSION_RESERVED);
    ck_assert_double_eq(scenario->serving.memory_utilization, 0.8);
    ck_assert_double_eq(scenario->serving.reserve_bytes, 1073741824);
    ck_assert_uint_eq(scenario->serving.kv_tokens, 9000);
    ck_assert_double_eq(scenario->slo.ttft_s, 0.5);
    ck_assert_double_eq(scenario->slo.tpot_s, 0.05);
    ck_assert_double_eq(scenario->slo.percentile, 99);
    ck_assert(scenario->run.seed == UINT64_MAX);
    ck_assert_int_eq(scenario->run.warmup, 30 * SIM_PS_PER_S);
    ck_assert_int_eq(scenario->run.duration, 600 * SIM_PS_PER_S);
    ck_assert(scenario->run.exact);
    ck_assert_int_eq(scenario->run.links, LINK_POLICY_SHARED);
    ck_assert_int_eq(scenario->run.on_loss, ON_LOSS_LOSE);
    ck_assert_uint_eq(scenario->fault_count, 2);
    ck_assert_int_eq(scenario->faults[0].target, FAULT_GPU);
    ck_assert_uint_eq(scenario->faults[0].index, 3);
    ck_assert_double_eq(scenario->faults[0].slowdown, 1.5);
    ck_assert_int_eq(scenario->faults[0].until, 2 * SIM_PS_PER_S);
    ck_assert_int_eq(scenario->faults[1].target, FAULT_LINK);
    ck_assert_str_eq(scenario->faults[1].link, "node0/gpu0>bridge0");
    ck_assert_double_eq(scenario->faults[1].slowdown, 0);
    ck_assert(scenario->faults[1].until == SIM_PS_MAX);
    ck_assert_int_eq(scenario->output.timeline, TIMELINE_LAYERS);
    ck_assert_int_eq(scenario->output.window_start, 60 * SIM_PS_PER_S);
    ck_assert_int_eq(scenario->output.window_end, 62 * SIM_PS_PER_S);
}
END_TEST

/* Expectation: a pool has its own keys, else the layout's; its engine's, else the scenario's. */
START_TEST(test_pools)
{
    folder_write("configs/gpus/other/gpu.yaml", "base: gpus/toy\nname: other\nmemory: 32 GB\n");
    load("model: models/tiny\ncluster: clusters/box\n"
         "engine: {max_sequences: 5, max_step_tokens: 100}\n"
         "layout:\n  tensor_parallel: 2\n  kv_transfer: layerwise\n  pools:\n"
         "    prefill: {engine: {max_step_tokens: 200}}\n"
         "    decode: {tensor_parallel: 1, replicas: 2, gpu: gpus/other}\n%s",
         config_workload);
    const struct scenario *prefill = &config.scenario;
    const struct scenario *decode = prefill->decode;

    ck_assert_ptr_nonnull(decode);
    ck_assert_int_eq(prefill->kv_transfer, KV_TRANSFER_LAYERWISE);
    ck_assert_uint_eq(prefill->layout.tensor_parallel, 2);
    ck_assert_uint_eq(prefill->serving.max_step_tokens, 200);
    ck_assert_uint_eq(prefill->serving.max_sequences, 5);
    ck_assert_str_eq(prefill->cluster.gpu.name, "toy");
    ck_assert_uint_eq(decode->layout.tensor_parallel, 1);
    ck_assert_uint_eq(decode->layout.replicas, 2);
    ck_assert_uint_eq(decode->serving.max_step_tokens, 100);
    ck_assert_str_eq(decode->cluster.gpu.name, "other");
    ck_assert_double_eq(decode->cluster.gpu.memory_bytes, 32e9);
    ck_assert_uint_eq(decode->cluster.gpus_per_node, 4);
}
END_TEST

/* Expectation: a pool's tables are those of its own GPU, whatever that is called; pools that name
   none share the cluster's. */
START_TEST(test_tables_of_pools)
{
    static const char kernels[] = "op,m,n,k,time_us\ngemm,16,256,256,%s\n";
    static const char pools[] = "model: models/tiny\ncluster: clusters/box\nengine: {}\n"
                                "layout: {pools: {prefill: {}, decode: {%s}}}\n%s";
    folder_write("configs/gpus/toy/kernels.csv", kernels, "5");
    folder_write("configs/gpus/other/kernels.csv", kernels, "5");
    folder_write("configs/gpus/toy/gpu.yaml", "%smeasured: .\n", config_gpu);

    load(pools, "", config_workload);
    ck_assert_ptr_nonnull(config.scenario.measured.kernels);
    ck_assert_ptr_eq(config.decode->measured.kernels, config.scenario.measured.kernels);

    load(pools, "gpu: {base: gpus/toy, measured: gpus/other}", config_workload);
    ck_assert_str_eq(config.decode->cluster.gpu.name, config.scenario.cluster.gpu.name);
    ck_assert_ptr_nonnull(config.decode->measured.kernels);
    ck_assert_ptr_ne(config.decode->measured.kernels, config.scenario.measured.kernels);
    ck_assert_ptr_nonnull(strstr(config.tables[1].folder, "gpus/other"));
}
END_TEST

START_TEST(test_every_key_of_the_machines)
{
    load("model: {base: models/tiny, head_dim: 64, experts: 8, experts_per_token: 2, max_context: "
         "4096, "
         "tied_embeddings: true, qk_norm: true, weights: int4, kv: fp8}\n"
         "cluster: {base: clusters/box, nodes: 2, gpu: {peak: {fp8: 200 TFLOP/s}, power: 700 W, "
         "price: 3.5 USD/h, power_capping: {slowdown: 1.2, delay: 60 ms, release: 10 ms, "
         "recovery: 30 ms, busy_recovery: 90 ms}}, nvlink: {bandwidth: 450 GB/s, efficiency: 0.8, "
         "latency: 2 us}, "
         "gpus_per_host_bridge: 2, inter_socket: {bandwidth: 40 GB/s, latency: 1 us}, "
         "host_memory: {bandwidth: 90 GB/s, latency: 0 us}, "
         "nic: {bandwidth: 400 Gb/s, latency: 5 us}, nics_per_node: 4, host_staging_factor: 2, "
         "contention: {bandwidth: 1.5, send_latency: 2}}\n"
         "engine: {host: {base: engines/cuda-graphs, graphs_prefill: true, launch_chunk: 30 us, "
         "launch_history: 70 us, collective_overlap: 3 us, process_spread: 0.1, "
         "captured_sizes: [1, 2, 4]}}\nlayout: {}\n%s",
         config_workload);
    const struct model *shape = &config.scenario.model;
    const struct cluster *box = &config.scenario.cluster;
    const struct host *costs = &config.scenario.serving.host;

    ck_assert_uint_eq(shape->head_dim, 64);
    ck_assert_uint_eq(shape->experts, 8);
    ck_assert_uint_eq(shape->experts_per_token, 2);
    ck_assert_uint_eq(shape->max_context, 4096);
    ck_assert(shape->tied_embeddings && shape->qk_norm);
    ck_assert_int_eq(shape->weights, DTYPE_INT4);
    ck_assert_int_eq(shape->kv, DTYPE_FP8);
    /* Keys beside a base merge with what it has: the bf16 peak is still the file's. */
    ck_assert_double_eq(box->gpu.flops_per_s[DTYPE_BF16], 100e12);
    ck_assert_double_eq(box->gpu.flops_per_s[DTYPE_FP8], 200e12);
    ck_assert_double_eq(box->gpu.memory_bytes, 16e9);
    ck_assert_double_eq(box->gpu.memory_bytes_per_s, 500e9);
    ck_assert_double_eq(box->gpu.efficiency.gemm_compute, 0.8);
    ck_assert_double_eq(box->gpu.efficiency.gemm_memory, 0.7);
    ck_assert_double_eq(box->gpu.efficiency.attention_compute, 0.5);
    ck_assert_double_eq(box->gpu.efficiency.attention_memory, 0.6);
    ck_assert_double_eq(box->gpu.efficiency.elementwise_memory, 0.9);
    ck_assert_double_eq(box->gpu.kernel_gap_s, 1e-6);
    ck_assert_double_eq(box->gpu.elementwise_gap_s, 1e-6); /* where nothing else is said */
    ck_assert_double_eq(box->gpu.power_w, 700);
    ck_assert_double_eq(box->gpu.power_capping.slowdown, 1.2);
    ck_assert_double_eq(box->gpu.power_capping.delay_s, 60e-3);
    ck_assert_double_eq(box->gpu.power_capping.release_s, 10e-3);
    ck_assert_double_eq(box->gpu.power_capping.recovery_s, 30e-3);
    ck_assert_double_eq(box->gpu.power_capping.busy_recovery_s, 90e-3);
    ck_assert_double_eq(box->gpu.usd_per_hour, 3.5);
    ck_assert_uint_eq(box->nodes, 2);
    ck_assert_uint_eq(box->gpus_per_node, 4);
    ck_assert_double_eq(box->nvlink.bytes_per_s, 450e9);
    ck_assert_double_eq(box->nvlink.efficiency, 0.8);
    ck_assert_double_eq(box->nvlink.latency_s, 2e-6);
    ck_assert_uint_eq(box->gpus_per_host_bridge, 2);
    ck_assert_double_eq(box->inter_socket.bytes_per_s, 40e9);
    ck_assert_double_eq(box->host_memory.bytes_per_s, 90e9);
    ck_assert_double_eq(box->nic.bytes_per_s, 50e9);
    ck_assert_uint_eq(box->nics_per_node, 4);
    ck_assert_double_eq(box->collective_start_s, 5e-6);
    ck_assert_double_eq(box->host_staging_factor, 2);
    ck_assert_double_eq(box->contention.bandwidth, 1.5);
    ck_assert_double_eq(box->contention.send_latency, 2);
    ck_assert_double_eq(box->contention.receive_latency, 1);
    ck_assert_double_eq(costs->schedule_s, 100e-6);
    ck_assert_double_eq(costs->schedule_per_request_s, 1e-6);
    ck_assert_double_eq(costs->return_s, 20e-6);
    ck_assert_double_eq(costs->launch_s, 5e-6);
    ck_assert_double_eq(costs->launch_chunk_s, 30e-6);
    ck_assert_double_eq(costs->launch_history_s, 70e-6);
    ck_assert_double_eq(costs->collective_overlap_s, 3e-6);
    ck_assert_double_eq(costs->process_spread, 0.1);
    /* Where nothing is said of it, decodes' attention is launched like any kernel. */
    ck_assert_double_eq(costs->launch_decode_s, 5e-6);
    ck_assert_double_eq(costs->launch_collective_s, 10e-6);
    ck_assert_double_eq(costs->launch_graph_s, 15e-6);
    ck_assert(costs->graphs_prefill);
    ck_assert_uint_eq(costs->captured_count, 3);
    ck_assert_uint_eq(costs->captured_sizes[2], 4);
}
END_TEST

START_TEST(test_trace)
{
    char path[PATH_BYTES];
    folder_write("traces/chat.csv", "arrival_s,input_tokens,output_tokens\n");
    load("%slayout: {}\n%s", config_head,
         "workload: {trace: {file: traces/chat.csv, format: azure, rate_scale: 2.5}}\n");

    /* The path starts at the scenario that names it. */
    folder_path("traces/chat.csv", path);
    ck_assert(config.workload.is_trace);
    ck_assert_str_eq(config.workload.trace_path, path);
    ck_assert_int_eq(config.workload.format, TRACE_AZURE);
    ck_assert_double_eq(config.workload.rate_scale, 2.5);
}
END_TEST

START_TEST(test_synthetic)
{
    static const char *const sets[] = {
        "workload.arrivals={process: gamma, rate: 120 /min, cv: 3}",
        "workload.output_tokens={distribution: zipf, exponent: 1.2, min: 2, max: 64}",
        "workload.input_tokens={distribution: empirical, file: counts.csv}",
    };
    folder_write("configs/counts.csv", "tokens\n12\n34\n");
    load("%slayout: {}\n%s", config_head, config_workload);
    const struct synthetic *drawn = &config.workload.synthetic;

    ck_assert(!config.workload.is_trace);
    ck_assert_int_eq(drawn->arrivals.process, ARRIVAL_POISSON);
    ck_assert_double_eq(drawn->arrivals.rate_per_s, 8);
    ck_assert_uint_eq(drawn->requests, 100);
    /* A bare count is a fixed length, its bounds included. */
    ck_assert_int_eq(drawn->input.distribution, LENGTH_FIXED);
    ck_assert_double_eq(drawn->input.mean, 512);
    ck_assert_uint_eq(drawn->input.max, 512);
    /* cv is in units of the mean: sd = 0.5 x 200. */
    ck_assert_int_eq(drawn->output.distribution, LENGTH_LOGNORMAL);
    ck_assert_double_eq(drawn->output.sd, 100);
    ck_assert_uint_eq(drawn->output.min, 1);
    ck_assert_uint_eq(drawn->output.max, 131072);

    load_set(sets, ARRAY_LENGTH(sets), "%slayout: {}\n%s", config_head, config_workload);
    ck_assert_int_eq(drawn->arrivals.process, ARRIVAL_GAMMA);
    ck_assert_double_eq(drawn->arrivals.rate_per_s, 2);
    ck_assert_double_eq(drawn->arrivals.cv, 3);
    ck_assert_int_eq(drawn->output.distribution, LENGTH_ZIPF);
    ck_assert_double_eq(drawn->output.exponent, 1.2);
    ck_assert_uint_eq(drawn->output.min, 2);
    ck_assert_uint_eq(drawn->input.value_count, 2);
    ck_assert_uint_eq(drawn->input.values[1], 34);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_defaults,        test_every_key_of_a_scenario,   test_pools,
        test_tables_of_pools, test_every_key_of_the_machines, test_trace,
        test_synthetic,
    };
    return suite_run_between("config", folder_set_up, folder_tear_down, tests, ARRAY_LENGTH(tests));
}
