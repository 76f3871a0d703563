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

static inline void session_record_step(struct session *session, const struct step_record *record)
{
    if (session->recorder.step && !session->failed)
        session->failed =
            session->recorder.step(session->recorder.context, record, &session->error) < 0;
}

static inline void session_record_span(struct session *session, const struct span_record *record)
{
    if (session->recorder.span && !session->failed)
        session->failed =
            session->recorder.span(session->recorder.context, record, &session->error) < 0;
}

static inline void session_record_link(struct session *session, const struct link_record *record)
{
    if (session->recorder.link && !session->failed)
        session->failed =
            session->recorder.link(session->recorder.context, record, &session->error) < 0;
}

static inline void session_record_request(struct session *session,
                                          const struct request_record *record)
{
    if (session->recorder.request && !session->failed)
        session->failed =
            session->recorder.request(session->recorder.context, record, &session->error) < 0;
}

#endif
