/*
 * load_meter: what load a run was offered, and whether it kept up with it.
 *
 * Listens to a run's requests, hands them on to another recorder, and judges them
 * once the run has ended (balance.h). A system that does not keep up is
 * saturated: its latencies measure only how long one looked.
 */
#ifndef TANDEM_LOAD_METER_H
#define TANDEM_LOAD_METER_H

#include "balance.h"
#include "recorder.h"

struct load_meter {
    struct recorder next;     /* what hears all of it too; zeroed: nothing */
    struct passage *passages; /* in order of completion */
    size_t count;
};

/* What a meter shows. */
struct load_reading {
    double offered_requests_per_s; /* NaN in a closed loop, and for fewer than two arrivals */
    struct balance balance;
};

void load_meter_init(struct load_meter *meter, struct recorder next);
void load_meter_release(struct load_meter *meter);

/* What the simulation is to call. ERROR_MEMORY. */
struct recorder load_meter_recorder(struct load_meter *meter);

/* After the run. */
struct load_reading load_meter_read(const struct load_meter *meter, bool is_closed_loop);

#endif
