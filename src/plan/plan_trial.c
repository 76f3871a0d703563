#include "plan_trial.h"

#include "balance_json.h"
#include "json_build.h"
#include "metered_run.h"
#include "rows.h"

#include <gsl/gsl_statistics_double.h>
#include <stdlib.h>

#define FIRST_ROOM 4096

/* What a request's user saw. */
struct experience {
    double ttft_s;    /* INFINITY: no answer at all */
    double tpot_s;    /* NaN: a single token */
    double service_s; /* from its first step to its last token */
};

/* In order of arrival. Who is not heard of was rejected or lost. */
struct experiences {
    struct experience *items;
    size_t count;
    size_t room;
};

/* Makes room for `count`, all of which were rejected or lost until they are heard of. */
static int reach(struct experiences *heard, size_t count, struct error *error)
{
    if (count > heard->room) {
        size_t room = count > 2 * heard->room ? count + FIRST_ROOM : 2 * heard->room;
        struct experience *larger = realloc(heard->items, room * sizeof(*larger));
        if (!larger)
            return error_out_of_memory(error, "what requests saw");
        heard->items = larger;
        heard->room = room;
    }
    for (; heard->count < count; heard->count++)
        heard->items[heard->count] = (struct experience){INFINITY, NAN, 0};
    return 0;
}

static int hear_request(void *context, const struct request_record *record, struct error *error)
{
    struct experiences *heard = context;
    uint32_t gaps = record->output_tokens - 1;
    if (reach(heard, record->id + 1, error) < 0)
        return -(int)error->code;
    heard->items[record->id] = (struct experience){
        .ttft_s = sim_s_from_ps(record->first_token - record->arrival),
        .tpot_s = gaps > 0 ? sim_s_from_ps(record->done - record->first_token) / gaps : (double)NAN,
        .service_s = sim_s_from_ps(record->done - record->scheduled),
    };
    return 0;
}

static int compare_numbers(const void *a, const void *b)
{
    const double left = *(const double *)a;
    const double right = *(const double *)b;
    return (left > right) - (left < right);
}

/* The percentile of what those of `count` requests saw that were served; `values` is room for them.
   NaN of nothing. */
static double percentile_of(const struct experience *items, size_t count, bool is_tpot,
                            double percentile, double *values)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        double value = is_tpot ? items[i].tpot_s : items[i].ttft_s;
        if (isfinite(value))
            values[kept++] = value;
    }
    if (kept == 0)
        return NAN;
    qsort(values, kept, sizeof(*values), compare_numbers);
    return gsl_stats_quantile_from_sorted_data(values, 1, kept, percentile / 100);
}

/* The share of `count` requests that saw less than `room` of both limits. */
static double share_within(const struct experience *items, size_t count, const struct slo *slo,
                           double room)
{
    size_t within = 0;
    for (size_t i = 0; i < count; i++) {
        const struct experience *saw = &items[i];
        bool is_late = slo->ttft_s > 0 && saw->ttft_s > slo->ttft_s * room;
        bool is_slow = slo->tpot_s > 0 && saw->tpot_s > slo->tpot_s * room;
        within += isfinite(saw->ttft_s) && !is_late && !is_slow;
    }
    return (double)within / (double)count;
}

/* What each batch of the requests is judged by: shares and percentiles. */
struct batches {
    size_t requests; /* in all of them */
    json_t *within;
    json_t *ttft_s;
    json_t *tpot_s;
};

