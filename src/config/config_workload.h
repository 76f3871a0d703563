/*
 * config_workload: the scenario's `workload`: a trace file, or arrivals and
 * lengths to draw.
 */
#ifndef TANDEM_CONFIG_WORKLOAD_H
#define TANDEM_CONFIG_WORKLOAD_H

#include "config_file.h"
#include "config_reader.h"
#include "trace.h"
#include "workload.h"

/* Its texts and lists live in the loader's arena. */
struct workload_spec {
    bool is_trace;
    const char *trace_path; /* a file that is there */
    enum trace_format format;
    struct position format_position; /* where it is named, if it is */
    double rate_scale;               /* of the trace: its gaps are divided by it */
    struct synthetic synthetic;
};

/* Whether a run's seed changes its requests: not those of a trace, nor of even gaps or a closed
   loop with fixed lengths. */
bool workload_spec_is_drawn(const struct workload_spec *workload);

/* Fills in `workload` from a mapping, or NULL; mistakes go to the loader's diagnostics. */
void config_workload_read(struct config_loader *loader, const struct yaml_node *node,
                          struct workload_spec *workload);

#endif
