#include "recommend_text.h"

#include "human.h"
#include "summary_text.h"

#define LAYOUT_BYTES 48

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

static void print_trial(const struct preflight_recommendations *recommendations,
                        const struct recommend_trial *trial, FILE *stream)
{
    (void)fprintf(stream, "  TP=%-2u x PP=%-2u ", trial->tensor_parallel, trial->pipeline_parallel);
    if (recommendations->trials.has_whole_experts)
        (void)fprintf(stream, "EP=%-2u ", trial->expert_parallel ? trial->tensor_parallel : 1);
    (void)fprintf(stream, "%9u  ", trial->replicas);
    (void)fprintf(stream, "%9s  %-12s", value_text(trial, RECOMMEND_LATENCY).text,
                  mark(recommendations, trial, RECOMMEND_LATENCY));
    const char *last = mark(recommendations, trial, RECOMMEND_THROUGHPUT);
    (void)fprintf(stream, "%9s%s%s", value_text(trial, RECOMMEND_THROUGHPUT).text,
                  *last ? "  " : "", last);
    if (trial->rejected > 0)
        (void)fprintf(stream, "  %s rejected", human_count(trial->rejected).text);
    if (trial->lost > 0)
        (void)fprintf(stream, "  %s lost", human_count(trial->lost).text);
    (void)fputc('\n', stream);
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
}

void recommend_text_print(const struct preflight_recommendations *recommendations, FILE *stream)
{
    (void)fputs("\nrules of thumb\n", stream);
    for (int goal = 0; goal < RECOMMEND_GOAL_COUNT; goal++)
        print_rule(recommendations, (enum recommend_goal)goal, stream);
    print_trials(recommendations, stream);
}
