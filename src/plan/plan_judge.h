/*
 * plan_judge: what the runs of one option come to, and whether that is proven.
 *
 * A percentile is the mean over all batches of all seeds, give or take Student's
 * t interval at 95%. An option meets the SLO when the interval's upper end does,
 * with headroom; it misses when the lower end does not; between, it is unproven
 * and not bought.
 */
#ifndef TANDEM_PLAN_JUDGE_H
#define TANDEM_PLAN_JUDGE_H

#include "plan_trial.h"

/* X(NAME, in words) */
#define PLAN_OUTCOMES(X)                                         \
    X(MEETS, "meets the SLO")                                    \
    X(UNPROVEN, "may meet the SLO, which more seeds would show") \
    X(MISSES, "misses the SLO")                                  \
    X(SATURATED, "cannot serve the load")                        \
    X(FAILED, "cannot run")

enum plan_outcome {
#define X(name, text) PLAN_##name,
    PLAN_OUTCOMES(X)
#undef X
};

struct plan_estimate {
    double mean; /* NaN: nothing was seen */
    double half; /* of the interval; INFINITY where one batch says nothing of the spread */
};

#define PLAN_REASON_BYTES 512

struct plan_verdict {
    enum plan_outcome outcome;
    struct plan_estimate ttft_s;
    struct plan_estimate tpot_s;
    double served; /* share of the load; NaN in a closed loop */
    double good;   /* share of the requests within the SLO */
    double requests_per_s;
    double output_tokens_per_s;
    char reason[PLAN_REASON_BYTES]; /* why it does not meet the SLO; empty: it does */
};

/* Judges an array of trials (plan_trial.h), at least one, of which none is NULL. */
void plan_judge(const json_t *trials, const struct slo *slo, double headroom,
                struct plan_verdict *verdict);

#endif
