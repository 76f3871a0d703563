/*
 * summarize: from what a run counted to what it says.
 */
#ifndef TANDEM_SUMMARIZE_H
#define TANDEM_SUMMARIZE_H

#include "faults.h"
#include "fleet.h"
#include "tally.h"

struct run_parts {
    struct fleet *fleet;         /* percentiles sort its samples */
    const struct faults *faults; /* NULL: there are none */
    struct tally *tally;         /* and these */
    const struct session *session;
    sim_ps begun;     /* when the first request arrived */
    bool closed_loop; /* arrivals wait for completions */
};

/* Fills in all of `summary` but its wall-clock fields; arrays go to `arena`. */
int summarize(const struct run_parts *parts, struct summary *summary, struct arena *arena,
              struct error *error);

#endif
