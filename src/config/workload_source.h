/*
 * workload_source: the requests that a scenario's `workload` asks for, from a
 * trace file or drawn.
 */
#ifndef TANDEM_WORKLOAD_SOURCE_H
#define TANDEM_WORKLOAD_SOURCE_H

#include "config_workload.h"
#include "trace.h"
#include "workload.h"

/* One of the two is there. */
struct workload_source {
    struct trace *trace;
    struct workload *workload;
};

/* Errors as trace_open() and workload_new(); then there is nothing to close. */
int workload_source_open(struct workload_source *source, const struct workload_spec *spec,
                         uint64_t seed, struct error *error);

/* Whether it yields the same each time that it is opened: a trace that is a pipe does not. */
bool workload_source_reopens(const struct workload_spec *spec);

/* A zeroed or closed source may be closed. */
void workload_source_close(struct workload_source *source);

struct arrival_source workload_source_arrivals(const struct workload_source *source);

/*
 * How many requests `spec` has that arrive by `until`, into `count`; a trace is
 * read through for it. 0 where that cannot be known beforehand (a pipe).
 */
int workload_source_count(const struct workload_spec *spec, sim_ps until, uint64_t *count,
                          struct error *error);

#endif
