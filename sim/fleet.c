#include "fleet_parts.h"

static void on_finished(void *context, struct replica *replica, struct request_list finished)
{
    struct fleet *fleet = context;
    fleet->finished(fleet->context, replica, finished);
    pool_note_load(fleet_pool_of(fleet, replica), replica);
}

static void on_prefilled(void *context, struct replica *replica, struct request_list prefilled)
{
    struct fleet *fleet = context;
    handover_send(&fleet->handover, replica, prefilled);
}

static void on_admitted(void *context, struct replica *replica, struct request_list admitted)
{
    (void)context;
    (void)replica;
    handover_admit(admitted);
}

static void on_picked(void *context, struct replica *replica, const struct batch *batch)
{
    struct fleet *fleet = context;
    handover_reserve(&fleet->handover, replica, batch);
}

static void on_computed(void *context, struct replica *replica, const struct step *step,
                        uint32_t stage, uint32_t layer)
{
    (void)context;
    handover_send_layer(replica, step, stage, layer);
}

struct replica_owner fleet_owner_of(struct fleet *fleet, uint32_t pool)
{
    bool is_layerwise = fleet->handover.mode == KV_TRANSFER_LAYERWISE;
    struct replica_owner owner = {.context = fleet, .finished = on_finished};
    if (fleet->pool_count == 1)
        return owner;
    if (pool == 0) {
        owner.prefilled = on_prefilled;
        owner.picked = is_layerwise ? on_picked : NULL;
        owner.computed = is_layerwise ? on_computed : NULL;
    } else {
        owner.admitted = on_admitted;
    }
    return owner;
}

bool fleet_can_fit(const struct fleet *fleet, const struct request *request)
{
    if (!batcher_can_prefill(&fleet->pools[0].replicas[0].batcher, request))
        return false;
    for (uint32_t p = 0; p < fleet->pool_count; p++)
        if (!batcher_can_hold(&fleet->pools[p].replicas[0].batcher, request))
            return false;
    return true;
}

struct pool *fleet_pool_of(struct fleet *fleet, const struct replica *replica)
{
    struct pool *last = &fleet->pools[fleet->pool_count - 1];
    return replica >= last->replicas ? last : &fleet->pools[0];
}

void fleet_enqueue(struct fleet *fleet, struct request *request)
{
    struct replica *replica = pool_pick(&fleet->pools[0], request);
    if (!replica) {
        request_list_append(&fleet->stranded, request);
        return;
    }
    replica_enqueue(replica, request);
    pool_note_load(&fleet->pools[0], replica);
}

/* What a failed replica had starts over, or is lost. */
static void give_up(struct fleet *fleet, struct request_list evicted)
{
    struct request *request;
    if (fleet->on_loss == ON_LOSS_LOSE) {
        if (evicted.first)
            fleet->lost(fleet->context, evicted);
        return;
    }
    while ((request = request_list_pop(&evicted))) {
        fleet->retried += request->counted;
        request_restart(request);
        fleet_enqueue(fleet, request);
    }
}

void fleet_fail(struct fleet *fleet, struct replica *replica)
{
    struct pool *pool = fleet_pool_of(fleet, replica);
    struct request_list evicted = {.first = NULL};
    router_close(&pool->router, pool_index(pool, replica));
    if (fleet->pool_count > 1)
        handover_fail(&fleet->handover, replica, &evicted);
    replica_fail(replica, &evicted);
    give_up(fleet, evicted);
}

void fleet_restore(struct fleet *fleet, struct replica *replica)
{
    struct pool *pool = fleet_pool_of(fleet, replica);
    replica_restore(replica);
    router_open(&pool->router, pool_index(pool, replica), 0);
    if (fleet->pool_count > 1)
        handover_restore(&fleet->handover);
    struct request_list stranded = request_list_take(&fleet->stranded);
    struct request *request;
    while ((request = request_list_pop(&stranded)))
        fleet_enqueue(fleet, request);
}

void fleet_begin(struct fleet *fleet, sim_ps begun)
{
    for (uint32_t r = 0; r < fleet->replica_count; r++)
        fleet->replicas[r].pipeline.begun = begun;
}

void fleet_finish(struct fleet *fleet, sim_ps end)
{
    for (uint32_t r = 0; r < fleet->replica_count; r++)
        replica_finish(&fleet->replicas[r], end);
    if (fleet->pool_count > 1)
        handover_finish(&fleet->handover);
}
