/*
 * decode_run: steps that repeat, a token later, taken without the scheduler.
 *
 * While nobody comes in and nobody is done, each step of decodes that returns is
 * picked again as it was, its context longer by a token a row. All that happens
 * then is a look-up of its attention, the stages' times, and sums: no batch is
 * picked, no event passes. What comes of it is the same as with every step
 * looked at, to the bit. For pipelines in closed form.
 */
#ifndef TANDEM_DECODE_RUN_H
#define TANDEM_DECODE_RUN_H

#include "batcher.h"
#include "flight.h"

/* How many steps, from the oldest in flight on, will repeat; the scheduler waits for it alone. */
uint64_t decode_run_length(const struct flight *flight, const struct pipeline *pipeline,
                           const struct batcher *batcher);

/* Repeats up to `count` steps, those that return before `until`; returns how many. */
uint64_t decode_run_take(struct flight *flight, struct pipeline *pipeline, struct batcher *batcher,
                         uint64_t count, sim_ps until);

/* A lower bound on when the first step after `count` repeats returns: a close one, for a step more
   costs little more. O(stages x steps in flight). */
sim_ps decode_run_end_min(const struct flight *flight, uint32_t stage_count, uint64_t count);

#endif
