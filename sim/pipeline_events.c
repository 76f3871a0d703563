#include "pipeline_events.h"

/* A stage at work. Rings hold steps in flight by their number modulo `ring`. */
struct played_stage {
    struct player *player;
    uint32_t index;
    uint32_t layer;            /* of the step at work */
    int way;                   /* that the layer's collectives go, of a shared visit */
    struct transfer_form form; /* of these; the next's latency */
    sim_ps way_from;           /* since when they go this way, */
    double way_s;              /* which takes so long alone */
    uint64_t next;             /* number of the step that the stage takes next */
    uint64_t next_sent;        /* and of the one that it sends on next */
    struct step *at_work;      /* NULL: the stage is idle */
    struct step *on_its_way;   /* on shared links; NULL: none */
    struct step **waiting;     /* (ring): steps whose input is there */
    struct step **unsent;      /* (ring): steps that wait for shared links to the next stage */
    event_id work;             /* the end of what is computed; 0: none is pending */
    event_id *arrivals;        /* (ring): of steps on private links */
};

struct player {
    struct pipeline *pipeline;
    struct player_watch watch;
    uint32_t ring;
    struct played_stage *stages;
};

struct player *player_new(struct pipeline *pipeline, const struct serving *serving,
                          struct player_watch watch, struct arena *arena, struct error *error)
{
    struct player *player = arena_calloc(arena, 1, sizeof(*player));
    if (!player)
        goto out_of_memory;
    *player = (struct player){
        .pipeline = pipeline,
        .watch = watch,
        .ring = serving->steps_in_flight,
        .stages = arena_calloc(arena, pipeline->stage_count, sizeof(*player->stages)),
    };
    if (!player->stages)
        goto out_of_memory;
    for (uint32_t s = 0; s < pipeline->stage_count; s++) {
        struct played_stage *stage = &player->stages[s];
        stage->player = player;
        stage->index = s;
        stage->waiting = arena_calloc(arena, player->ring, sizeof(*stage->waiting));
        stage->unsent = arena_calloc(arena, player->ring, sizeof(*stage->unsent));
        stage->arrivals = arena_calloc(arena, player->ring, sizeof(*stage->arrivals));
        if (!stage->waiting || !stage->unsent || !stage->arrivals)
            goto out_of_memory;
    }
    return player;

out_of_memory:
    error_out_of_memory(error, "pipeline events");
    return NULL;
}

static event_id schedule(struct played_stage *stage, sim_ps at, enum event_priority priority,
                         event_function function, struct step *step)
{
    struct pipeline *pipeline = stage->player->pipeline;
    event_id id = engine_schedule(pipeline->session->engine, at, priority, pipeline->replica,
                                  function, stage, (uint64_t)(uintptr_t)step);
    assert(id != 0); /* room was reserved for every stage */
    return id;
}

static struct pipeline_stage *pipeline_stage_of(const struct played_stage *stage)
{
    return &stage->player->pipeline->stages[stage->index];
}

static sim_ps now_of(const struct played_stage *stage)
{
    return engine_now(stage->player->pipeline->session->engine);
}

static void on_layer_end(void *context, uint64_t argument);
static void on_computed(void *context, uint64_t argument);
static void on_arrival(void *context, uint64_t argument);
static void take_next(struct played_stage *stage);

/* Whether each layer of a private visit ends in an event of its own. */
static bool plays_layers(const struct player *player)
{
    return player->pipeline->session->exact || player->watch.computed;
}

/* The present layer of the step at work is done. */
static void tell_computed(const struct played_stage *stage, const struct step *step)
{
    const struct player_watch *watch = &stage->player->watch;
    if (watch->computed)
        watch->computed(watch->context, step, stage->index, stage->layer);
}

/* A private visit: when layer `layer` of the step at work ends; the last ends with the visit. */
static sim_ps layer_end(const struct played_stage *stage, const struct step *step)
{
    const struct visit *visit = &step->visits[stage->index];
    uint32_t layers = pipeline_stage_of(stage)->part.layers;
    double share = (double)(stage->layer + 1) / layers;
    if (stage->layer + 1 >= layers || !plays_layers(stage->player))
        return visit->end;
    return visit->start + (sim_ps)((double)(visit->end - visit->start) * share);
}

