/*
 * crowding: for how long requests waited for one of a replica's max_sequences places,
 * and whether these are what holds it back.
 */
#ifndef TANDEM_CROWDING_H
#define TANDEM_CROWDING_H

#include "base.h"

struct crowding {
    bool is_crowded;
    sim_ps since; /* when it is */
    sim_ps time;  /* in all, without the present one */
};

/* From `now` on requests wait for a place, or none does. */
static inline void crowding_note(struct crowding *crowding, bool is_crowded, sim_ps now)
{
    if (crowding->is_crowded && !is_crowded)
        crowding->time += now - crowding->since;
    if (!crowding->is_crowded)
        crowding->since = now;
    crowding->is_crowded = is_crowded;
}

/* Whether max_sequences is what a larger one would help: `crowded`, the share of the time with work
   in which requests waited for a place, is worth it, and KV, the next bottleneck, was not nearly
   full at its peak. */
static inline bool crowding_holds_back(double crowded, double kv_peak_fraction)
{
    return crowded >= 0.10 && kv_peak_fraction <= 0.90;
}

#endif
