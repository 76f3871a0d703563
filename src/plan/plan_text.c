#include "plan_text.h"

#include "human.h"

#include <string.h>

#define RULED_OUT_REASON_MAX 180

/* From so many times a bound on, percents are no longer read. */
#define MANY_TIMES 10

static void print_latency(const char *name, const struct plan_estimate *estimate, double limit_s,
                          FILE *stream)
{
    if (isnan(estimate->mean)) { /* single tokens have no TPOT */
        (void)fprintf(stream, "  %-6s none was seen\n", name);
        return;
    }
    (void)fprintf(stream, "  %-6s %s +- %s", name, human_seconds(estimate->mean).text,
                  human_seconds(estimate->half).text);
    double left = 1 - estimate->mean / limit_s;
    if (limit_s > 0)
        (void)fprintf(stream, " of the %s allowed, ", human_seconds(limit_s).text);
    if (limit_s > 0 && estimate->mean >= MANY_TIMES * limit_s)
        (void)fprintf(stream, "%s times what is allowed",
                      human_number(estimate->mean / limit_s).text);
    else if (limit_s > 0)
        (void)fprintf(stream, "%s %s", human_percent(fabs(left)).text,
                      left < 0 ? "beyond it" : "of it free");
    (void)fputc('\n', stream);
}

static void print_costs(const struct plan *plan, const struct plan_candidate *candidate,
                        FILE *stream)
{
    const struct plan_bill *bill = &candidate->bill;
    double tokens_per_s = candidate->verdict.lasting_tokens_per_s;
    (void)fprintf(stream, "  cost   %s USD/h for %u GPU%s, %u of them in use",
                  human_number(bill->usd_per_hour).text, bill->billed_gpus,
                  plural(bill->billed_gpus), bill->gpus);
    if (bill->racks > 0)
        (void)fprintf(stream, ", in %u rack%s", bill->racks, plural(bill->racks));
    (void)fprintf(stream, "; %s USD a million output tokens\n",
                  human_number(plan_cost_usd_per_million(bill, tokens_per_s)).text);
    if (bill->purchase_usd > 0)
        (void)fprintf(stream,
                      "         %s USD to buy, over %g years; electricity at %g USD/kWh is in it\n",
                      human_number(bill->purchase_usd).text, plan->ownership.years,
                      plan->ownership.usd_per_kwh);
    if (!isnan(bill->power_w))
        (void)fprintf(stream, "  energy %s kW on average, %s Wh a million output tokens%s\n",
                      human_number(bill->power_w / 1000).text,
                      human_number(plan_cost_wh_per_million(plan, bill, tokens_per_s)).text,
                      plan->ownership.pue > 1 ? " with the building's share" : "");
}

static void print_break(const struct plan_stress *stress, FILE *stream)
{
    char pressure[PLAN_PRESSURE_TEXT_BYTES];
    plan_pressure_text(&stress->breaks.pressure, pressure);
    (void)fprintf(stream, "; at %.2f: %.*s\n         then %s\n", stress->fails,
                  (int)strcspn(stress->breaks.reason, "\n"), stress->breaks.reason, pressure);
}

static void print_growth(const struct plan_stress *stress, FILE *stream)
{
    const struct plan_stress_point *untold = plan_stress_untold(stress);
    (void)fprintf(stream, "  growth holds at %.2f times this traffic", stress->holds);
    if (isfinite(stress->fails))
        print_break(stress, stream);
    else
        (void)fprintf(stream, ", %s\n",
                      untold ? "and is not known beyond" : "the most that was tried");
    if (untold)
        (void)fprintf(stream, "         at %.2f: %s\n", untold->load, untold->verdict.reason);
}

static void print_lost_node(const struct plan_stress *stress,
                            const struct plan_candidate *candidate, FILE *stream)
{
    uint32_t left = stress->replicas_left;
    const char *reason = stress->without_node.reason;
    if (left == 0)
        (void)fputs("  a node lost: nothing is left to serve\n", stream);
    else if (left == candidate->option.replicas)
        (void)fputs("  a node lost: all replicas fit on the others\n", stream);
    else if (stress->without_node.outcome == PLAN_MEETS)
        (void)fprintf(stream, "  a node lost: %u replica%s still meet%s the SLO\n", left,
                      plural(left), left == 1 ? "s" : "");
    else
        (void)fprintf(stream, "  a node lost: %u replica%s left, %.*s\n", left, plural(left),
                      (int)strcspn(reason, "\n"), reason);
}

/* Where growth asks for a fraction of a request, what it was rounded from. */
static void print_concurrency(const struct plan *plan, uint32_t concurrency, FILE *stream)
{
    double asked = plan->load_value * plan->growth;
    (void)fprintf(stream, "%u request%s in flight", concurrency, plural(concurrency));
    if (fabs(asked - concurrency) > 1e-3)
        (void)fprintf(stream, " (%g x growth %g is %g)", plan->load_value, plan->growth, asked);
    (void)fputs(" of ", stream);
}

/* A mean count of tokens: "1", "1.50", "1,156". */
static struct human tokens_text(double tokens)
{
    return tokens == floor(tokens) ? human_count((uint64_t)tokens) : human_number(tokens);
}

