#include "fleet_parts.h"

/* The next arrival. */
#define FLEET_OTHER_EVENTS 1

/* A pool that is being built: where its replicas begin in the fleet, and its stages. */
struct site {
    struct fleet *fleet;
    struct pool *pool;
    uint32_t first_replica;
    struct pipeline_stage *stages; /* (replicas, stages) */
    struct arena *arena;
};

static struct pipeline_stage *stage_at(const struct site *site, uint32_t replica, uint32_t stage)
{
    return &site->stages[(size_t)replica * site->pool->deployment.layout.stages + stage];
}

/* Lays one stage on the cluster. */
static int build_stage(const struct site *site, uint32_t replica, uint32_t s, struct error *error)
{
    struct deployment *deployment = &site->pool->deployment;
    const struct layout *layout = &deployment->layout;
    struct pipeline_stage *stage = stage_at(site, replica, s);
    const uint32_t *gpus = layout_group(layout, replica, s);
    const uint32_t *next = s + 1 < layout->stages ? layout_group(layout, replica, s + 1) : NULL;
    int status = deployment_stage_part(deployment, replica, s, &stage->part, site->arena, error);
    if (status < 0)
        return status;
    const struct group_cost *cost = &deployment->cost.classes[stage->part.group_class];
    for (int way = 0; way < COLLECTIVE_WAY_COUNT; way++)
        stage->ways[way].path = collective_way_path(&cost->group, (enum collective_way)way);
    if (next)
        stage->hop.path = deployment_hop(deployment, replica, s);
    status = link_meter_init(&stage->meter, &deployment->topology, &cost->group, cost->ways, gpus,
                             next, site->arena, error);
    if (status < 0)
        return status;
    link_sharing_add_stage(&site->fleet->sharing, site->first_replica + replica, &stage->meter);
    return 0;
}

static int build_stages(struct site *site, struct error *error)
{
    const struct layout *layout = &site->pool->deployment.layout;
    site->stages =
        arena_calloc(site->arena, (size_t)layout->replicas * layout->stages, sizeof(*site->stages));
    if (!site->stages)
        return error_out_of_memory(error, "stages");
    int status = 0;
    for (uint32_t r = 0; status == 0 && r < layout->replicas; r++)
        for (uint32_t s = 0; status == 0 && s < layout->stages; s++)
            status = build_stage(site, r, s, error);
    return status;
}

/* Lets a replica have flows: among everybody's, or on links of its own. */
static int join_network(struct fleet *fleet, uint32_t replica, struct error *error)
{
    bool is_private = fleet->sharing.policy == LINK_POLICY_PRIVATE;
    struct flow_network **network = &fleet->networks[is_private ? replica : 0];
    if (!*network)
        *network = transfer_network(fleet->session->engine, fleet_topology(fleet), error);
    fleet->networks[replica] = *network;
    return *network ? 0 : -(int)error->code;
}

/* A transfer between the GPUs of a replica's groups. */
static int share(const struct site *site, uint32_t replica, struct transfer **sharing,
                 const uint32_t *from, const uint32_t *to, struct error *error)
{
    struct transfer_pairs pairs = {
        .from = from,
        .to = to,
        .count = site->pool->deployment.layout.tensor_parallel,
        .owner = site->first_replica + replica,
    };
    *sharing = arena_calloc(site->arena, 1, sizeof(**sharing));
    if (!*sharing)
        return error_out_of_memory(error, "transfers");
    int status = join_network(site->fleet, pairs.owner, error);
    return status < 0 ? status
                      : transfer_init(*sharing, site->fleet->networks[pairs.owner],
                                      &site->pool->deployment.topology, pairs, site->arena, error);
}

/* Makes flows of a stage's collectives that go one way. */
static int share_way(const struct site *site, uint32_t replica, uint32_t s, enum collective_way way,
                     struct error *error)
{
    const struct deployment *deployment = &site->pool->deployment;
    struct pipeline_stage *stage = stage_at(site, replica, s);
    const struct collective_group *group = &deployment->cost.classes[stage->part.group_class].group;
    const uint32_t *gpus = layout_group(&deployment->layout, replica, s);
    uint32_t *peers = arena_calloc(site->arena, group->ranks, sizeof(*peers));
    if (!peers)
        return error_out_of_memory(error, "transfers");
    for (uint32_t rank = 0; rank < group->ranks; rank++)
        peers[rank] = gpus[collective_way_peer(group, way, rank)];
    return share(site, replica, &stage->ways[way].sharing, gpus, peers, error);
}

