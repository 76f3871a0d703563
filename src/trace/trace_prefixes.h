/*
 * trace_prefixes: how much of a trace's prompts earlier prompts began with.
 *
 * A prompt is told as the hashes of its blocks, each of which stands for all that
 * comes before it, too: what is reusable are its blocks up to the first that no
 * earlier prompt had. That is what a cache without bounds would save. The first
 * TRACE_BLOCKS_MAX distinct blocks are remembered, in up to 32 MB; of a longer
 * trace the count leaves out what only later ones share.
 */
#ifndef TANDEM_TRACE_PREFIXES_H
#define TANDEM_TRACE_PREFIXES_H

#include "base.h"
#include "error.h"

#define TRACE_BLOCKS_MAX (1u << 21)

/* A zeroed one has seen nothing. */
struct trace_prefixes {
    uint64_t *blocks; /* (room): a set, open addressing; 0: free, else a hash and 1 */
    size_t room;      /* a power of two, at least twice the count; or 0 */
    size_t count;
};

void trace_prefixes_release(struct trace_prefixes *prefixes);

/* Whether the block came before; it has from now on. 1, 0 or -ERROR_MEMORY. */
int trace_prefixes_add(struct trace_prefixes *prefixes, uint64_t block, struct error *error);

#endif
