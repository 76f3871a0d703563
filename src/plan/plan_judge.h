/*
 * plan_judge: what the runs of one option come to, and whether that is proven.
 *
 * Judged is the share of requests that are within the SLO, with headroom, and its
 * interval (plan_estimate.h). An option meets the SLO when the interval's lower end
 * is no less than the percentile asked for; it misses when the upper end is less;
 * between, it is unproven and not bought. Requests that are rejected or lost are
 * within nothing. Each latency's own percentile, of the requests that were served,
 * says by how much and which of the two fails first; it decides between equals
 * only. Shares count for something only where the load is kept up with: the mean
 * growth over all seeds says whether it is (balance.h), and where it cannot, an
 * option that does not miss the SLO anyhow ran too short to tell.
 */
#ifndef TANDEM_PLAN_JUDGE_H
#define TANDEM_PLAN_JUDGE_H

#include "balance.h"
#include "plan_estimate.h"
#include "plan_pressure.h"
#include "scenario.h"

/* X(NAME, for programs, in words): from MEETS to TOO_SHORT those of options that may meet the SLO
 */
#define PLAN_OUTCOMES(X)                                                        \
    X(MEETS, "meets", "meets the SLO")                                          \
    X(UNPROVEN, "unproven", "may meet the SLO, which more seeds would show")    \
    X(TOO_SHORT, "too_short", "may meet the SLO, which longer runs would show") \
    X(MISSES, "misses", "misses the SLO")                                       \
    X(SATURATED, "saturated", "cannot serve the load")                          \
    X(FAILED, "failed", "cannot run")

enum plan_outcome {
#define X(name, key, text) PLAN_##name,
    PLAN_OUTCOMES(X)
#undef X
};

/* X(NAME, for programs): what of the SLO fails, or fails by most */
#define PLAN_FIGURES(X)         \
    X(NONE, "none")             \
    X(TTFT, "ttft")             \
    X(TPOT, "tpot")             \
    X(THROUGHPUT, "throughput") \
    X(REFUSED, "refused") /* most requests that miss are rejected or lost */

enum plan_figure {
#define X(name, key) PLAN_FIGURE_##name,
    PLAN_FIGURES(X)
#undef X
};

#define PLAN_REASON_BYTES 512

struct plan_verdict {
    enum plan_outcome outcome;
    enum plan_figure figure;
    struct plan_estimate within; /* share of the requests within the SLO less the headroom */
    struct plan_estimate ttft_s; /* the SLO's percentile of those that were served */
    struct plan_estimate tpot_s;
    struct balance balance;
    double served;         /* share of the load; NaN in a closed loop, and where nobody knows */
    double good;           /* share of the requests within the SLO */
    double rejected;       /* share of them */
    double lost;           /* share of them */
    double kv_tokens;      /* that a replica's KV holds */
    double prompt_tokens;  /* that a step takes of one prompt; NaN: prompts are cut in chunks */
    double context_tokens; /* that the model takes; NaN: any */
    double max_sequences;  /* that a replica serves at once */
    double requests_per_s;
    double output_tokens_per_s;
    double lasting_tokens_per_s; /* the same without the runs' ends, in which nothing arrives any
                                    more, where the load is kept up with; and so */
    double lasting_busy;         /* pressure.busy */
    double margin; /* the smaller share of a latency's bound that is free at the interval's upper
                      end, below 0 where it is beyond; NaN: saturated, too short to tell,
                      most that miss were refused, or nothing was seen */
    struct plan_pressure pressure;
    char reason[PLAN_REASON_BYTES]; /* why it does not meet the SLO; empty: it does */
};

const char *plan_outcome_name(enum plan_outcome outcome);  /* "meets" */
const char *plan_outcome_words(enum plan_outcome outcome); /* "meets the SLO" */
const char *plan_figure_name(enum plan_figure figure);

/* "rejects 9.5% of the requests: KV holds 21,712 tokens"; "" where it refuses none. */
void plan_judge_refusals(const struct plan_verdict *verdict, char text[PLAN_REASON_BYTES]);

/* Judges an array of trials (plan_trial.h), at least one, of which none is NULL. */
void plan_judge(const json_t *trials, const struct slo *slo, double headroom,
                struct plan_verdict *verdict);

#endif
