#include "pipeline_events.h"

#include "shared_visit.h"

/* A stage at work. Rings hold steps in flight by their number modulo `ring`. */
struct played_stage {
    struct player *player;
    uint32_t index;
    uint32_t layer;             /* of the step at work, where the visit is private */
    struct shared_visit shared; /* where it is not */
    uint64_t next;              /* number of the step that the stage takes next */
    uint64_t next_sent;         /* and of the one that it sends on next */
    struct step *at_work;       /* NULL: the stage is idle */
    struct step *on_its_way;    /* on shared links; NULL: none */
    struct step **waiting;      /* (ring): steps whose input is there */
    struct step **unsent;       /* (ring): steps that wait for shared links to the next stage */
    event_id work;              /* the end of what is computed; 0: none is pending */
    event_id *arrivals;         /* (ring): of steps on private links */
};

struct player {
    struct pipeline *pipeline;
    struct player_watch watch;
    uint32_t ring;
    struct played_stage *stages;
};

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
static void on_arrival(void *context, uint64_t argument);
static void take_next(struct played_stage *stage);

/* Whether each layer of a private visit ends in an event of its own. */
static bool plays_layers(const struct player *player)
{
    return player->pipeline->session->exact || player->watch.computed;
}

/* A layer of the step at work is done. */
static void on_layer_computed(void *context, uint32_t layer)
{
    const struct played_stage *stage = context;
    const struct player_watch *watch = &stage->player->watch;
    if (watch->computed)
        watch->computed(watch->context, stage->at_work, stage->index, layer);
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
        shared_visit_begin(&stage->shared, step);
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

static void on_sent(void *context, uint64_t argument);

/* Sends the next step on over shared links, if it is there and the one before it has arrived. */
static void send_next(struct played_stage *stage)
{
    struct session *session = stage->player->pipeline->session;
    struct hop *hop = &pipeline_stage_of(stage)->hop;
    struct step **slot = &stage->unsent[stage->next_sent % stage->player->ring];
    struct step *step = *slot;
    if (stage->on_its_way || !step)
        return;
    *slot = NULL;
    stage->next_sent++;
    stage->on_its_way = step;
    step->visits[stage->index].sent_from = now_of(stage);
    struct flow_order order = {
        .latency_s = hop->path.alpha_s,
        .bytes = step->work.send_bytes,
        .done = on_sent,
        .context = stage,
        .argument = (uint64_t)(uintptr_t)step,
    };
    session->failed |= transfer_start(hop->sharing, &order, &session->error) < 0;
}

static void on_sent(void *context, uint64_t argument)
{
    struct played_stage *stage = context;
    const struct step *step = stage->on_its_way;
    struct hop *hop = &pipeline_stage_of(stage)->hop;
    hop->held_up += transfer_held_up(step->visits[stage->index].sent_from, now_of(stage),
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
    on_layer_computed(stage, stage->layer);
    if (plays_layers(stage->player) && ++stage->layer < layers) {
        stage->work = schedule(stage, layer_end(stage, step), EVENT_STAGE, on_layer_end, step);
    } else {
        leave(stage, step);
    }
}

static void on_visit_end(void *context, uint64_t argument)
{
    struct played_stage *stage = context;
    stage->work = 0;
    leave(stage, (struct step *)(uintptr_t)argument);
}

/* A shared visit's last layer is done: it ends now, or with its last launch. */
static void on_layers_over(void *context)
{
    struct played_stage *stage = context;
    struct step *step = stage->at_work;
    const struct visit *visit = &step->visits[stage->index];
    pipeline_end_visit(stage->player->pipeline, stage->index, step);
    if (visit->end > now_of(stage))
        stage->work = schedule(stage, visit->end, EVENT_STAGE, on_visit_end, step);
    else
        leave(stage, step);
}

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
        stage->shared = (struct shared_visit){
            .pipeline = pipeline,
            .stage = s,
            .watch = {stage, on_layer_computed, on_layers_over},
        };
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
        shared_visit_cancel(&stage->shared);
        if (of->hop.sharing)
            transfer_cancel(of->hop.sharing);
        stage->work = 0;
        stage->at_work = NULL;
        stage->on_its_way = NULL;
        stage->next = next;
        stage->next_sent = next;
    }
}
