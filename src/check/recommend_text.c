#include "recommend_text.h"

#include "human.h"
#include "summary_text.h"

#define LAYOUT_BYTES 48
#define MARK_WIDTH 12
#define RESERVE_BYTES 256

struct layout_text {
    char text[LAYOUT_BYTES];
};

/* "TP=4 x PP=2, EP=4". */
static struct layout_text layout_text(const struct recommend_trial *trial)
{
    struct layout_text layout;
    int length = snprintf(layout.text, sizeof(layout.text), "TP=%u x PP=%u", trial->tensor_parallel,
                          trial->pipeline_parallel);
    if (trial->expert_parallel)
        (void)snprintf(layout.text + length, sizeof(layout.text) - (size_t)length, ", EP=%u",
                       trial->tensor_parallel);
    return layout;
}

static struct human value_text(const struct recommend_trial *trial, enum recommend_goal goal)
{
    return goal == RECOMMEND_LATENCY ? human_seconds(trial->value[goal])
                                     : human_number(trial->value[goal]);
}

/* Whether the trial is of the layout that the rule for `goal` picks, or that simulation does. */
static const char *mark(const struct preflight_recommendations *recommendations,
                        const struct recommend_trial *trial, enum recommend_goal goal)
{
    bool is_best = trial == recommendations->best[goal];
    if (trial == recommendations->rule[goal])
        return is_best ? "rule, best" : "rule";
    return is_best ? "best" : "";
}

/* A value of a row, marked where max_sequences holds it back. */
static void print_value(const struct recommend_trial *trial, enum recommend_goal goal, FILE *stream)
{
    (void)fprintf(stream, "%9s%s", value_text(trial, goal).text,
                  trial->is_held_back[goal] ? "*" : "");
}

/* The throughput with more sequences. */
static void print_more(const struct recommend_trial *trial, FILE *stream)
{
    (void)fprintf(stream, "%s with", human_number(trial->more_tokens_per_s).text);
    (void)fprintf(stream, " %s", human_count(trial->more_sequences).text);
}

static void print_trial(const struct preflight_recommendations *recommendations,
                        const struct recommend_trial *trial, FILE *stream)
{
    (void)fprintf(stream, "  TP=%-2u x PP=%-2u ", trial->tensor_parallel, trial->pipeline_parallel);
    if (recommendations->trials.has_whole_experts)
        (void)fprintf(stream, "EP=%-2u ", trial->expert_parallel ? trial->tensor_parallel : 1);
    (void)fprintf(stream, "%9u  ", trial->replicas);
    print_value(trial, RECOMMEND_LATENCY, stream);
    (void)fprintf(stream, "%*s%-*s", trial->is_held_back[RECOMMEND_LATENCY] ? 1 : 2, "", MARK_WIDTH,
                  mark(recommendations, trial, RECOMMEND_LATENCY));
    print_value(trial, RECOMMEND_THROUGHPUT, stream);
    bool has_more = trial->more_sequences > 0;
    const char *last = mark(recommendations, trial, RECOMMEND_THROUGHPUT);
    if (*last || has_more)
        (void)fprintf(stream, "%*s%-*s", trial->is_held_back[RECOMMEND_THROUGHPUT] ? 1 : 2, "",
                      has_more ? MARK_WIDTH : 0, last);
    if (has_more)
        print_more(trial, stream);
    if (trial->rejected > 0)
        (void)fprintf(stream, "  %s rejected", human_count(trial->rejected).text);
    if (trial->lost > 0)
        (void)fprintf(stream, "  %s lost", human_count(trial->lost).text);
    (void)fputc('\n', stream);
}

/* What the marks mean, where there are any. */
static void print_held_back(const struct recommend_trials *trials, FILE *stream)
{
    bool is_any = false;
    bool has_more = false;
    for (uint32_t i = 0; i < trials->count; i++) {
        const struct recommend_trial *trial = &trials->of[i];
        is_any |=
            trial->is_held_back[RECOMMEND_LATENCY] || trial->is_held_back[RECOMMEND_THROUGHPUT];
        has_more |= trial->more_sequences > 0;
    }
    if (!is_any)
        return;
    (void)fprintf(stream,
                  "*: held back by max_sequences, not by the layout: requests waited for one of %s "
                  "places\n   with KV to spare, and a larger engine.max_sequences would serve more "
                  "at once%s\n",
                  human_count(trials->sequences).text, has_more ? ";" : "");
    if (has_more)
        (void)fputs("   on the right: tokens/s with as many sequences as KV would hold, at most "
                    "four times as many\n",
                    stream);
}