static void print_traffic(const struct plan_search *search, FILE *stream)
{
    const struct plan_traffic *traffic = &search->traffic;
    const struct slo *slo = &search->runner.slo;
    (void)fprintf(stream, "%s: ", search->plan->name);
    if (!isnan(traffic->requests_per_s))
        (void)fprintf(stream, "%s requests/s of ", human_number(traffic->requests_per_s).text);
    if (traffic->concurrency > 0)
        print_concurrency(search->plan, traffic->concurrency, stream);
    (void)fprintf(stream, "%s tokens in and %s out; p%g", tokens_text(traffic->input_tokens).text,
                  tokens_text(traffic->output_tokens).text, slo->percentile);
    if (slo->ttft_s > 0)
        (void)fprintf(stream, " TTFT %s", human_seconds(slo->ttft_s).text);
    if (slo->tpot_s > 0)
        (void)fprintf(stream, " TPOT %s", human_seconds(slo->tpot_s).text);
    (void)fprintf(stream, ", %.0f%% headroom (%zu run%s)\n\n", search->plan->headroom * 100,
                  search->runner.runs, plural(search->runner.runs));
}

static void print_details(const struct plan_search *search, const struct plan_candidate *candidate,
                          FILE *stream)
{
    const struct slo *slo = &search->runner.slo;
    print_latency("TTFT", &candidate->verdict.ttft_s, slo->ttft_s, stream);
    print_latency("TPOT", &candidate->verdict.tpot_s, slo->tpot_s, stream);
    char refusals[PLAN_REASON_BYTES];
    plan_judge_refusals(&candidate->verdict, refusals);
    (void)fprintf(stream, "  share  %s of the requests are within the SLO%s%s\n",
                  human_percent(candidate->verdict.good).text, *refusals ? "; it " : "", refusals);
    print_costs(search->plan, candidate, stream);
}

static void print_engine(const struct plan_search *search, const struct plan_candidate *candidate,
                         FILE *stream)
{
    char engine[PLAN_ENGINE_NAME_BYTES];
    plan_engine_name(search->plan, candidate->option.engine, engine);
    if (*engine)
        (void)fprintf(stream, "  engine %s\n", engine);
}

static void print_experts(const struct plan *plan, const struct plan_candidate *candidate,
                          FILE *stream)
{
    if (candidate->option.expert_parallel)
        (void)fprintf(stream,
                      "  experts whole on %u GPUs, the busiest's with %.3g times the mean's "
                      "tokens\n",
                      candidate->option.tensor_parallel, plan->expert_imbalance);
}

static void print_runners_up(const struct plan_answer *answer, FILE *stream)
{
    const struct plan_search *search = answer->search;
    double best_usd = plan_answer_best(answer)->bill.usd_per_hour;
    if (search->ranked_count < 2)
        return;
    (void)fputs("\nThese meet it too:\n", stream);
    for (size_t i = 1; i < search->ranked_count; i++) {
        const struct plan_candidate *candidate = &search->candidates[search->ranked[i]];
        const struct plan_verdict *verdict = &candidate->verdict;
        double usd = candidate->bill.usd_per_hour;
        char name[PLAN_NAME_BYTES];
        plan_candidate_name(candidate, name);
        (void)fprintf(stream, "  %-50s %6s USD/h, %+.0f%%; TTFT %s, TPOT %s; holds at %.2f times\n",
                      name, human_number(usd).text, (usd / best_usd - 1) * 100,
                      human_seconds(verdict->ttft_s.mean).text,
                      human_seconds(verdict->tpot_s.mean).text, answer->stresses[i].holds);
    }
}

/* How much of a reason there is room for: no more than its first line, and whole words. */
static int room_for(const char *why)
{
    size_t length = strcspn(why, "\n");
    if (length > RULED_OUT_REASON_MAX)
        for (length = RULED_OUT_REASON_MAX; length > 0 && why[length] != ' ';)
            length--;
    return (int)length;
}

/* Why a cut is not among the best. */
static void print_cut(const struct plan_search *search, const struct plan_candidate *candidate,
                      FILE *stream)
{
    char name[PLAN_NAME_BYTES];
    char engine[PLAN_ENGINE_NAME_BYTES];
    plan_candidate_cut_name(candidate, name);
    plan_engine_name(search->plan, candidate->option.engine, engine);
    int room = room_for(candidate->why);
    if (candidate->state == PLAN_RULED_OUT)
        (void)fprintf(
            stream, "  %-32s %.*s%s%s%s%s\n", name, room, candidate->why,
            candidate->why[room] != '\0' ? " ..." : "", candidate->is_judged && *engine ? " (" : "",
            candidate->is_judged ? engine : "", candidate->is_judged && *engine ? ")" : "");
    else
        (void)fprintf(stream, "  %-32s %s %s USD/h\n", name,
                      candidate->state == PLAN_OPEN ? "no cheaper than" : "meets it at",
                      human_number(candidate->bill.usd_per_hour).text);
}

