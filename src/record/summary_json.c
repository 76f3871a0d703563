#include "summary_json.h"

#include "json_build.h"

static json_t *requests_json(const struct summary *summary)
{
    return json_build_object((const struct json_member[]){
        {"arrived", json_build_count(summary->arrived)},
        {"completed", json_build_count(summary->completed)},
        {"rejected", json_build_count(summary->rejected)},
        {"preemptions", json_build_count(summary->preemptions)},
        {"retried", json_build_count(summary->retried)},
        {"lost", json_build_count(summary->lost)},
        {"warmup", json_build_count(summary->warmup)},
        {0},
    });
}

static json_t *distribution_json(const struct distribution *seconds)
{
    return json_build_object((const struct json_member[]){
        {"mean", json_build_real(seconds->mean)},
        {"p50", json_build_real(seconds->p50)},
        {"p90", json_build_real(seconds->p90)},
        {"p95", json_build_real(seconds->p95)},
        {"p99", json_build_real(seconds->p99)},
        {"max", json_build_real(seconds->max)},
        {0},
    });
}

static json_t *stage_json(const struct stage_summary *stage)
{
    json_t *busy = json_pack("{s:o, s:o}", "compute", json_build_real(stage->busy_compute),
                             "collective", json_build_real(stage->busy_collective));
    json_t *idle = json_build_object((const struct json_member[]){
        {"no_work", json_build_real(stage->idle_no_work)},
        {"fill_drain", json_build_real(stage->idle_fill_drain)},
        {"imbalance", json_build_real(stage->idle_imbalance)},
        {"transfer", json_build_real(stage->idle_transfer)},
        {"host", json_build_real(stage->idle_host)},
        {"down", json_build_real(stage->idle_down)},
        {0},
    });
    return json_build_object((const struct json_member[]){
        {"replica", json_build_count(stage->replica)},
        {"stage", json_build_count(stage->stage)},
        {"layers", json_build_count(stage->layers)},
        {"busy", busy},
        {"idle", idle},
        {"launch_bound", json_build_real(stage->launch_bound)},
        {"power_capped", json_build_real(stage->power_capped)},
        {0},
    });
}

static json_t *memory_json(const struct memory_summary *memory)
{
    return json_build_object((const struct json_member[]){
        {"pool", json_build_count(memory->pool)},
        {"stage", json_build_count(memory->stage)},
        {"weights_bytes", json_build_real(memory->weights_bytes)},
        {"activation_bytes", json_build_real(memory->activation_bytes)},
        {"reserve_bytes", json_build_real(memory->reserve_bytes)},
        {"kv_bytes", json_build_real(memory->kv_bytes)},
        {0},
    });
}

static json_t *nodes_json(const struct summary *summary)
{
    return json_pack("{s:o, s:o}", "count", json_build_count(summary->nodes), "gpus",
                     json_build_count(summary->gpus_per_node));
}

static json_t *pool_json(const struct pool_summary *pool)
{
    return json_build_object((const struct json_member[]){
        {"role", json_string(pool->role)},
        {"tensor_parallel", json_build_count(pool->tensor_parallel)},
        {"pipeline_parallel", json_build_count(pool->pipeline_parallel)},
        {"replicas", json_build_count(pool->replicas)},
        {"policy", json_string(pool->policy)},
        {"max_step_tokens", json_build_count(pool->max_step_tokens)},
        {"max_sequences", json_build_count(pool->max_sequences)},
        {"kv_capacity_tokens", json_build_count(pool->kv_capacity_tokens)},
        {"kv_peak_fraction", json_build_real(pool->kv_peak_fraction)},
        {0},
    });
}

static json_t *pools_json(const struct summary *summary)
{
    json_t *array = json_array();
    for (uint32_t i = 0; i < summary->pool_count; i++)
        array = json_build_append(array, pool_json(&summary->pools[i]));
    return array;
}

static json_t *kv_transfers_json(const struct kv_transfer_summary *transfer)
{
    return json_build_object((const struct json_member[]){
        {"count", json_build_count(transfer->count)},
        {"bytes", json_build_real(transfer->bytes)},
        {"wait_s", distribution_json(&transfer->wait)},
        {0},
    });
}

static json_t *link_json(const struct link_summary *link)
{
    return json_build_object((const struct json_member[]){
        {"name", json_string(link->name)},
        {"users", json_build_count(link->users)},
        {"bytes", json_build_real(link->bytes)},
        {"utilization", json_build_real(link->utilization)},
        {"waited_s", json_build_real(link->waited_s)},
        {"twice_saves", json_build_real(link->twice_saves)},
        {0},
    });
}

