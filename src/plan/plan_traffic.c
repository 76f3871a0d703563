#include "plan_traffic.h"

#include "workload_source.h"

#include <gsl/gsl_sort_double.h>
#include <gsl/gsl_statistics_double.h>
#include <stdlib.h>

/* Of each draw, enough requests for their means. */
#define REQUESTS_MAX 20000

struct sample {
    bool finds_prefixes;
    double *computed; /* tokens of each, room for REQUESTS_MAX of each draw */
    double input;     /* sums */
    double output;
    sim_ps first;
    sim_ps last;
    uint64_t count;
};

/* Tokens of a prompt that are computed at the least: the last one is in any case. */
static double computed_tokens(const struct sample *sample, const struct arrival *arrival)
{
    uint32_t reusable = sample->finds_prefixes ? arrival->reusable_tokens : 0;
    return u32_max(1, arrival->input_tokens - reusable);
}

static int draw(struct sample *sample, struct arrival_source arrivals, struct error *error)
{
    struct arrival arrival;
    uint64_t end = sample->count + REQUESTS_MAX;
    int status = 0;
    while (sample->count < end && (status = arrivals.next(arrivals.context, &arrival, error)) > 0) {
        sample->first = sample->count == 0 ? arrival.at : sample->first;
        sample->last = arrival.at;
        sample->computed[sample->count++] = computed_tokens(sample, &arrival);
        sample->input += arrival.input_tokens;
        sample->output += arrival.output_tokens;
    }
    if (status < 0)
        return status;
    return sample->count > 0
               ? 0
               : error_set(error, ERROR_CONFIG, "the plan's scenario has no requests");
}

/* Requests/s of what is read: that of the process, which no draw of it hits, or of the trace. */
static double rate_of(const struct sample *sample, const struct workload_spec *workload)
{
    const struct arrivals *arrivals = &workload->synthetic.arrivals;
    if (!workload->is_trace)
        return arrivals->process == ARRIVAL_CLOSED_LOOP ? (double)NAN : arrivals->rate_per_s;
    if (sample->last == sample->first)
        return NAN;
    return (double)(sample->count - 1) / sim_s_from_ps(sample->last - sample->first);
}

static struct plan_traffic traffic_of(const struct sample *sample, const struct config *config,
                                      uint32_t concurrency)
{
    double count = (double)sample->count;
    gsl_sort(sample->computed, 1, sample->count);
    return (struct plan_traffic){
        .requests_per_s = rate_of(sample, &config->workload),
        .concurrency = concurrency,
        .input_tokens = sample->input / count,
        .output_tokens = sample->output / count,
        .computed_tokens = gsl_stats_mean(sample->computed, 1, sample->count),
        .computed_tokens_high = gsl_stats_quantile_from_sorted_data(
            sample->computed, 1, sample->count, config->scenario.slo.percentile / 100),
    };
}

int plan_traffic_read(struct plan_traffic *traffic, const struct config *config, uint32_t draws,
                      struct error *error)
{
    struct sample sample = {
        .finds_prefixes = config->scenario.serving.prefix_caching,
        .computed = calloc((size_t)REQUESTS_MAX * draws, sizeof(double)),
    };
    uint32_t concurrency = 0;
    if (!sample.computed)
        return error_out_of_memory(error, "a sample of the traffic");
    int status = 0;
    for (uint32_t i = 0; i < draws && status == 0; i++) {
        struct workload_source source = {0};
        status =
            workload_source_open(&source, &config->workload, config->scenario.run.seed + i, error);
        if (status == 0) {
            struct arrival_source arrivals = workload_source_arrivals(&source);
            concurrency = arrivals.concurrency;
            status = draw(&sample, arrivals, error);
        }
        workload_source_close(&source);
    }
    if (status == 0)
        *traffic = traffic_of(&sample, config, concurrency);
    free(sample.computed);
    return status;
}
