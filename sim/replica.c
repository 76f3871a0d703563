#include "replica_parts.h"

#include "accounting.h"
#include "pipeline_events.h"

static int init_pipeline(struct replica *replica, const struct replica_setup *setup,
                         struct arena *arena, struct error *error)
{
    struct session *session = setup->pipeline.session;
    struct pipeline *pipeline = &replica->pipeline;
    int status = pipeline_init(pipeline, &setup->pipeline, arena, error);
    if (status < 0 || !session->record_steps)
        return status;
    pipeline->diary =
        diary_new(session, pipeline->replica, setup->is_lone, pipeline->stage_count, arena, error);
    return pipeline->diary ? 0 : -(int)error->code;
}

static void on_layer_computed(void *context, const struct step *step, uint32_t stage,
                              uint32_t layer)
{
    struct replica *replica = context;
    replica->owner.computed(replica->owner.context, replica, step, stage, layer);
}

/* The pipeline's player, where its closed form does not do. */
static int init_player(struct replica *replica, const struct serving *serving, struct arena *arena,
                       struct error *error)
{
    struct player_watch watch = {
        .context = replica,
        .left = replica_on_step_left,
        .computed = replica->owner.computed ? on_layer_computed : NULL,
    };
    if (!replica->session->exact && !pipeline_shares_links(&replica->pipeline) && !watch.computed)
        return 0;
    replica->player = player_new(&replica->pipeline, serving, watch, arena, error);
    return replica->player ? 0 : -(int)error->code;
}

int replica_init(struct replica *replica, const struct replica_setup *setup, struct arena *arena,
                 struct error *error)
{
    const struct serving *serving = setup->pipeline.serving;
    *replica = (struct replica){
        .session = setup->pipeline.session,
        .host = &serving->host,
        .index = setup->pipeline.replica,
        .turn_at = SIM_PS_MAX,
        .emptied = 0,
        .stalled = SIM_PS_MAX,
        .owner = setup->owner,
    };
    int status = flight_init(&replica->flight, serving, setup->pipeline.stage_count, arena, error);
    if (status == 0)
        status = batcher_init(&replica->batcher, serving, setup->kv_blocks, setup->hands_over,
                              setup->itl, arena, error);
    if (status == 0 && setup->caches_prefixes)
        status = batcher_cache_prefixes(&replica->batcher, arena, error);
    if (status == 0)
        status = init_pipeline(replica, setup, arena, error);
    if (status == 0)
        status = init_player(replica, serving, arena, error);
    return status;
}

uint32_t replica_events_max(const struct replica *replica)
{
    uint32_t stages = replica->pipeline.stage_count;
    return 1 + (replica->player ? stages * PLAYER_STAGE_EVENTS(replica->flight.ring) : 0);
}

/* Work comes to an empty replica. */
static void wake(struct replica *replica)
{
    replica->woken = engine_now(replica->session->engine);
    replica->slept = true;
}

void replica_enqueue(struct replica *replica, struct request *request)
{
    replica_make_up(replica);
    if (!batcher_has_work(&replica->batcher))
        wake(replica);
    batcher_enqueue(&replica->batcher, request);
    replica_note_crowding(replica, engine_now(replica->session->engine));
    replica_stir(replica);
}

uint64_t replica_found_tokens(struct replica *replica, const struct request *request)
{
    replica_make_up(replica); /* KV that grew meanwhile has pushed out some */
    struct prefix_match match = prefix_cache_match(replica->batcher.prefixes, request);
    return match.blocks * replica->batcher.kv.block_tokens;
}

bool replica_reserve(struct replica *replica, const struct request *request)
{
    replica_make_up(replica);
    bool had_work = batcher_has_work(&replica->batcher);
    if (!batcher_reserve(&replica->batcher, request))
        return false;
    if (!had_work) {
        wake(replica);
        replica->stalled = replica->woken;
    }
    return true;
}

void replica_receive(struct replica *replica, struct request *request)
{
    replica_make_up(replica);
    batcher_receive(&replica->batcher, request);
    replica_stir(replica);
}

void replica_give_blocks(struct replica *replica, struct request *request)
{
    replica_make_up(replica);
    batcher_give_blocks(&replica->batcher, request);
    if (batcher_has_work(&replica->batcher))
        replica_stir(replica);
}

/* Nothing may be left to do after a request was taken off: there is no work from now on then. */
static void rest_if_empty(struct replica *replica)
{
    if (batcher_has_work(&replica->batcher) || replica->is_down)
        return;
    replica->stalled = SIM_PS_MAX;
    if (replica->slept)
        replica->slept = false;
    else
        replica->emptied = engine_now(replica->session->engine);
}

void replica_withdraw(struct replica *replica, struct request *request)
{
    replica_make_up(replica);
    batcher_withdraw(&replica->batcher, request);
    replica_note_crowding(replica, engine_now(replica->session->engine));
    rest_if_empty(replica);
}

void replica_unreserve(struct replica *replica, struct request *request)
{
    replica_make_up(replica);
    batcher_unreserve(&replica->batcher, request);
    rest_if_empty(replica);
    if (batcher_has_work(&replica->batcher))
        replica_stir(replica);
}

/* Accounts for the steps in flight, gives them up, and hands their requests back. */
static void abandon_steps(struct replica *replica, sim_ps now, struct request_list *evicted)
{
    for (; replica->flight.count > 0; flight_land(&replica->flight)) {
        struct step *step = flight_oldest(&replica->flight);
        accounting_abandon_step(&replica->pipeline, step, now);
        batcher_evict_batch(&replica->batcher, &step->batch, evicted);
    }
}

void replica_fail(struct replica *replica, struct request_list *evicted)
{
    sim_ps now = engine_now(replica->session->engine);
    replica_make_up(replica);
    replica_end_stall(replica);
    abandon_steps(replica, now, evicted);
    replica_note_in_flight(replica, now);
    batcher_evict(&replica->batcher, evicted);
    replica_note_crowding(replica, now);
    accounting_fail(&replica->pipeline, replica->emptied,
                    replica->slept ? replica->woken : SIM_PS_MAX, now);
    if (replica->player)
        player_abandon(replica->player, replica->flight.step_count);
    (void)engine_cancel(replica->session->engine, replica->event);
    replica->event = 0;
    replica->turn_at = SIM_PS_MAX;
    replica->slept = false;
    replica->is_down = true;
}

void replica_restore(struct replica *replica)
{
    sim_ps now = engine_now(replica->session->engine);
    accounting_restore(&replica->pipeline, now);
    pipeline_reset(&replica->pipeline, now);
    replica->flight.host_free = now;
    replica->emptied = now;
    replica->is_down = false;
}

void replica_finish(struct replica *replica, sim_ps end)
{
    replica_end_stall(replica);
    if (replica->is_down)
        accounting_restore(&replica->pipeline, end);
    accounting_finish(&replica->pipeline, sim_ps_min(replica->emptied, end), end);
}
