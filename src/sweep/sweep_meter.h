/*
 * sweep_meter: what load a run was offered, and whether it kept up with it.
 *
 * Listens to a run's requests, hands them on to another recorder, and judges them
 * once the run has ended (balance.h). A system that does not keep up is
 * saturated: its latencies measure only how long one looked.
 */
#ifndef TANDEM_SWEEP_METER_H
#define TANDEM_SWEEP_METER_H

#include "balance.h"
#include "recorder.h"

struct sweep_meter {
    struct recorder next;     /* what hears all of it too; zeroed: nothing */
    struct passage *passages; /* in order of completion */
    size_t count;
};

/* What a meter shows. */
struct sweep_reading {
    double offered_requests_per_s; /* NaN in a closed loop, and for fewer than two arrivals */
    struct balance balance;
};

void sweep_meter_init(struct sweep_meter *meter, struct recorder next);
void sweep_meter_release(struct sweep_meter *meter);

/* What the simulation is to call. ERROR_MEMORY. */
struct recorder sweep_meter_recorder(struct sweep_meter *meter);

/* After the run. */
struct sweep_reading sweep_meter_read(const struct sweep_meter *meter, bool is_closed_loop);

#endif
