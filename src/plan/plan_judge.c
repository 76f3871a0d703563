#include "plan_judge.h"

#include "balance_json.h"
#include "human.h"
#include "lasting_rate.h"
#include "plan.h"
#include "plan_trial.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SHARE_TEXT_BYTES 160

/* The requests of a run, so many of which are judged in all trials. */
static double requests_of(double judged, const json_t *trials)
{
    return ceil(judged / (double)json_array_size(trials) / (1 - PLAN_SETTLING));
}

/* Judges one latency on its own; `limit_s` 0: there is none to keep. NaN: single tokens have no
   TPOT, and who was never served has no latency at all. */
static enum plan_outcome judge_latency(const struct plan_estimate *estimate, double limit_s,
                                       double headroom)
{
    double room_s = limit_s * (1 - headroom);
    if (limit_s == 0 || isnan(estimate->mean) || estimate->mean + estimate->half <= room_s)
        return PLAN_MEETS;
    return estimate->mean - estimate->half > room_s ? PLAN_MISSES : PLAN_UNPROVEN;
}

/* Adds a reason to those that there are. */
static void explain(char reasons[PLAN_REASON_BYTES], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void explain(char reasons[PLAN_REASON_BYTES], const char *format, ...)
{
    size_t length = strlen(reasons);
    if (length > 0)
        length += (size_t)snprintf(reasons + length, PLAN_REASON_BYTES - length, "; ");
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(reasons + length, PLAN_REASON_BYTES - length, format, arguments);
    va_end(arguments);
}

static void explain_latency(struct plan_verdict *verdict, const char *name,
                            const struct plan_estimate *estimate, double limit_s,
                            const struct slo *slo, double headroom)
{
    explain(verdict->reason, "%s p%g %s +- %s against %s less %.0f%%", name, slo->percentile,
            human_seconds(estimate->mean).text, human_seconds(estimate->half).text,
            human_seconds(limit_s).text, headroom * 100);
}

/* The share of the bound that is free at the interval's upper end; 1 where there is no bound. */
static double margin_of(const struct plan_estimate *estimate, double limit_s)
{
    return limit_s > 0 ? 1 - (estimate->mean + estimate->half) / limit_s : 1;
}

/* "92.0% +- 1.4%"; "98.2% (94.8% to 100.0%)" where the interval reaches beyond all or none. */
static void share_text(const struct plan_estimate *share, char text[SHARE_TEXT_BYTES])
{
    double least = share->mean - share->half;
    double most = share->mean + share->half;
    if (least >= 0 && most <= 1)
        (void)snprintf(text, SHARE_TEXT_BYTES, "%s +- %s", human_percent(share->mean).text,
                       human_percent(share->half).text);
    else
        (void)snprintf(text, SHARE_TEXT_BYTES, "%s (%s to %s)", human_percent(share->mean).text,
                       human_percent(fmax(least, 0)).text, human_percent(fmin(most, 1)).text);
}

/* Why the share is too small: latencies that fail on their own, or the two together. */
static void explain_share(struct plan_verdict *verdict, const struct slo *slo, double headroom)
{
    enum plan_outcome ttft = judge_latency(&verdict->ttft_s, slo->ttft_s, headroom);
    enum plan_outcome tpot = judge_latency(&verdict->tpot_s, slo->tpot_s, headroom);
    char share[SHARE_TEXT_BYTES];
    share_text(&verdict->within, share);
    plan_judge_refusals(verdict, verdict->reason);
    if (ttft != PLAN_MEETS)
        explain_latency(verdict, "TTFT", &verdict->ttft_s, slo->ttft_s, slo, headroom);
    if (tpot != PLAN_MEETS)
        explain_latency(verdict, "TPOT", &verdict->tpot_s, slo->tpot_s, slo, headroom);
    if (ttft == PLAN_MEETS && tpot == PLAN_MEETS)
        explain(verdict->reason, "%s of the requests are within the SLO less %.0f%%, %g%% must be",
                share, headroom * 100, slo->percentile);
}

void plan_judge_refusals(const struct plan_verdict *verdict, char text[PLAN_REASON_BYTES])
{
    bool is_whole = !isnan(verdict->prompt_tokens);
    bool is_bounded = !isnan(verdict->context_tokens);
    *text = '\0';
    if (verdict->rejected > 0)
        explain(text, "rejects %s of the requests: KV holds %s tokens%s%s%s%s",
                human_percent(verdict->rejected).text,
                human_count((uint64_t)verdict->kv_tokens).text,
                is_whole ? ", a step of whole prompts " : "",
                is_whole ? human_count((uint64_t)verdict->prompt_tokens).text : "",
                is_bounded ? ", the model's context " : "",
                is_bounded ? human_count((uint64_t)verdict->context_tokens).text : "");
    if (verdict->lost > 0)
        explain(text, "loses %s of the requests with replicas that fail",
                human_percent(verdict->lost).text);
}

/* Judges the share of the requests within the SLO by its interval. */
static void judge_share(struct plan_verdict *verdict, const struct slo *slo, double headroom)
{
    const struct plan_estimate *within = &verdict->within;
    double ttft_margin = margin_of(&verdict->ttft_s, slo->ttft_s);
    double tpot_margin = margin_of(&verdict->tpot_s, slo->tpot_s);
    double wanted = slo->percentile / 100;
    verdict->margin = fmin(ttft_margin, tpot_margin);
    verdict->outcome = within->mean - within->half >= wanted  ? PLAN_MEETS
                       : within->mean + within->half < wanted ? PLAN_MISSES
                                                              : PLAN_UNPROVEN;
    if (verdict->outcome == PLAN_MEETS)
        return;
    explain_share(verdict, slo, headroom);
    verdict->figure = tpot_margin < ttft_margin ? PLAN_FIGURE_TPOT : PLAN_FIGURE_TTFT;
    if (verdict->rejected + verdict->lost > (1 - within->mean) / 2) {
        verdict->figure = PLAN_FIGURE_REFUSED;
        verdict->margin = NAN;
    }
}

/* The first trial that did not end well; NULL: all did. */
static const json_t *find_failure(const json_t *trials)
{
    for (size_t i = 0; i < json_array_size(trials); i++) {
        const json_t *trial = json_array_get(trials, i);
        const char *status = json_string_value(json_object_get(trial, "status"));
        if (!status || strcmp(status, "done") != 0)
            return trial;
    }
    return NULL;
}

static struct balance balance_of_trials(const json_t *trials)
{
    struct balance runs[PLAN_SEEDS_MAX];
    size_t count = json_array_size(trials);
    assert(count > 0 && count <= PLAN_SEEDS_MAX);
    for (size_t i = 0; i < count; i++)
        runs[i] = balance_json_read(json_object_get(json_array_get(trials, i), "balance"));
    return balance_mean(runs, count);
}

/* The share of an open loop's load that does not pile up: what a run completes a second is less by
   its end, in which nothing arrives any more. */
static double served_of(const struct balance *balance)
{
    return balance->growth > 0 ? 1 - balance->growth : balance->growth <= 0 ? 1 : (double)NAN;
}

static void judge_saturated(struct plan_verdict *verdict)
{
    verdict->outcome = PLAN_SATURATED;
    verdict->figure = PLAN_FIGURE_THROUGHPUT;
    (void)snprintf(verdict->reason, sizeof(verdict->reason), "serves %.0f%% of the load",
                   verdict->served * 100);
}

static void judge_too_short(struct plan_verdict *verdict)
{
    verdict->outcome = PLAN_TOO_SHORT;
    verdict->figure = PLAN_FIGURE_NONE;
    verdict->margin = NAN;
    (void)snprintf(verdict->reason, sizeof(verdict->reason),
                   "runs too short to tell whether it serves the load; about %s requests would",
                   human_number(verdict->balance.requests_to_tell).text);
}

/* So few requests that what `needed` would show cannot be seen in them. */
static void judge_too_few(struct plan_verdict *verdict, const json_t *trials, double needed)
{
    verdict->outcome = PLAN_TOO_SHORT;
    verdict->figure = PLAN_FIGURE_NONE;
    verdict->margin = NAN;
    verdict->balance.requests_to_tell = needed;
    verdict->reason[0] = '\0';
    uint64_t count = (uint64_t)plan_estimate_mean(trials, "requests");
    explain(verdict->reason, "runs too short to tell from %s request%s; about %s requests would",
            human_count(count).text, plural(count),
            human_count((uint64_t)verdict->balance.requests_to_tell).text);
}

const char *plan_outcome_name(enum plan_outcome outcome)
{
    static const char *const names[] = {
#define X(name, key, text) key,
        PLAN_OUTCOMES(X)
#undef X
    };
    return names[outcome];
}

const char *plan_outcome_words(enum plan_outcome outcome)
{
    static const char *const words[] = {
#define X(name, key, text) text,
        PLAN_OUTCOMES(X)
#undef X
    };
    return words[outcome];
}

const char *plan_figure_name(enum plan_figure figure)
{
    static const char *const names[] = {PLAN_FIGURES(LIST_TEXT)};
    return names[figure];
}

/* What it does while requests arrive: a short run's end would make it look dear and idle. */
static void judge_lasting(struct plan_verdict *verdict, double arriving_tokens_per_s)
{
    double measured = verdict->output_tokens_per_s;
    verdict->lasting_tokens_per_s =
        lasting_rate(&verdict->balance, arriving_tokens_per_s, measured);
    verdict->lasting_busy =
        fmin(verdict->pressure.busy * verdict->lasting_tokens_per_s / measured, 1);
}

/* What the trials come to, but for what follows from it. */
static struct plan_verdict sum_up(const json_t *trials, const struct slo *slo)
{
    struct plan_verdict verdict = {
        .within = plan_estimate_share(trials, slo),
        .ttft_s = plan_estimate_of(trials, "ttft_s"),
        .tpot_s = plan_estimate_of(trials, "tpot_s"),
        .good = plan_estimate_mean(trials, "good"),
        .rejected = plan_estimate_mean(trials, "rejected"),
        .lost = plan_estimate_mean(trials, "lost"),
        .kv_tokens = plan_estimate_mean(trials, "kv_tokens"),
        .prompt_tokens = plan_estimate_mean(trials, "prompt_tokens"),
        .context_tokens = plan_estimate_mean(trials, "context_tokens"),
        .max_sequences = plan_estimate_mean(trials, "max_sequences"),
        .requests_per_s = plan_estimate_mean(trials, "requests_per_s"),
        .output_tokens_per_s = plan_estimate_mean(trials, "output_tokens_per_s"),
        .margin = NAN,
        .pressure = plan_pressure_mean(trials),
        .balance = balance_of_trials(trials),
    };
    double arriving_tokens_per_s = plan_estimate_mean(trials, "arriving_tokens_per_s");
    verdict.served = isnan(arriving_tokens_per_s) ? (double)NAN : served_of(&verdict.balance);
    judge_lasting(&verdict, arriving_tokens_per_s);
    return verdict;
}

/* Adds to why the SLO is not met what is the engine's doing, not the hardware's. */
static void explain_held_back(struct plan_verdict *verdict)
{
    const struct plan_pressure *pressure = &verdict->pressure;
    if (plan_pressure_is_held_back(pressure))
        explain(verdict->reason,
                "requests wait %.0f%% of the time for one of %s sequences, KV %.0f%% used: raise "
                "engine.max_sequences",
                pressure->crowded * 100, human_count((uint64_t)verdict->max_sequences).text,
                pressure->kv * 100);
}

void plan_judge(const json_t *trials, const struct slo *slo, double headroom,
                struct plan_verdict *verdict)
{
    *verdict = sum_up(trials, slo);
    double to_prove = requests_of(plan_estimate_to_prove(slo), trials);
    enum balance_answer answer = balance_answer(&verdict->balance);
    const json_t *failure = find_failure(trials);
    if (failure) {
        const char *why = json_string_value(json_object_get(failure, "error"));
        verdict->outcome = PLAN_FAILED;
        (void)snprintf(verdict->reason, sizeof(verdict->reason), "%s", why ? why : "");
    } else if (isnan(verdict->within.mean)) {
        double least = fmax(verdict->balance.requests_to_tell, PLAN_REQUESTS_MIN);
        judge_too_few(verdict, trials, fmax(least, to_prove));
    } else if (answer == BALANCE_SATURATED) {
        judge_saturated(verdict);
    } else {
        judge_share(verdict, slo, headroom);
        if (answer == BALANCE_TOO_SHORT && verdict->outcome != PLAN_MISSES)
            judge_too_short(verdict);
        else if (plan_estimate_judged(trials) < plan_estimate_to_prove(slo) &&
                 verdict->outcome == PLAN_UNPROVEN)
            judge_too_few(verdict, trials, to_prove);
    }
    if (verdict->outcome != PLAN_MEETS && verdict->outcome != PLAN_FAILED)
        explain_held_back(verdict);
}