/* Of `whole`, what falls to the present layer, so that the layers' parts sum to it. */
static sim_ps layer_part(const struct played_stage *stage, sim_ps whole)
{
    sim_ps layers = pipeline_stage_of(stage)->part.layers;
    sim_ps layer = stage->layer;
    return whole * (layer + 1) / layers - whole * layer / layers;
}

/* A shared visit: when the present layer, begun at `from`, has computed. */
static sim_ps computed_at(const struct played_stage *stage, const struct step *step, sim_ps from)
{
    return from + layer_part(stage, step->visits[stage->index].work.compute);
}

/* Takes the next step in order, if its input is there and the stage is free. */
static void take_next(struct played_stage *stage)
{
    struct pipeline *pipeline = stage->player->pipeline;
    struct step **slot = &stage->waiting[stage->next % stage->player->ring];
    struct step *step = *slot;
    if (stage->at_work || !step)
        return;
    *slot = NULL;
    stage->next++;
    stage->at_work = step;
    stage->layer = 0;
    pipeline_begin_visit(pipeline, stage->index, step);
    if (pipeline_stage_of(stage)->is_shared) {
        sim_ps computed = computed_at(stage, step, step->visits[stage->index].gpu_from);
        stage->work = schedule(stage, computed, EVENT_STAGE, on_computed, step);
    } else {
        pipeline_end_visit(pipeline, stage->index, step);
        stage->work = schedule(stage, layer_end(stage, step), EVENT_STAGE, on_layer_end, step);
    }
}

/* The step's input is there. */
static void on_arrival(void *context, uint64_t argument)
{
    struct played_stage *stage = context;
    struct step *step = (struct step *)(uintptr_t)argument;
    stage->arrivals[step->number % stage->player->ring] = 0;
    step->visits[stage->index].ready = now_of(stage);
    stage->waiting[step->number % stage->player->ring] = step;
    take_next(stage);
}

static void fail(struct played_stage *stage)
{
    stage->player->pipeline->session->failed = true;
}

static void on_sent(void *context, uint64_t argument);

/* Sends the next step on over shared links, if it is there and the one before it has arrived. */
static void send_next(struct played_stage *stage)
{
    struct hop *hop = &pipeline_stage_of(stage)->hop;
    struct step **slot = &stage->unsent[stage->next_sent % stage->player->ring];
    struct step *step = *slot;
    if (stage->on_its_way || !step)
        return;
    *slot = NULL;
    stage->next_sent++;
    stage->on_its_way = step;
    step->visits[stage->index].sent_from = now_of(stage);
    struct transfer_order order = {
        .latency_s = hop->path.alpha_s,
        .bytes = step->work.send_bytes,
        .done = on_sent,
        .context = stage,
        .argument = (uint64_t)(uintptr_t)step,
    };
    if (transfer_start(hop->sharing, &order, &stage->player->pipeline->session->error) < 0)
        fail(stage);
}

/* What a transfer on shared links that ends now took longer than alone. */
static sim_ps held_up(const struct played_stage *stage, sim_ps from, double alone_s)
{
    return sim_ps_max(now_of(stage) - from - sim_span_from_s(alone_s), 0);
}

static void on_sent(void *context, uint64_t argument)
{
    struct played_stage *stage = context;
    const struct step *step = stage->on_its_way;
    struct hop *hop = &pipeline_stage_of(stage)->hop;
    hop->held_up += held_up(stage, step->visits[stage->index].sent_from,
                            collective_send_s(hop->path, step->work.send_bytes));
    stage->on_its_way = NULL;
    on_arrival(stage + 1, argument);
    send_next(stage);
}

