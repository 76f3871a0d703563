/*
 * trace_report: prints a trace's statistics, for people or for programs.
 */
#ifndef TANDEM_TRACE_REPORT_H
#define TANDEM_TRACE_REPORT_H

#include "trace.h"
#include "trace_stats.h"

/*
 * Prints the `stats` of `trace`, read to its end from `path`, to standard output: text, or one JSON
 * object
 *
 *     file format requests skipped duration_s requests_per_s gap_cv
 *     input_tokens|output_tokens{mean,p50,p90,p95,p99,max,total}
 *
 * where what nobody can know (the rate of one request) is null. 0, ERROR_IO or ERROR_MEMORY.
 */
int trace_report_print(const char *path, const struct trace *trace, const struct trace_stats *stats,
                       bool is_json, struct error *error);

#endif
