#include "plan_answer.h"

#include <stdio.h>

/* Whether the ranked plan `a` costs what `b` does and stands more growth. */
static bool stands_more(const struct plan_answer *answer, size_t a, size_t b)
{
    const struct plan_search *search = answer->search;
    const struct plan_bill *of_a = &search->candidates[search->ranked[a]].bill;
    const struct plan_bill *of_b = &search->candidates[search->ranked[b]].bill;
    return of_a->usd_per_hour == of_b->usd_per_hour && of_a->gpus == of_b->gpus &&
           answer->stresses[a].holds > answer->stresses[b].holds;
}

/* Puts first what stands the most growth of what costs the same. Its headroom under the plan's own
   load, by which the search had them, is known less well: seeds disagree on it. */
static void settle_ties(struct plan_answer *answer, struct plan_search *search)
{
    for (size_t i = 1; i < search->ranked_count; i++)
        for (size_t at = i; at > 0 && stands_more(answer, at, at - 1); at--) {
            struct plan_stress stress = answer->stresses[at];
            size_t candidate = search->ranked[at];
            answer->stresses[at] = answer->stresses[at - 1];
            search->ranked[at] = search->ranked[at - 1];
            answer->stresses[at - 1] = stress;
            search->ranked[at - 1] = candidate;
        }
}

int plan_answer_find(struct plan_answer *answer, struct plan_search *search, bool is_check,
                     struct arena *arena, struct error *error)
{
    *answer = (struct plan_answer){.search = search};
    int status = is_check ? plan_search_check(search, error) : plan_search_run(search, error);
    for (size_t i = 0; i < search->ranked_count && status == 0; i++)
        status = plan_stress_run(&answer->stresses[i], search,
                                 &search->candidates[search->ranked[i]], error);
    if (status == 0)
        settle_ties(answer, search);
    const struct plan_candidate *shown = status == 0 ? plan_answer_best(answer) : NULL;
    if (!shown && status == 0 && is_check)
        shown = &search->candidates[0];
    if (shown && shown->verdict.outcome != PLAN_FAILED)
        status = plan_option_text(search->plan, &shown->option, arena, &answer->scenario, error);
    progress_end(&search->runner.progress);
    return status;
}

const struct plan_candidate *plan_answer_best(const struct plan_answer *answer)
{
    const struct plan_search *search = answer->search;
    return search->ranked_count > 0 ? &search->candidates[search->ranked[0]] : NULL;
}

int plan_answer_rank(const struct plan_answer *answer, size_t candidate)
{
    for (size_t i = 0; i < answer->search->ranked_count; i++) {
        if (answer->search->ranked[i] == candidate)
            return (int)i;
    }
    return -1;
}

/* Whether `a` came nearer to what is asked than `b`. */
static bool is_nearer(const struct plan_candidate *a, const struct plan_candidate *b)
{
    double a_margin = a->is_judged && !isnan(a->verdict.margin) ? a->verdict.margin : -INFINITY;
    double b_margin = b->is_judged && !isnan(b->verdict.margin) ? b->verdict.margin : -INFINITY;
    return a_margin > b_margin;
}

const struct plan_candidate *plan_answer_of_cut(const struct plan_answer *answer, size_t cut)
{
    static const int order[] = {[PLAN_FOUND] = 0, [PLAN_OPEN] = 1, [PLAN_RULED_OUT] = 2};
    const struct plan_search *search = answer->search;
    const struct plan_candidate *best = NULL;
    for (size_t i = 0; i < search->candidate_count; i++) {
        const struct plan_candidate *candidate = &search->candidates[i];
        if (candidate->cut != cut)
            continue;
        if (!best || order[candidate->state] < order[best->state] ||
            (candidate->state == best->state && is_nearer(candidate, best)))
            best = candidate;
    }
    return best;
}

const struct plan_candidate *plan_answer_nearest(const struct plan_answer *answer)
{
    const struct plan_search *search = answer->search;
    const struct plan_candidate *nearest = NULL;
    for (size_t i = 0; i < search->candidate_count; i++) {
        const struct plan_candidate *candidate = &search->candidates[i];
        if (candidate->is_judged && !isnan(candidate->verdict.margin) &&
            (!nearest || is_nearer(candidate, nearest)))
            nearest = candidate;
    }
    return nearest;
}

