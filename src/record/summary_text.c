#include "summary_text.h"

#include "human.h"

#include <string.h>

#define BAR_CELLS 24
#define WRAP_COLUMNS 88
#define LINKS_SHOWN 3

/* " TP=4 x PP=2 x 2 replicas, EP=4, sequence parallel". */
static void print_layout(const struct layout_spec *layout, FILE *stream)
{
    const struct sharding *sharding = &layout->sharding;
    (void)fprintf(stream, " TP=%u x PP=%u", layout->tensor_parallel, layout->pipeline_parallel);
    if (layout->replicas > 1)
        (void)fprintf(stream, " x %u replicas", layout->replicas);
    if (sharding_has_whole_experts(sharding, layout->tensor_parallel))
        (void)fprintf(stream, ", EP=%u", layout->tensor_parallel);
    if (sharding->sequence_parallel && layout->tensor_parallel > 1)
        (void)fputs(", sequence parallel", stream);
}

void summary_text_print_layout(const struct scenario *scenario, FILE *stream)
{
    (void)fprintf(stream, "%s on %s:", scenario->model.name, scenario->cluster.name);
    print_layout(&scenario->layout, stream);
}

static void print_heading(const struct scenario *scenario, FILE *stream)
{
    uint64_t gpus = scenario_gpu_count(scenario);
    if (scenario->decode) {
        (void)fprintf(stream, "%s on %s: prefill", scenario->model.name, scenario->cluster.name);
        print_layout(&scenario->layout, stream);
        (void)fputs(", decode", stream);
        print_layout(&scenario->decode->layout, stream);
    } else {
        summary_text_print_layout(scenario, stream);
    }
    (void)fprintf(stream, ", %llu GPU%s\n\n", (unsigned long long)gpus, plural(gpus));
}

/* Whether there is anything to say of requests: the warm-up may leave none. */
static bool has_counted(const struct summary *summary)
{
    return summary->arrived > 0;
}

static void print_requests(const struct summary *summary, FILE *stream)
{
    if (!has_counted(summary)) {
        (void)fprintf(stream, "requests    none counted: %s arrived%s\n",
                      summary->warmup > 0 ? human_count(summary->warmup).text : "none",
                      summary->warmup > 0 ? " in the warm-up" : "");
        return;
    }
    (void)fprintf(stream, "requests    %s of %s completed", human_count(summary->completed).text,
                  human_count(summary->arrived).text);
    if (summary->rejected > 0)
        (void)fprintf(stream, ", %s REJECTED: they can never fit",
                      human_count(summary->rejected).text);
    if (summary->lost > 0)
        (void)fprintf(stream, ", %s LOST with failed replicas", human_count(summary->lost).text);
    if (summary->retried > 0)
        (void)fprintf(stream, ", %s started over after failures",
                      human_count(summary->retried).text);
    if (summary->preemptions > 0)
        (void)fprintf(stream, ", %s preemption%s", human_count(summary->preemptions).text,
                      plural(summary->preemptions));
    (void)fprintf(stream, "  in %s", human_duration(summary->duration_s).text);
    if (summary->warmup > 0)
        (void)fprintf(stream, "; the warm-up's %s are left out", human_count(summary->warmup).text);
    (void)fputc('\n', stream);
    (void)fprintf(stream, "throughput  %s requests/s   tokens/s: %s in, %s out\n",
                  human_number(summary->requests_per_s).text,
                  human_number(summary->input_tokens_per_s).text,
                  human_number(summary->output_tokens_per_s).text);
    if (!isnan(summary->cached_input_share))
        (void)fprintf(stream, "prefixes    %s of the input tokens were found in KV\n",
                      human_percent(summary->cached_input_share).text);
}

