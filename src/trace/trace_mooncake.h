/*
 * trace_mooncake: Mooncake's traces, one JSON object a line.
 *
 *   {"timestamp": 27482, "input_length": 6955, "output_length": 52, "hash_ids": [46, 47]}
 *
 * timestamp is milliseconds from the trace's start. hash_ids name the prompt's
 * 512-token blocks; they are checked as JSON and not used: prefixes are not
 * shared between requests. Source: Qin et al., Mooncake, FAST 2025.
 */
#ifndef TANDEM_TRACE_MOONCAKE_H
#define TANDEM_TRACE_MOONCAKE_H

#include "trace_row.h"

/* Reads the line at `place`. 0, -ERROR_TRACE or -ERROR_MEMORY. */
int trace_mooncake_row(struct trace_place place, struct trace_row *row, struct error *error);

#endif
