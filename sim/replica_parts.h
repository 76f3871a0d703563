/*
 * replica_parts: what a replica's two halves share: replica.c, what comes to it and
 * becomes of it, and replica_run.c, which takes it from one thing to the next: steps
 * that return, and the scheduler's turns.
 */
#ifndef TANDEM_REPLICA_PARTS_H
#define TANDEM_REPLICA_PARTS_H

#include "replica.h"

/* As many steps are in flight as there are now, from now on. */
static inline void replica_note_in_flight(struct replica *replica, sim_ps now)
{
    struct pipeline *pipeline = &replica->pipeline;
    fullness_note(&pipeline->fullness, replica->flight.count >= pipeline->stage_count, now);
}

/* Somebody waits for a place from now on, or nobody. */
static inline void replica_note_crowding(struct replica *replica, sim_ps now)
{
    crowding_note(&replica->crowding, batcher_is_crowded(&replica->batcher), now);
}

/* Something has changed for the scheduler to look at. */
void replica_stir(struct replica *replica);

/* There is something to do, or nothing to wait for. */
void replica_end_stall(struct replica *replica);

/* A step that is played out has left the last stage. */
void replica_on_step_left(void *context, struct step *step);

#endif