/* The step leaves the stage: on to the next, or back to the scheduler. */
static void pass_on(struct played_stage *stage, struct step *step)
{
    struct player *player = stage->player;
    struct pipeline *pipeline = player->pipeline;
    uint64_t place = step->number % player->ring;
    if (stage->index + 1 == pipeline->stage_count) {
        step->gpu_done = step->visits[stage->index].end;
        player->watch.left(player->watch.context, step);
    } else if (pipeline_stage_of(stage)->hop.sharing) {
        stage->unsent[place] = step;
        send_next(stage);
    } else {
        sim_ps arrives = pipeline_send(pipeline, stage->index, step);
        stage[1].arrivals[place] = schedule(stage + 1, arrives, EVENT_TRANSFER, on_arrival, step);
    }
}

/* The visit is over. */
static void leave(struct played_stage *stage, struct step *step)
{
    stage->at_work = NULL;
    pass_on(stage, step);
    take_next(stage);
}

static void on_layer_end(void *context, uint64_t argument)
{
    struct played_stage *stage = context;
    struct step *step = (struct step *)(uintptr_t)argument;
    uint32_t layers = pipeline_stage_of(stage)->part.layers;
    stage->work = 0;
    if (stage->layer < layers)
        tell_computed(stage, step);
    if (plays_layers(stage->player) && ++stage->layer < layers) {
        stage->work = schedule(stage, layer_end(stage, step), EVENT_STAGE, on_layer_end, step);
    } else {
        leave(stage, step);
    }
}

/* A shared visit's last layer is done: the visit ends now, or with its last launch. */
static void end_shared_visit(struct played_stage *stage, struct step *step)
{
    struct visit *visit = &step->visits[stage->index];
    sim_ps alone = visit->work.collective;
    visit->work.collective = now_of(stage) - visit->gpu_from - visit->work.compute;
    visit->stretch = alone > 0 ? (double)visit->work.collective / (double)alone : 1;
    pipeline_end_visit(stage->player->pipeline, stage->index, step);
    if (visit->end > now_of(stage))
        stage->work = schedule(stage, visit->end, EVENT_STAGE, on_layer_end, step);
    else
        leave(stage, step);
}

/* Goes on to what would be the next event of all, instead of having it; false where it would not
   be, or all must be events. For handlers that do nothing else after it. */
static bool go_on_to(const struct played_stage *stage, sim_ps at, enum event_priority priority)
{
    const struct pipeline *pipeline = stage->player->pipeline;
    struct engine *engine = pipeline->session->engine;
    if (pipeline->session->exact || at > SIM_CLOCK_END ||
        !engine_would_be_next(engine, at, priority, pipeline->replica))
        return false;
    engine_advance(engine, at, priority, pipeline->replica);
    return true;
}

/* What each GPU sends one way in the present layer's collectives. */
static double way_bytes(const struct played_stage *stage, const struct step *step, int way)
{
    const struct pipeline_stage *of = pipeline_stage_of(stage);
    double bytes = step->visits[stage->index].work.sent.bytes[way] / of->part.layers;
    return of->ways[way].sharing ? bytes : 0;
}

static void on_way_end(void *context, uint64_t argument);

/* The present layer's collectives go their present way; whether they have gone it. */
static bool go_way(struct played_stage *stage, struct step *step)
{
    struct session *session = stage->player->pipeline->session;
    const struct pipeline_stage *of = pipeline_stage_of(stage);
    const struct stage_way *way = &of->ways[stage->way];
    double latency_s = stage->form.latency_s;
    struct transfer_order order = {
        .latency_s = latency_s * transfer_load(way->sharing),
        .bytes = stage->form.pace * way_bytes(stage, step, stage->way),
        .done = on_way_end,
        .context = stage,
        .argument = (uint64_t)(uintptr_t)step,
    };
    stage->form.latency_s = 0;
    stage->way_from = now_of(stage);
    stage->way_s = latency_s + order.bytes / way->path.bytes_per_s;
    sim_ps end = flow_lone_end(way->sharing->network, &of->meter.collectives[stage->way].crossings,
                               order.latency_s, order.bytes);
    if (go_on_to(stage, end, EVENT_TRANSFER))
        return true;
    if (transfer_start(way->sharing, &order, &session->error) < 0)
        fail(stage);
    return false;
}