static void print_others(const struct plan_answer *answer, FILE *stream)
{
    const struct plan_search *search = answer->search;
    size_t last = search->candidates[search->candidate_count - 1].cut;
    bool has_heading = false;
    for (size_t cut = 0; cut <= last; cut++) {
        bool is_ranked = false;
        for (size_t i = 0; i < search->ranked_count; i++)
            is_ranked |= search->candidates[search->ranked[i]].cut == cut;
        if (is_ranked)
            continue;
        (void)fputs(has_heading ? "" : "\nWhy not the others:\n", stream);
        print_cut(search, plan_answer_of_cut(answer, cut), stream);
        has_heading = true;
    }
}

/* Warns that the answer may be another one. */
static void print_untold(const struct plan_answer *answer, FILE *stream)
{
    bool is_drawn = answer->search->is_drawn;
    struct plan_untold untold = plan_answer_untold(answer);
    if (untold.count == 0)
        return;
    (void)fprintf(
        stream,
        "  unsure %zu option%s%s ran too short to tell; about %s requests a run would\n"
        "         (workload.requests%s)\n",
        untold.count, plural(untold.count), plan_answer_best(answer) ? " that cost no more" : "",
        human_count((uint64_t)untold.requests_to_tell).text, is_drawn ? "" : ", or a longer trace");
}

/* Warns that a setting that the plan could search, not hardware, may be what was lacking. */
static void print_held_back(const struct plan_answer *answer, FILE *stream)
{
    size_t count = plan_answer_held_back(answer);
    if (count == 0)
        return;
    (void)fprintf(stream,
                  "  unsure %zu option%s%s left requests waiting for max_sequences, with KV to\n"
                  "         spare; a larger one (search: {max_sequences: [...]}) may do\n",
                  count, plural(count), plan_answer_best(answer) ? " that cost no more" : "");
}

/* Names the kinds whose prompts may be too fast beside others', whose power limit counts. */
static void print_uncapped(const struct plan_answer *answer, FILE *stream)
{
    const struct plan_hardware *uncapped[PLAN_KINDS_MAX];
    size_t count = plan_answer_uncapped(answer, uncapped);
    if (count == 0)
        return;
    (void)fputs("  unsure prompts may take longer on ", stream);
    for (size_t i = 0; i < count; i++)
        (void)fprintf(stream, "%s%s", i > 0 ? ", " : "", uncapped[i]->name);
    (void)fputs(":\n         their GPUs' power limit is not counted, that of the others is\n",
                stream);
}

static void print_nothing(const struct plan_answer *answer, FILE *stream)
{
    const struct plan_candidate *nearest = plan_answer_nearest(answer);
    char obstacles[PLAN_OBSTACLES_BYTES];
    plan_answer_obstacles(answer, obstacles);
    (void)fprintf(stream, "Nothing within the limits meets it: of %zu candidates %s.\n",
                  answer->search->candidate_count, obstacles);
    print_untold(answer, stream);
    print_held_back(answer, stream);
    print_uncapped(answer, stream);
    if (!nearest)
        return;
    char name[PLAN_NAME_BYTES];
    plan_candidate_cut_name(nearest, name);
    (void)fprintf(stream, "  nearest: %s, %s\n", name, nearest->why);
}

void plan_text_print(const struct plan_answer *answer, FILE *stream)
{
    const struct plan_search *search = answer->search;
    const struct plan_candidate *best = plan_answer_best(answer);
    print_traffic(search, stream);
    if (best) {
        char name[PLAN_NAME_BYTES];
        plan_candidate_name(best, name);
        (void)fprintf(stream, "%s %s.\n",
                      search->plan->kinds[best->option.kind].is_bought ? "Buy" : "Rent", name);
        print_engine(search, best, stream);
        print_experts(search->plan, best, stream);
        print_untold(answer, stream);
        print_held_back(answer, stream);
        print_uncapped(answer, stream);
        print_details(search, best, stream);
        print_growth(&answer->stresses[0], stream);
        print_lost_node(&answer->stresses[0], best, stream);
        print_runners_up(answer, stream);
    } else {
        print_nothing(answer, stream);
    }
    print_others(answer, stream);
}

void plan_text_print_check(const struct plan_answer *answer, FILE *stream)
{
    const struct plan_search *search = answer->search;
    const struct plan_candidate *own = &search->candidates[0];
    char name[PLAN_NAME_BYTES];
    plan_candidate_name(own, name);
    print_traffic(search, stream);
    const char *words = own->verdict.outcome == PLAN_UNPROVEN && !search->is_drawn
                            ? "may meet the SLO, which a longer trace or more requests would show"
                            : plan_outcome_words(own->verdict.outcome);
    (void)fprintf(stream, "%s %s.\n", name, words);
    if (own->verdict.reason[0] != '\0')
        (void)fprintf(stream, "  why    %s\n", own->verdict.reason);
    print_experts(search->plan, own, stream);
    if (own->verdict.outcome != PLAN_FAILED)
        print_details(search, own, stream);
    if (own->state == PLAN_FOUND) {
        print_growth(&answer->stresses[0], stream);
        print_lost_node(&answer->stresses[0], own, stream);
    }
}
