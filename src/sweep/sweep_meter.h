/*
 * sweep_meter: whether a run kept up with its load.
 *
 * Listens to a run's requests, hands them on to another recorder, and compares
 * two rates over the second half of the arrivals: requests that arrived and
 * requests that were completed. Where the queue is in balance the two are the
 * same, however long a request takes; where they are not, the system is
 * saturated, and its latencies measure only how long one looked.
 */
#ifndef TANDEM_SWEEP_METER_H
#define TANDEM_SWEEP_METER_H

#include "recorder.h"
#include "summary.h"

/* Completions per arrival below which a run is saturated. */
#define SWEEP_METER_KEPT_UP 0.95

/* Two times of each request, in order of completion. */
struct sweep_meter {
    struct recorder next; /* what hears all of it too; zeroed: nothing */
    sim_ps *arrivals;
    sim_ps *completions;
    size_t count;
    size_t room;
};

/* What a meter shows. */
struct sweep_reading {
    double offered_requests_per_s; /* NaN in a closed loop, and for fewer than two arrivals */
    bool is_saturated;             /* never in a closed loop, which waits for what it asks */
};

void sweep_meter_init(struct sweep_meter *meter, struct recorder next);
void sweep_meter_release(struct sweep_meter *meter);

/* What the simulation is to call. ERROR_MEMORY. */
struct recorder sweep_meter_recorder(struct sweep_meter *meter);

/* After the run. A run that warns that it was `overloaded` is saturated too. */
struct sweep_reading sweep_meter_read(const struct sweep_meter *meter, bool is_closed_loop,
                                      const struct summary *summary);

#endif