/* They have gone it. */
static void end_way(struct played_stage *stage)
{
    struct stage_way *way = &pipeline_stage_of(stage)->ways[stage->way];
    way->held_up += held_up(stage, stage->way_from, stage->way_s);
    stage->way++;
}

/* They go the ways that are left; whether they have gone them all. */
static bool go_ways(struct played_stage *stage, struct step *step)
{
    while (stage->way < COLLECTIVE_WAY_COUNT) {
        if (way_bytes(stage, step, stage->way) <= 0) {
            stage->way++;
            continue;
        }
        if (!go_way(stage, step))
            return false;
        end_way(stage);
    }
    return true;
}

/* The present layer has computed, and its collectives begin; whether they are over. */
static bool communicate(struct played_stage *stage, struct step *step)
{
    const struct pipeline_stage *of = pipeline_stage_of(stage);
    sim_ps alone = step->visits[stage->index].work.collective;
    double alone_s = sim_s_from_ps(alone) / of->part.layers;
    double bytes_s = 0;
    for (int way = 0; way < COLLECTIVE_WAY_COUNT; way++)
        if (way_bytes(stage, step, way) > 0)
            bytes_s += way_bytes(stage, step, way) / of->ways[way].path.bytes_per_s;
    stage->way = 0;
    stage->form = transfer_form_of(alone_s, bytes_s);
    return go_ways(stage, step);
}

/* The next layer computes; whether it has. */
static bool compute(struct played_stage *stage, struct step *step)
{
    sim_ps computed = computed_at(stage, step, now_of(stage));
    if (go_on_to(stage, computed, EVENT_STAGE))
        return true;
    stage->work = schedule(stage, computed, EVENT_STAGE, on_computed, step);
    return false;
}

/* The present layer is over: the next ones, as long as nothing else happens meanwhile. */
static void play_layers(struct played_stage *stage, struct step *step)
{
    do {
        tell_computed(stage, step);
        if (++stage->layer == pipeline_stage_of(stage)->part.layers) {
            end_shared_visit(stage, step);
            return;
        }
    } while (compute(stage, step) && communicate(stage, step));
}

static void on_way_end(void *context, uint64_t argument)
{
    struct played_stage *stage = context;
    struct step *step = (struct step *)(uintptr_t)argument;
    end_way(stage);
    if (go_ways(stage, step))
        play_layers(stage, step);
}

static void on_computed(void *context, uint64_t argument)
{
    struct played_stage *stage = context;
    struct step *step = (struct step *)(uintptr_t)argument;
    stage->work = 0;
    if (communicate(stage, step))
        play_layers(stage, step);
}

void player_launch(struct player *player, struct step *step)
{
    struct pipeline *pipeline = player->pipeline;
    struct played_stage *first = &player->stages[0];
    pipeline_cost_step(pipeline, step);
    for (uint32_t s = 0; s < pipeline->stage_count; s++) {
        step->visits[s].start = SIM_PS_MAX;
        step->visits[s].end = SIM_PS_MAX;
    }
    first->arrivals[step->number % player->ring] =
        schedule(first, step->launched, EVENT_LAUNCH, on_arrival, step);
}

void player_abandon(struct player *player, uint64_t next)
{
    struct pipeline *pipeline = player->pipeline;
    for (uint32_t s = 0; s < pipeline->stage_count; s++) {
        struct played_stage *stage = &player->stages[s];
        struct pipeline_stage *of = &pipeline->stages[s];
        (void)engine_cancel(pipeline->session->engine, stage->work);
        for (uint32_t i = 0; i < player->ring; i++) {
            (void)engine_cancel(pipeline->session->engine, stage->arrivals[i]);
            stage->arrivals[i] = 0;
            stage->waiting[i] = NULL;
            stage->unsent[i] = NULL;
        }
        for (int way = 0; way < COLLECTIVE_WAY_COUNT; way++)
            if (of->ways[way].sharing)
                transfer_cancel(of->ways[way].sharing);
        if (of->hop.sharing)
            transfer_cancel(of->hop.sharing);
        stage->work = 0;
        stage->at_work = NULL;
        stage->on_its_way = NULL;
        stage->next = next;
        stage->next_sent = next;
    }
}
