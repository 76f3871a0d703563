/*
 * trace: a file of requests that were served once, as a source of arrivals.
 *
 * Read as a stream, in constant memory. Times given as dates start at the first
 * row's; times given in seconds stay as they are. Equal times are allowed;
 * a row earlier than the one before is an error. Rows with no input or no
 * output tokens are how published traces write requests that failed: they are
 * left out and counted. In tandem's own format they are an error, as is a file
 * without a single request in any format. Empty lines are passed over.
 */
#ifndef TANDEM_TRACE_H
#define TANDEM_TRACE_H

#include "workload.h"

#include <stdio.h>

/* X(NAME, name on the command line and in YAML) */
#define TRACE_FORMATS(X)                              \
    X(AUTO, "auto") /* guessed from the first line */ \
    X(TANDEM, "tandem")                               \
    X(AZURE, "azure")                                 \
    X(MOONCAKE, "mooncake")                           \
    X(BURSTGPT, "burstgpt")

enum trace_format {
#define X(name, text) TRACE_##name,
    TRACE_FORMATS(X)
#undef X
};

struct trace_options {
    enum trace_format format;
    double rate_scale; /* above 0: arrivals come this many times as fast, so gaps are divided */
};

struct trace;

/*
 * Opens `path` and reads as far as its header. NULL with `error` filled in: ERROR_IO where it
 * cannot be read, ERROR_TRACE where it is not a trace of the format (`chat.csv:1: ...`),
 * ERROR_CONFIG for an impossible rate_scale, ERROR_MEMORY.
 */
struct trace *trace_open(const char *path, struct trace_options options, struct error *error);

/* The same for an open file, called `name` in errors; `file` is closed with the trace, or on
   failure. */
struct trace *trace_open_file(FILE *file, const char *name, struct trace_options options,
                              struct error *error);
void trace_close(struct trace *trace);

/* The requests, from where the trace stands. */
struct arrival_source trace_source(struct trace *trace);

/* The format that was named or guessed. */
enum trace_format trace_format(const struct trace *trace);

/* Rows left out so far because they have no input or no output tokens. */
uint64_t trace_skipped(const struct trace *trace);

/* What share of the input tokens of the requests so far earlier prompts began with, as far as
   trace_prefixes.h remembers; NaN of a trace that tells no blocks. */
double trace_reusable_share(const struct trace *trace);

const char *trace_format_name(enum trace_format format);
bool trace_format_from_name(const char *name, enum trace_format *format);

#endif
