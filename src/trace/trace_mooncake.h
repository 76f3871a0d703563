/*
 * trace_mooncake: Mooncake's traces, one JSON object a line.
 *
 *   {"timestamp": 27482, "input_length": 6955, "output_length": 52, "hash_ids": [46, 47]}
 *
 * timestamp is milliseconds from the trace's start. hash_ids, which may be
 * missing, name the prompt's 512-token blocks: they tell what is reusable, and
 * nothing is reused. Source: Qin et al., Mooncake, FAST 2025.
 */
#ifndef TANDEM_TRACE_MOONCAKE_H
#define TANDEM_TRACE_MOONCAKE_H

#include "trace_prefixes.h"
#include "trace_row.h"

/* Reads the line at `place`, after those that `prefixes` has. 0, -ERROR_TRACE or -ERROR_MEMORY. */
int trace_mooncake_row(struct trace_place place, struct trace_prefixes *prefixes,
                       struct trace_row *row, struct error *error);

#endif