/* Makes flows of what a stage puts on links that others use. */
static int share_links(const struct site *site, uint32_t replica, uint32_t s, struct error *error)
{
    const struct link_sharing *sharing = &site->fleet->sharing;
    const struct layout *layout = &site->pool->deployment.layout;
    struct pipeline_stage *stage = stage_at(site, replica, s);
    int status = 0;
    if (link_sharing_meets(sharing, &stage->meter.sends))
        status = share(site, replica, &stage->hop.sharing, layout_group(layout, replica, s),
                       layout_group(layout, replica, s + 1), error);
    stage->is_shared = link_sharing_collectives_meet(sharing, &stage->meter);
    for (int way = 0; status == 0 && stage->is_shared && way < COLLECTIVE_WAY_COUNT; way++)
        if (stage->meter.collectives[way].crossings.count > 0)
            status = share_way(site, replica, s, (enum collective_way)way, error);
    return status;
}

/* What crosses a link that will be slow must be flows. */
static void note_slow_links(struct fleet *fleet, const struct scenario *scenario)
{
    const struct topology *topology = fleet_topology(fleet);
    for (uint32_t i = 0; i < scenario->fault_count; i++) {
        const struct fault *fault = &scenario->faults[i];
        uint32_t link;
        bool is_slow_link = fault->target == FAULT_LINK && !fault_is_outage(fault);
        if (is_slow_link && topology_find_link(topology, fault->link, &link))
            link_sharing_add_fault(&fleet->sharing, link);
    }
}

/* The links' flows, where any are shared or KV is handed over. */
static int share_all_links(struct fleet *fleet, const struct site *sites, struct error *error)
{
    int status = 0;
    for (uint32_t p = 0; p < fleet->pool_count; p++) {
        const struct layout *layout = &fleet->pools[p].deployment.layout;
        bool hands_over = p + 1 < fleet->pool_count;
        for (uint32_t r = 0; status == 0 && r < layout->replicas; r++) {
            if (hands_over)
                status = join_network(fleet, sites[p].first_replica + r, error);
            for (uint32_t s = 0; status == 0 && s < layout->stages; s++)
                status = share_links(&sites[p], r, s, error);
        }
    }
    return status;
}

/* Flows that a replica's own traffic may have under way at a time. */
static uint32_t flows_max(const struct pipeline *pipeline)
{
    uint32_t flows = 0;
    for (uint32_t s = 0; s < pipeline->stage_count; s++) {
        const struct pipeline_stage *stage = &pipeline->stages[s];
        for (int way = 0; way < COLLECTIVE_WAY_COUNT; way++)
            flows += stage->ways[way].sharing ? stage->ways[way].sharing->pairs.count : 0;
        flows += stage->hop.sharing ? stage->hop.sharing->pairs.count : 0;
    }
    return flows;
}

/* Builds a pool's replicas; adds what they need to `events`. */
static int build_replicas(const struct site *site, const struct fleet_setup *setup, size_t *events,
                          struct error *error)
{
    struct fleet *fleet = site->fleet;
    struct pool *pool = site->pool;
    const struct scenario *scenario = pool->deployment.scenario;
    uint32_t index = (uint32_t)(pool - fleet->pools);
    for (uint32_t r = 0; r < pool->deployment.layout.replicas; r++) {
        struct replica_setup of = {
            .pipeline = {.session = fleet->session,
                         .serving = &scenario->serving,
                         .cost = &pool->deployment.cost,
                         .replica = site->first_replica + r,
                         .stage_count = pool->deployment.layout.stages,
                         .stages = stage_at(site, r, 0)},
            .itl = setup->itl,
            .kv_blocks = pool->deployment.memory.kv_blocks,
            .owner = fleet_owner_of(fleet, index),
            .hands_over = index + 1 < fleet->pool_count,
            .is_lone = fleet->replica_count == 1,
            .caches_prefixes = /* where prompts are prefilled */
            setup->tells_prefixes && index == 0 && scenario->serving.prefix_caching,
        };
        struct replica *replica = &pool->replicas[r];
        int status = replica_init(replica, &of, site->arena, error);
        if (status < 0)
            return status;
        *events += replica_events_max(replica) + flows_max(&replica->pipeline);
    }
    return router_init(&pool->router, scenario->layout.router, pool->deployment.layout.replicas,
                       site->arena, error);
}

