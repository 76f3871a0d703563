/*
 * workload: where requests come from.
 *
 * A source yields requests in order of arrival, one at a time, so that a trace
 * of any length takes constant memory. Synthetic ones are made here; trace
 * readers (src/trace/trace.h) are sources too.
 */
#ifndef TANDEM_WORKLOAD_H
#define TANDEM_WORKLOAD_H

#include "base.h"
#include "error.h"

struct arrival {
    sim_ps at;              /* never before the previous one's; at most ARRIVAL_S_MAX (base.h) */
    uint32_t input_tokens;  /* at least 1 */
    uint32_t output_tokens; /* at least 1 */
    /* How the prompt begins, where others may begin so: ids of its pieces (request.h), the source's
       until the next arrival; and their tokens in all. */
    const uint64_t *pieces;
    uint32_t piece_count;
    uint32_t shared_tokens;
    uint32_t reusable_tokens; /* of them, those that an earlier prompt began with */
};

struct arrival_source {
    void *context;
    /* 1: `arrival` is filled in; 0: there are no more; negative: `error` is. */
    int (*next)(void *context, struct arrival *arrival, struct error *error);
    /* 0: open loop. Otherwise this many requests are in flight from t = 0 on, a finished one is
       replaced at once, and arrival.at is ignored. */
    uint32_t concurrency;
    bool tells_prefixes; /* requests may begin as others do, and say so */
};

/* X(NAME, YAML name) */
#define ARRIVAL_PROCESSES(X) \
    X(POISSON, "poisson")    \
    X(GAMMA, "gamma")        \
    X(CONSTANT, "constant")  \
    X(CLOSED_LOOP, "closed_loop")

enum arrival_process {
#define X(name, text) ARRIVAL_##name,
    ARRIVAL_PROCESSES(X)
#undef X
};

struct arrivals {
    enum arrival_process process;
    double rate_per_s;    /* all but closed_loop */
    double cv;            /* gamma: coefficient of variation of the gaps */
    uint32_t concurrency; /* closed_loop */
};

/* X(NAME, YAML name) */
#define LENGTH_DISTRIBUTIONS(X) \
    X(FIXED, "fixed")           \
    X(UNIFORM, "uniform")       \
    X(NORMAL, "normal")         \
    X(LOGNORMAL, "lognormal")   \
    X(ZIPF, "zipf")             \
    X(EMPIRICAL, "empirical")

enum length_distribution {
#define X(name, text) LENGTH_##name,
    LENGTH_DISTRIBUTIONS(X)
#undef X
};

/* A distribution of token counts; draws are rounded and clamped to [min, max]. */
struct lengths {
    enum length_distribution distribution;
    double mean;     /* fixed, normal, lognormal: of the distribution before clamping */
    double sd;       /* normal, lognormal: standard deviation */
    double exponent; /* zipf: P(k) ~ k^-exponent on min..max; 0 to 20 */
    uint32_t min;    /* at least 1 */
    uint32_t max;
    const uint32_t *values; /* empirical: drawn uniformly */
    size_t value_count;
};

/* Beginnings that prompts have in common. Each prompt's first tokens, all of a shorter one's, are
   one of these, the k-th of which is drawn with a probability that goes as k^-exponent. */
struct prefixes {
    uint32_t count; /* 0: prompts have nothing in common */
    uint32_t tokens;
    double exponent; /* 0: all alike; to 20 */
};

struct synthetic {
    struct arrivals arrivals;
    uint64_t requests; /* how many in all */
    struct lengths input;
    struct lengths output;
    struct prefixes prefixes;
};

struct workload; /* a synthetic source's state */

/*
 * A source that draws `synthetic` from streams of `seed`; the caller frees it, and keeps empirical
 * values alive as long. The first request arrives one gap after t = 0. NULL, with `error` filled
 * in, for impossible values and when memory is out.
 */
struct workload *workload_new(const struct synthetic *synthetic, uint64_t seed,
                              struct error *error);
void workload_free(struct workload *workload);
struct arrival_source workload_source(struct workload *workload);

#endif
