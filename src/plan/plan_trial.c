#include "plan_trial.h"

#include "balance_json.h"
#include "json_build.h"
#include "rows.h"
#include "simulation.h"
#include "sweep_meter.h"
#include "workload_source.h"

#include <gsl/gsl_statistics_double.h>
#include <stdlib.h>

#define ALL_REQUESTS (UINT64_MAX / 2)
#define FIRST_ROOM 4096

/* What a request's user saw. */
struct experience {
    uint64_t id; /* order of arrival */
    double ttft_s;
    double tpot_s;    /* NaN: a single token */
    double service_s; /* from its first step to its last token */
};

struct experiences {
    struct experience *items;
    size_t count;
    size_t room;
};

static int hear_request(void *context, const struct request_record *record, struct error *error)
{
    struct experiences *heard = context;
    if (heard->count == heard->room) {
        size_t room = heard->room == 0 ? FIRST_ROOM : 2 * heard->room;
        struct experience *larger = realloc(heard->items, room * sizeof(*larger));
        if (!larger)
            return error_out_of_memory(error, "what requests saw");
        heard->items = larger;
        heard->room = room;
    }
    uint32_t gaps = record->output_tokens - 1;
    heard->items[heard->count++] = (struct experience){
        .id = record->id,
        .ttft_s = sim_s_from_ps(record->first_token - record->arrival),
        .tpot_s = gaps > 0 ? sim_s_from_ps(record->done - record->first_token) / gaps : (double)NAN,
        .service_s = sim_s_from_ps(record->done - record->scheduled),
    };
    return 0;
}

static int compare_arrivals(const void *a, const void *b)
{
    const struct experience *left = a;
    const struct experience *right = b;
    return (left->id > right->id) - (left->id < right->id);
}

static int compare_numbers(const void *a, const void *b)
{
    const double left = *(const double *)a;
    const double right = *(const double *)b;
    return (left > right) - (left < right);
}

/* The percentile of what `count` requests saw; `values` is room for them. NaN of nothing. */
static double percentile_of(const struct experience *items, size_t count, bool is_tpot,
                            double percentile, double *values)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        double value = is_tpot ? items[i].tpot_s : items[i].ttft_s;
        if (!isnan(value))
            values[kept++] = value;
    }
    if (kept == 0)
        return NAN;
    qsort(values, kept, sizeof(*values), compare_numbers);
    return gsl_stats_quantile_from_sorted_data(values, 1, kept, percentile / 100);
}

/* Each batch's percentile; NULL when memory is out. */
static json_t *batches_of(const struct experiences *heard, bool is_tpot, double percentile)
{
    size_t first = (size_t)((double)heard->count * PLAN_SETTLING);
    size_t batch = (heard->count - first) / PLAN_BATCHES;
    double *values = calloc(batch + 1, sizeof(*values));
    json_t *array = values ? json_array() : NULL;
    for (size_t i = 0; i < PLAN_BATCHES && values; i++) {
        double value =
            percentile_of(heard->items + first + i * batch, batch, is_tpot, percentile, values);
        array = json_build_append(array, json_build_real(value));
    }
    free(values);
    return array;
}

static double good_share(const struct experiences *heard, const struct slo *slo)
{
    size_t good = 0;
    for (size_t i = 0; i < heard->count; i++) {
        const struct experience *saw = &heard->items[i];
        bool is_late = slo->ttft_s > 0 && saw->ttft_s > slo->ttft_s;
        bool is_slow = slo->tpot_s > 0 && saw->tpot_s > slo->tpot_s;
        good += !is_late && !is_slow;
    }
    return heard->count > 0 ? (double)good / (double)heard->count : (double)NAN;
}

static const struct stage_summary *find_busiest(const struct summary *summary)
{
    const struct stage_summary *busiest = &summary->stages[0];
    for (uint32_t i = 1; i < summary->stage_count; i++) {
        const struct stage_summary *stage = &summary->stages[i];
        if (stage->busy_compute + stage->busy_collective >
            busiest->busy_compute + busiest->busy_collective)
            busiest = stage;
    }
    return busiest;
}

