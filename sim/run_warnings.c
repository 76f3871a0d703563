#include "run_warnings.h"

#include "crowding.h"

#include <string.h>

/* Bubbles under this share of the working time are not worth a warning. */
#define BUBBLES_MIN 0.10

/* What twice a link's bandwidth would save of its stages' time, under which it is no bottleneck. */
#define LINK_SAVES_MIN 0.10

/* What stages that prefill wait for room to decode, under which that is no bottleneck. */
#define ROOM_SHARE_MIN 0.10

/* What the power limit costs of a stage's working time, under which it is not worth a warning. */
#define CAPPED_MIN 0.03

/* A run that goes on for this much longer than its arrivals did was overloaded. */
#define OVERLOAD_FACTOR 1.10
#define OVERLOAD_QUEUE_S 1.0

/* Mean shares over a pool's stages of the time in which their replica had work. */
struct working_time {
    double busy;
    double bubbles;
    double fill_drain;
};

static struct working_time working_time_of(const struct summary *summary,
                                           const struct pool_summary *pool)
{
    struct working_time sum = {.busy = 0};
    double working = 0;
    for (uint32_t i = 0; i < summary->stage_count; i++) {
        const struct stage_summary *stage = &summary->stages[i];
        if (stage->replica - pool->first_replica >= pool->replicas)
            continue;
        sum.busy += stage->busy_compute + stage->busy_collective;
        sum.fill_drain += stage->idle_fill_drain;
        sum.bubbles += stage->idle_fill_drain + stage->idle_imbalance + stage->idle_transfer +
                       stage->idle_host;
        working += 1 - stage->idle_no_work - stage->idle_down;
    }
    working = working > 0 ? working : 1;
    return (struct working_time){
        .busy = sum.busy / working,
        .bubbles = sum.bubbles / working,
        .fill_drain = sum.fill_drain / working,
    };
}

/* Which of a run's stages are the pool's. */
static const char *stages_of(const struct pool_summary *pool)
{
    if (strcmp(pool->role, "prefill") == 0)
        return "stages that prefill";
    return strcmp(pool->role, "decode") == 0 ? "stages that decode" : "stages";
}

/* What the pipelines of a pool were short of, in up to two warnings; returns how many. */
static uint32_t warn_bubbles(const struct summary *summary, const struct pool_summary *pool,
                             struct warning *warnings)
{
    struct working_time time = working_time_of(summary, pool);
    uint32_t stages = pool->pipeline_parallel;
    if (stages == 1 || time.bubbles < BUBBLES_MIN)
        return 0;
    (void)warning_set(&warnings[0], "pipeline_bubbles",
                      "while there was work, %s worked %.0f%% of the time and bubbles took %.0f%%: "
                      "%u stages do the work of %.1f",
                      stages_of(pool), time.busy * 100, time.bubbles * 100, stages,
                      time.busy * stages);
    if (time.fill_drain < time.bubbles / 2 || summary->preemptions > 0)
        return 1;
    (void)warning_set(
        &warnings[1], "pipeline_starved",
        "%.0f%% of the bubbles are fill_drain: fewer steps were in flight than the %u "
        "%s, for want of requests; a smaller pipeline or more load would fill it",
        time.fill_drain / time.bubbles * 100, stages, stages_of(pool));
    return 2;
}

static bool warn_preemptions(const struct summary *summary, struct warning *warning)
{
    if (summary->preemptions == 0)
        return false;
    return warning_set(warning, "kv_preemptions",
                       "%llu preemptions among %llu requests: KV for %llu tokens is too little for "
                       "this load; the work of a preempted request is done again",
                       (unsigned long long)summary->preemptions,
                       (unsigned long long)summary->completed,
                       (unsigned long long)summary->kv_capacity_tokens);
}

/* The pool that requests come to: what the other lacks, decode_pool_full says. */
static bool warn_crowded(const struct summary *summary, struct warning *warning)
{
    const struct pool_summary *pool = &summary->pools[0];
    if (!crowding_holds_back(pool->crowded, pool->kv_peak_fraction))
        return false;
    return warning_set(warning, "sequences_full",
                       "while there was work, requests waited %.0f%% of the time for one of the %u "
                       "places of max_sequences, with KV %.0f%% used at the peak: a larger "
                       "engine.max_sequences would serve more at once",
                       pool->crowded * 100, pool->max_sequences, pool->kv_peak_fraction * 100);
}

static bool warn_nothing_counted(const struct summary *summary, struct warning *warning)
{
    if (summary->arrived > 0)
        return false;
    if (summary->warmup == 0)
        return warning_set(warning, "nothing_counted",
                           "no request arrived within run.duration: a longer one would tell "
                           "something");
    return warning_set(warning, "nothing_counted",
                       "all %llu requests arrived within run.warmup, which leaves none to count: a "
                       "shorter one, or more requests, would tell something",
                       (unsigned long long)summary->warmup);
}