static void print_trials(const struct preflight_recommendations *recommendations, FILE *stream)
{
    const struct recommend_trials *trials = &recommendations->trials;
    if (trials->count == 0)
        return;
    const struct sharding *sharding = &trials->sharding;
    const char *gap = trials->has_whole_experts ? "      " : "";
    (void)fprintf(
        stream, "\nlayouts that fit, simulated with at most %s sequences at once in a replica%s\n",
        human_count(trials->sequences).text,
        sharding->sequence_parallel ? ", sequence parallel" : "");
    if (trials->has_whole_experts)
        (void)fprintf(
            stream,
            "EP: GPUs that share the experts whole, the busiest one's with %.3g times the "
            "mean's tokens\n",
            sharding->expert_imbalance);
    (void)fprintf(stream,
                  "%s                            median E2E of         output tokens/s while\n"
                  "%s                replicas  %5s as they come    %7s requests wait\n",
                  gap, gap, human_count(trials->requests[RECOMMEND_LATENCY]).text,
                  human_count(trials->requests[RECOMMEND_THROUGHPUT]).text);
    for (uint32_t i = 0; i < trials->count; i++)
        print_trial(recommendations, &trials->of[i], stream);
    print_held_back(trials, stream);
}

/* Where the rule's layout serves fewer requests than the best, times are of different ones. */
static void print_unserved(const struct recommend_trial *rule, const struct recommend_trial *best,
                           FILE *stream)
{
    uint64_t requests = best->completed + best->rejected + best->lost;
    (void)fprintf(stream, "simulation disagrees: %s serves ", layout_text(best).text);
    (void)fprintf(stream, "%s of %s requests, ", human_count(best->completed).text,
                  human_count(requests).text);
    (void)fprintf(stream, "the rule's %s\n", human_count(rule->completed).text);
}

/* "4,085 tokens/s with 306"; without a number of sequences where more of them do not help. */
static struct layout_text roomy_text(const struct recommend_trial *trial)
{
    struct layout_text text;
    bool helps = trial->more_tokens_per_s > trial->value[RECOMMEND_THROUGHPUT];
    int length = snprintf(text.text, sizeof(text.text), "%.12s tokens/s",
                          human_number(recommend_trial_roomy_tokens_per_s(trial)).text);
    if (helps)
        (void)snprintf(text.text + length, sizeof(text.text) - (size_t)length, " with %.16s",
                       human_count(trial->more_sequences).text);
    return text;
}

/* Says where a verdict is about an engine's setting, too. */
static void print_reserve(const struct preflight_recommendations *recommendations,
                          enum recommend_goal goal, FILE *stream)
{
    const struct recommend_trial *rule = recommendations->rule[goal];
    const struct recommend_trial *best = recommend_trials_roomy_best(&recommendations->trials);
    bool has_other = rule && rule != best;
    char text[RESERVE_BYTES] = "engine.max_sequences, not the layout, holds that back: raise it";
    if (!preflight_is_held_back(recommendations, goal))
        return;
    if (goal == RECOMMEND_THROUGHPUT)
        (void)snprintf(text, sizeof(text),
                       "engine.max_sequences, not the layout, holds that back: raised, %s would "
                       "have %s%s%s",
                       layout_text(best).text, roomy_text(best).text,
                       has_other ? ", the rule's " : "", has_other ? roomy_text(rule).text : "");
    (void)fputs("    ", stream);
    summary_text_print_wrapped(text, 4, stream);
}

/* What simulation says of the rule's layout, as the end of a line. */
static void print_verdict(const struct preflight_recommendations *recommendations,
                          enum recommend_goal goal, FILE *stream)
{
    const struct recommend_trial *rule = recommendations->rule[goal];
    const struct recommend_trial *best = recommendations->best[goal];
    const char *unit = goal == RECOMMEND_LATENCY ? "" : " tokens/s";
    if (!best)
        (void)fputs("no layout serves a request of this workload\n", stream);
    else if (rule && recommend_trial_agrees(rule, best, goal))
        (void)fprintf(stream, "simulation agrees: %s%s\n", value_text(rule, goal).text, unit);
    else if (rule && rule->completed < best->completed)
        print_unserved(rule, best, stream);
    else if (rule)
        (void)fprintf(stream, "simulation disagrees: %s has %s%s, the rule's %s\n",
                      layout_text(best).text, value_text(best, goal).text, unit,
                      value_text(rule, goal).text);
    else
        (void)fprintf(stream, "simulation picks %s: %s%s\n", layout_text(best).text,
                      value_text(best, goal).text, unit);
}

static void print_rule(const struct preflight_recommendations *recommendations,
                       enum recommend_goal goal, FILE *stream)
{
    const struct recommendation *rule = &recommendations->of[goal];
    bool has_rule = recommendations->has[goal];
    (void)fprintf(stream, "  for %s: ", recommend_goal_name(goal));
    if (has_rule)
        (void)fprintf(stream, "TP=%u x PP=%u\n    ", rule->layout.tensor_parallel,
                      rule->layout.pipeline_parallel);
    else
        (void)fputs("none\n    ", stream);
    summary_text_print_wrapped(has_rule ? rule->reason : recommendations->errors[goal].text, 4,
                               stream);
    if (recommendations->trials.count == 0)
        return;
    (void)fputs("    ", stream);
    print_verdict(recommendations, goal, stream);
    print_reserve(recommendations, goal, stream);
}

void recommend_text_print(const struct preflight_recommendations *recommendations, FILE *stream)
{
    (void)fputs("\nrules of thumb\n", stream);
    for (int goal = 0; goal < RECOMMEND_GOAL_COUNT; goal++)
        print_rule(recommendations, (enum recommend_goal)goal, stream);
    print_trials(recommendations, stream);
}
