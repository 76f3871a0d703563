#include "summarize.h"

#include "layout_warnings.h"
#include "run_warnings.h"
#include "summarize_links.h"

#include <string.h>

static void summarize_requests(const struct run_parts *parts, struct summary *summary)
{
    struct tally *tally = parts->tally;
    double arrived = (double)tally->arrived;
    bool any = tally->completed > 0;
    double duration_s = any ? sim_s_from_ps(tally->last_event - tally->first_arrival) : NAN;
    summary->arrived = tally->arrived;
    summary->completed = tally->completed;
    summary->rejected = tally->rejected;
    summary->too_long = tally->too_long;
    summary->cut = tally->cut;
    summary->max_context = parts->fleet->pools[0].deployment.scenario->model.max_context;
    summary->retried = parts->fleet->retried;
    summary->lost = tally->lost;
    summary->warmup = tally->warmup;
    summary->preemptions = tally->preemptions;
    summary->duration_s = duration_s;
    summary->requests_per_s = (double)tally->completed / duration_s;
    summary->input_tokens_per_s = (double)tally->input_tokens / duration_s;
    summary->cached_input_share = parts->fleet->pools[0].replicas[0].batcher.prefixes && any
                                      ? (double)tally->cached_tokens / (double)tally->input_tokens
                                      : NAN;
    summary->output_tokens_per_s = (double)tally->output_tokens / duration_s;
    summary->goodput_requests_per_s = (double)tally->good / duration_s;
    summary->ttft = quantiles_distribution(&tally->ttft);
    summary->tpot = quantiles_distribution(&tally->tpot);
    summary->itl = quantiles_distribution(&tally->itl);
    summary->e2e = quantiles_distribution(&tally->e2e);
    summary->queue = quantiles_distribution(&tally->queue);
    summary->good_share = (double)tally->good / arrived;
    summary->meets_slo =
        arrived > 0 && (double)tally->good * 100 >= tally->slo.percentile * arrived;
}

static struct stage_summary summarize_stage(const struct replica *replica, uint32_t s)
{
    const struct pipeline_stage *stage = &replica->pipeline.stages[s];
    const struct stage_tally *tally = &stage->tally;
    double whole = (double)(stage_tally_working(tally) + tally->no_work + tally->down);
    double no_work = whole > 0 ? (double)tally->no_work : 1; /* all of a run of no time */
    whole = whole > 0 ? whole : 1;
    return (struct stage_summary){
        .replica = replica->index,
        .stage = s,
        .layers = stage->part.layers,
        .busy_compute = (double)tally->compute / whole,
        .busy_collective = (double)tally->collective / whole,
        .idle_no_work = no_work / whole,
        .idle_fill_drain = (double)tally->fill_drain / whole,
        .idle_imbalance = (double)tally->imbalance / whole,
        .idle_transfer = (double)tally->transfer / whole,
        .idle_host = (double)tally->host / whole,
        .idle_down = (double)tally->down / whole,
        .launch_bound = (double)tally->launch_bound / whole,
        .power_capped = (double)tally->power_capped / whole,
    };
}

static int summarize_stages(const struct run_parts *parts, struct summary *summary,
                            struct arena *arena, struct error *error)
{
    const struct fleet *fleet = parts->fleet;
    uint32_t count = 0;
    for (uint32_t r = 0; r < fleet->replica_count; r++)
        summary->stage_count += fleet->replicas[r].pipeline.stage_count;
    summary->stages = arena_calloc(arena, summary->stage_count, sizeof(*summary->stages));
    if (!summary->stages)
        return error_out_of_memory(error, "summary");
    for (uint32_t r = 0; r < fleet->replica_count; r++)
        for (uint32_t s = 0; s < fleet->replicas[r].pipeline.stage_count; s++)
            summary->stages[count++] = summarize_stage(&fleet->replicas[r], s);
    return 0;
}

/* How the times that the run spent are known. */
static void summarize_provenance(const struct run_parts *parts, struct summary *summary)
{
    struct cost_sum spent = {.error = 0};
    cost_sum_fs whole = 0;
    for (uint32_t p = 0; p < parts->fleet->pool_count; p++) {
        struct cost_sum of_pool = step_cost_spent(&parts->fleet->pools[p].deployment.cost);
        cost_sum_merge(&spent, &of_pool, 1);
    }
    for (size_t i = 0; i < COST_PROVENANCE_COUNT; i++)
        whole += spent.by_provenance[i];
    for (size_t i = 0; i < COST_PROVENANCE_COUNT; i++)
        summary->known[i] = (double)spent.by_provenance[i] / (double)whole;
    summary->cost_error = (double)spent.error / (double)whole;
}

static const char *role_of(const struct fleet *fleet, uint32_t pool)
{
    if (fleet->pool_count == 1)
        return "both";
    return pool == 0 ? "prefill" : "decode";
}

/* Of the time in which a pool's replicas had work, that in which requests waited for a place. */
static double crowded_share_of(const struct fleet *fleet, uint32_t index)
{
    const struct pool *pool = &fleet->pools[index];
    double crowded = 0;
    double working = 0;
    for (uint32_t r = 0; r < pool->deployment.layout.replicas; r++) {
        crowded += (double)pool->replicas[r].crowding.time;
        working += (double)stage_tally_working(&pool->replicas[r].pipeline.stages[0].tally);
    }
    return working > 0 ? fmin(crowded / working, 1) : 0;
}

