#include "balance.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_statistics_double.h>

#define STEPS (BALANCE_SLICES - 1)

/* Fewer arrivals in the window show nothing: each is worth more than the limit. */
#define REQUESTS_MIN 20

/* Share of `half` from which a growth is in doubt: where there is none, one run in 15 shows it. */
#define DOUBT_SHARE 0.5

/* By how many of the requests in service, on average, they may grow over the window in a system
   that settles yet. Where they grow from nothing all run long it is by 2 in 3 of them. */
#define SETTLING_SHARE (1.0 / 3)

/* A run should last this many times as long as its requests are served. */
#define SERVICES_PER_RUN 20

/* Filling above which that is what keeps a run from telling. */
#define FILLING_MAX (BALANCE_LIMIT / 2)

/* Times as many requests as could not tell, at the least, are to be asked for. */
#define MORE_MIN 1.01

/* When a run's requests arrive. */
struct span {
    sim_ps first;
    sim_ps start; /* of the window that is looked at */
    sim_ps last;
    size_t late; /* requests after it */
};

static struct span span_of(const struct passage *passages, size_t count)
{
    struct span span = {.first = SIM_PS_MAX};
    for (size_t i = 0; i < count; i++) {
        span.first = sim_ps_min(span.first, passages[i].arrival);
        span.last = sim_ps_max(span.last, passages[i].arrival);
    }
    span.start = span.first + (sim_ps)((double)(span.last - span.first) * BALANCE_SETTLING);
    for (size_t i = 0; i < count; i++)
        span.late += passages[i].arrival > span.start;
    return span;
}

static double mean_service_s(const struct passage *passages, size_t count)
{
    double sum_s = 0;
    for (size_t i = 0; i < count; i++)
        sum_s += sim_s_from_ps(passages[i].done - passages[i].scheduled);
    return sum_s / (double)count;
}

/* How long a request is served, by its output tokens. */
struct pace {
    double base_s;
    double token_s;
};

/* The least squares line (Welford, Technometrics 4(3), 1962). */
static struct pace pace_of(const struct passage *passages, size_t count)
{
    double mean_tokens = 0;
    double mean_s = 0;
    double tokens_squared = 0;
    double tokens_by_s = 0;
    for (size_t i = 0; i < count; i++) {
        double service_s = sim_s_from_ps(passages[i].done - passages[i].scheduled);
        double off_tokens = passages[i].output_tokens - mean_tokens;
        mean_tokens += off_tokens / (double)(i + 1);
        mean_s += (service_s - mean_s) / (double)(i + 1);
        tokens_squared += off_tokens * (passages[i].output_tokens - mean_tokens);
        tokens_by_s += off_tokens * (service_s - mean_s);
    }
    double token_s = tokens_squared > 0 ? tokens_by_s / tokens_squared : 0;
    return (struct pace){mean_s - token_s * mean_tokens, token_s};
}

static double paced_s(struct pace pace, const struct passage *passage)
{
    return fmax(pace.base_s + pace.token_s * passage->output_tokens, 0);
}

/* By how much the requests in service grow over the window because some are served for longer than
   there was before it, as a share of the arrivals. */
static double filling_of(const struct passage *passages, size_t count, struct pace pace,
                         const struct span *span)
{
    double before_s = sim_s_from_ps(span->start - span->first);
    double window_s = sim_s_from_ps(span->last - span->start);
    double filling_s = 0;
    for (size_t i = 0; i < count; i++)
        filling_s += fmin(fmax(paced_s(pace, &passages[i]) - before_s, 0), window_s);
    return filling_s / window_s / (double)count;
}

/* By how much what is in flight may grow in a system that settles yet, as a share of the window's
   arrivals. */
static double settling_of(const struct passage *passages, size_t count, const struct span *span)
{
    double served_s = 0;
    for (size_t i = 0; i < count; i++) {
        sim_ps from = sim_ps_max(passages[i].scheduled, span->start);
        sim_ps until = sim_ps_min(passages[i].done, span->last);
        served_s += sim_s_from_ps(sim_ps_max(until - from, 0));
    }
    double in_service = served_s / sim_s_from_ps(span->last - span->start);
    return SETTLING_SHARE * in_service / (double)span->late;
}

/* Request-seconds in flight until `edge_s` after the window's start, less those of the pace. */
static double excess_until(const struct passage *passages, size_t count, struct pace pace,
                           sim_ps start, double edge_s)
{
    double excess_s = 0;
    for (size_t i = 0; i < count; i++) {
        const struct passage *passage = &passages[i];
        double arrival_s = sim_s_from_ps(passage->arrival - start);
        double scheduled_s = sim_s_from_ps(passage->scheduled - start);
        double done_s = sim_s_from_ps(passage->done - start);
        double in_flight_s = fmin(done_s, edge_s) - fmin(arrival_s, edge_s);
        double in_service_s =
            fmin(scheduled_s + paced_s(pace, passage), edge_s) - fmin(scheduled_s, edge_s);
        excess_s += in_flight_s - in_service_s;
    }
    return excess_s;
}

