#include "config_engine.h"

#include "config_limits.h"
#include "prefix_cache.h"

#define SEQUENCES_MAX 1048576
#define STEPS_IN_FLIGHT_MAX 4096
#define KV_BLOCK_TOKENS_MAX 65536
#define LAUNCHES_MAX 1024
#define SEND_TENSORS_MAX 16
#define SHAPES_MAX 1e6
#define COLD_MAX 100
#define SLOWDOWN_MIN 0.001
#define SLOWDOWN_MAX 1000
#define KV_TOKENS_MAX (UINT64_C(1) << 40)

static const char *const policy_names[] = {BATCHER_POLICIES(LIST_TEXT)};
static const char *const share_names[] = {STEP_SHARES(LIST_TEXT)};
static const char *const admission_names[] = {KV_ADMISSIONS(LIST_TEXT)};
static const char *const prefill_attention_names[] = {PREFILL_ATTENTIONS(LIST_TEXT)};
static const char *const decode_attention_names[] = {DECODE_ATTENTIONS(LIST_TEXT)};
static const char *const exchange_names[] = {EXPERT_EXCHANGES(LIST_TEXT)};

static void read_captured_sizes(struct config_reader *reader, struct host *host)
{
    static const char key[] = "captured_sizes";
    const struct yaml_node *node = config_read_node(reader, key, CONFIG_REQUIRED);
    if (!node)
        return;
    if (node->kind != YAML_KIND_SEQUENCE || node->entry_count > HOST_CAPTURED_MAX) {
        config_reader_report(reader, key, "'%s' must be a list of at most %d batch sizes", key,
                             HOST_CAPTURED_MAX);
        return;
    }
    uint64_t last = 0;
    for (const struct yaml_entry *entry = node->first; entry; entry = entry->next) {
        uint64_t size;
        if (!config_value_count(reader->diagnostics, entry->value, key, 1, CONFIG_TOKENS_MAX,
                                &size))
            continue;
        if (size <= last)
            diagnostics_add(reader->diagnostics, entry->value->position,
                            "'%s' must ascend: %u comes after %u", key, (uint32_t)size,
                            (uint32_t)last);
        last = size;
        host->captured_sizes[host->captured_count++] = (uint32_t)size;
    }
}

static void read_cost(struct config_reader *reader, const char *key, enum config_presence presence,
                      double *cost_s)
{
    config_read_quantity(reader, key, presence, QUANTITY_SECONDS, 0, CONFIG_COST_S_MAX, cost_s);
}

/* What the host takes beside launches. */
static void read_host_steps(struct config_reader *reader, struct host *host)
{
    read_cost(reader, "admission", CONFIG_OPTIONAL, &host->admission_s);
    read_cost(reader, "schedule", CONFIG_REQUIRED, &host->schedule_s);
    read_cost(reader, "schedule_per_request", CONFIG_REQUIRED, &host->schedule_per_request_s);
    read_cost(reader, "return", CONFIG_REQUIRED, &host->return_s);
    read_cost(reader, "prepare", CONFIG_OPTIONAL, &host->prepare_s);
    read_cost(reader, "prepare_per_request", CONFIG_OPTIONAL, &host->prepare_per_request_s);
    read_cost(reader, "receive", CONFIG_OPTIONAL, &host->receive_s);
    read_cost(reader, "cold_wait", CONFIG_OPTIONAL, &host->cold_wait_s);
    host->cold_most = 1;
    config_read_number(reader, "cold_most", CONFIG_OPTIONAL, 1, COLD_MAX, &host->cold_most);
    read_cost(reader, "new_shape", CONFIG_OPTIONAL, &host->new_shape_s);
    host->new_shape_first_s = host->new_shape_s;
    read_cost(reader, "new_shape_first", CONFIG_OPTIONAL, &host->new_shape_first_s);
    config_read_number(reader, "new_shape_halving", CONFIG_OPTIONAL, 0, SHAPES_MAX,
                       &host->new_shape_halving);
    config_read_count(reader, "new_shape_from", CONFIG_OPTIONAL, 1, CONFIG_TOKENS_MAX,
                      &host->new_shape_from);
}

/* Launches, and what kernels cost beside their own time. */
static void read_host_launches(struct config_reader *reader, struct host *host)
{
    read_cost(reader, "launch", CONFIG_REQUIRED, &host->launch_s);
    host->launch_decode_s = host->launch_s;
    host->launch_chunk_s = host->launch_s;
    read_cost(reader, "launch_decode", CONFIG_OPTIONAL, &host->launch_decode_s);
    read_cost(reader, "launch_chunk", CONFIG_OPTIONAL, &host->launch_chunk_s);
    read_cost(reader, "launch_history", CONFIG_OPTIONAL, &host->launch_history_s);
    read_cost(reader, "launch_collective", CONFIG_REQUIRED, &host->launch_collective_s);
    read_cost(reader, "launch_graph", CONFIG_REQUIRED, &host->launch_graph_s);
    config_read_count(reader, "launches_layer_extra", CONFIG_OPTIONAL, 0, LAUNCHES_MAX,
                      &host->launches_layer_extra);
    config_read_flag(reader, "eager_synchronous", &host->eager_synchronous);
    config_read_flag(reader, "graphs_prefill", &host->graphs_prefill);
    read_captured_sizes(reader, host);
    read_cost(reader, "kernel_gap", CONFIG_OPTIONAL, &host->kernel_gap_s);
    host->kernel_gap_eager_s = host->kernel_gap_s;
    read_cost(reader, "kernel_gap_eager", CONFIG_OPTIONAL, &host->kernel_gap_eager_s);
    read_cost(reader, "collective_overlap", CONFIG_OPTIONAL, &host->collective_overlap_s);
}

