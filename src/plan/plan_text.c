#include "plan_text.h"

#include "human.h"

#define NAME_BYTES_MAX 160
#define RULED_OUT_REASON_MAX 150
#define SECONDS_PER_HOUR 3600.0

/* "3 x TP=4 x PP=2 on hgx-h100 (24 of 24 GPUs in 3 nodes)"; without replicas, just the cut. */
static void name_option(const struct plan_candidate *candidate, bool with_replicas,
                        char name[NAME_BYTES_MAX])
{
    const struct plan_option *option = &candidate->option;
    char cut[64];
    (void)snprintf(cut, sizeof(cut), "TP=%u", option->tensor_parallel);
    if (option->pipeline_parallel > 1)
        (void)snprintf(cut, sizeof(cut), "TP=%u x PP=%u", option->tensor_parallel,
                       option->pipeline_parallel);
    if (!with_replicas)
        (void)snprintf(name, NAME_BYTES_MAX, "%s on %s", cut, candidate->cluster_name);
    else
        (void)snprintf(name, NAME_BYTES_MAX, "%u x %s on %u node%s of %s", option->replicas, cut,
                       option->nodes, option->nodes == 1 ? "" : "s", candidate->cluster_name);
}

static double usd_per_million(const struct plan_candidate *candidate, enum plan_billing billing)
{
    return plan_candidate_usd_per_hour(candidate, billing) /
           (candidate->verdict.output_tokens_per_s * SECONDS_PER_HOUR) * 1e6;
}

/* At board power, the whole time: an upper bound. */
static double kwh_per_million(const struct plan_candidate *candidate, enum plan_billing billing)
{
    double power_w = plan_candidate_billed_gpus(candidate, billing) * candidate->power_w;
    double joules_per_token = power_w / candidate->verdict.output_tokens_per_s;
    return joules_per_token * 1e6 / (1000 * SECONDS_PER_HOUR);
}

static void print_latency(const char *name, const struct plan_estimate *estimate, double limit_s,
                          FILE *stream)
{
    (void)fprintf(stream, "  %-6s %s +- %s", name, human_seconds(estimate->mean).text,
                  human_seconds(estimate->half).text);
    if (limit_s > 0)
        (void)fprintf(stream, " of the %s allowed, %s of it free", human_seconds(limit_s).text,
                      human_percent(1 - estimate->mean / limit_s).text);
    (void)fputc('\n', stream);
}

static void print_costs(const struct plan_candidate *candidate, enum plan_billing billing,
                        FILE *stream)
{
    (void)fprintf(
        stream,
        "  cost   %s USD/h for %u GPUs, %u of them in use; %s USD a million output tokens\n",
        human_number(plan_candidate_usd_per_hour(candidate, billing)).text,
        plan_candidate_billed_gpus(candidate, billing), plan_candidate_gpus(candidate),
        human_number(usd_per_million(candidate, billing)).text);
    if (candidate->power_w > 0)
        (void)fprintf(stream, "  energy at most %s kWh a million output tokens (board power)\n",
                      human_number(kwh_per_million(candidate, billing)).text);
}

static void print_stress(const struct plan_stress *stress, const struct plan_candidate *candidate,
                         FILE *stream)
{
    if (isinf(stress->fails))
        (void)fprintf(stream, "  growth holds at %.2f times this traffic\n", stress->holds);
    else
        (void)fprintf(stream, "  growth holds at %.2f times this traffic; at %.2f: %s\n",
                      stress->holds, stress->fails, stress->breaks);
    if (stress->replicas_left == 0)
        (void)fputs("  a node lost: nothing is left to serve\n", stream);
    else if (stress->replicas_left == candidate->option.replicas)
        (void)fputs("  a node lost: all replicas fit on the others\n", stream);
    else if (stress->without_node.outcome == PLAN_MEETS)
        (void)fprintf(stream, "  a node lost: %u replicas still meet the SLO\n",
                      stress->replicas_left);
    else
        (void)fprintf(stream, "  a node lost: %u replicas left, %s\n", stress->replicas_left,
                      stress->without_node.reason);
}

