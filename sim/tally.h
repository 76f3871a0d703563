/*
 * tally: what a run counts and measures of its requests as they go by.
 */
#ifndef TANDEM_TALLY_H
#define TANDEM_TALLY_H

#include "quantiles.h"
#include "request.h"
#include "scenario.h"

struct tally {
    uint64_t arrived;
    uint64_t rejected;
    uint64_t lost;         /* with a replica that failed */
    uint64_t completed;    /* of those that count: arrived after the warm-up */
    uint64_t good;         /* of those, within the SLO */
    uint64_t input_tokens; /* of those */
    uint64_t output_tokens;
    sim_ps first_arrival; /* of those; SIM_PS_MAX before the first */
    sim_ps last_arrival;
    sim_ps last_done;
    struct slo slo;
    struct quantiles ttft;
    struct quantiles tpot;
    struct quantiles itl;
    struct quantiles e2e;
    struct quantiles queue;
};

int tally_init(struct tally *tally, const struct slo *slo, struct error *error);
void tally_release(struct tally *tally);

/* Counts a request that was let in. */
void tally_arrival(struct tally *tally, const struct request *request);

/* Counts a request whose last token came at `done`, and its latencies. */
void tally_done(struct tally *tally, const struct request *request, sim_ps done);

#endif
