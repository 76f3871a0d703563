#include "plan_search.h"

#include <stdlib.h>
#include <string.h>

/* Options that cost this much more than the best are not worth their runs. */
#define WORTH_FACTOR 2.0

/* Replicas that a saturated option needs are not guessed quite as high as they look. */
#define GUESS_SHARE 0.98

/* Candidates that are tried side by side: a few more runs than need be, for busy cores. The same
   whatever the number of workers, for results must not depend on it. */
#define ROUND 8

int plan_search_init(struct plan_search *search, struct plan *plan, size_t workers,
                     const struct interrupt *interrupt, bool is_quiet, struct error *error)
{
    *search = (struct plan_search){.plan = plan};
    return plan_runner_init(&search->runner, plan, workers, interrupt, is_quiet, error);
}

void plan_search_release(struct plan_search *search)
{
    plan_runner_release(&search->runner);
    free(search->candidates);
    *search = (struct plan_search){.plan = NULL};
}

/* Whether there can be a plan for its scenario. */
static int check_scenario(const struct plan *plan, const struct scenario *scenario,
                          struct error *error)
{
    int status = 0;
    if (scenario->slo.ttft_s == 0 && scenario->slo.tpot_s == 0)
        status = error_set(error, ERROR_CONFIG,
                           "the plan's scenario has no 'slo': say what must be met");
    else if (scenario->decode)
        status = error_set(error, ERROR_CONFIG,
                           "the plan's scenario has 'pools'; a plan is of replicas that prefill "
                           "and decode");
    return status < 0 ? diagnostic_locate(plan->scenario->position, error) : 0;
}

/* Reads what all options share, as `option` has it, and puts it to the plan's load. */
static int read_task(struct plan_search *search, struct plan_option *option, struct error *error)
{
    struct config config;
    int status = plan_option_learn(search->plan, option, error);
    if (status < 0)
        return status;
    option->load = search->plan->load_factor;
    status = plan_option_load(search->plan, option, 0, &config, error);
    search->runner.slo = config.scenario.slo;
    search->is_drawn = workload_spec_is_drawn(&config.workload);
    search->runner.seeds = search->is_drawn ? search->plan->seeds : 1;
    if (status == 0)
        status = check_scenario(search->plan, &config.scenario, error);
    if (status == 0)
        status = plan_traffic_read(&search->traffic, &config, search->runner.seeds, error);
    config_release(&config);
    return status;
}

/* Refuses kinds of one name, which no answer could tell apart; each has as many candidates. */
static int check_names(const struct plan_search *search, struct error *error)
{
    const struct plan *plan = search->plan;
    size_t per_kind = search->candidate_count / plan->kind_count;
    for (size_t kind = 1; kind < plan->kind_count; kind++) {
        const char *name = search->candidates[kind * per_kind].hardware.name;
        for (size_t other = 0; other < kind; other++) {
            if (strcmp(search->candidates[other * per_kind].hardware.name, name) != 0)
                continue;
            (void)error_set(error, ERROR_CONFIG,
                            "two of 'clusters' are called '%s': give this one another 'name'",
                            name);
            return diagnostic_locate(plan->kinds[kind].cluster->position, error);
        }
    }
    return 0;
}

static int list_candidates(struct plan_search *search, struct error *error)
{
    const struct plan *plan = search->plan;
    const struct plan_terms terms = {plan, search->traffic, !search->is_exhaustive};
    size_t widths = plan->pipeline_parallel_count;
    size_t cuts = plan->kind_count * plan->tensor_parallel_count * widths;
    size_t engines = plan_engine_count(plan);
    search->candidates = calloc(cuts * engines, sizeof(*search->candidates));
    if (!search->candidates)
        return error_out_of_memory(error, "the candidates");
    int status = 0;
    for (size_t i = 0; i < cuts * engines && status == 0; i++) {
        size_t cut = i / engines;
        struct plan_option option = {
            .kind = cut / widths / plan->tensor_parallel_count,
            .engine = i % engines,
            .tensor_parallel = plan->tensor_parallel[cut / widths % plan->tensor_parallel_count],
            .pipeline_parallel = plan->pipeline_parallel[cut % widths],
            .load = plan->load_factor,
        };
        option.expert_parallel = plan_option_has_whole_experts(plan, option.tensor_parallel);
        status = plan_candidate_init(&search->candidates[i], &terms, &option, error);
        search->candidates[i].cut = cut;
        search->candidate_count = i + 1;
    }
    return status < 0 ? status : check_names(search, error);
}

