/*
 * engine: the queue of events and the clock.
 *
 * Events are totally ordered by (time, priority class, owner, sequence): the
 * owner (a replica, a link) makes the order of simultaneous events of one class
 * independent of when they were scheduled, so that a shortcut which schedules
 * fewer events gives the same order as running them all.
 *
 * The earliest few are kept in order; the others lie in a radix heap (Ahuja,
 * Mehlhorn, Orlin and Tarjan, J. ACM 37(2), 1990), which a clock that never goes
 * back allows: an event waits in the bucket of the highest digit in which it
 * differs from a time that has passed, or is about to, and comes down a bucket or
 * more when the clock reaches it, at most once a digit. Scheduling, moving and
 * cancelling are O(1), whatever is pending.
 */
#ifndef TANDEM_ENGINE_H
#define TANDEM_ENGINE_H

#include "base.h"
#include "error.h"

/*
 * Classes of simultaneous events, first to last. What ends comes before what
 * begins: bytes and stages free their resources, steps give their tokens back,
 * requests arrive, and only then are batches picked.
 */
#define EVENT_PRIORITIES(X)                                     \
    X(TRANSFER) /* a transfer's last byte is there */           \
    X(STAGE)    /* a stage's work is done */                    \
    X(RETURN)   /* a step's tokens are back at the scheduler */ \
    X(FAULT)    /* hardware slows down, fails or is repaired */ \
    X(ARRIVAL)  /* a request comes in */                        \
    X(SCHEDULE) /* a batch is picked */                         \
    X(LAUNCH)   /* a step is given to the first stage */        \
    X(SHARE)    /* flows that came and went at this time have new rates */

enum event_priority {
#define X(name) EVENT_##name,
    EVENT_PRIORITIES(X)
#undef X
};

typedef void (*event_function)(void *context, uint64_t argument);

/* A pending event's name; 0 is none. Names of past events are never valid again. */
typedef uint64_t event_id;

struct engine;

struct engine *engine_new(struct error *error);
void engine_free(struct engine *engine);

/* Room for `events` pending ones without allocation. */
int engine_reserve(struct engine *engine, size_t events, struct error *error);

/*
 * Calls function(context, argument) at time `at`, not before now. Returns the
 * event's id; 0 when memory is out. owner < 2^20.
 */
event_id engine_schedule(struct engine *engine, sim_ps at, enum event_priority priority,
                         uint32_t owner, event_function function, void *context, uint64_t argument);

/*
 * Keeps `count` places in the order of simultaneous events of one class and owner, as if so many
 * events were scheduled now; returns the first, which the others follow. A place is for events that
 * come to be scheduled later, one at a time.
 */
uint64_t engine_keep_places(struct engine *engine, uint32_t count);

/* As engine_schedule(), in a place that was kept. */
event_id engine_schedule_in_place(struct engine *engine, uint64_t place, sim_ps at,
                                  enum event_priority priority, uint32_t owner,
                                  event_function function, void *context, uint64_t argument);

/* Takes a pending event out; false where it has passed or been cancelled. */
bool engine_cancel(struct engine *engine, event_id id);

/* Moves a pending event to `at`, not before now: no allocation, and its sequence stays. */
void engine_move(struct engine *engine, event_id id, sim_ps at, enum event_priority priority);

/* Dispatches the next event; false where there is none. */
bool engine_step(struct engine *engine);

/* Whether an event at (at, priority, owner) would come before every pending one. */
bool engine_would_be_next(const struct engine *engine, sim_ps at, enum event_priority priority,
                          uint32_t owner);

/* The same for an event that happens now in a place that was kept. */
bool engine_place_is_next(const struct engine *engine, enum event_priority priority, uint32_t owner,
                          uint64_t place);

/* When the earliest pending event is; SIM_PS_MAX: none is. */
sim_ps engine_next_at(const struct engine *engine);

/* Moves on to (at, priority, owner) as if to an event there, which no pending one may precede: for
   inner loops. */
void engine_advance(struct engine *engine, sim_ps at, enum event_priority priority, uint32_t owner);

/* Whether an event at (at, priority, owner) would have come before the present one. */
bool engine_is_past(const struct engine *engine, sim_ps at, enum event_priority priority,
                    uint32_t owner);

sim_ps engine_now(const struct engine *engine);
size_t engine_pending(const struct engine *engine);
uint64_t engine_dispatched(const struct engine *engine);

#endif