/* "TTFT <= 500 ms, TPOT <= 50.0 ms", or nothing where there is no SLO. */
static void print_slo(const struct summary *summary, const struct slo *slo, FILE *stream)
{
    if ((slo->ttft_s <= 0 && slo->tpot_s <= 0) || !has_counted(summary))
        return;
    (void)fprintf(stream, "goodput     %s requests/s (%s) within",
                  human_number(summary->goodput_requests_per_s).text,
                  human_percent(summary->good_share).text);
    if (slo->ttft_s > 0)
        (void)fprintf(stream, " TTFT %s", human_seconds(slo->ttft_s).text);
    if (slo->tpot_s > 0)
        (void)fprintf(stream, " TPOT %s", human_seconds(slo->tpot_s).text);
    (void)fprintf(stream, "; SLO at p%g %s\n", slo->percentile,
                  summary->meets_slo ? "met" : "MISSED");
}

static void print_latencies(const struct summary *summary, FILE *stream)
{
    const struct {
        const char *name;
        const struct distribution *seconds;
    } rows[] = {{"TTFT", &summary->ttft},
                {"TPOT", &summary->tpot},
                {"ITL", &summary->itl},
                {"E2E", &summary->e2e},
                {"queue", &summary->queue}};
    (void)fprintf(stream, "\n%-9s %9s %9s %9s %9s %9s %9s\n", "latency", "mean", "p50", "p90",
                  "p95", "p99", "max");
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        const struct distribution *seconds = rows[i].seconds;
        (void)fprintf(stream, "  %-7s %9s %9s %9s %9s %9s %9s\n", rows[i].name,
                      human_seconds(seconds->mean).text, human_seconds(seconds->p50).text,
                      human_seconds(seconds->p90).text, human_seconds(seconds->p95).text,
                      human_seconds(seconds->p99).text, human_seconds(seconds->max).text);
    }
}

/* `share` of BAR_CELLS cells, as UTF-8 or ASCII; what came before it starts at `*cell`. */
static void draw_share(double share, double *cell, const char *glyph, FILE *stream)
{
    int first = (int)(*cell + 0.5);
    *cell += share * BAR_CELLS;
    for (int i = first; i < (int)(*cell + 0.5); i++)
        (void)fputs(glyph, stream);
}

static double idle_share(const struct stage_summary *stage)
{
    return stage->idle_no_work + stage->idle_fill_drain + stage->idle_imbalance +
           stage->idle_transfer + stage->idle_host + stage->idle_down;
}

static void print_stage(const struct stage_summary *stage, bool has_utf8, FILE *stream)
{
    double cell = 0;
    (void)fprintf(stream, "  %3u %6u  ", stage->stage, stage->layers);
    draw_share(stage->busy_compute, &cell, has_utf8 ? "\u2588" : "#", stream);
    draw_share(stage->busy_collective, &cell, has_utf8 ? "\u2592" : "=", stream);
    draw_share(idle_share(stage), &cell, has_utf8 ? "\u00b7" : ".", stream);
    (void)fprintf(
        stream, "%7s%8s%9s%8s%8s%8s%8s", human_percent(stage->busy_compute).text,
        human_percent(stage->busy_collective).text, human_percent(stage->idle_no_work).text,
        human_percent(stage->idle_fill_drain).text, human_percent(stage->idle_imbalance).text,
        human_percent(stage->idle_transfer).text, human_percent(stage->idle_host).text);
    if (stage->idle_down > 0)
        (void)fprintf(stream, "  down %s", human_percent(stage->idle_down).text);
    (void)fputc('\n', stream);
}

