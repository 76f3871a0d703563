#include "deployment.h"

#include <stdio.h>
#include <string.h>

/* Costs of attention are worked out ahead for sequences of as many tokens; longer ones in
   proportion. */
#define CONTEXT_MAX 131072

/* The class of costs of a tensor-parallel group; negative on failure. */
static int class_of(struct deployment *deployment, const uint32_t *gpus, struct arena *arena,
                    struct error *error)
{
    uint32_t ranks = deployment->scenario->layout.tensor_parallel;
    struct collective_group group = collective_group_of(&deployment->topology, gpus, ranks);
    struct group_links links =
        group_links_of(&deployment->topology, deployment->measured, gpus, ranks);
    return step_cost_class(&deployment->cost, &group, &links, arena, error);
}

/* What stages carry beyond layers, by a group of the cluster's first GPUs. */
static int find_extras(struct deployment *deployment, struct arena *arena, struct error *error)
{
    const struct scenario *scenario = deployment->scenario;
    const struct serving *serving = &scenario->serving;
    uint32_t ranks = scenario->layout.tensor_parallel;
    uint32_t *gpus = arena_calloc(arena, ranks, sizeof(*gpus));
    if (!gpus)
        return error_out_of_memory(error, "layout");
    for (uint32_t i = 0; i < ranks; i++)
        gpus[i] = i;
    int class = class_of(deployment, gpus, arena, error);
    if (class < 0)
        return class;
    uint32_t rows = u32_ceil_div(serving->max_sequences, serving->steps_in_flight);
    deployment->extras = step_cost_extras(&deployment->cost, (uint32_t) class,
                                          u32_min(rows, serving->max_step_tokens));
    return 0;
}

uint32_t deployment_gpus_after(const struct layout *beside, const struct gpu *beside_gpu,
                               const struct cluster *cluster)
{
    uint32_t end = beside->gpus_end;
    if (strcmp(beside_gpu->name, cluster->gpu.name) == 0)
        return end;
    return u32_ceil_div(end, cluster->gpus_per_node) * cluster->gpus_per_node;
}

/* Whether the cluster has the links that events name. */
static int check_events(const struct scenario *scenario, const struct topology *topology,
                        struct error *error)
{
    for (uint32_t i = 0; i < scenario->fault_count; i++) {
        const struct fault *fault = &scenario->faults[i];
        uint32_t link;
        if (fault->target != FAULT_LINK || topology_find_link(topology, fault->link, &link))
            continue;
        char key[ERROR_KEY_BYTES];
        (void)snprintf(key, sizeof(key), "events.%u.%s.link", i,
                       fault_is_outage(fault) ? "down" : "slow");
        return error_set_key(error, key,
                             "event %u: cluster '%s' has no link '%s'; its links are named as in "
                             "the routes of `tandem check`: node0/gpu0>nvswitch",
                             i + 1, scenario->cluster.name, fault->link);
    }
    return 0;
}

/* The cluster's graph, and what a step costs on it. */
static int resolve_costs(struct deployment *deployment, const struct deployment *beside,
                         struct arena *arena, struct error *error)
{
    const struct scenario *scenario = deployment->scenario;
    const struct step_cost_setup setup = {
        .model = &scenario->model,
        .gpu = &scenario->cluster.gpu,
        .serving = &scenario->serving,
        .measured = &scenario->measured,
        .layout = &scenario->layout,
        .context_max = CONTEXT_MAX,
        .scale = scenario->run.cost_scale > 0 ? scenario->run.cost_scale : 1,
    };
    int status = 0;
    if (beside)
        deployment->topology = beside->topology;
    else
        status = topology_build(&deployment->topology, &scenario->cluster, arena, error);
    if (status == 0)
        status = check_events(scenario, &deployment->topology, error);
    if (status == 0)
        deployment->measured = measured_node_new(&scenario->cluster, arena, error);
    if (status == 0 && !deployment->measured)
        status = -(int)error->code;
    if (status == 0)
        status = step_cost_init(&deployment->cost, &setup, arena, error);
    return status < 0 ? status : find_extras(deployment, arena, error);
}

/* A layout's key stands with its pool, where there are two. */
static void name_pool(struct error *error, const char *pool)
{
    static const char layout[] = "layout";
    size_t bytes = sizeof(layout) - 1;
    if (strncmp(error->key, layout, bytes) != 0)
        return;
    char rest[ERROR_KEY_BYTES];
    (void)snprintf(rest, sizeof(rest), "%s", error->key + bytes);
    (void)snprintf(error->key, sizeof(error->key), "layout.pools.%s%.32s", pool, rest);
}

struct memory_terms deployment_memory_terms(const struct deployment *deployment)
{
    const struct scenario *scenario = deployment->scenario;
    return (struct memory_terms){
        .model = &scenario->model,
        .cluster = &scenario->cluster,
        .serving = &scenario->serving,
        .extras = deployment->extras,
    };
}

static int resolve(struct deployment *deployment, const struct deployment *beside,
                   struct arena *arena, struct error *error)
{
    const struct scenario *scenario = deployment->scenario;
    const struct model *model = &scenario->model;
    const struct cluster *cluster = &scenario->cluster;
    struct layout_spec spec = scenario->layout;
    if (beside)
        spec.gpus_before =
            deployment_gpus_after(&beside->layout, &beside->scenario->cluster.gpu, cluster);
    int status = layout_check(&spec, model, cluster, error);
    struct memory_terms terms = deployment_memory_terms(deployment);
    /* There are costs for each number of tokens: not of steps that no GPU holds, which memory then
       refuses whatever the costs. */
    if (status == 0 && memory_step_fits(&terms, &spec))
        status = resolve_costs(deployment, beside, arena, error);
    if (status == 0)
        status = layout_resolve(&deployment->layout, &spec, model, cluster, deployment->extras,
                                arena, error);
    if (status < 0)
        return status;
    terms = deployment_memory_terms(deployment);
    return memory_plan_resolve(&deployment->memory, &deployment->layout, &terms, error);
}

int deployment_resolve(struct deployment *deployment, const struct scenario *scenario,
                       const struct deployment *beside, struct arena *arena, struct error *error)
{
    *deployment = (struct deployment){.scenario = scenario};
    int status = resolve(deployment, beside, arena, error);
    if (status < 0 && (beside || scenario->decode))
        name_pool(error, beside ? "decode" : "prefill");
    return status;
}

int deployment_stage_part(struct deployment *deployment, uint32_t replica, uint32_t stage,
                          struct stage_part *part, struct arena *arena, struct error *error)
{
    const struct layout *layout = &deployment->layout;
    int class = class_of(deployment, layout_group(layout, replica, stage), arena, error);
    if (class < 0)
        return class;
    *part = (struct stage_part){
        .layers = layout->stage_layers[stage],
        .group_class = (uint32_t) class,
        .is_first = stage == 0,
        .is_last = stage + 1 == layout->stages,
    };
    for (uint32_t s = 0; s < stage; s++)
        part->first_layer += layout->stage_layers[s];
    return 0;
}

struct alpha_beta deployment_hop(const struct deployment *deployment, uint32_t replica,
                                 uint32_t stage)
{
    const struct layout *layout = &deployment->layout;
    return topology_parallel_path(&deployment->topology, layout_group(layout, replica, stage),
                                  layout_group(layout, replica, stage + 1),
                                  layout->tensor_parallel);
}
