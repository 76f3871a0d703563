#include "faults.h"

/* A fault of the scenario, and the event of its beginning or end. */
struct happening {
    struct faults *faults;
    const struct fault *fault;
    uint32_t link; /* where it is a link's */
    bool is_on;
    event_id event;
};

struct faults {
    struct fleet *fleet;
    uint32_t count;
    struct happening *happenings; /* (count) */
    uint32_t *down;               /* (the fleet's replicas): what keeps each down */
    bool *isolated;               /* (the same): no KV can reach it, or leave it */
    size_t pending;               /* events in the queue */
};

/* Whether some of the GPUs are the fault's, or on its node. */
static bool strikes(const struct faults *faults, const struct fault *fault, const uint32_t *gpus,
                    uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t node = topology_node(fleet_topology(faults->fleet), gpus[i]);
        if (fault->index == (fault->target == FAULT_GPU ? gpus[i] : node))
            return true;
    }
    return false;
}

static const uint32_t *gpus_of(struct fleet *fleet, const struct replica *replica, uint32_t stage)
{
    return pool_gpus(fleet_pool_of(fleet, replica), replica, stage);
}

static uint32_t ranks_of(struct fleet *fleet, const struct replica *replica)
{
    return fleet_pool_of(fleet, replica)->deployment.layout.tensor_parallel;
}

/* Whether a replica's steps cannot do without the link. */
static bool needs_link(const struct replica *replica, uint32_t link)
{
    for (uint32_t s = 0; s < replica->pipeline.stage_count; s++)
        if (link_meter_crosses(&replica->pipeline.stages[s].meter, link))
            return true;
    return false;
}

/* Whether it cannot do without what has failed. */
static bool needs(struct faults *faults, const struct replica *replica,
                  const struct happening *happening)
{
    struct fleet *fleet = faults->fleet;
    if (happening->fault->target == FAULT_LINK)
        return needs_link(replica, happening->link);
    for (uint32_t s = 0; s < replica->pipeline.stage_count; s++)
        if (strikes(faults, happening->fault, gpus_of(fleet, replica, s), ranks_of(fleet, replica)))
            return true;
    return false;
}

/* Whether it slows what it is of at present, or has it down. */
static bool is_slow(const struct happening *happening)
{
    return happening->is_on && !fault_is_outage(happening->fault);
}

static bool is_down(const struct happening *happening)
{
    return happening->is_on && fault_is_outage(happening->fault);
}

/* How many times slower than usual a GPU is. */
static double slowdown_of(const struct faults *faults, uint32_t gpu)
{
    double slowdown = 1;
    for (uint32_t h = 0; h < faults->count; h++) {
        const struct happening *happening = &faults->happenings[h];
        const struct fault *fault = happening->fault;
        if (is_slow(happening) && fault->target != FAULT_LINK && strikes(faults, fault, &gpu, 1))
            slowdown *= fault->slowdown;
    }
    return slowdown;
}

/* Each stage is as slow as its slowest GPU. */
static void slow_stages(struct faults *faults)
{
    struct fleet *fleet = faults->fleet;
    for (uint32_t r = 0; r < fleet->replica_count; r++) {
        struct replica *replica = &fleet->replicas[r];
        replica_make_up(replica);
        for (uint32_t s = 0; s < replica->pipeline.stage_count; s++) {
            const uint32_t *gpus = gpus_of(fleet, replica, s);
            double slowest = 1;
            for (uint32_t i = 0; i < ranks_of(fleet, replica); i++)
                slowest = fmax(slowest, slowdown_of(faults, gpus[i]));
            replica->pipeline.stages[s].slowdown = slowest;
        }
    }
}

static void slow_link(struct faults *faults, uint32_t link)
{
    struct session *session = faults->fleet->session;
    double bytes_per_s = fleet_topology(faults->fleet)->links[link].cost.bytes_per_s;
    for (uint32_t h = 0; h < faults->count; h++) {
        const struct happening *happening = &faults->happenings[h];
        const struct fault *fault = happening->fault;
        if (is_slow(happening) && fault->target == FAULT_LINK && happening->link == link)
            bytes_per_s /= fault->slowdown;
    }
    for (uint32_t r = 0; r < faults->fleet->replica_count; r++) {
        struct flow_network *network = faults->fleet->networks[r];
        if (network && flow_set_link_rate(network, link, bytes_per_s, &session->error) < 0)
            session->failed = true;
    }
}

/* One thing more keeps a replica down, or one less. */
static void keep_down(struct faults *faults, struct replica *replica, bool is_more)
{
    uint32_t *down = &faults->down[replica - faults->fleet->replicas];
    if (is_more && (*down)++ == 0)
        fleet_fail(faults->fleet, replica);
    else if (!is_more && --*down == 0)
        fleet_restore(faults->fleet, replica);
}

/* Takes the replicas down that need what has failed, or restores them. */
static void stop_replicas(struct faults *faults, const struct happening *happening)
{
    struct fleet *fleet = faults->fleet;
    for (uint32_t r = 0; r < fleet->replica_count; r++) {
        struct replica *replica = &fleet->replicas[r];
        if (!needs(faults, replica, happening))
            continue;
        if (fleet->pool_count > 1)
            handover_note_replica(&fleet->handover, replica, happening->is_on);
        keep_down(faults, replica, happening->is_on);
    }
}

