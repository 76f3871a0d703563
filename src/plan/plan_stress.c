#include "plan_stress.h"

#include <stdio.h>
#include <string.h>

#define STEP 1.25
#define BISECTIONS 3 /* down to 3% */

static int try_load(struct plan_stress *stress, struct plan_search *search,
                    const struct plan_candidate *candidate, double multiple, struct error *error)
{
    struct plan_option option = candidate->option;
    struct plan_verdict verdict;
    option.load *= multiple;
    int status = plan_search_try(search, &option, &verdict, error);
    if (status < 0)
        return status;
    if (verdict.outcome == PLAN_MEETS) {
        stress->holds = multiple;
        return 0;
    }
    stress->fails = multiple;
    (void)snprintf(stress->breaks, sizeof(stress->breaks), "%.*s",
                   (int)strcspn(verdict.reason, "\n"), verdict.reason);
    return 0;
}

static int raise_load(struct plan_stress *stress, struct plan_search *search,
                      const struct plan_candidate *candidate, struct error *error)
{
    int status = 0;
    for (double multiple = STEP; multiple <= PLAN_STRESS_MAX && isinf(stress->fails) && status == 0;
         multiple *= STEP)
        status = try_load(stress, search, candidate, multiple, error);
    for (int i = 0; i < BISECTIONS && isfinite(stress->fails) && status == 0; i++)
        status = try_load(stress, search, candidate, (stress->holds + stress->fails) / 2, error);
    return status;
}

static int lose_node(struct plan_stress *stress, struct plan_search *search,
                     const struct plan_candidate *candidate, struct error *error)
{
    struct plan_option option = candidate->option;
    option.nodes--;
    uint32_t room = plan_candidate_capacity(candidate, option.nodes);
    option.replicas = u32_min(room, option.replicas);
    stress->replicas_left = option.replicas;
    return option.replicas == 0 ? 0
                                : plan_search_try(search, &option, &stress->without_node, error);
}

int plan_stress_run(struct plan_stress *stress, struct plan_search *search,
                    const struct plan_candidate *candidate, struct error *error)
{
    *stress = (struct plan_stress){.holds = 1, .fails = INFINITY};
    int status = raise_load(stress, search, candidate, error);
    return status < 0 ? status : lose_node(stress, search, candidate, error);
}
