/*
 * tally: what a run counts and measures of its requests as they go by.
 */
#ifndef TANDEM_TALLY_H
#define TANDEM_TALLY_H

#include "quantiles.h"
#include "request.h"
#include "scenario.h"

/* All but `warmup` is of the requests that arrived after the warm-up. */
struct tally {
    uint64_t warmup; /* requests that arrived before: they do not count */
    uint64_t arrived;
    uint64_t rejected;
    uint64_t too_long; /* of those rejected: their prompts leave no room in the model's context */
    uint64_t cut;      /* of those let in: outputs that end where it does */
    uint64_t lost;     /* with a replica that failed, or waiting for one; known at the run's end */
    uint64_t completed;
    uint64_t good; /* of those completed, within the SLO */
    uint64_t preemptions;
    uint64_t input_tokens;  /* of those completed */
    uint64_t cached_tokens; /* of them, that were found in prefix caches */
    uint64_t output_tokens;
    sim_ps first_arrival; /* of those let in; SIM_PS_MAX before the first */
    sim_ps last_arrival;
    sim_ps last_event; /* when the last of them arrived, was done or was lost */
    struct slo slo;
    struct quantiles ttft;
    struct quantiles tpot;
    struct quantiles itl;
    struct quantiles e2e;
    struct quantiles queue;
};

int tally_init(struct tally *tally, const struct slo *slo, struct error *error);
void tally_release(struct tally *tally);

/* Counts a request that was let in, or one that cannot be, `is_too_long` for the model. */
void tally_admitted(struct tally *tally, const struct request *request);
void tally_rejected(struct tally *tally, const struct request *request, bool is_too_long);

/* Notes that a request ended with its replica, at `now`; how many did, the end tells. */
void tally_lost(struct tally *tally, const struct request *request, sim_ps now);

/* At the run's end: what was neither turned away nor done was lost. */
void tally_finish(struct tally *tally);

/* Counts a request whose last token came at `done`, and its latencies. */
void tally_done(struct tally *tally, const struct request *request, sim_ps done);

#endif
