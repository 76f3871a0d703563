/*
 * pipeline: a replica's stages in series, and the steps that pass through them.
 *
 * Here one stage hands over to the next: a stage takes steps in order, each when
 * the stage is free and the step's hidden states are there; it then sends them
 * on, which occupies the link but not the stage. As all queues are first in,
 * first out and links between stages carry one transfer at a time, a step's
 * whole passage follows from the one before it:
 *
 *   host[s]  = max(the stage's process is free, step launched) + prepare (longer after long waits)
 *   start[s] = max(end of the previous step on s, arrival[s], host[s])
 *   end[s]   = max(max(start[s], host[s] + stall) + GPU time, host[s] + stall + launches)
 *   arrival[s + 1] = max(end[s], link free) + transfer time
 *
 * GPU time is longer where the GPU's power limit makes it so (power.h). A stage's
 * process is free when it has issued its launches; the last stage's when it has
 * handed the step's tokens over, too.
 *
 * That closed form costs O(stages) and no event. pipeline_events.h plays the same
 * passage out event by event; both give the same records, to the picosecond.
 * Where others use a stage's links too, no closed form holds, and events are the
 * only way. Where each stage's time goes is accounting.h's.
 */
#ifndef TANDEM_PIPELINE_H
#define TANDEM_PIPELINE_H

#include "fullness.h"
#include "link_meter.h"
#include "power.h"
#include "session.h"
#include "step_items.h"
#include "transfer.h"

/* One step's passage through one stage. */
struct visit {
    sim_ps ready; /* its input is there */
    sim_ps start; /* of the GPU's hold of the step */
    sim_ps end;
    sim_ps sent_from; /* the transfer to the next stage begins; unused on the last */
    sim_ps gpu_from;  /* its first kernel may begin */
    sim_ps launched;  /* the host has issued its last kernel */
    struct stage_work work;
    double slowdown; /* of the stage's kernels, when the step was launched */
    double stretch;  /* its collectives took this many times what they take alone */
};

/* A step in flight. */
struct step {
    uint64_t number;
    struct batch batch;
    struct step_work work;
    sim_ps scheduled;
    sim_ps host_from; /* the host's share of the wait for it begins */
    sim_ps host_time; /* the scheduler takes to pick and prepare it */
    sim_ps launched;
    sim_ps emptied; /* the replica had no work from here until `woken`; SIM_PS_MAX: it had some */
    sim_ps woken;
    sim_ps gpu_done;      /* the last stage's end; SIM_PS_MAX while unknown */
    bool was_full;        /* the pipeline, before it was scheduled */
    struct visit *visits; /* (stages) */
};

/* Picoseconds of a stage's life. */
struct stage_tally {
    sim_ps compute;
    sim_ps collective;
    sim_ps launch_bound; /* part of compute */
    sim_ps host;
    sim_ps no_work;
    sim_ps fill_drain;
    sim_ps imbalance;
    sim_ps transfer;
    sim_ps kv;   /* part of transfer: for KV to come or go */
    sim_ps room; /* part of imbalance: for room in the pool that decodes */
    sim_ps down;
    sim_ps power_capped; /* part of compute */
};

/* What the stage worked, and waited while its replica had work. */
static inline sim_ps stage_tally_working(const struct stage_tally *tally)
{
    return tally->compute + tally->collective + tally->fill_drain + tally->imbalance +
           tally->transfer + tally->host;
}

/* From a stage to the next. */
struct hop {
    struct alpha_beta path;   /* while nobody else uses it */
    struct transfer *sharing; /* NULL: nobody else uses its links */
    sim_ps held_up;           /* what sends took in the run beyond what they take alone */
};

/* One way of a stage's collectives (collective_way.h). */
struct stage_way {
    struct alpha_beta path;   /* each rank to its peer, while nobody else uses the links */
    struct transfer *sharing; /* the same as flows; NULL: nobody else does, or none go that way */
    sim_ps held_up;           /* as a hop's */
};

/* When the things that a stage's steps use in turn are free again. */
struct stage_clock {
    sim_ps gpu;
    sim_ps host;     /* the process that launches for this stage */
    sim_ps launched; /* since when that waits */
    sim_ps hop;      /* the transfer before is over; unused on the last */
};

