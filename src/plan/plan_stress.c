#include "plan_stress.h"

#include <string.h>

#define STEP 1.25

/* Loads that are tried side by side, and how often the gap between the last that held and the
   next is cut into one more: 1.25 comes down to 1.5%. */
#define ABREAST 3
#define REFINEMENTS 2

/* Puts a point in its place by load. */
static void insert(struct plan_stress *stress, double load, const struct plan_verdict *verdict)
{
    size_t place = stress->count++;
    while (place > 0 && stress->points[place - 1].load > load) {
        stress->points[place] = stress->points[place - 1];
        place--;
    }
    stress->points[place] = (struct plan_stress_point){load, *verdict};
}

/* Finds the first load that breaks it, and the last that held before it. Runs too short to tell
   show neither. */
static void locate_break(struct plan_stress *stress)
{
    stress->fails = INFINITY;
    for (size_t i = 0; i < stress->count && isinf(stress->fails); i++) {
        const struct plan_stress_point *point = &stress->points[i];
        if (point->verdict.outcome == PLAN_MEETS) {
            stress->holds = point->load;
        } else if (point->verdict.outcome != PLAN_TOO_SHORT) {
            stress->fails = point->load;
            stress->breaks = point->verdict;
        }
    }
}

/* The first point beyond what holds; NULL: there is none. */
static const struct plan_stress_point *point_beyond(const struct plan_stress *stress)
{
    for (size_t i = 0; i < stress->count; i++)
        if (stress->points[i].load > stress->holds)
            return &stress->points[i];
    return NULL;
}

const struct plan_stress_point *plan_stress_untold(const struct plan_stress *stress)
{
    const struct plan_stress_point *beyond = point_beyond(stress);
    return beyond && beyond->load < stress->fails ? beyond : NULL;
}

/* Whether a load is none that was tried, and none of `loads`, which will be. */
static bool is_new(const struct plan_stress *stress, const double *loads, size_t count, double load)
{
    for (size_t i = 0; i < count; i++)
        if (loads[i] == load)
            return false;
    for (size_t i = 0; i < stress->count; i++)
        if (stress->points[i].load == load)
            return false;
    return true;
}

/* Tries what `count` loads, ABREAST at most, come to; of few requests in flight, several come to
   the same. */
static int try_loads(struct plan_stress *stress, struct plan_search *search,
                     const struct plan_option *option, const double *asked, size_t asked_count,
                     struct error *error)
{
    struct plan_option options[ABREAST] = {*option};
    struct plan_verdict verdicts[ABREAST];
    double loads[ABREAST];
    size_t count = 0;
    for (size_t i = 0; i < asked_count; i++) {
        double load = plan_option_growth(search->plan, option, asked[i]);
        if (!is_new(stress, loads, count, load))
            continue;
        options[count] = *option;
        options[count].load *= load;
        loads[count++] = load;
    }
    if (count == 0)
        return 0;
    int status = plan_runner_judge(&search->runner, options, count, verdicts, error);
    for (size_t i = 0; i < count && status == 0; i++)
        insert(stress, loads[i], &verdicts[i]);
    locate_break(stress);
    return status;
}

/* Raises the load until it breaks. */
static int raise_load(struct plan_stress *stress, struct plan_search *search,
                      const struct plan_option *option, struct error *error)
{
    int status = 0;
    double load = STEP;
    while (load <= PLAN_STRESS_MAX && isinf(stress->fails) && status == 0) {
        double loads[ABREAST];
        size_t count = 0;
        for (; count < ABREAST && load <= PLAN_STRESS_MAX; load *= STEP)
            loads[count++] = load;
        status = try_loads(stress, search, option, loads, count, error);
    }
    return status;
}

/* Tries loads between the last that held and the next; nothing where it held at all. */
static int refine(struct plan_stress *stress, struct plan_search *search,
                  const struct plan_option *option, struct error *error)
{
    double loads[ABREAST];
    const struct plan_stress_point *beyond = point_beyond(stress);
    if (!beyond)
        return 0;
    double gap = (beyond->load - stress->holds) / (ABREAST + 1);
    for (int i = 0; i < ABREAST; i++)
        loads[i] = stress->holds + (i + 1) * gap;
    return try_loads(stress, search, option, loads, ABREAST, error);
}

static int lose_node(struct plan_stress *stress, struct plan_search *search,
                     const struct plan_candidate *candidate, struct error *error)
{
    struct plan_option option = candidate->option;
    option.nodes--;
    option.nodes_lost++;
    uint32_t room = plan_candidate_capacity(candidate, option.nodes);
    option.replicas = u32_min(room, option.replicas);
    stress->replicas_left = option.replicas;
    return option.replicas == 0
               ? 0
               : plan_runner_judge(&search->runner, &option, 1, &stress->without_node, error);
}

int plan_stress_run(struct plan_stress *stress, struct plan_search *search,
                    const struct plan_candidate *candidate, struct error *error)
{
    *stress = (struct plan_stress){.fails = INFINITY};
    insert(stress, 1, &candidate->verdict);
    locate_break(stress);
    int status = raise_load(stress, search, &candidate->option, error);
    for (int i = 0; i < REFINEMENTS && status == 0; i++)
        status = refine(stress, search, &candidate->option, error);
    return status < 0 ? status : lose_node(stress, search, candidate, error);
}
