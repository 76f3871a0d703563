#include "workload_source.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Adds to an error that the trace is one of another format, and where this one is named: the key
   may come from a file that the user did not write. */
static void add_format_note(const struct workload_spec *spec, enum trace_format found,
                            struct error *error)
{
    struct error note;
    (void)error_set(&note, ERROR_TRACE,
                    "note: 'format' is %s here, and the trace is of %s; leave 'format' out, or set "
                    "it to auto",
                    trace_format_name(spec->format), trace_format_name(found));
    (void)diagnostic_locate(spec->format_position, &note);
    size_t length = strlen(error->text);
    (void)snprintf(error->text + length, sizeof(error->text) - length, "\n%s", note.text);
}

static bool is_regular(const char *path)
{
    struct stat file;
    return stat(path, &file) == 0 && S_ISREG(file.st_mode);
}

static struct trace *open_trace(const struct workload_spec *spec, struct error *error)
{
    struct trace_options options = {.format = spec->format, .rate_scale = spec->rate_scale};
    struct error other;
    struct trace *trace = trace_open(spec->trace_path, options, error);
    if (trace || spec->format == TRACE_AUTO || error->code != ERROR_TRACE ||
        !is_regular(spec->trace_path)) /* what a pipe has said, it does not say again */
        return trace;
    options.format = TRACE_AUTO;
    struct trace *guessed = trace_open(spec->trace_path, options, &other);
    if (guessed) {
        add_format_note(spec, trace_format(guessed), error);
        trace_close(guessed);
    }
    return NULL;
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

bool workload_source_reopens(const struct workload_spec *spec)
{
    return !spec->is_trace || is_regular(spec->trace_path);
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
    if (!spec->is_trace || !workload_source_reopens(spec))
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