/* KV goes other ways, or may go old ones again. */
static void divert_kv(struct faults *faults, const struct happening *happening)
{
    struct fleet *fleet = faults->fleet;
    if (happening->fault->target == FAULT_LINK)
        handover_note_link(&fleet->handover, happening->link, happening->is_on);
    for (uint32_t r = 0; r < fleet->replica_count; r++) {
        bool is_isolated = handover_isolates(&fleet->handover, &fleet->replicas[r]);
        if (is_isolated == faults->isolated[r])
            continue;
        faults->isolated[r] = is_isolated;
        keep_down(faults, &fleet->replicas[r], is_isolated);
    }
    handover_reroute(&fleet->handover);
}

static void on_happening(void *context, uint64_t unused);

static event_id schedule(struct happening *happening, sim_ps at)
{
    struct faults *faults = happening->faults;
    faults->pending++;
    return engine_schedule(faults->fleet->session->engine, at, EVENT_FAULT,
                           (uint32_t)(happening - faults->happenings), on_happening, happening, 0);
}

/* A fault begins, or ends. */
static void on_happening(void *context, uint64_t unused)
{
    (void)unused;
    struct happening *happening = context;
    const struct fault *fault = happening->fault;
    happening->faults->pending--;
    happening->is_on = !happening->is_on;
    happening->event = 0;
    if (happening->is_on && fault->until != SIM_PS_MAX) {
        happening->event = schedule(happening, fault->until);
        assert(happening->event != 0); /* the slot of the event under way is free */
    }
    if (fault_is_outage(fault)) {
        stop_replicas(happening->faults, happening);
        if (happening->faults->fleet->pool_count > 1)
            divert_kv(happening->faults, happening);
    } else if (fault->target == FAULT_LINK) {
        slow_link(happening->faults, happening->link);
    } else {
        slow_stages(happening->faults);
    }
}

struct faults *faults_new(struct fleet *fleet, const struct scenario *scenario, struct arena *arena,
                          struct error *error)
{
    struct faults *faults = arena_calloc(arena, 1, sizeof(*faults));
    if (!faults)
        goto out_of_memory;
    faults->fleet = fleet;
    faults->happenings = arena_calloc(arena, scenario->fault_count, sizeof(*faults->happenings));
    faults->down = arena_calloc(arena, fleet->replica_count, sizeof(*faults->down));
    faults->isolated = arena_calloc(arena, fleet->replica_count, sizeof(*faults->isolated));
    if (!faults->happenings || !faults->down || !faults->isolated)
        goto out_of_memory;
    for (; faults->count < scenario->fault_count; faults->count++) {
        struct happening *happening = &faults->happenings[faults->count];
        happening->faults = faults;
        happening->fault = &scenario->faults[faults->count];
        if (happening->fault->target == FAULT_LINK)
            (void)topology_find_link(fleet_topology(faults->fleet), happening->fault->link,
                                     &happening->link); /* deployment_resolve() has found it */
        happening->event = schedule(happening, happening->fault->from);
        if (happening->event == 0)
            goto out_of_memory;
    }
    return faults;

out_of_memory:
    error_out_of_memory(error, "faults");
    return NULL;
}

size_t faults_pending(const struct faults *faults)
{
    return faults->pending;
}

/* Whether a link that is down comes back. */
static bool link_returns(const struct faults *faults)
{
    for (uint32_t h = 0; h < faults->count; h++) {
        const struct happening *happening = &faults->happenings[h];
        const struct fault *fault = happening->fault;
        if (is_down(happening) && fault->target == FAULT_LINK && fault->until != SIM_PS_MAX)
            return true;
    }
    return false;
}

/* Whether nothing keeps a replica down for good, no link coming back. */
static bool is_repairable(struct faults *faults, const struct replica *replica)
{
    if (faults->isolated[replica - faults->fleet->replicas])
        return false;
    for (uint32_t h = 0; h < faults->count; h++) {
        const struct happening *happening = &faults->happenings[h];
        bool is_for_good = is_down(happening) && happening->fault->until == SIM_PS_MAX;
        if (is_for_good && needs(faults, replica, happening))
            return false;
    }
    return true;
}

bool faults_will_restore(struct faults *faults)
{
    struct fleet *fleet = faults->fleet;
    if (fleet->pool_count > 1 && link_returns(faults))
        return true;
    for (uint32_t r = 0; r < fleet->replica_count; r++)
        if (faults->down[r] > 0 && is_repairable(faults, &fleet->replicas[r]))
            return true;
    return false;
}

void faults_cancel(struct faults *faults)
{
    faults->pending = 0;
    for (uint32_t i = 0; i < faults->count; i++) {
        (void)engine_cancel(faults->fleet->session->engine, faults->happenings[i].event);
        faults->happenings[i].event = 0;
    }
}

/* What is left of a link's rate from `at` on; `until` comes down to when one of its faults begins
   or ends, if that is earlier. */
static double link_share_at(const struct faults *faults, uint32_t link, sim_ps at, sim_ps *until)
{
    double share = 1;
    for (uint32_t h = 0; h < faults->count; h++) {
        const struct happening *happening = &faults->happenings[h];
        const struct fault *fault = happening->fault;
        if (fault->target != FAULT_LINK || happening->link != link || fault->until <= at)
            continue;
        bool has_begun = fault->from <= at;
        *until = sim_ps_min(*until, has_begun ? fault->until : fault->from);
        if (has_begun)
            share = fault_is_outage(fault) ? 0 : share / fault->slowdown;
    }
    return share;
}

double faults_link_share(const struct faults *faults, uint32_t link, sim_ps from, sim_ps until)
{
    double ps = 0; /* at its whole rate */
    sim_ps next;
    for (sim_ps at = from; at < until; at = next) {
        next = until;
        double share = link_share_at(faults, link, at, &next);
        ps += share * (double)(next - at);
    }
    return until > from ? ps / (double)(until - from) : 1;
}
