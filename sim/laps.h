/*
 * laps: decode_run's repetitions where one stage has one step in flight.
 *
 * Such a step waits for nobody: it returns, is picked, prepared and computed
 * again, and only its attention takes longer each time. Of the pipeline's closed
 * form this is left, lap by lap:
 *
 *     launched  the return before it + the scheduler's time, or as soon as that
 *               allows where it is taken ahead (flight_launch_time())
 *     start     launched + what its process prepares (longer after long waits)
 *     end       start + its GPU time, or its launches if they take longer
 *     return    end + what the next step waits of the host's return
 *
 * The stage idles for the host alone, from a lap's end to the next one's start.
 */
#ifndef TANDEM_LAPS_H
#define TANDEM_LAPS_H

#include "batcher.h"
#include "flight.h"

/* Whether a replica's steps go round so; not where their layers are recorded. */
bool laps_fit(const struct flight *flight, const struct pipeline *pipeline);

/* As decode_run_take() for a `count` of 1 or more, but for the costs that do not change. */
uint64_t laps_take(struct flight *flight, struct pipeline *pipeline, struct batcher *batcher,
                   uint64_t count, sim_ps until);

#endif
