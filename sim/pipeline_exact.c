#include "pipeline_exact.h"

/* A stage at work, and the steps in flight by their number modulo the ring. */
struct exact_stage {
    struct pipeline *pipeline;
    pipeline_exact_done done;
    void *done_context;
    uint32_t index;
    uint32_t layer;        /* of the step at work */
    uint64_t next;         /* number of the step that the stage takes next */
    struct step *at_work;  /* NULL: the stage is idle */
    struct step **waiting; /* (ring): steps whose input is there */
    uint32_t ring;
};

struct exact_stage *pipeline_exact_new(struct pipeline *pipeline, const struct serving *serving,
                                       pipeline_exact_done done, void *done_context,
                                       struct arena *arena, struct error *error)
{
    struct exact_stage *stages = arena_calloc(arena, pipeline->stage_count, sizeof(*stages));
    bool is_whole = stages != NULL;
    for (uint32_t s = 0; is_whole && s < pipeline->stage_count; s++) {
        stages[s] = (struct exact_stage){
            .pipeline = pipeline,
            .done = done,
            .done_context = done_context,
            .index = s,
            .ring = serving->steps_in_flight,
        };
        stages[s].waiting = arena_calloc(arena, stages[s].ring, sizeof(struct step *));
        is_whole = stages[s].waiting != NULL;
    }
    if (is_whole)
        return stages;
    error_out_of_memory(error, "exact pipeline");
    return NULL;
}

static void schedule(struct exact_stage *stage, sim_ps at, enum event_priority priority,
                     event_function function, struct step *step)
{
    struct pipeline *pipeline = stage->pipeline;
    event_id id = engine_schedule(pipeline->session->engine, at, priority, pipeline->replica,
                                  function, stage, (uint64_t)(uintptr_t)step);
    assert(id != 0); /* simulation_new reserved for every stage */
    (void)id;
}

static void on_layer_end(void *context, uint64_t argument);
static void on_arrival(void *context, uint64_t argument);

/* When layer `layer` of the step at work ends; the last ends with the visit. */
static sim_ps layer_end(const struct exact_stage *stage, const struct step *step)
{
    const struct visit *visit = &step->visits[stage->index];
    uint32_t layers = stage->pipeline->stages[stage->index].part.layers;
    double share = (double)(stage->layer + 1) / layers;
    if (stage->layer + 1 >= layers)
        return visit->end;
    return visit->start + (sim_ps)((double)(visit->end - visit->start) * share);
}

/* Takes the next step in order, if its input is there and the stage is free. */
static void take_next(struct exact_stage *stage)
{
    struct step **slot = &stage->waiting[stage->next % stage->ring];
    struct step *step = *slot;
    if (stage->at_work || !step)
        return;
    *slot = NULL;
    stage->next++;
    stage->at_work = step;
    stage->layer = 0;
    pipeline_begin_visit(stage->pipeline, stage->index, step);
    schedule(stage, layer_end(stage, step), EVENT_STAGE, on_layer_end, step);
}

/* The step's input is there. */
static void on_arrival(void *context, uint64_t argument)
{
    struct exact_stage *stage = context;
    struct step *step = (struct step *)(uintptr_t)argument;
    step->visits[stage->index].ready = engine_now(stage->pipeline->session->engine);
    stage->waiting[step->number % stage->ring] = step;
    take_next(stage);
}

/* The step leaves the stage: on to the next, or back to the scheduler. */
static void pass_on(struct exact_stage *stage, struct step *step)
{
    struct pipeline *pipeline = stage->pipeline;
    if (stage->index + 1 < pipeline->stage_count) {
        sim_ps arrives = pipeline_send(pipeline, stage->index, step);
        schedule(stage + 1, arrives, EVENT_TRANSFER, on_arrival, step);
    } else {
        step->gpu_done = step->visits[stage->index].end;
        stage->done(stage->done_context, step);
    }
}

static void on_layer_end(void *context, uint64_t argument)
{
    struct exact_stage *stage = context;
    struct step *step = (struct step *)(uintptr_t)argument;
    stage->layer++;
    if (stage->layer < stage->pipeline->stages[stage->index].part.layers) {
        schedule(stage, layer_end(stage, step), EVENT_STAGE, on_layer_end, step);
        return;
    }
    stage->at_work = NULL;
    pass_on(stage, step);
    take_next(stage);
}

void pipeline_exact_launch(struct exact_stage *stages, struct step *step)
{
    struct pipeline *pipeline = stages[0].pipeline;
    step->gpu_done = SIM_PS_MAX;
    step->work = step_cost_of(pipeline->cost, &step->batch, &pipeline->seen);
    schedule(&stages[0], step->launched, EVENT_LAUNCH, on_arrival, step);
}