static void print_traffic(const struct plan_search *search, FILE *stream)
{
    const struct plan_traffic *traffic = &search->traffic;
    const struct slo *slo = &search->slo;
    (void)fprintf(stream, "%s: ", search->plan->name);
    if (!isnan(traffic->requests_per_s))
        (void)fprintf(stream, "%s requests/s of ", human_number(traffic->requests_per_s).text);
    (void)fprintf(stream, "%s tokens in and %s out; p%g", human_number(traffic->input_tokens).text,
                  human_number(traffic->output_tokens).text, slo->percentile);
    if (slo->ttft_s > 0)
        (void)fprintf(stream, " TTFT %s", human_seconds(slo->ttft_s).text);
    if (slo->tpot_s > 0)
        (void)fprintf(stream, " TPOT %s", human_seconds(slo->tpot_s).text);
    (void)fprintf(stream, ", %.0f%% headroom (%zu runs)\n\n", search->plan->headroom * 100,
                  search->trials);
}

static void print_details(const struct plan_search *search, const struct plan_candidate *candidate,
                          FILE *stream)
{
    print_latency("TTFT", &candidate->verdict.ttft_s, search->slo.ttft_s, stream);
    print_latency("TPOT", &candidate->verdict.tpot_s, search->slo.tpot_s, stream);
    (void)fprintf(stream, "  share  %s of the requests are within the SLO\n",
                  human_percent(candidate->verdict.good).text);
    print_costs(candidate, search->plan->billing, stream);
}

static void print_runners_up(const struct plan_search *search, FILE *stream)
{
    enum plan_billing billing = search->plan->billing;
    const struct plan_candidate *best = &search->candidates[search->found[0]];
    double best_usd = plan_candidate_usd_per_hour(best, billing);
    if (search->found_count < 2)
        return;
    (void)fputs("\nThese meet it too:\n", stream);
    for (size_t i = 1; i < search->found_count; i++) {
        const struct plan_candidate *candidate = &search->candidates[search->found[i]];
        double usd = plan_candidate_usd_per_hour(candidate, billing);
        char name[NAME_BYTES_MAX];
        name_option(candidate, true, name);
        (void)fprintf(stream, "  %-52s %8s USD/h, %+.0f%%\n", name, human_number(usd).text,
                      (usd / best_usd - 1) * 100);
    }
}

static void print_others(const struct plan_search *search, FILE *stream)
{
    (void)fputs("\nWhy not the others:\n", stream);
    for (size_t i = 0; i < search->candidate_count; i++) {
        const struct plan_candidate *candidate = &search->candidates[i];
        char name[NAME_BYTES_MAX];
        name_option(candidate, false, name);
        if (candidate->state == PLAN_RULED_OUT)
            (void)fprintf(stream, "  %-30s %.*s\n", name, RULED_OUT_REASON_MAX, candidate->why);
        else if (candidate->state == PLAN_OPEN)
            (void)fprintf(
                stream, "  %-30s no cheaper than %s USD/h\n", name,
                human_number(plan_candidate_usd_per_hour(candidate, search->plan->billing)).text);
    }
}

void plan_text_print(const struct plan_search *search, const struct plan_stress *stress,
                     FILE *stream)
{
    print_traffic(search, stream);
    if (search->found_count == 0) {
        (void)fputs("Nothing within the limits meets it.\n", stream);
    } else {
        const struct plan_candidate *best = &search->candidates[search->found[0]];
        char name[NAME_BYTES_MAX];
        name_option(best, true, name);
        (void)fprintf(stream, "Buy %s.\n", name);
        print_details(search, best, stream);
        print_stress(stress, best, stream);
        print_runners_up(search, stream);
    }
    print_others(search, stream);
}

void plan_text_print_check(const struct plan_search *search, const struct plan_stress *stress,
                           FILE *stream)
{
    static const char *const outcomes[] = {
#define X(name, text) text,
        PLAN_OUTCOMES(X)
#undef X
    };
    const struct plan_candidate *own = &search->candidates[0];
    char name[NAME_BYTES_MAX];
    name_option(own, true, name);
    print_traffic(search, stream);
    (void)fprintf(stream, "%s %s.\n", name, outcomes[own->verdict.outcome]);
    if (own->verdict.reason[0] != '\0')
        (void)fprintf(stream, "  why    %s\n", own->verdict.reason);
    if (own->verdict.outcome != PLAN_FAILED)
        print_details(search, own, stream);
    if (own->state == PLAN_FOUND)
        print_stress(stress, own, stream);
}
