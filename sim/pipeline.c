#include "pipeline.h"

int pipeline_init(struct pipeline *pipeline, struct session *session, struct step_cost *cost,
                  const struct serving *serving, uint32_t replica, struct pipeline_stage *stages,
                  uint32_t stage_count, struct arena *arena, struct error *error)
{
    *pipeline = (struct pipeline){
        .session = session,
        .cost = cost,
        .replica = replica,
        .stage_count = stage_count,
        .stages = stages,
    };
    if (session->record_layers) {
        uint32_t items = LAYER_ITEMS_MAX + serving->max_sequences;
        pipeline->items = arena_calloc(arena, items, sizeof(*pipeline->items));
        if (!pipeline->items)
            return error_out_of_memory(error, "layer timeline");
    }
    return 0;
}

/* The work on a stage, and how long it holds the GPU from `start`. */
void pipeline_begin_visit(struct pipeline *pipeline, uint32_t s, struct step *step)
{
    struct pipeline_stage *stage = &pipeline->stages[s];
    struct visit *visit = &step->visits[s];
    visit->work = step_cost_on_stage(pipeline->cost, &step->work, &stage->part);
    visit->start = sim_ps_max(stage->gpu_free, visit->ready);
    visit->host_end = sim_ps_max(stage->host_free, step->launched) + visit->work.launch;
    sim_ps gpu_end = visit->start + visit->work.compute + visit->work.collective;
    visit->end = sim_ps_max(gpu_end, visit->host_end);
    stage->gpu_free = visit->end;
    stage->host_free = visit->host_end;
}

sim_ps pipeline_send(struct pipeline *pipeline, uint32_t s, struct step *step)
{
    struct pipeline_stage *stage = &pipeline->stages[s];
    struct visit *visit = &step->visits[s];
    double seconds = collective_send_s(stage->to_next, step->work.send_bytes);
    visit->sent_from = sim_ps_max(visit->end, stage->link_free);
    stage->link_free = visit->sent_from + sim_ps_from_s(seconds);
    return stage->link_free;
}

void pipeline_launch(struct pipeline *pipeline, struct step *step)
{
    step->gpu_done = SIM_PS_MAX;
    step->work = step_cost_of(pipeline->cost, &step->batch);
    sim_ps ready = step->launched;
    for (uint32_t s = 0; s < pipeline->stage_count; s++) {
        step->visits[s].ready = ready;
        pipeline_begin_visit(pipeline, s, step);
        if (s + 1 < pipeline->stage_count)
            ready = pipeline_send(pipeline, s, step);
    }
    step->gpu_done = step->visits[pipeline->stage_count - 1].end;
}