/* Stage `stage` of a pool's replicas, averaged. */
static struct stage_summary stage_average(const struct summary *summary,
                                          const struct pool_summary *pool, uint32_t stage)
{
    struct stage_summary sum = {.stage = stage};
    double replicas = 0;
    for (uint32_t i = 0; i < summary->stage_count; i++) {
        const struct stage_summary *one = &summary->stages[i];
        if (one->stage != stage || one->replica < pool->first_replica ||
            one->replica >= pool->first_replica + pool->replicas)
            continue;
        replicas++;
        sum.layers = one->layers;
        sum.busy_compute += one->busy_compute;
        sum.busy_collective += one->busy_collective;
        sum.idle_no_work += one->idle_no_work;
        sum.idle_fill_drain += one->idle_fill_drain;
        sum.idle_imbalance += one->idle_imbalance;
        sum.idle_transfer += one->idle_transfer;
        sum.idle_host += one->idle_host;
        sum.idle_down += one->idle_down;
    }
    sum.busy_compute /= replicas;
    sum.busy_collective /= replicas;
    sum.idle_no_work /= replicas;
    sum.idle_fill_drain /= replicas;
    sum.idle_imbalance /= replicas;
    sum.idle_transfer /= replicas;
    sum.idle_host /= replicas;
    sum.idle_down /= replicas;
    return sum;
}

static void print_stages(const struct summary *summary, bool has_utf8, FILE *stream)
{
    (void)fprintf(stream, "\n%-*s%15s  %s\n", 15 + BAR_CELLS, "where the time went", "--- busy ---",
                  "---------------- idle ----------------");
    (void)fprintf(stream, "%5s %6s  %-*s%7s%8s%9s%8s%8s%8s%8s\n", "stage", "layers", BAR_CELLS, "",
                  "comp.", "coll.", "no work", "fill", "imbal.", "transf.", "host");
    for (uint32_t i = 0; i < summary->pool_count; i++) {
        const struct pool_summary *pool = &summary->pools[i];
        if (summary->pool_count > 1)
            (void)fprintf(stream, "%s\n", pool->role);
        for (uint32_t stage = 0; stage < pool->pipeline_parallel; stage++) {
            struct stage_summary average = stage_average(summary, pool, stage);
            print_stage(&average, has_utf8, stream);
        }
    }
}

/* The KV that went from pool to pool. */
static void print_kv_transfer(const struct summary *summary, FILE *stream)
{
    const struct kv_transfer_summary *transfer = &summary->kv_transfer;
    if (summary->pool_count == 1)
        return;
    (void)fprintf(stream, "\nKV transfers  %s, %s; until a request decodes on: p50 %s, p95 %s\n",
                  human_count(transfer->count).text, human_bytes(transfer->bytes).text,
                  human_seconds(transfer->wait.p50).text, human_seconds(transfer->wait.p95).text);
}

/* Each pool's stages, and its KV cache. */
static void print_memory(const struct summary *summary, FILE *stream)
{
    const struct memory_summary *memory = summary->memory;
    for (uint32_t i = 0; i < summary->pool_count; i++) {
        const struct pool_summary *pool = &summary->pools[i];
        summary_text_print_memory(summary->pool_count > 1 ? pool->role : NULL, memory,
                                  pool->pipeline_parallel, pool->kv_capacity_tokens,
                                  pool->kv_peak_fraction, stream);
        memory += pool->pipeline_parallel;
    }
}

void summary_text_print_memory(const char *pool, const struct memory_summary *memory,
                               uint32_t count, uint64_t kv_capacity_tokens, double kv_peak_fraction,
                               FILE *stream)
{
    (void)fprintf(stream, "\n%-16s %10s %12s %10s %10s\n", "memory of a GPU", "weights",
                  "activations", "reserve", "KV");
    if (pool)
        (void)fprintf(stream, "%s\n", pool);
    for (uint32_t i = 0; i < count; i++)
        (void)fprintf(
            stream, "  stage %-8u %10s %12s %10s %10s\n", memory[i].stage,
            human_bytes(memory[i].weights_bytes).text, human_bytes(memory[i].activation_bytes).text,
            human_bytes(memory[i].reserve_bytes).text, human_bytes(memory[i].kv_bytes).text);
    (void)fprintf(stream, "  KV cache of a replica: %s tokens",
                  human_count(kv_capacity_tokens).text);
    if (isfinite(kv_peak_fraction))
        (void)fprintf(stream, ", %s used at the peak", human_percent(kv_peak_fraction).text);
    (void)fputc('\n', stream);
}