static json_t *warning_json(const struct warning *warning)
{
    return json_pack("{s:s, s:s}", "code", warning->code, "text", warning->text);
}

static json_t *stages_json(const struct summary *summary)
{
    json_t *array = json_array();
    for (uint32_t i = 0; i < summary->stage_count; i++)
        array = json_build_append(array, stage_json(&summary->stages[i]));
    return array;
}

static json_t *links_json(const struct summary *summary)
{
    json_t *array = json_array();
    for (uint32_t i = 0; i < summary->link_count; i++)
        array = json_build_append(array, link_json(&summary->links[i]));
    return array;
}

json_t *summary_json_memory(const struct memory_summary *memory, uint32_t count)
{
    json_t *array = json_array();
    for (uint32_t i = 0; i < count; i++)
        array = json_build_append(array, memory_json(&memory[i]));
    return array;
}

json_t *summary_json_warnings(const struct warning *warnings, uint32_t count)
{
    json_t *array = json_array();
    for (uint32_t i = 0; i < count; i++)
        array = json_build_append(array, warning_json(&warnings[i]));
    return array;
}

static json_t *kv_json(const struct summary *summary)
{
    return json_pack("{s:o, s:o}", "capacity_tokens", json_build_count(summary->kv_capacity_tokens),
                     "peak_fraction", json_build_real(summary->kv_peak_fraction));
}

/* Shares of the GPUs' working time, by how its costs are known. */
static json_t *costs_json(const struct summary *summary)
{
    json_t *object = json_object();
    for (size_t i = 0; object && i < COST_PROVENANCE_COUNT; i++) {
        const char *name = cost_provenance_name((enum cost_provenance)i);
        if (json_object_set_new(object, name, json_build_real(summary->known[i])) == 0)
            continue;
        json_decref(object);
        object = NULL;
    }
    return object;
}

static json_t *simulation_json(const struct summary *summary)
{
    return json_build_object((const struct json_member[]){
        {"wall_s", json_build_real(summary->wall_s)},
        {"events", json_build_count(summary->events)},
        {"steps", json_build_count(summary->steps)},
        {"requests_per_wall_s", json_build_real(summary->requests_per_wall_s)},
        {0},
    });
}

json_t *summary_json_new(const struct summary *summary)
{
    return json_build_object((const struct json_member[]){
        {"requests", requests_json(summary)},
        {"duration_s", json_build_real(summary->duration_s)},
        {"requests_per_s", json_build_real(summary->requests_per_s)},
        {"input_tokens_per_s", json_build_real(summary->input_tokens_per_s)},
        {"cached_input_share", json_build_real(summary->cached_input_share)},
        {"output_tokens_per_s", json_build_real(summary->output_tokens_per_s)},
        {"goodput_requests_per_s", json_build_real(summary->goodput_requests_per_s)},
        {"slo", json_pack("{s:b, s:o}", "met", summary->meets_slo, "share",
                          json_build_real(summary->good_share))},
        {"ttft_s", distribution_json(&summary->ttft)},
        {"tpot_s", distribution_json(&summary->tpot)},
        {"itl_s", distribution_json(&summary->itl)},
        {"e2e_s", distribution_json(&summary->e2e)},
        {"queue_s", distribution_json(&summary->queue)},
        {"stages", stages_json(summary)},
        {"memory", summary_json_memory(summary->memory, summary->memory_count)},
        {"kv", kv_json(summary)},
        {"nodes", nodes_json(summary)},
        {"pools", pools_json(summary)},
        {"kv_transfers", kv_transfers_json(&summary->kv_transfer)},
        {"links", links_json(summary)},
        {"links_left_out", json_build_count(summary->links_left_out)},
        {"costs", costs_json(summary)},
        {"warnings", summary_json_warnings(summary->warnings, summary->warning_count)},
        {"simulation", simulation_json(summary)},
        {0},
    });
}

json_t *summary_json_reproducible(const struct summary *summary)
{
    json_t *object = summary_json_new(summary);
    json_t *simulation = json_object_get(object, "simulation");
    (void)json_object_del(simulation, "wall_s");
    (void)json_object_del(simulation, "requests_per_wall_s");
    return object;
}

int summary_json_print(const struct summary *summary, FILE *stream, struct error *error)
{
    return json_build_print(summary_json_new(summary), stream, error);
}
