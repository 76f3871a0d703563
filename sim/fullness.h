/*
 * fullness: when a pipeline was full, with a step in flight for each of its stages.
 *
 * The last times at which that began or ended are kept: as many as there may be
 * from a step's visit of a stage until the next step, whose wait for that stage is
 * then accounted for, has returned.
 */
#ifndef TANDEM_FULLNESS_H
#define TANDEM_FULLNESS_H

#include "arena.h"
#include "base.h"
#include "error.h"

struct fullness {
    sim_ps *turns;  /* (mask + 1): the i-th at i & mask; full from an even one to the next */
    uint64_t count; /* of turns so far */
    uint64_t mask;
};

/* Not full yet, of a pipeline that has up to `steps_in_flight`. */
static inline int fullness_init(struct fullness *fullness, uint32_t steps_in_flight,
                                struct arena *arena, struct error *error)
{
    /* while a step is in flight all that came before it return, and others come in their place */
    uint64_t room = 1;
    while (room < 2 * ((uint64_t)steps_in_flight + 2))
        room *= 2;
    *fullness = (struct fullness){
        .turns = arena_calloc(arena, room, sizeof(*fullness->turns)),
        .mask = room - 1,
    };
    return fullness->turns ? 0 : error_out_of_memory(error, "steps in flight");
}

static inline bool fullness_is_full(const struct fullness *fullness)
{
    return fullness->count % 2 == 1;
}

/* From `now` on it is full, or it is not. */
static inline void fullness_note(struct fullness *fullness, bool is_full, sim_ps now)
{
    if (is_full != fullness_is_full(fullness))
        fullness->turns[fullness->count++ & fullness->mask] = now;
}

/* Whether it was full at `at`, and until when that stayed so; SIM_PS_MAX: it still does. `*passed`
   turns came before: it begins at 0, and is kept by who asks of ever later times. */
static inline bool fullness_at(const struct fullness *fullness, sim_ps at, uint64_t *passed,
                               sim_ps *until)
{
    uint64_t turn = *passed;
    if (fullness->count - turn > fullness->mask) { /* those before are not kept */
        turn = fullness->count - fullness->mask - 1;
        assert(fullness->turns[turn & fullness->mask] <= at);
    }
    while (turn < fullness->count && fullness->turns[turn & fullness->mask] <= at)
        turn++;
    *passed = turn;
    *until = turn < fullness->count ? fullness->turns[turn & fullness->mask] : SIM_PS_MAX;
    return turn % 2 == 1;
}

#endif
