/*
 * compare: how far a run's requests are from measured ones.
 *
 * Both served the same requests, matched by their order of arrival. An error is
 * simulated / measured - 1. Percentiles are linear between order statistics, as
 * numpy's default.
 */
#ifndef TANDEM_COMPARE_H
#define TANDEM_COMPARE_H

#include "served.h"

/* X(NAME, JSON key, title): TPOT of requests of two tokens or more. */
#define COMPARE_METRICS(X)    \
    X(TTFT, "ttft_s", "TTFT") \
    X(TPOT, "tpot_s", "TPOT") \
    X(E2E, "e2e_s", "E2E")

enum compare_metric {
#define X(name, key, title) COMPARE_##name,
    COMPARE_METRICS(X)
#undef X
        COMPARE_METRIC_COUNT
};

/* X(NAME, JSON key) */
#define COMPARE_STATISTICS(X) \
    X(MEAN, "mean")           \
    X(P50, "p50")             \
    X(P90, "p90")             \
    X(P95, "p95")             \
    X(P99, "p99")

enum compare_statistic {
#define X(name, key) COMPARE_##name,
    COMPARE_STATISTICS(X)
#undef X
        COMPARE_STATISTIC_COUNT
};

enum compare_side { COMPARE_MEASURED, COMPARE_SIMULATED, COMPARE_SIDE_COUNT };

/* One side's values of one metric, seconds, ascending; a value for each request that has one. */
struct compare_values {
    double *seconds;
    size_t count;
};

/* One number of both sides, by compare_side. */
struct compare_figure {
    double of[COMPARE_SIDE_COUNT];
};

/* One case. */
struct comparison {
    const char *name; /* the case's; "" where there are no cases */
    size_t requests;
    struct compare_values values[COMPARE_METRIC_COUNT][COMPARE_SIDE_COUNT];
    struct compare_figure latency_s[COMPARE_METRIC_COUNT][COMPARE_STATISTIC_COUNT];
    struct compare_figure requests_per_s; /* from the first arrival to the last token */
    struct compare_figure output_tokens_per_s;
};

/* Simulated / measured - 1; NaN where nothing was measured. */
double compare_error(const struct compare_figure *figure);

/*
 * Compares them case by case: `*comparisons`, one for each case of `measured`.
 * Errors: ERROR_CONFIG where their requests are not the same, saying which and
 * where; ERROR_MEMORY. What it gives is in the arena.
 */
int compare_served(const struct served *measured, const struct served *simulated,
                   struct arena *arena, struct comparison **comparisons, struct error *error);

/* The JSON key, or the title, of a metric; the key of a statistic. */
const char *compare_metric_key(enum compare_metric metric);
const char *compare_metric_title(enum compare_metric metric);
const char *compare_statistic_key(enum compare_statistic statistic);

#endif