/* Whether `a` comes before `b`: cheaper, then of fewer GPUs, then with more headroom once they are
   found, then listed first. */
static bool is_before(const struct plan_candidate *a, const struct plan_candidate *b)
{
    if (a->bill.usd_per_hour != b->bill.usd_per_hour)
        return a->bill.usd_per_hour < b->bill.usd_per_hour;
    if (a->bill.gpus != b->bill.gpus)
        return a->bill.gpus < b->bill.gpus;
    if (a->state == PLAN_FOUND && b->state == PLAN_FOUND && a->verdict.margin != b->verdict.margin)
        return a->verdict.margin > b->verdict.margin;
    return a < b;
}

/* The best candidate found of `cut`; NULL: none is. */
static const struct plan_candidate *find_best_of_cut(const struct plan_search *search, size_t cut)
{
    const struct plan_candidate *best = NULL;
    for (size_t i = 0; i < search->candidate_count; i++) {
        const struct plan_candidate *candidate = &search->candidates[i];
        if (candidate->state == PLAN_FOUND && candidate->cut == cut &&
            (!best || is_before(candidate, best)))
            best = candidate;
    }
    return best;
}

/* Puts the best of each cut in its place. */
static void rank(struct plan_search *search)
{
    search->ranked_count = 0;
    for (size_t i = 0; i < search->candidate_count; i++) {
        const struct plan_candidate *candidate = &search->candidates[i];
        if (candidate->state != PLAN_FOUND || find_best_of_cut(search, candidate->cut) != candidate)
            continue;
        size_t place = search->ranked_count;
        while (place > 0 && is_before(candidate, &search->candidates[search->ranked[place - 1]]))
            place--;
        if (place == PLAN_RANKED_MAX)
            continue;
        search->ranked_count += search->ranked_count < PLAN_RANKED_MAX;
        memmove(&search->ranked[place + 1], &search->ranked[place],
                (search->ranked_count - 1 - place) * sizeof(search->ranked[0]));
        search->ranked[place] = i;
    }
}

/* Whether an open candidate may still come to be ranked, or the best of its cut. */
static bool is_worth_trying(const struct plan_search *search,
                            const struct plan_candidate *candidate)
{
    double usd = candidate->bill.usd_per_hour;
    if (search->is_exhaustive || search->ranked_count == 0)
        return true;
    const struct plan_candidate *best = &search->candidates[search->ranked[0]];
    const struct plan_candidate *sibling = find_best_of_cut(search, candidate->cut);
    if (sibling && usd > sibling->bill.usd_per_hour)
        return false;
    if (search->ranked_count == PLAN_RANKED_MAX) {
        const struct plan_candidate *last =
            &search->candidates[search->ranked[PLAN_RANKED_MAX - 1]];
        return usd <= last->bill.usd_per_hour;
    }
    return usd < WORTH_FACTOR * best->bill.usd_per_hour;
}

/* The first open candidate that is worth trying and not in `round` yet. */
static struct plan_candidate *find_next(const struct plan_search *search,
                                        struct plan_candidate *const *round, size_t count)
{
    struct plan_candidate *next = NULL;
    for (size_t i = 0; i < search->candidate_count; i++) {
        struct plan_candidate *candidate = &search->candidates[i];
        bool is_taken = candidate->state != PLAN_OPEN || !is_worth_trying(search, candidate);
        for (size_t k = 0; k < count; k++)
            is_taken |= round[k] == candidate;
        if (!is_taken && (!next || is_before(candidate, next)))
            next = candidate;
    }
    return next;
}

/* Whether it is tried with all replicas that there may be before it is tried with few. */
static bool tries_most(const struct plan_search *search, const struct plan_candidate *candidate)
{
    return !search->is_exhaustive && !candidate->is_most_tried &&
           candidate->option.replicas < candidate->replicas_max;
}

/* What `candidate` is to be tried with next. */
static struct plan_option next_option(const struct plan_search *search,
                                      const struct plan_candidate *candidate)
{
    struct plan_candidate largest = *candidate;
    if (!tries_most(search, candidate))
        return candidate->option;
    plan_candidate_resize(&largest, search->plan, candidate->replicas_max);
    return largest.option;
}

