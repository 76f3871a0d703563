#include "fleet.h"

/* The next arrival, and the sharing of links. */
#define FLEET_OTHER_EVENTS 2

/* Lays one stage on the cluster. */
static int build_stage(struct fleet *fleet, uint32_t replica, uint32_t s,
                       struct pipeline_stage *stage, struct arena *arena, struct error *error)
{
    struct deployment *deployment = &fleet->deployment;
    const struct layout *layout = &deployment->layout;
    const uint32_t *gpus = layout_group(layout, replica, s);
    const uint32_t *next = s + 1 < layout->stages ? layout_group(layout, replica, s + 1) : NULL;
    int rc = deployment_stage_part(deployment, replica, s, &stage->part, arena, error);
    if (rc < 0)
        return rc;
    stage->ring = deployment->cost.classes[stage->part.group_class].group.ring;
    if (next)
        stage->hop.path = deployment_hop(deployment, replica, s);
    rc = link_meter_init(&stage->meter, &deployment->topology, gpus, next, layout->tensor_parallel,
                         arena, error);
    if (rc == 0)
        link_sharing_add_stage(&fleet->sharing, replica, &stage->meter);
    return rc;
}

/* A transfer between `count` pairs of GPUs of a replica. */
static int share(struct fleet *fleet, uint32_t replica, struct transfer **sharing,
                 const uint32_t *from, const uint32_t *to, struct arena *arena, struct error *error)
{
    struct transfer_pairs pairs = {
        .from = from,
        .to = to,
        .count = fleet->deployment.layout.tensor_parallel,
        .owner = replica,
    };
    *sharing = arena_calloc(arena, 1, sizeof(**sharing));
    if (!*sharing)
        return error_out_of_memory(error, "transfers");
    return transfer_init(*sharing, fleet->network, &fleet->deployment.topology, pairs, arena,
                         error);
}

/* Makes flows of what a stage puts on links that others use. */
static int share_links(struct fleet *fleet, uint32_t replica, uint32_t s,
                       struct pipeline_stage *stage, struct arena *arena, struct error *error)
{
    const struct layout *layout = &fleet->deployment.layout;
    const uint32_t *gpus = layout_group(layout, replica, s);
    uint32_t ranks = layout->tensor_parallel;
    int rc = 0;
    if (link_sharing_meets(&fleet->sharing, &stage->meter.sends))
        rc = share(fleet, replica, &stage->hop.sharing, gpus, layout_group(layout, replica, s + 1),
                   arena, error);
    if (rc < 0 || !link_sharing_meets(&fleet->sharing, &stage->meter.collectives))
        return rc;
    uint32_t *successors = arena_calloc(arena, ranks, sizeof(*successors));
    if (!successors)
        return error_out_of_memory(error, "transfers");
    for (uint32_t i = 0; i < ranks; i++)
        successors[i] = gpus[i + 1 == ranks ? 0 : i + 1];
    return share(fleet, replica, &stage->sharing, gpus, successors, arena, error);
}

/* The links' flows, where any replica meets others on its own. */
static int share_all_links(struct fleet *fleet, const struct fleet_setup *setup,
                           struct pipeline_stage *stages, struct arena *arena, struct error *error)
{
    const struct layout *layout = &fleet->deployment.layout;
    uint32_t count = layout->replicas * layout->stages;
    bool any = false;
    for (uint32_t i = 0; i < count && !any; i++)
        any = link_sharing_meets(&fleet->sharing, &stages[i].meter.sends) ||
              link_sharing_meets(&fleet->sharing, &stages[i].meter.collectives);
    if (!any)
        return 0;
    fleet->network =
        collective_flow_network(setup->session->engine, &fleet->deployment.topology, error);
    if (!fleet->network)
        return -(int)error->code;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < count; i++)
        rc = share_links(fleet, i / layout->stages, i % layout->stages, &stages[i], arena, error);
    return rc;
}

/* Flows that a replica may have under way at a time. */
static uint32_t flows_max(const struct pipeline_stage *stages, uint32_t count)
{
    uint32_t flows = 0;
    for (uint32_t s = 0; s < count; s++) {
        flows += stages[s].sharing ? stages[s].sharing->pairs.count : 0;
        flows += stages[s].hop.sharing ? stages[s].hop.sharing->pairs.count : 0;
    }
    return flows;
}

static int build_replicas(struct fleet *fleet, const struct fleet_setup *setup,
                          struct pipeline_stage *stages, struct arena *arena, struct error *error)
{
    const struct layout *layout = &fleet->deployment.layout;
    size_t events = FLEET_OTHER_EVENTS;
    for (uint32_t r = 0; r < layout->replicas; r++) {
        struct replica_setup of = {
            .session = setup->session,
            .serving = &setup->scenario->serving,
            .cost = &fleet->deployment.cost,
            .gaps = setup->gaps,
            .gaps_from = setup->scenario->run.warmup,
            .kv_blocks = fleet->deployment.memory.kv_blocks,
            .stage_count = layout->stages,
            .stages = stages + (size_t)r * layout->stages,
            .finished = setup->finished,
            .finished_context = setup->context,
        };
        int rc = replica_init(&fleet->replicas[r], r, &of, arena, error);
        if (rc < 0)
            return rc;
        events += replica_events_max(&fleet->replicas[r]) + flows_max(of.stages, of.stage_count);
    }
    return engine_reserve(setup->session->engine, events, error);
}

static int build(struct fleet *fleet, const struct fleet_setup *setup, struct arena *arena,
                 struct error *error)
{
    const struct layout *layout = &fleet->deployment.layout;
    uint32_t count = layout->replicas * layout->stages;
    struct pipeline_stage *stages = arena_calloc(arena, count, sizeof(*stages));
    fleet->replicas = arena_calloc(arena, layout->replicas, sizeof(*fleet->replicas));
    if (!stages || !fleet->replicas)
        return error_out_of_memory(error, "replicas");
    for (uint32_t i = 0; i < count; i++) {
        int rc =
            build_stage(fleet, i / layout->stages, i % layout->stages, &stages[i], arena, error);
        if (rc < 0)
            return rc;
    }
    int rc = share_all_links(fleet, setup, stages, arena, error);
    return rc < 0 ? rc : build_replicas(fleet, setup, stages, arena, error);
}

int fleet_init(struct fleet *fleet, const struct fleet_setup *setup, struct arena *arena,
               struct error *error)
{
    const struct scenario *scenario = setup->scenario;
    *fleet = (struct fleet){.network = NULL};
    int rc = deployment_resolve(&fleet->deployment, scenario, arena, error);
    if (rc < 0)
        return rc;
    rc = link_sharing_init(&fleet->sharing, scenario->run.links,
                           fleet->deployment.topology.link_count, arena, error);
    if (rc < 0)
        return rc;
    rc = build(fleet, setup, arena, error);
    return rc < 0 ? rc
                  : router_init(&fleet->router, scenario->layout.router,
                                fleet->deployment.layout.replicas, arena, error);
}

void fleet_release(struct fleet *fleet)
{
    flow_network_free(fleet->network);
}
