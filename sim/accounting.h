/*
 * accounting: where each stage's time goes, to the picosecond, and its timeline.
 *
 * Busy: compute (kernels, and waits for launches inside a step) and collective.
 * Idle before step k, in order of time:
 *   (*)         the replica's remaining work has passed this stage, until it has none
 *   no_work     until a request arrives
 *   (*)         until the host turns to step k
 *   host        from the tokens that step k waited for leaving the GPU, or the
 *               arrival that woke the scheduler, until the step is launched
 *   (**)        while step k is in earlier stages
 *   transfer    while its hidden states are on the link to this stage
 *   host        until this stage's process has prepared it
 * (*) imbalance while the pipeline is full, with at least one step a stage in
 * flight: then some stage or step is slower than this one; fill_drain while it is
 * not, for with fewer steps than stages some stage must idle. (**) the same if it
 * was full before step k was scheduled; otherwise fill_drain, for step k came too
 * late to be here yet, whoever came after it. A step is in flight from its turn of
 * the scheduler until its tokens are back or, where their return causes a turn, until
 * that is over: the next step takes its place.
 *
 * Between a pool that prefills and one that decodes a replica stalls where there is
 * nothing to do before KV has come or gone, and no step in flight:
 *   transfer    while some of that KV moves
 *   imbalance   while none does, and it prefills: the pool that decodes, which has no
 *               room for what it holds, is slower
 *   fill_drain  while none does, and it decodes: what it has blocks for is being
 *               prefilled
 *
 * What is before the run's first arrival is on the timeline but in no tally.
 *
 * A replica that fails takes its steps with it: what stages have worked on them is
 * compute, what they then waited for fill_drain, and from there on they are down.
 */
#ifndef TANDEM_ACCOUNTING_H
#define TANDEM_ACCOUNTING_H

#include "pipeline.h"

/* Adds a step whose tokens are back at the scheduler since `returned` to the tallies, and records
   it; steps in order. */
void accounting_add_step(struct pipeline *pipeline, const struct step *step, sim_ps returned);

/* The same of a step that is given up at `now`. */
void accounting_abandon_step(struct pipeline *pipeline, const struct step *step, sim_ps now);

/* A time in which nothing could be done before KV came or went. */
struct stall {
    uint64_t step;  /* the next one */
    sim_ps emptied; /* as a step has them */
    sim_ps woken;
    sim_ps from;
    sim_ps until;
    enum span_kind cause;
};

/* Adds a stall, or what of it is not in the tallies yet, to them, and records it; there is no step
   in flight. */
void accounting_add_stall(struct pipeline *pipeline, const struct stall *stall);

/* A lap of a step on its only stage, as laps.h has it. */
struct lap {
    sim_ps compute;
    sim_ps launched;
    sim_ps start;
    sim_ps end;
    sim_ps end_before; /* of the lap before it */
    sim_ps waits_from; /* the stage's process, the lap being launched */
};

/* Counts what a lap of a step, its tokens back since `returned`, put on links, and records it. The
   step's number, times at the scheduler and batch are this lap's. */
void accounting_add_lap(struct pipeline *pipeline, const struct step *step, const struct lap *lap,
                        sim_ps returned);

/* Adds `count` such laps, the last of which ended at `end`, to the stage's tally: what each took as
   laps.h divides it, their collectives left out. */
void accounting_add_laps(struct pipeline *pipeline, const struct step *step,
                         const struct stage_tally *laps, uint64_t count, sim_ps end);

/* The replica fails at `now`, its steps being given up; it had no work from `emptied` until
 * `woken`.
 */
void accounting_fail(struct pipeline *pipeline, sim_ps emptied, sim_ps woken, sim_ps now);

/* It has been down until `now`. */
void accounting_restore(struct pipeline *pipeline, sim_ps now);

/* Ends the tallies at `end`, the replica having had no work since `emptied`. */
void accounting_finish(struct pipeline *pipeline, sim_ps emptied, sim_ps end);

#endif