static void print_link(const struct link_summary *link, FILE *stream)
{
    (void)fprintf(stream, "  %-28s %6s busy, %s", link->name, human_percent(link->utilization).text,
                  human_bytes(link->bytes).text);
    if (link->users > 1)
        (void)fprintf(stream, ", shared by %u users", link->users);
    if (link->waited_s > 0)
        (void)fprintf(stream, "; stages waited %s for it", human_seconds(link->waited_s).text);
    (void)fputc('\n', stream);
}

/* The links that stages waited longest for, the busiest others, and how many more there are. */
static void print_links(const struct summary *summary, FILE *stream)
{
    uint32_t waited = 0;
    while (waited < summary->link_count && summary->links[waited].waited_s > 0)
        waited++;
    uint32_t others = u32_min(summary->link_count - waited, LINKS_SHOWN);
    uint32_t shown = u32_min(waited, LINKS_SHOWN);
    if (summary->link_count > 0)
        (void)fputs("\nlinks\n", stream);
    for (uint32_t i = 0; i < shown; i++)
        print_link(&summary->links[i], stream);
    for (uint32_t i = 0; i < others; i++)
        print_link(&summary->links[waited + i], stream);
    uint32_t more = summary->link_count - shown - others;
    if (more + summary->links_left_out > 0)
        (void)fprintf(stream, "  and %u more that carried something; --json lists %u\n",
                      more + summary->links_left_out, summary->link_count);
}

/* How the times of kernels and collectives are known. */
static void print_provenance(const struct summary *summary, FILE *stream)
{
    if (!isfinite(summary->known[0]))
        return;
    (void)fprintf(stream, "\ncosts by working time\n ");
    for (size_t i = 0; i < COST_PROVENANCE_COUNT; i++)
        (void)fprintf(stream, "%s %s %s", i > 0 ? "," : "", human_percent(summary->known[i]).text,
                      cost_provenance_name((enum cost_provenance)i));
    (void)fprintf(stream, "\n  together known to %s\n", human_percent(summary->cost_error).text);
}

void summary_text_print_wrapped(const char *text, int indent, FILE *stream)
{
    int column = indent;
    while (*text) {
        int length = (int)strcspn(text, " ");
        if (column > indent && column + 1 + length > WRAP_COLUMNS) {
            (void)fprintf(stream, "\n%*s", indent, "");
            column = indent;
        } else if (column > indent) {
            (void)fputc(' ', stream);
            column++;
        }
        (void)fprintf(stream, "%.*s", length, text);
        column += length;
        text += length;
        text += strspn(text, " ");
    }
    (void)fputc('\n', stream);
}

void summary_text_print_warnings(const struct warning *warnings, uint32_t count, FILE *stream)
{
    for (uint32_t i = 0; i < count; i++) {
        (void)fprintf(stream, "%s%s\n    ", i == 0 ? "\nwarnings\n  " : "  ", warnings[i].code);
        summary_text_print_wrapped(warnings[i].text, 4, stream);
    }
}

void summary_text_print(const struct summary *summary, const struct scenario *scenario,
                        bool has_utf8, FILE *stream)
{
    print_heading(scenario, stream);
    print_requests(summary, stream);
    print_slo(summary, &scenario->slo, stream);
    if (has_counted(summary))
        print_latencies(summary, stream);
    print_stages(summary, has_utf8, stream);
    print_kv_transfer(summary, stream);
    print_memory(summary, stream);
    print_links(summary, stream);
    print_provenance(summary, stream);
    summary_text_print_warnings(summary->warnings, summary->warning_count, stream);
    (void)fprintf(stream, "\nsimulated in %s: %s requests/s, %s steps, %s events\n",
                  human_seconds(summary->wall_s).text,
                  human_number(summary->requests_per_wall_s).text, human_count(summary->steps).text,
                  human_count(summary->events).text);
}