static bool warn_rejected(const struct summary *summary, struct warning *warning)
{
    uint64_t rejected = summary->rejected - summary->too_long;
    if (rejected == 0)
        return false;
    return warning_set(warning, "requests_rejected",
                       "%llu of %llu requests were rejected: longer than the KV capacity of %llu "
                       "tokens, or than max_step_tokens where prompts are not chunked",
                       (unsigned long long)rejected, (unsigned long long)summary->arrived,
                       (unsigned long long)summary->kv_capacity_tokens);
}

static bool warn_context(const struct summary *summary, struct warning *warning)
{
    return warning_set_context(warning, summary->max_context, summary->arrived, summary->too_long,
                               summary->cut);
}

static bool warn_lost(const struct summary *summary, struct warning *warning)
{
    if (summary->lost == 0)
        return false;
    return warning_set(
        warning, "requests_lost",
        "%llu of %llu requests were lost: with replicas that failed (run.on_loss: lose), "
        "or waiting for one that never came back",
        (unsigned long long)summary->lost, (unsigned long long)summary->arrived);
}

static bool warn_decode_pool(const struct summary *summary, double room_share,
                             struct warning *warning)
{
    if (room_share < ROOM_SHARE_MIN)
        return false;
    return warning_set(
        warning, "decode_pool_full",
        "while there was work, stages that prefill waited %.0f%% of the time for room in "
        "the pool that decodes (KV there %.0f%% used at the peak): a larger "
        "max_sequences, more KV or more GPUs there would let them go on",
        room_share * 100, summary->kv_peak_fraction * 100);
}

static bool warn_link(const struct summary *summary, struct warning *warning)
{
    const struct link_summary *worst = NULL;
    for (uint32_t i = 0; i < summary->link_count; i++)
        if (!worst || summary->links[i].twice_saves > worst->twice_saves)
            worst = &summary->links[i];
    if (!worst || worst->twice_saves < LINK_SAVES_MIN)
        return false;
    return warning_set(
        warning, "link_bottleneck",
        "%s bounds the stages that use it (busy %.0f%% of the run; stages waited %.1f s "
        "for its bytes): with twice its bandwidth they would take about %.0f%% less time",
        worst->name, worst->utilization * 100, worst->waited_s, worst->twice_saves * 100);
}

static bool warn_capped(const struct summary *summary, struct warning *warning)
{
    double most = 0;
    for (uint32_t i = 0; i < summary->stage_count; i++) {
        const struct stage_summary *stage = &summary->stages[i];
        double working = 1 - stage->idle_no_work - stage->idle_down;
        most = working > 0 ? fmax(most, stage->power_capped / working) : most;
    }
    if (most < CAPPED_MIN)
        return false;
    return warning_set(
        warning, "power_capped",
        "while there was work, the GPUs' power limit cost a stage %.0f%% of the time: "
        "GEMMs of prompts draw more than it allows, and a GPU that does not rest from "
        "them slows down",
        most * 100);
}

static bool warn_overloaded(const struct summary *summary, double arrival_span_s,
                            struct warning *warning)
{
    double queue_s = summary->queue.p95;
    double kv_s = summary->kv_transfer.wait.count > 0 ? summary->kv_transfer.wait.p95 : 0;
    bool is_for_kv = kv_s > queue_s;
    double wait_s = is_for_kv ? kv_s : queue_s;
    if (!(arrival_span_s > 0) || !(wait_s > OVERLOAD_QUEUE_S) ||
        summary->duration_s < OVERLOAD_FACTOR * arrival_span_s)
        return false;
    return warning_set(warning, "overloaded",
                       "arrivals took %.0f s and serving them %.0f s, with a p95 of %.1f s %s: the "
                       "load is above capacity, so latencies grow with the trace's length",
                       arrival_span_s, summary->duration_s, wait_s,
                       is_for_kv ? "from a request's first token to its KV's arrival"
                                 : "in the queue");
}

uint32_t run_warnings_of(const struct summary *summary, double arrival_span_s, double room_share,
                         struct warning warnings[RUN_WARNINGS_MAX])
{
    uint32_t count = 0;
    for (uint32_t p = 0; p < summary->pool_count; p++)
        count += warn_bubbles(summary, &summary->pools[p], &warnings[count]);
    count += warn_preemptions(summary, &warnings[count]);
    count += warn_crowded(summary, &warnings[count]);
    count += warn_nothing_counted(summary, &warnings[count]);
    count += warn_rejected(summary, &warnings[count]);
    count += warn_context(summary, &warnings[count]);
    count += warn_lost(summary, &warnings[count]);
    count += warn_decode_pool(summary, room_share, &warnings[count]);
    count += warn_link(summary, &warnings[count]);
    count += warn_capped(summary, &warnings[count]);
    count += warn_overloaded(summary, arrival_span_s, &warnings[count]);
    return count;
}
