#include "workload_source.h"

#include <sys/stat.h>

static struct trace *open_trace(const struct workload_spec *spec, struct error *error)
{
    struct trace_options options = {.format = spec->format, .rate_scale = spec->rate_scale};
    return trace_open(spec->trace_path, options, error);
}

int workload_source_open(struct workload_source *source, const struct workload_spec *spec,
                         uint64_t seed, struct error *error)
{
    *source = (struct workload_source){0};
    if (spec->is_trace)
        source->trace = open_trace(spec, error);
    else
        source->workload = workload_new(&spec->synthetic, seed, error);
    return source->trace || source->workload ? 0 : -(int)error->code;
}

void workload_source_close(struct workload_source *source)
{
    if (source->trace)
        trace_close(source->trace);
    if (source->workload)
        workload_free(source->workload);
    *source = (struct workload_source){0};
}

struct arrival_source workload_source_arrivals(const struct workload_source *source)
{
    return source->trace ? trace_source(source->trace) : workload_source(source->workload);
}

int workload_source_count(const struct workload_spec *spec, sim_ps until, uint64_t *count,
                          struct error *error)
{
    *count = spec->is_trace ? 0 : spec->synthetic.requests;
    struct stat file;
    if (!spec->is_trace || stat(spec->trace_path, &file) < 0 || !S_ISREG(file.st_mode))
        return 0;
    struct trace *trace = open_trace(spec, error);
    if (!trace)
        return -(int)error->code;
    struct arrival_source arrivals = trace_source(trace);
    struct arrival arrival;
    int status;
    while ((status = arrivals.next(arrivals.context, &arrival, error)) > 0 && arrival.at <= until)
        (*count)++;
    trace_close(trace);
    return status < 0 ? status : 0;
}
