/*
 * flight: the steps that a replica has in flight, and the times of the scheduler
 * that picks and prepares them.
 */
#ifndef TANDEM_FLIGHT_H
#define TANDEM_FLIGHT_H

#include "pipeline.h"

struct flight {
    struct step *steps; /* (ring): in flight from `oldest` on */
    uint32_t ring;
    uint32_t oldest;
    uint32_t count;       /* in flight */
    uint64_t step_count;  /* so far */
    bool schedules_ahead; /* each is prepared since the one before it began */
    sim_ps return_time;   /* the host's, from the GPU's end to a step's tokens, rounded; */
    sim_ps return_wait;   /* and the part of it that the next step waits for */
    sim_ps host_free;     /* when the scheduler has prepared the last one */
};

int flight_init(struct flight *flight, const struct serving *serving, uint32_t stage_count,
                struct arena *arena, struct error *error);

/* The place in the ring after this one. */
static inline uint32_t flight_after(const struct flight *flight, uint32_t place)
{
    return place + 1 == flight->ring ? 0 : place + 1;
}

static inline struct step *flight_oldest(const struct flight *flight)
{
    return &flight->steps[flight->oldest];
}

/* The place for the next step; there must be one. */
static inline struct step *flight_next(const struct flight *flight)
{
    uint32_t place = flight->oldest + flight->count;
    return &flight->steps[place >= flight->ring ? place - flight->ring : place];
}

/* When the oldest step's tokens are back at the scheduler; SIM_PS_MAX while unknown or none. */
static inline sim_ps flight_returns_at(const struct flight *flight)
{
    sim_ps gpu_done = flight->count > 0 ? flight_oldest(flight)->gpu_done : SIM_PS_MAX;
    return gpu_done == SIM_PS_MAX ? SIM_PS_MAX : gpu_done + flight->return_wait;
}

/* The oldest step is over. */
static inline void flight_land(struct flight *flight)
{
    flight->oldest = flight_after(flight, flight->oldest);
    flight->count--;
}

/*
 * When a step that was picked at `now` and takes the scheduler `host_time` is ready for the GPUs,
 * the one before it having been so at `host_free`. Ahead of time, it was prepared since that one
 * began, with what its predecessor returned.
 */
static inline sim_ps flight_launch_time(const struct flight *flight, sim_ps host_free,
                                        sim_ps host_time, sim_ps now)
{
    return flight->schedules_ahead ? sim_ps_max(now, host_free + flight->return_time + host_time)
                                   : now + host_time;
}

#endif
