/*
 * crowding: for how long requests waited for one of a replica's max_sequences places.
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

#endif
