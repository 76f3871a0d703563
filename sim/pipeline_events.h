/*
 * pipeline_events: the pipeline played out event by event.
 *
 * From the same visits as pipeline.h's closed form, for exact sessions, which play
 * every layer, and for replicas whose links others use too, which have no closed
 * form. Each stage has a queue of steps that wait for it and one of steps that
 * wait to be sent on; where the links of its tensor-parallel group are shared, its
 * layers are played as shared_visit.h says. Slower by far than the closed form, and the
 * same to the picosecond where both apply, which a property test holds.
 */
#ifndef TANDEM_PIPELINE_EVENTS_H
#define TANDEM_PIPELINE_EVENTS_H

#include "pipeline.h"

struct player;

/* What is called at a step's end, when step->gpu_done is known, and, if not NULL, at each layer's.
 */
struct player_watch {
    void *context;
    void (*left)(void *context, struct step *step);
    void (*computed)(void *context, const struct step *step, uint32_t stage, uint32_t layer);
};

/* The stages' queues, in `arena`; NULL when memory is out. */
struct player *player_new(struct pipeline *pipeline, const struct serving *serving,
                          struct player_watch watch, struct arena *arena, struct error *error);

/* As pipeline_launch(), in events. */
void player_launch(struct player *player, struct step *step);

/* Takes back everything that is under way; the next step is number `next`. */
void player_abandon(struct player *player, uint64_t next);

/* Events that one stage can have pending at a time, its transfers' flows left out. */
#define PLAYER_STAGE_EVENTS(steps_in_flight) (2 + 2 * (steps_in_flight))

#endif