/* Of too few requests, no batches. Arrays are NULL when memory is out. */
static struct batches batches_of(const struct experience *items, size_t count,
                                 const struct slo *slo, double room)
{
    size_t first = (size_t)((double)count * PLAN_SETTLING);
    size_t batch = (count - first) / PLAN_BATCHES;
    double *values = calloc(batch + 1, sizeof(*values));
    struct batches batches = {.requests = batch * PLAN_BATCHES};
    if (values)
        batches = (struct batches){batches.requests, json_array(), json_array(), json_array()};
    for (size_t i = 0; i < PLAN_BATCHES && count >= PLAN_REQUESTS_MIN && values; i++) {
        const struct experience *of = items + first + i * batch;
        double ttft_s = percentile_of(of, batch, false, slo->percentile, values);
        double tpot_s = percentile_of(of, batch, true, slo->percentile, values);
        double within = share_within(of, batch, slo, room);
        batches.within = json_build_append(batches.within, json_build_real(within));
        batches.ttft_s = json_build_append(batches.ttft_s, json_build_real(ttft_s));
        batches.tpot_s = json_build_append(batches.tpot_s, json_build_real(tpot_s));
    }
    free(values);
    return batches;
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

/* How hard the run leaned on its resources; `items` are what its requests saw. */
static json_t *pressure_of(const struct scenario *scenario, const struct experience *items,
                           const struct summary *summary)
{
    const struct stage_summary *busiest = find_busiest(summary);
    double slots = (double)scenario->layout.replicas * scenario->serving.max_sequences;
    double busy = 0;
    double service_s = 0;
    for (uint32_t i = 0; i < summary->stage_count; i++)
        busy += summary->stages[i].busy_compute + summary->stages[i].busy_collective;
    for (size_t i = 0; i < summary->arrived; i++)
        service_s += items[i].service_s;
    return json_build_object((const struct json_member[]){
        {"busy", json_build_real(busy / summary->stage_count)},
        {"stage", json_build_count(busiest->stage)},
        {"compute", json_build_real(busiest->busy_compute)},
        {"collective", json_build_real(busiest->busy_collective)},
        {"kv", json_build_real(summary->kv_peak_fraction)},
        {"preemptions", json_build_real((double)summary->preemptions / (double)summary->completed)},
        {"crowded", json_build_real(summary->pools[0].crowded)},
        {"slots", json_build_real(service_s / (summary->duration_s * slots))},
        {0},
    });
}

/* What became of the load. */
static json_t *load_of(const struct serving *serving, const struct metered_run *run)
{
    const struct summary *summary = &run->summary;
    const struct load_reading *reading = &run->reading;
    double arrived = (double)summary->arrived;
    double tokens = summary->output_tokens_per_s / summary->requests_per_s; /* of a request */
    double prompt_tokens =
        serving->policy == BATCHER_CHUNKED_PREFILL ? (double)NAN : serving->max_step_tokens;
    double max_context = summary->max_context;
    return json_build_object((const struct json_member[]){
        {"status", json_string("done")},
        {"balance", balance_json_new(&reading->balance)},
        {"requests", json_build_count(summary->arrived)},
        {"rejected", json_build_real((double)summary->rejected / arrived)},
        {"lost", json_build_real((double)summary->lost / arrived)},
        {"max_sequences", json_build_count(serving->max_sequences)},
        {"kv_tokens", json_build_count(summary->kv_capacity_tokens)},
        {"prompt_tokens", json_build_real(prompt_tokens)},
        {"context_tokens", json_build_real(max_context > 0 ? max_context : (double)NAN)},
        {"requests_per_s", json_build_real(summary->requests_per_s)},
        {"output_tokens_per_s", json_build_real(summary->output_tokens_per_s)},
        {"arriving_tokens_per_s", json_build_real(reading->offered_requests_per_s * tokens)},
        {"good", json_build_real(summary->good_share)},
        {0},
    });
}

/* `headroom`: the share of the limits that is to stay free; `items`: of requests that count. */
static json_t *result_of(const struct scenario *scenario, double headroom,
                         const struct metered_run *run, const struct experience *items)
{
    struct batches batches = batches_of(items, run->summary.arrived, &scenario->slo, 1 - headroom);
    json_t *judged = json_build_object((const struct json_member[]){
        {"judged", json_build_count(batches.requests)},
        {"within", batches.within},
        {"ttft_s", batches.ttft_s},
        {"tpot_s", batches.tpot_s},
        {0},
    });
    json_t *load = load_of(&scenario->serving, run);
    json_t *result = pressure_of(scenario, items, &run->summary);
    bool is_whole = result && judged && load && json_object_update(result, load) == 0 &&
                    json_object_update(result, judged) == 0;
    json_decref(load);
    json_decref(judged);
    if (is_whole)
        return result;
    json_decref(result);
    return NULL;
}

static json_t *run_config(const struct config *config, double headroom, struct error *error)
{
    struct metered_run run;
    struct experiences heard = {.items = NULL};
    struct rows rows = {.context = &heard, .request = hear_request};
    const struct recorder recorder = {.context = &rows, .record = rows_record};
    json_t *result = NULL;
    int status = metered_run_play(&run, config, recorder, error);
    uint64_t warmup = run.summary.warmup;
    if (status == 0)
        status = reach(&heard, warmup + run.summary.arrived, error);
    if (status == 0) {
        result = result_of(&config->scenario, headroom, &run, heard.items + warmup);
        if (!result)
            (void)error_out_of_memory(error, "a run's result");
    }
    metered_run_release(&run);
    free(heard.items);
    return result;
}

/* The trial of an option that is wrong, or runs beyond what the clock holds; NULL where the error
   is another, as that of a bad trace, which all options have, or memory is out. */
static json_t *failure_of(struct error *error)
{
    bool is_own = error->code == ERROR_CONFIG || error->code == ERROR_RUN;
    return is_own ? metered_run_failure(error) : NULL;
}

json_t *plan_trial_run(const struct plan *plan, const struct plan_option *option, uint32_t draw,
                       struct error *error)
{
    struct config config;
    json_t *result = NULL;
    if (plan_option_load(plan, option, draw, &config, error) == 0)
        result = run_config(&config, plan->headroom, error);
    config_release(&config);
    return result ? result : failure_of(error);
}
