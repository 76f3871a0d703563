#include "plan_traffic.h"

#include "workload_source.h"

#include <gsl/gsl_sort_double.h>
#include <gsl/gsl_statistics_double.h>
#include <stdlib.h>

/* Enough requests for their means. */
#define REQUESTS_MAX 20000

struct sample {
    double *inputs; /* tokens of each, room for REQUESTS_MAX */
    double input;   /* sums */
    double output;
    sim_ps first;
    sim_ps last;
    uint64_t count;
};

static int draw(struct sample *sample, struct arrival_source arrivals, struct error *error)
{
    struct arrival arrival;
    int status = 0;
    while (sample->count < REQUESTS_MAX &&
           (status = arrivals.next(arrivals.context, &arrival, error)) > 0) {
        sample->first = sample->count == 0 ? arrival.at : sample->first;
        sample->last = arrival.at;
        sample->inputs[sample->count++] = arrival.input_tokens;
        sample->input += arrival.input_tokens;
        sample->output += arrival.output_tokens;
    }
    if (status < 0)
        return status;
    return sample->count > 0
               ? 0
               : error_set(error, ERROR_CONFIG, "the plan's scenario has no requests");
}

static struct plan_traffic traffic_of(const struct sample *sample, bool is_closed_loop,
                                      double percentile)
{
    double count = (double)sample->count;
    bool has_rate = !is_closed_loop && sample->last > sample->first;
    gsl_sort(sample->inputs, 1, sample->count);
    return (struct plan_traffic){
        .requests_per_s =
            has_rate ? (count - 1) / sim_s_from_ps(sample->last - sample->first) : (double)NAN,
        .input_tokens = sample->input / count,
        .output_tokens = sample->output / count,
        .input_tokens_high =
            gsl_stats_quantile_from_sorted_data(sample->inputs, 1, sample->count, percentile / 100),
    };
}

int plan_traffic_read(struct plan_traffic *traffic, const struct config *config,
                      struct error *error)
{
    struct workload_source source = {0};
    struct sample sample = {.inputs = calloc(REQUESTS_MAX, sizeof(double))};
    if (!sample.inputs)
        return error_out_of_memory(error, "a sample of the traffic");
    int status = workload_source_open(&source, &config->workload, config->scenario.run.seed, error);
    if (status == 0) {
        struct arrival_source arrivals = workload_source_arrivals(&source);
        status = draw(&sample, arrivals, error);
        if (status == 0)
            *traffic =
                traffic_of(&sample, arrivals.concurrency > 0, config->scenario.slo.percentile);
    }
    workload_source_close(&source);
    free(sample.inputs);
    return status;
}
