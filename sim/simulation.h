/*
 * simulation: one scenario, from its first arrival to its last token.
 *
 * No I/O and no globals: two can run side by side in two threads.
 */
#ifndef TANDEM_SIMULATION_H
#define TANDEM_SIMULATION_H

#include "deployment.h"
#include "recorder.h"
#include "request.h"
#include "summary.h"

struct simulation;

/*
 * Sets a run up: resolves the layout, checks that it fits, builds the replicas.
 * `scenario` must outlive it. `source` yields the requests. NULL with `error`
 * filled in where the scenario cannot run.
 */
struct simulation *simulation_new(const struct scenario *scenario, struct arrival_source source,
                                  struct recorder recorder, struct error *error);
void simulation_free(struct simulation *simulation);

/* Whether a replica could ever serve a request that fits the model's context; one that none could
   is rejected. */
bool simulation_can_serve(const struct simulation *simulation, const struct request *request);

/*
 * Runs until about `requests` more requests are done, or all are. 1: there is
 * more to do; 0: the run is over; negative: it failed. Call it in a loop.
 */
int simulation_advance(struct simulation *simulation, uint64_t requests, struct error *error);

/* Requests completed, and the simulated clock: for a progress bar. */
uint64_t simulation_completed(const struct simulation *simulation);
sim_ps simulation_now(const struct simulation *simulation);

/*
 * After the run: fills in `summary` but for its wall-clock fields; arrays go to
 * `arena`. Percentiles and rates are of requests that arrived after the warm-up
 * and completed.
 */
int simulation_summarize(struct simulation *simulation, struct summary *summary,
                         struct arena *arena, struct error *error);

/* All of that at once, where there is nothing to do in between: a run from end to end and its
   summary. 0 or negative. */
int simulation_play(const struct scenario *scenario, struct arrival_source source,
                    struct recorder recorder, struct summary *summary, struct arena *arena,
                    struct error *error);

#endif
