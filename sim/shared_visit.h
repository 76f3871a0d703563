/*
 * shared_visit: a step on a stage whose collectives cross links that others use.
 *
 * Its layers compute and communicate in turns: a layer's collectives are one transfer
 * each way that they go (collective_way.h), one way after the other, from each rank to
 * its peer, and what they take beyond these bytes is latency before the first. As long
 * as nothing else in the simulation happens before a layer's next end, and nobody is on
 * its links, that is gone on to without an event, but in exact sessions.
 */
#ifndef TANDEM_SHARED_VISIT_H
#define TANDEM_SHARED_VISIT_H

#include "pipeline.h"
#include "transfer.h"

/* What is called at each layer's end, and at the last one's, after that, with the visit's
   collectives as they were. */
struct shared_visit_watch {
    void *context;
    void (*computed)(void *context, uint32_t layer);
    void (*over)(void *context);
};

struct shared_visit {
    struct pipeline *pipeline;
    uint32_t stage;
    struct shared_visit_watch watch;
    struct step *step;
    uint32_t layer;            /* at work */
    int way;                   /* that its collectives go */
    struct transfer_form form; /* of these; the next's latency */
    sim_ps way_from;           /* since when they go this way, */
    double way_s;              /* which takes so long alone */
    event_id work;             /* the end of what is computed; 0: none is pending */
};

/* The step, begun on the stage (pipeline_begin_visit()), computes its first layer. */
void shared_visit_begin(struct shared_visit *visit, struct step *step);

/* Takes back what is under way, if anything is. */
void shared_visit_cancel(struct shared_visit *visit);

#endif