const struct plan_hardware *plan_answer_hardware(const struct plan_answer *answer,
                                                 const struct plan_option *option)
{
    const struct plan_search *search = answer->search;
    size_t i = 0;
    while (i + 1 < search->candidate_count && search->candidates[i].option.kind != option->kind)
        i++;
    return &search->candidates[i].hardware;
}

/* Whether an option was tried with the plan's load that would be the answer, or one of its price,
   if it met the SLO. */
static bool could_be_best(const struct plan_answer *answer, const struct plan_trialled *tried)
{
    const struct plan *plan = answer->search->plan;
    const struct plan_candidate *best = plan_answer_best(answer);
    struct plan_bill bill = plan_cost_bill(plan, plan_answer_hardware(answer, &tried->option),
                                           &tried->option, tried->verdict.lasting_busy);
    return tried->option.load == plan->load_factor &&
           (!best || bill.usd_per_hour <= best->bill.usd_per_hour);
}

/* Whether as many of the same were tried with more sequences. */
static bool was_tried_with_more(const struct plan_runner *runner, const struct plan_trialled *tried)
{
    const struct plan_option *of = &tried->option;
    for (size_t i = 0; i < runner->trialled_count; i++) {
        const struct plan_option *option = &runner->trialled[i].option;
        if (option->kind == of->kind && option->tensor_parallel == of->tensor_parallel &&
            option->pipeline_parallel == of->pipeline_parallel &&
            option->replicas == of->replicas && option->load == of->load &&
            runner->trialled[i].verdict.max_sequences > tried->verdict.max_sequences)
            return true;
    }
    return false;
}

size_t plan_answer_held_back(const struct plan_answer *answer)
{
    const struct plan_runner *runner = &answer->search->runner;
    size_t count = 0;
    for (size_t i = 0; i < runner->trialled_count; i++) {
        const struct plan_trialled *tried = &runner->trialled[i];
        bool misses = tried->verdict.outcome != PLAN_MEETS && tried->verdict.outcome != PLAN_FAILED;
        count += misses && plan_pressure_is_held_back(&tried->verdict.pressure) &&
                 could_be_best(answer, tried) && !was_tried_with_more(runner, tried);
    }
    return count;
}

struct plan_untold plan_answer_untold(const struct plan_answer *answer)
{
    const struct plan_runner *runner = &answer->search->runner;
    struct plan_untold untold = {0, 0};
    for (size_t i = 0; i < runner->trialled_count; i++) {
        const struct plan_verdict *verdict = &runner->trialled[i].verdict;
        if (verdict->outcome != PLAN_TOO_SHORT || !could_be_best(answer, &runner->trialled[i]))
            continue;
        untold.count++;
        untold.requests_to_tell = fmax(untold.requests_to_tell, verdict->balance.requests_to_tell);
    }
    return untold;
}

size_t plan_answer_uncapped(const struct plan_answer *answer,
                            const struct plan_hardware *uncapped[PLAN_KINDS_MAX])
{
    size_t kinds = answer->search->plan->kind_count;
    size_t count = 0;
    for (size_t kind = 0; kind < kinds; kind++) {
        const struct plan_option option = {.kind = kind};
        const struct plan_hardware *hardware = plan_answer_hardware(answer, &option);
        if (!hardware->has_power_capping)
            uncapped[count++] = hardware;
    }
    return count == kinds ? 0 : count;
}

void plan_answer_obstacles(const struct plan_answer *answer, char text[PLAN_OBSTACLES_BYTES])
{
    const struct plan_search *search = answer->search;
    size_t counts[PLAN_CONSTRAINT_COUNT] = {0};
    size_t length = 0;
    for (size_t i = 0; i < search->candidate_count; i++)
        counts[search->candidates[i].constraint]++;
    counts[PLAN_CONSTRAINT_NONE] = 0;
    text[0] = '\0';
    for (;;) {
        size_t most = PLAN_CONSTRAINT_NONE;
        for (size_t i = 0; i < PLAN_CONSTRAINT_COUNT; i++)
            most = counts[i] > counts[most] ? i : most;
        if (counts[most] == 0)
            break;
        length += (size_t)snprintf(text + length, PLAN_OBSTACLES_BYTES - length, "%s%zu %s",
                                   length > 0 ? ", " : "", counts[most],
                                   plan_constraint_words((enum plan_constraint)most));
        counts[most] = 0;
    }
}
