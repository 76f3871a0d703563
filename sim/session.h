/*
 * session: what every part of one running simulation shares.
 */
#ifndef TANDEM_SESSION_H
#define TANDEM_SESSION_H

#include "engine.h"
#include "recorder.h"

struct session {
    struct engine *engine;
    struct recorder recorder;
    struct error error; /* of the first failure */
    bool failed;
    bool exact;         /* every step and layer as its own event */
    bool record_steps;  /* steps, stages, sends and idle times */
    bool record_layers; /* kernels and collectives, where they touch the window */
    sim_ps window_start;
    sim_ps window_end;
    uint64_t completed; /* requests, of all replicas */
    uint64_t pause_at;  /* replicas stop running ahead when as many are completed */
    uint64_t steps;
};

static inline void session_record(struct session *session, const union record *records,
                                  size_t count)
{
    if (session->recorder.record && !session->failed)
        session->failed = session->recorder.record(session->recorder.context, records, count,
                                                   &session->error) < 0;
}

/* Empties the block on the recorder's desk; of a run that failed nobody reads it. */
static inline void session_turn_spans(struct session *session, uint32_t replica, uint64_t step)
{
    const struct span_desk *desk = &session->recorder.desk;
    if (session->failed)
        *desk->row = 0;
    else
        session->failed = desk->turn(desk->context, replica, step, &session->error) < 0;
}

#endif