/* How hard the run leaned on its resources. */
static json_t *pressure_of(const struct scenario *scenario, const struct experiences *heard,
                           const struct summary *summary)
{
    const struct stage_summary *busiest = find_busiest(summary);
    double slots = (double)scenario->layout.replicas * scenario->serving.max_sequences;
    double busy = 0;
    double service_s = 0;
    for (uint32_t i = 0; i < summary->stage_count; i++)
        busy += summary->stages[i].busy_compute + summary->stages[i].busy_collective;
    for (size_t i = 0; i < heard->count; i++)
        service_s += heard->items[i].service_s;
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "busy", json_build_real(busy / summary->stage_count),
        "stage", json_build_count(busiest->stage), "compute",
        json_build_real(busiest->busy_compute), "collective",
        json_build_real(busiest->busy_collective), "kv", json_build_real(summary->kv_peak_fraction),
        "preemptions", json_build_real((double)summary->preemptions / (double)summary->completed),
        "slots", json_build_real(service_s / (summary->duration_s * slots)));
}

static json_t *result_of(const struct config *config, const struct sweep_meter *meter,
                         struct experiences *heard, const struct summary *summary)
{
    const struct workload_spec *workload = &config->workload;
    const struct slo *slo = &config->scenario.slo;
    bool is_closed_loop =
        !workload->is_trace && workload->synthetic.arrivals.process == ARRIVAL_CLOSED_LOOP;
    struct sweep_reading reading = sweep_meter_read(meter, is_closed_loop);
    qsort(heard->items, heard->count, sizeof(*heard->items), compare_arrivals);
    json_t *result = pressure_of(&config->scenario, heard, summary);
    json_t *outcome =
        json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "status", "done", "balance",
                  balance_json_new(&reading.balance), "served",
                  json_build_real(summary->requests_per_s / reading.offered_requests_per_s),
                  "requests_per_s", json_build_real(summary->requests_per_s), "output_tokens_per_s",
                  json_build_real(summary->output_tokens_per_s), "good",
                  json_build_real(good_share(heard, slo)), "ttft_s",
                  batches_of(heard, false, slo->percentile), "tpot_s",
                  batches_of(heard, true, slo->percentile));
    if (result && outcome && json_object_update(result, outcome) == 0) {
        json_decref(outcome);
        return result;
    }
    json_decref(outcome);
    json_decref(result);
    return NULL;
}

static json_t *run_config(const struct config *config, struct error *error)
{
    struct workload_source source = {0};
    struct experiences heard = {.items = NULL};
    struct sweep_meter meter;
    struct summary summary = {0};
    struct arena arena;
    json_t *result = NULL;
    arena_init(&arena);
    struct rows rows = {.context = &heard, .request = hear_request};
    sweep_meter_init(&meter, (struct recorder){.context = &rows, .record = rows_record});
    struct simulation *simulation = NULL;
    int status = workload_source_open(&source, &config->workload, config->scenario.run.seed, error);
    if (status == 0) {
        simulation = simulation_new(&config->scenario, workload_source_arrivals(&source),
                                    sweep_meter_recorder(&meter), error);
        status = simulation ? 0 : -1;
    }
    if (status == 0)
        status = simulation_advance(simulation, ALL_REQUESTS, error);
    if (status == 0 && simulation_summarize(simulation, &summary, &arena, error) == 0)
        result = result_of(config, &meter, &heard, &summary);
    simulation_free(simulation);
    sweep_meter_release(&meter);
    free(heard.items);
    workload_source_close(&source);
    arena_release(&arena);
    return result;
}

json_t *plan_trial_run(const struct plan *plan, const struct plan_option *option, uint64_t seed)
{
    struct config config;
    struct error error = {0};
    json_t *result = NULL;
    if (plan_option_load(plan, option, seed, &config, &error) == 0)
        result = run_config(&config, &error);
    config_release(&config);
    if (!result && error.code != ERROR_NONE)
        result = json_pack("{s:s, s:s}", "status", "failed", "error", error.text);
    return result;
}