/* In this order what every step touches is on two lines of the cache: up to the meter's first sum,
   and the tally's first ones. */
struct pipeline_stage {
    struct stage_part part;
    double slowdown; /* kernels take this many times as long, for steps launched from now on */
    struct stage_clock clock;
    sim_ps accounted; /* the tally covers all time from the run's begin to this */
    struct link_meter meter;
    struct stage_tally tally;
    uint64_t turns;     /* of the pipeline's fullness up to `accounted` */
    struct power power; /* of each of its GPUs */
    struct hop hop;     /* unused on the last */
    struct stage_way ways[COLLECTIVE_WAY_COUNT];
    bool is_shared; /* others use links of its collectives, which are flows */
};

struct pipeline {
    struct session *session;
    struct step_cost *cost;
    uint32_t replica;
    uint32_t stage_count;
    struct pipeline_stage *stages;
    struct diary *diary; /* NULL: no timeline is recorded */
    struct seen_shapes seen;
    struct fullness fullness;
    sim_ps begun;     /* tallies are of the time from here on; SIM_PS_MAX: it has not yet */
    sim_ps hand_over; /* what a step's tokens take the last stage's process; 0: none of its time */
    struct power_limit power_limit;
    sim_ps cold_wait;        /* as host.h has it; SIM_PS_MAX: none is too long */
    struct step_item *items; /* scratch for the layers' timeline */
};

/* What a stage's process takes for what it prepares in `prepare`, having waited for `waited`. */
static inline sim_ps pipeline_prepare(const struct pipeline *pipeline, sim_ps prepare,
                                      sim_ps waited)
{
    if (waited <= pipeline->cold_wait)
        return prepare;
    double times = (double)waited / (double)pipeline->cold_wait;
    return (sim_ps)((double)prepare * fmin(times, pipeline->cost->host->cold_most));
}

/* Where a pipeline's parts come from. */
struct pipeline_setup {
    struct session *session;
    const struct serving *serving;
    struct step_cost *cost;
    uint32_t replica; /* its number */
    uint32_t stage_count;
    struct pipeline_stage *stages; /* kept; all but their sums and times is set */
};

int pipeline_init(struct pipeline *pipeline, const struct pipeline_setup *setup,
                  struct arena *arena, struct error *error);

/* Whether any of it shares links with others, so that no closed form holds. */
bool pipeline_shares_links(const struct pipeline *pipeline);

/* Forgets steps under way and keeps the stages and links busy until `now` at most: the caller has
   accounted for the steps. */
void pipeline_reset(struct pipeline *pipeline, sim_ps now);

/* Takes a step, its batch and times up to `launched` set, through all stages at once. */
void pipeline_launch(struct pipeline *pipeline, struct step *step);

/* The same for a step that went through before, with the same batch of decodes but for its context:
   only its attention's costs are counted, */
void pipeline_repeat(struct pipeline *pipeline, struct step *step);

/* and these count the others, of a step that was repeated `times` times. */
void pipeline_count_repeats(struct pipeline *pipeline, const struct step *step, uint64_t times);

/* What stage s computes of a step whose work is up to date, as fast as when it was launched. */
sim_ps pipeline_compute(const struct pipeline *pipeline, uint32_t s, const struct step *step);

/* How much longer a visit computes because the GPU is capped (power.h), and how many times as long
   its hot kernels take. */
sim_ps pipeline_capped(const struct pipeline *pipeline, uint32_t s, const struct step *step);
double pipeline_hot_stretch(const struct pipeline *pipeline, uint32_t s, const struct step *step);

/* What a step costs at each stage, as fast as that is now; its batch is set. */
void pipeline_cost_step(struct pipeline *pipeline, struct step *step);

/*
 * The parts of a passage, for whoever plays it out in events: a step begins its
 * visit of stage s, its input being there since visit.ready; the visit ends, its
 * collectives' time being known; and the step is sent on from there.
 * pipeline_send returns the time at which it reaches stage s + 1 if nobody else is on
 * the links.
 */
void pipeline_begin_visit(struct pipeline *pipeline, uint32_t s, struct step *step);
void pipeline_end_visit(struct pipeline *pipeline, uint32_t s, struct step *step);
sim_ps pipeline_send(struct pipeline *pipeline, uint32_t s, struct step *step);

#endif