/* Not even `replicas` of it, which its verdict is of, meet the SLO. */
static void rule_out_with(struct plan_candidate *candidate, const struct plan *plan,
                          uint32_t replicas)
{
    plan_candidate_resize(candidate, plan, replicas);
    plan_candidate_rule_out(candidate, plan_constraint_of(&candidate->verdict),
                            "even %u replica%s%s: %s", replicas, plural(replicas),
                            plan_candidate_bound(candidate), candidate->verdict.reason);
}

/* The share of the load that a saturated option serves. */
static double served_at_most(const struct plan_verdict *verdict)
{
    return verdict->served + verdict->balance.half;
}

/* It did not meet the SLO: more replicas next time, where there may be more. */
static void grow(const struct plan_search *search, struct plan_candidate *candidate)
{
    const struct plan_verdict *verdict = &candidate->verdict;
    uint32_t replicas = candidate->option.replicas;
    double more = replicas + 1.0;
    if (!search->is_exhaustive && verdict->outcome == PLAN_SATURATED && verdict->served > 0)
        more = fmax(more, floor(replicas / served_at_most(verdict) * GUESS_SHARE));
    if (verdict->outcome == PLAN_FAILED || replicas == candidate->replicas_max)
        rule_out_with(candidate, search->plan, replicas);
    else
        plan_candidate_resize(candidate, search->plan,
                              (uint32_t)fmin(more, candidate->replicas_max));
}

static void take_verdict(const struct plan_search *search, struct plan_candidate *candidate,
                         const struct plan_verdict *verdict)
{
    bool was_most = tries_most(search, candidate);
    candidate->is_most_tried = true;
    candidate->is_judged = true;
    candidate->verdict = *verdict;
    if (was_most && verdict->outcome != PLAN_MEETS)
        rule_out_with(candidate, search->plan, candidate->replicas_max);
    else if (!was_most && verdict->outcome == PLAN_MEETS)
        plan_candidate_find(candidate, search->plan);
    else if (!was_most)
        grow(search, candidate);
}

/* Tries the next few candidates; `count` 0: there are none left. */
static int try_round(struct plan_search *search, size_t *count, struct error *error)
{
    struct plan_candidate *round[ROUND];
    struct plan_option options[ROUND];
    struct plan_verdict verdicts[ROUND];
    struct plan_candidate *next;
    *count = 0;
    while (*count < ROUND && (next = find_next(search, round, *count))) {
        options[*count] = next_option(search, next);
        round[(*count)++] = next;
    }
    if (*count == 0)
        return 0;
    int status = plan_runner_judge(&search->runner, options, *count, verdicts, error);
    for (size_t i = 0; i < *count && status == 0; i++)
        take_verdict(search, round[i], &verdicts[i]);
    rank(search);
    return status;
}

static int refuse_search(const struct plan *plan, struct error *error)
{
    (void)error_set(error, ERROR_CONFIG,
                    "the plan has no 'clusters' to choose from; --check judges its scenario's own");
    return diagnostic_locate(plan->position, error);
}

int plan_search_run(struct plan_search *search, struct error *error)
{
    if (search->plan->kind_count == 0)
        return refuse_search(search->plan, error);
    struct plan_option any = {
        .tensor_parallel = 1, .pipeline_parallel = 1, .replicas = 1, .nodes = 1};
    int status = read_task(search, &any, error);
    if (status == 0)
        status = list_candidates(search, error);
    size_t count = 1;
    while (status == 0 && count > 0)
        status = try_round(search, &count, error);
    return status;
}

int plan_search_check(struct plan_search *search, struct error *error)
{
    search->candidates = calloc(1, sizeof(*search->candidates));
    if (!search->candidates)
        return error_out_of_memory(error, "the candidates");
    struct plan_candidate *own = &search->candidates[0];
    search->candidate_count = 1;
    int status = plan_candidate_init_own(own, search->plan, error);
    if (status == 0)
        status = read_task(search, &own->option, error);
    if (status == 0)
        status = plan_runner_judge(&search->runner, &own->option, 1, &own->verdict, error);
    if (status == 0) {
        own->is_judged = true;
        plan_candidate_find(own, search->plan);
        if (own->verdict.outcome == PLAN_MEETS)
            search->ranked[search->ranked_count++] = 0;
        else
            plan_candidate_rule_out(own, plan_constraint_of(&own->verdict), "%s",
                                    own->verdict.reason);
    }
    return status;
}
