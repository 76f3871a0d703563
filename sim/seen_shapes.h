/*
 * seen_shapes: the numbers of tokens that a replica's steps have had.
 *
 * An engine that launches kernel by kernel pays for a shape when it first comes:
 * libraries look for an algorithm, memory is laid out, kernels are loaded. The
 * price falls as there are fewer kernels left to load:
 *
 *     (new_shape_s + (new_shape_first_s - new_shape_s) x 2^(-shapes seen / halving))
 *         x (1 - tokens / tokens_max)
 *
 * The nearer a step is to the largest, which engines warm up with, the more of
 * its kernels are the same.
 */
#ifndef TANDEM_SEEN_SHAPES_H
#define TANDEM_SEEN_SHAPES_H

#include "arena.h"
#include "error.h"
#include "host.h"

struct seen_shapes {
    uint32_t tokens_max;
    uint32_t count;
    uint64_t *bits; /* one a number of tokens */
};

/* None but the largest step, `tokens_max`. */
int seen_shapes_init(struct seen_shapes *seen, uint32_t tokens_max, struct arena *arena,
                     struct error *error);

/* Seconds that a step of `tokens` loses, whose shape is then known; over the largest, it is new
   each time and like no other. Below the engine's smallest, none is new. */
double seen_shapes_learn_s(struct seen_shapes *seen, const struct host *host, uint32_t tokens);

#endif