/* How the excess grows from each slice to the next, as a share of a slice's arrivals. */
static void find_steps(const struct passage *passages, size_t count, struct pace pace,
                       const struct span *span, double steps[STEPS])
{
    double slice_s = sim_s_from_ps(span->last - span->start) / BALANCE_SLICES;
    double slice_arrivals = (double)span->late / BALANCE_SLICES;
    double means[BALANCE_SLICES];
    double before = excess_until(passages, count, pace, span->start, 0);
    for (int i = 0; i < BALANCE_SLICES; i++) {
        double until = excess_until(passages, count, pace, span->start, (i + 1) * slice_s);
        means[i] = (until - before) / slice_s;
        before = until;
    }
    for (int i = 0; i < STEPS; i++)
        steps[i] = (means[i + 1] - means[i]) / slice_arrivals;
}

/* Whether the growth is more than what a system shows that settles yet. */
static bool is_more_than_settling(const struct balance *balance)
{
    return balance->growth > balance->settling;
}

/* Whether nothing would rarely look like this growth. */
static bool is_in_doubt(const struct balance *balance)
{
    return is_more_than_settling(balance) && balance->growth > DOUBT_SHARE * balance->half;
}

static double round_up(double requests)
{
    double unit = pow(10, fmax(floor(log10(requests)) - 1, 0));
    return ceil(requests / unit) * unit;
}

/* Of a run that cannot tell yet. Its interval shrinks with the root of the requests, x times as
   large say, what its filling may hide with their number: half / x + filling / x^2 is to be the
   room. Settling shrinks with their number too, growth above the limit does not where it lasts: it
   is to stand out. */
static double narrowed(const struct balance *balance)
{
    double room = is_in_doubt(balance) ? balance->growth
                                       : BALANCE_TOLERANCE + fabs(BALANCE_LIMIT - balance->growth);
    double filling = balance->growth <= BALANCE_LIMIT ? balance->filling : 0;
    double half = balance->half;
    double x = (half + sqrt(half * half + 4 * room * filling)) / (2 * room);
    double unsettled =
        balance->growth > BALANCE_LIMIT ? balance->settling / balance->growth : MORE_MIN;
    return round_up(balance->requests * fmax(x * x, fmax(unsettled, MORE_MIN)));
}

/* Of a run that was short beside its requests, or had too few. */
static double settled(const struct passage *passages, size_t count, const struct span *span)
{
    double services = sim_s_from_ps(span->last - span->first) / mean_service_s(passages, count);
    double wanted = (double)count * SERVICES_PER_RUN / services;
    return round_up(fmax(wanted, fmax(2 * (double)count, 4 * REQUESTS_MIN)));
}

struct balance balance_of_closed_loop(size_t count)
{
    return (struct balance){.requests = (double)count, .requests_to_tell = (double)count};
}

struct balance balance_of(const struct passage *passages, size_t count)
{
    struct span span = span_of(passages, count);
    if (span.last <= span.first)
        return balance_of_closed_loop(count);
    struct balance balance = {
        .growth = NAN,
        .half = INFINITY,
        .filling = 1,
        .settling = settling_of(passages, count, &span),
        .requests = (double)count,
        .requests_to_tell = settled(passages, count, &span),
    };
    if (span.late < REQUESTS_MIN)
        return balance;
    struct pace pace = pace_of(passages, count);
    double steps[STEPS];
    find_steps(passages, count, pace, &span, steps);
    balance.growth = gsl_stats_mean(steps, 1, STEPS);
    balance.half = gsl_cdf_tdist_Pinv(BALANCE_CONFIDENCE, STEPS - 1) *
                   gsl_stats_sd_m(steps, 1, STEPS, balance.growth) / sqrt(STEPS);
    balance.filling = filling_of(passages, count, pace, &span);
    if (balance_answer(&balance) != BALANCE_TOO_SHORT)
        balance.requests_to_tell = balance.requests;
    else if (balance.filling <= FILLING_MAX)
        balance.requests_to_tell = narrowed(&balance);
    else
        balance.requests_to_tell = fmax(balance.requests_to_tell, narrowed(&balance));
    return balance;
}

struct balance balance_mean(const struct balance *runs, size_t count)
{
    struct balance mean = {.requests_to_tell = 0};
    double squares = 0;
    for (size_t i = 0; i < count; i++) {
        mean.growth += runs[i].growth / (double)count;
        squares += runs[i].half * runs[i].half;
        mean.filling += runs[i].filling / (double)count;
        mean.settling += runs[i].settling / (double)count;
        mean.requests += runs[i].requests / (double)count;
        mean.requests_to_tell = fmax(mean.requests_to_tell, runs[i].requests_to_tell);
    }
    mean.half = sqrt(squares) / (double)count;
    if (balance_answer(&mean) != BALANCE_TOO_SHORT)
        mean.requests_to_tell = mean.requests;
    else if (mean.filling <= FILLING_MAX)
        mean.requests_to_tell = narrowed(&mean);
    return mean;
}

enum balance_answer balance_answer(const struct balance *balance)
{
    double high = balance->growth + balance->half + balance->filling;
    if (is_more_than_settling(balance) && balance->growth > balance->half)
        return BALANCE_SATURATED;
    if (balance->growth <= BALANCE_LIMIT && high <= BALANCE_LIMIT + BALANCE_TOLERANCE &&
        !is_in_doubt(balance))
        return BALANCE_KEPT_UP;
    return BALANCE_TOO_SHORT;
}

bool balance_looks_saturated(const struct balance *balance)
{
    return balance->growth > BALANCE_LIMIT || is_in_doubt(balance);
}

const char *balance_answer_name(enum balance_answer answer)
{
    static const char *const names[] = {BALANCE_ANSWERS(LIST_TEXT)};
    return names[answer];
}
