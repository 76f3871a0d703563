/*
 * trace_mooncake: Mooncake's traces, one JSON object a line.
 *
 *   {"timestamp": 27482, "input_length": 6955, "output_length": 52, "hash_ids": [46, 47]}
 *
 * timestamp is milliseconds from the trace's start. hash_ids, which may be
 * missing, name the prompt's 512-token blocks, each of which stands for all before
 * it, too. Source: Qin et al., Mooncake, FAST 2025.
 */
#ifndef TANDEM_TRACE_MOONCAKE_H
#define TANDEM_TRACE_MOONCAKE_H

#include "trace_prefixes.h"
#include "trace_row.h"

/* A zeroed one has read nothing. */
struct trace_mooncake {
    struct trace_prefixes prefixes; /* of the lines so far */
    uint64_t *blocks;               /* of the latest line */
};

/* Reads the line at `place`. 0, -ERROR_TRACE or -ERROR_MEMORY. */
int trace_mooncake_row(struct trace_mooncake *mooncake, struct trace_place place,
                       struct trace_row *row, struct error *error);
void trace_mooncake_release(struct trace_mooncake *mooncake);

#endif