/* Resolves the pools, one beside the other. */
static int resolve_pools(struct fleet *fleet, const struct scenario *scenario, struct arena *arena,
                         struct error *error)
{
    const struct scenario *const scenarios[POOLS_MAX] = {scenario, scenario->decode};
    int status = 0;
    fleet->pool_count = scenario->decode ? 2 : 1;
    for (uint32_t p = 0; status == 0 && p < fleet->pool_count; p++) {
        struct deployment *deployment = &fleet->pools[p].deployment;
        status = deployment_resolve(deployment, scenarios[p],
                                    p > 0 ? &fleet->pools[p - 1].deployment : NULL, arena, error);
        fleet->replica_count += deployment->layout.replicas;
    }
    return status;
}

static int build(struct fleet *fleet, const struct fleet_setup *setup, struct arena *arena,
                 struct error *error)
{
    struct site sites[POOLS_MAX];
    size_t events = FLEET_OTHER_EVENTS + fleet->replica_count; /* a network's sharing each */
    fleet->replicas = arena_calloc(arena, fleet->replica_count, sizeof(*fleet->replicas));
    fleet->networks = arena_calloc(arena, fleet->replica_count, sizeof(*fleet->networks));
    int status = fleet->replicas && fleet->networks ? 0 : error_out_of_memory(error, "replicas");
    uint32_t first = 0;
    for (uint32_t p = 0; status == 0 && p < fleet->pool_count; p++) {
        struct pool *pool = &fleet->pools[p];
        pool->replicas = fleet->replicas + first;
        sites[p] =
            (struct site){.fleet = fleet, .pool = pool, .first_replica = first, .arena = arena};
        first += pool->deployment.layout.replicas;
        status = build_stages(&sites[p], error);
    }
    if (status == 0 && fleet->pool_count > 1)
        handover_add_routes(&fleet->handover, &fleet->sharing);
    if (status == 0)
        note_slow_links(fleet, setup->scenario);
    if (status == 0)
        status = share_all_links(fleet, sites, error);
    for (uint32_t p = 0; status == 0 && p < fleet->pool_count; p++)
        status = build_replicas(&sites[p], setup, &events, error);
    if (status == 0 && fleet->pool_count > 1)
        handover_start(&fleet->handover, fleet->networks, events);
    return status < 0 ? status : engine_reserve(fleet->session->engine, events, error);
}

int fleet_init(struct fleet *fleet, const struct fleet_setup *setup, struct arena *arena,
               struct error *error)
{
    const struct scenario *scenario = setup->scenario;
    *fleet = (struct fleet){
        .session = setup->session,
        .on_loss = scenario->run.on_loss,
        .finished = setup->finished,
        .lost = setup->lost,
        .context = setup->context,
    };
    int status = resolve_pools(fleet, scenario, arena, error);
    if (status == 0)
        status = link_sharing_init(&fleet->sharing, scenario->run.links,
                                   fleet_topology(fleet)->link_count, arena, error);
    if (status == 0 && fleet->pool_count > 1)
        status = handover_init(&fleet->handover, setup->session, &fleet->pools[0], &fleet->pools[1],
                               scenario->kv_transfer, arena, error);
    return status < 0 ? status : build(fleet, setup, arena, error);
}

void fleet_release(struct fleet *fleet)
{
    for (uint32_t r = 0; fleet->networks && r < fleet->replica_count; r++)
        if (r == 0 || fleet->networks[r] != fleet->networks[0])
            flow_network_free(fleet->networks[r]);
    for (uint32_t r = 0; fleet->replicas && r < fleet->replica_count; r++)
        batcher_release(&fleet->replicas[r].batcher);
    handover_release(&fleet->handover);
}