static void read_host(struct diagnostics *diagnostics, const struct yaml_node *node,
                      struct host *host)
{
    struct config_reader reader;
    double slowdown = 1;
    host->send_tensors = 1;
    config_reader_open(&reader, diagnostics, node, "host");
    config_read_name(&reader, host->name, sizeof(host->name));
    read_host_steps(&reader, host);
    read_host_launches(&reader, host);
    config_read_count(&reader, "send_tensors", CONFIG_OPTIONAL, 1, SEND_TENSORS_MAX,
                      &host->send_tensors);
    config_read_flag(&reader, "send_scattered", &host->send_scattered);
    config_read_flag(&reader, "mixed_attention", &host->mixed_attention);
    config_read_flag(&reader, "async_scheduling", &host->async_scheduling);
    config_read_flag(&reader, "chunked_pipeline", &host->chunked_pipeline);
    config_read_flag(&reader, "shard_embedding", &host->shard_embedding);
    config_read_flag(&reader, "custom_all_reduce", &host->custom_all_reduce);
    config_read_ratio(&reader, "process_spread", CONFIG_OPTIONAL, &host->process_spread);
    host->prefill_attention = (enum prefill_attention)config_read_choice(
        &reader, "prefill_attention", CONFIG_OPTIONAL, prefill_attention_names,
        ARRAY_LENGTH(prefill_attention_names), PREFILL_ATTENTION_FASTEST);
    host->decode_attention = (enum decode_attention)config_read_choice(
        &reader, "decode_attention", CONFIG_OPTIONAL, decode_attention_names,
        ARRAY_LENGTH(decode_attention_names), DECODE_ATTENTION_FASTEST);
    host->expert_exchange = (enum expert_exchange)config_read_choice(
        &reader, "expert_exchange", CONFIG_OPTIONAL, exchange_names, ARRAY_LENGTH(exchange_names),
        EXPERT_EXCHANGE_ALL_TO_ALL);
    config_read_number(&reader, "slowdown", CONFIG_OPTIONAL, SLOWDOWN_MIN, SLOWDOWN_MAX, &slowdown);
    host_slow_down(host, slowdown);
    config_reader_close(&reader);
}

static void read_batching(struct config_reader *reader, struct serving *serving)
{
    serving->policy = (enum batcher_policy)config_read_choice(
        reader, "policy", CONFIG_OPTIONAL, policy_names, ARRAY_LENGTH(policy_names),
        BATCHER_CHUNKED_PREFILL);
    config_read_count(reader, "max_step_tokens", CONFIG_OPTIONAL, 1, CONFIG_TOKENS_MAX,
                      &serving->max_step_tokens);
    config_read_count(reader, "max_sequences", CONFIG_OPTIONAL, 1, SEQUENCES_MAX,
                      &serving->max_sequences);
    config_read_count(reader, "steps_in_flight", CONFIG_OPTIONAL, 1, STEPS_IN_FLIGHT_MAX,
                      &serving->steps_in_flight);
    serving->step_share =
        (enum step_share)config_read_choice(reader, "step_share", CONFIG_OPTIONAL, share_names,
                                            ARRAY_LENGTH(share_names), STEP_SHARE_BALANCED);
}

static void read_memory(struct config_reader *reader, struct serving *serving)
{
    config_read_count(reader, "kv_block_tokens", CONFIG_OPTIONAL, 1, KV_BLOCK_TOKENS_MAX,
                      &serving->kv_block_tokens);
    serving->kv_admission = (enum kv_admission)config_read_choice(
        reader, "kv_admission", CONFIG_OPTIONAL, admission_names, ARRAY_LENGTH(admission_names),
        KV_ADMISSION_ON_DEMAND);
    serving->prefix_caching = prefix_cache_takes(serving->kv_block_tokens);
    config_read_flag(reader, "prefix_caching", &serving->prefix_caching);
    if (serving->prefix_caching && !prefix_cache_takes(serving->kv_block_tokens))
        config_reader_report(reader,
                             config_reader_last(reader, "kv_block_tokens", "prefix_caching"),
                             "'prefix_caching' finds prompts in pieces of %d tokens, which are no "
                             "whole blocks of %u tokens ('kv_block_tokens')",
                             REQUEST_PIECE_TOKENS, serving->kv_block_tokens);
    config_read_ratio(reader, "memory_utilization", CONFIG_OPTIONAL, &serving->memory_utilization);
    config_read_quantity(reader, "reserve", CONFIG_OPTIONAL, QUANTITY_BYTES, 0, CONFIG_BYTES_MAX,
                         &serving->reserve_bytes);
    config_read_count64(reader, "kv_tokens", CONFIG_OPTIONAL, 0, KV_TOKENS_MAX,
                        &serving->kv_tokens);
}

void config_engine_read(struct diagnostics *diagnostics, const struct yaml_node *node,
                        uint32_t pipeline_parallel, struct serving *serving)
{
    *serving = (struct serving){.max_step_tokens = 2048,
                                .max_sequences = 256,
                                .steps_in_flight = pipeline_parallel,
                                .kv_block_tokens = 16,
                                .memory_utilization = 0.9,
                                .reserve_bytes = 2e9};
    struct config_reader reader;
    config_reader_open(&reader, diagnostics, node, "engine");
    read_batching(&reader, serving);
    read_memory(&reader, serving);
    read_host(diagnostics, config_read_node(&reader, "host", CONFIG_REQUIRED), &serving->host);
    config_reader_close(&reader);
}
