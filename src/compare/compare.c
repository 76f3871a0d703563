#include "compare.h"

#include "base.h"

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>

const char *compare_metric_key(enum compare_metric metric)
{
    static const char *const keys[] = {
#define X(name, key, title) key,
        COMPARE_METRICS(X)
#undef X
    };
    return keys[metric];
}

const char *compare_metric_title(enum compare_metric metric)
{
    static const char *const titles[] = {
#define X(name, key, title) title,
        COMPARE_METRICS(X)
#undef X
    };
    return titles[metric];
}

const char *compare_statistic_key(enum compare_statistic statistic)
{
    static const char *const keys[] = {COMPARE_STATISTICS(LIST_TEXT)};
    return keys[statistic];
}

double compare_error(const struct compare_figure *figure)
{
    double measured = figure->of[COMPARE_MEASURED];
    return measured > 0 ? figure->of[COMPARE_SIMULATED] / measured - 1 : (double)NAN;
}

static int check_match(const struct served *measured, const struct served *simulated,
                       struct error *error)
{
    size_t both = measured->count < simulated->count ? measured->count : simulated->count;
    for (size_t i = 0; i < both; i++) {
        const struct served_request *m = &measured->requests[i];
        const struct served_request *s = &simulated->requests[i];
        if (m->input_tokens != s->input_tokens || m->output_tokens != s->output_tokens)
            return error_set(error, ERROR_CONFIG,
                             "%s:%llu: request %zu has %.0f tokens in and %.0f out; in %s, where "
                             "its id is %llu, it has %.0f and %.0f",
                             measured->path, (unsigned long long)m->place, i + 1, m->input_tokens,
                             m->output_tokens, simulated->path, (unsigned long long)s->place,
                             s->input_tokens, s->output_tokens);
    }
    if (measured->count == simulated->count)
        return 0;
    return error_set(error, ERROR_CONFIG,
                     "%s: %zu requests were measured, %zu are in %s; the first %zu are the same",
                     measured->path, measured->count, simulated->count, simulated->path, both);
}

/* A request's value of a metric; NaN where it has none. */
static double value_of(const struct served_request *request, enum compare_metric metric)
{
    double rest_s = request->done_s - request->first_token_s;
    switch (metric) {
    case COMPARE_TTFT:
        return request->first_token_s - request->start_s;
    case COMPARE_TPOT:
        return request->output_tokens > 1 ? rest_s / (request->output_tokens - 1) : (double)NAN;
    case COMPARE_E2E:
    case COMPARE_METRIC_COUNT:
        break;
    }
    return request->done_s - request->arrival_s;
}

static int collect(struct compare_values *values, const struct served_request *requests,
                   size_t count, enum compare_metric metric, struct arena *arena,
                   struct error *error)
{
    values->seconds = arena_calloc(arena, count, sizeof(*values->seconds));
    if (!values->seconds)
        return error_out_of_memory(error, "compared requests");
    for (size_t i = 0; i < count; i++) {
        double value = value_of(&requests[i], metric);
        if (!isnan(value))
            values->seconds[values->count++] = value;
    }
    gsl_sort(values->seconds, 1, values->count);
    return 0;
}

static double statistic_of(const struct compare_values *values, enum compare_statistic statistic)
{
    static const double shares[] = {
        [COMPARE_P50] = 0.5, [COMPARE_P90] = 0.9, [COMPARE_P95] = 0.95, [COMPARE_P99] = 0.99};
    if (values->count == 0)
        return (double)NAN;
    if (statistic == COMPARE_MEAN)
        return gsl_stats_mean(values->seconds, 1, values->count);
    return gsl_stats_quantile_from_sorted_data(values->seconds, 1, values->count,
                                               shares[statistic]);
}

/* Throughput from the first arrival to the last token. */
static void measure_rates(struct comparison *comparison, enum compare_side side,
                          const struct served_request *requests)
{
    double tokens = 0;
    double done_s = 0;
    for (size_t i = 0; i < comparison->requests; i++) {
        tokens += requests[i].output_tokens;
        done_s = fmax(done_s, requests[i].done_s);
    }
    double duration_s = done_s - requests[0].arrival_s;
    comparison->requests_per_s.of[side] = (double)comparison->requests / duration_s;
    comparison->output_tokens_per_s.of[side] = tokens / duration_s;
}

static int compare_side(struct comparison *comparison, enum compare_side side,
                        const struct served_request *requests, struct arena *arena,
                        struct error *error)
{
    measure_rates(comparison, side, requests);
    for (uint32_t metric = 0; metric < COMPARE_METRIC_COUNT; metric++) {
        struct compare_values *values = &comparison->values[metric][side];
        int status = collect(values, requests, comparison->requests, metric, arena, error);
        if (status < 0)
            return status;
        for (uint32_t statistic = 0; statistic < COMPARE_STATISTIC_COUNT; statistic++)
            comparison->latency_s[metric][statistic].of[side] = statistic_of(values, statistic);
    }
    return 0;
}

int compare_served(const struct served *measured, const struct served *simulated,
                   struct arena *arena, struct comparison **comparisons, struct error *error)
{
    int status = check_match(measured, simulated, error);
    if (status < 0)
        return status;
    *comparisons = arena_calloc(arena, measured->case_count, sizeof(**comparisons));
    if (!*comparisons)
        return error_out_of_memory(error, "comparisons");
    for (size_t i = 0; i < measured->case_count && status == 0; i++) {
        const struct served_case *of = &measured->cases[i];
        struct comparison *comparison = &(*comparisons)[i];
        comparison->name = of->name;
        comparison->requests = of->count;
        status = compare_side(comparison, COMPARE_MEASURED, measured->requests + of->first, arena,
                              error);
        if (status == 0)
            status = compare_side(comparison, COMPARE_SIMULATED, simulated->requests + of->first,
                                  arena, error);
    }
    return status;
}
