/*
 * faults: hardware of a fleet that slows down or fails while it runs.
 *
 * A slow GPU slows the kernels of the stage that it is in, for a tensor-parallel
 * group waits for its last, in steps that are scheduled from then on. A slow link
 * changes the rates of the flows on it at once, for which a collective waits too.
 * Where a GPU, a node or a link is down, so is each replica that needs it: a link,
 * for its collectives or its sends. KV goes to other replicas then, and a replica
 * that is cut off from all of them is down, too (kv_cut.h). It is empty when it
 * comes back. Faults of one thing add up.
 */
#ifndef TANDEM_FAULTS_H
#define TANDEM_FAULTS_H

#include "fleet.h"

struct faults;

/* Schedules the scenario's faults, in `arena`; NULL when memory is out. */
struct faults *faults_new(struct fleet *fleet, const struct scenario *scenario, struct arena *arena,
                          struct error *error);

/* The share of its rate that a link had from `from` to `until`, in the mean: 0 while it was down.
 */
double faults_link_share(const struct faults *faults, uint32_t link, sim_ps from, sim_ps until);

/* How many events are in the engine's queue for faults that begin or end. */
size_t faults_pending(const struct faults *faults);

/* Whether some replica that is down is to be up again, as far as what keeps it down goes, or a link
   that KV may wait for. */
bool faults_will_restore(struct faults *faults);

/* There is nothing left to serve: what is still to come does not happen. */
void faults_cancel(struct faults *faults);

#endif