static struct pool_summary summarize_pool(const struct fleet *fleet, uint32_t index)
{
    const struct pool *pool = &fleet->pools[index];
    const struct deployment *deployment = &pool->deployment;
    const struct serving *serving = &deployment->scenario->serving;
    uint64_t peak_blocks = 0;
    for (uint32_t r = 0; r < deployment->layout.replicas; r++)
        peak_blocks = u64_max(peak_blocks, pool->replicas[r].batcher.kv.peak_blocks);
    struct pool_summary summary = {
        .tensor_parallel = deployment->layout.tensor_parallel,
        .pipeline_parallel = deployment->layout.stages,
        .replicas = deployment->layout.replicas,
        .first_replica = pool->replicas[0].index,
        .max_step_tokens = serving->max_step_tokens,
        .max_sequences = serving->max_sequences,
        .kv_capacity_tokens = deployment->memory.kv_tokens,
        .kv_peak_fraction = (double)peak_blocks / deployment->memory.kv_blocks,
        .crowded = crowded_share_of(fleet, index),
    };
    strcpy(summary.role, role_of(fleet, index));
    strcpy(summary.policy, batcher_policy_name(serving->policy));
    return summary;
}

/* The cluster, the pools on it, and what they decoded from. */
static void summarize_pools(const struct run_parts *parts, struct summary *summary)
{
    struct fleet *fleet = parts->fleet;
    const struct cluster *cluster = &fleet->pools[0].deployment.scenario->cluster;
    summary->nodes = cluster->nodes;
    summary->gpus_per_node = cluster->gpus_per_node;
    summary->pool_count = fleet->pool_count;
    for (uint32_t p = 0; p < fleet->pool_count; p++)
        summary->pools[p] = summarize_pool(fleet, p);
    summary->kv_capacity_tokens = summary->pools[fleet->pool_count - 1].kv_capacity_tokens;
    summary->kv_peak_fraction = summary->pools[fleet->pool_count - 1].kv_peak_fraction;
    summary->kv_transfer = (struct kv_transfer_summary){
        .count = fleet->handover.count,
        .bytes = fleet->handover.bytes,
        .wait = quantiles_distribution(&fleet->handover.waits),
    };
}

static int summarize_memory(const struct run_parts *parts, struct summary *summary,
                            struct arena *arena, struct error *error)
{
    const struct fleet *fleet = parts->fleet;
    uint32_t count = 0;
    for (uint32_t p = 0; p < fleet->pool_count; p++)
        summary->memory_count += fleet->pools[p].deployment.memory.stages;
    summary->memory = arena_calloc(arena, summary->memory_count, sizeof(*summary->memory));
    if (!summary->memory)
        return error_out_of_memory(error, "summary");
    for (uint32_t p = 0; p < fleet->pool_count; p++) {
        const struct memory_plan *plan = &fleet->pools[p].deployment.memory;
        for (uint32_t s = 0; s < plan->stages; s++) {
            summary->memory[count] = plan->stage[s];
            summary->memory[count++].pool = p;
        }
    }
    return 0;
}

/* Of the working time of the first pool's stages, what they waited for room in the second. */
static double room_share_of(const struct fleet *fleet)
{
    double room = 0;
    double working = 0;
    for (uint32_t r = 0; r < fleet->pools[0].deployment.layout.replicas; r++) {
        const struct pipeline *pipeline = &fleet->pools[0].replicas[r].pipeline;
        for (uint32_t s = 0; s < pipeline->stage_count; s++) {
            room += (double)pipeline->stages[s].tally.room;
            working += (double)stage_tally_working(&pipeline->stages[s].tally);
        }
    }
    return working > 0 ? room / working : 0;
}

static int summarize_warnings(const struct run_parts *parts, struct summary *summary,
                              struct arena *arena, struct error *error)
{
    const struct fleet *fleet = parts->fleet;
    const struct tally *tally = parts->tally;
    uint32_t room = fleet->pool_count * LAYOUT_WARNINGS_MAX + RUN_WARNINGS_MAX;
    summary->warnings = arena_calloc(arena, room, sizeof(*summary->warnings));
    if (!summary->warnings)
        return error_out_of_memory(error, "summary");
    double arrival_span_s =
        tally->completed > 0 ? sim_s_from_ps(tally->last_arrival - tally->first_arrival) : 0;
    for (uint32_t p = 0; p < fleet->pool_count; p++) {
        int count = layout_warnings_of(&fleet->pools[p].deployment,
                                       summary->warnings + summary->warning_count, error);
        if (count < 0)
            return count;
        summary->warning_count += (uint32_t)count;
    }
    summary->warning_count +=
        run_warnings_of(summary, parts->closed_loop ? 0 : arrival_span_s, room_share_of(fleet),
                        summary->warnings + summary->warning_count);
    return 0;
}

int summarize(const struct run_parts *parts, struct summary *summary, struct arena *arena,
              struct error *error)
{
    *summary = (struct summary){
        .events = engine_dispatched(parts->session->engine),
        .steps = parts->session->steps,
    };
    summarize_requests(parts, summary);
    summarize_provenance(parts, summary);
    summarize_pools(parts, summary);
    int status = summarize_stages(parts, summary, arena, error);
    if (status == 0)
        status = summarize_memory(parts, summary, arena, error);
    if (status == 0)
        status = summarize_links(parts, summary, arena, error);
    if (status == 0)
        status = summarize_warnings(parts, summary, arena, error);
    return status;
}
