/*
 * lasting_rate: what a system serves a second day after day, by a run of it.
 *
 * A run goes on after its last arrival until its last request is done. The faster a
 * fixed number of requests arrive, the more of the run is that end, in which most of
 * the system idles: its own rates then tell layouts apart by their ends. A system
 * that keeps up serves what arrives.
 */
#ifndef TANDEM_LASTING_RATE_H
#define TANDEM_LASTING_RATE_H

#include "balance.h"

/* `arriving` where the load is kept up with, else what was `measured` over the run, as where nobody
   knows what arrives (NaN, as of a closed loop). */
double lasting_rate(const struct balance *balance, double arriving, double measured);

#endif
