#include "pipeline.h"

int pipeline_init(struct pipeline *pipeline, const struct pipeline_setup *setup,
                  struct arena *arena, struct error *error)
{
    const struct serving *serving = setup->serving;
    *pipeline = (struct pipeline){
        .session = setup->session,
        .cost = setup->cost,
        .replica = setup->replica,
        .stage_count = setup->stage_count,
        .stages = setup->stages,
        .begun = SIM_PS_MAX,
    };
    pipeline->power_limit = power_limit_of(&setup->cost->compute.gpu->power_capping);
    for (uint32_t s = 0; s < setup->stage_count; s++) {
        setup->stages[s].slowdown = 1;
        setup->stages[s].power = power_rested(&pipeline->power_limit);
    }
    double cold_wait_s = serving->host.cold_wait_s;
    pipeline->cold_wait = cold_wait_s > 0 ? sim_ps_from_s(cold_wait_s) : SIM_PS_MAX;
    if (!serving_schedules_ahead(serving))
        pipeline->hand_over = sim_ps_from_s(serving->host.return_s);
    int status = fullness_init(&pipeline->fullness, serving->steps_in_flight, arena, error);
    if (status < 0)
        return status;
    status = seen_shapes_init(&pipeline->seen, serving->max_step_tokens, arena, error);
    if (status < 0)
        return status;
    if (setup->session->record_layers) {
        uint32_t items = LAYER_ITEMS_MAX + serving->max_sequences;
        pipeline->items = arena_calloc(arena, items, sizeof(*pipeline->items));
        if (!pipeline->items)
            return error_out_of_memory(error, "layer timeline");
    }
    return 0;
}

bool pipeline_shares_links(const struct pipeline *pipeline)
{
    for (uint32_t s = 0; s < pipeline->stage_count; s++)
        if (pipeline->stages[s].is_shared || pipeline->stages[s].hop.sharing)
            return true;
    return false;
}

void pipeline_reset(struct pipeline *pipeline, sim_ps now)
{
    for (uint32_t s = 0; s < pipeline->stage_count; s++) {
        pipeline->stages[s].clock =
            (struct stage_clock){.gpu = now, .host = now, .launched = now, .hop = now};
        pipeline->stages[s].power = power_rested(&pipeline->power_limit);
    }
}

/* The time that a stage computes, which grows with its slowdown. */
static inline sim_ps slowed(const struct visit *visit, sim_ps compute)
{
    if (visit->slowdown <= 1)
        return compute;
    return (sim_ps)fmin((double)compute * visit->slowdown, (double)SIM_SPAN_MAX);
}

void pipeline_cost_step(struct pipeline *pipeline, struct step *step)
{
    step->gpu_done = SIM_PS_MAX;
    step->work = step_work_of(pipeline->cost, &step->batch, &pipeline->seen);
    for (uint32_t s = 0; s < pipeline->stage_count; s++) {
        const struct pipeline_stage *stage = &pipeline->stages[s];
        struct visit *visit = &step->visits[s];
        visit->slowdown = stage->slowdown;
        visit->work = step_work_on_stage(pipeline->cost, &step->work, &stage->part);
        visit->work.compute = slowed(visit, visit->work.compute);
        visit->stretch = 1;
    }
}

static sim_ps hot_work(const struct pipeline *pipeline, uint32_t s, const struct step *step)
{
    return slowed(&step->visits[s], step_work_hot(&step->work, &pipeline->stages[s].part));
}

/* Lets a visit compute for as long as the GPU's power limit makes it. A call of its own: steps of
   decodes, which have nothing hot, are many. */
__attribute__((noinline)) static void limit_power(struct pipeline *pipeline, uint32_t s,
                                                  struct step *step)
{
    struct pipeline_stage *stage = &pipeline->stages[s];
    struct visit *visit = &step->visits[s];
    visit->work.compute +=
        power_compute(&stage->power, &pipeline->power_limit, stage->clock.gpu, visit->gpu_from,
                      visit->work.compute, hot_work(pipeline, s, step));
}

sim_ps pipeline_capped(const struct pipeline *pipeline, uint32_t s, const struct step *step)
{
    return step->visits[s].work.compute - pipeline_compute(pipeline, s, step);
}

double pipeline_hot_stretch(const struct pipeline *pipeline, uint32_t s, const struct step *step)
{
    sim_ps hot = hot_work(pipeline, s, step);
    return hot > 0 ? 1 + (double)pipeline_capped(pipeline, s, step) / (double)hot : 1;
}

void pipeline_begin_visit(struct pipeline *pipeline, uint32_t s, struct step *step)
{
    const struct stage_clock *clock = &pipeline->stages[s].clock;
    struct visit *visit = &step->visits[s];
    const struct stage_work *work = &visit->work;
    sim_ps can_run = sim_ps_max(clock->gpu, visit->ready);
    sim_ps begun = sim_ps_max(clock->host, step->launched);
    sim_ps prepared = begun + pipeline_prepare(pipeline, work->prepare, begun - clock->launched);
    if (!step->work.graph && pipeline->cost->host->eager_synchronous)
        prepared = sim_ps_max(prepared, can_run);
    visit->launched = prepared + work->stall + work->launch;
    visit->start = sim_ps_max(can_run, prepared);
    visit->gpu_from = sim_ps_max(visit->start, prepared + work->stall);
    if (step->work.layer_hot_s > 0)
        limit_power(pipeline, s, step);
}

void pipeline_end_visit(struct pipeline *pipeline, uint32_t s, struct step *step)
{
    struct pipeline_stage *stage = &pipeline->stages[s];
    struct visit *visit = &step->visits[s];
    sim_ps computed = visit->gpu_from + visit->work.compute + visit->work.collective;
    visit->end = sim_ps_max(computed, visit->launched);
    stage->clock.gpu = visit->end;
    stage->clock.host = stage->part.is_last ? visit->end + pipeline->hand_over : visit->launched;
    stage->clock.launched = visit->launched;
}

sim_ps pipeline_send(struct pipeline *pipeline, uint32_t s, struct step *step)
{
    struct pipeline_stage *stage = &pipeline->stages[s];
    struct visit *visit = &step->visits[s];
    double seconds = collective_send_s(stage->hop.path, step->work.send_bytes);
    visit->sent_from = sim_ps_max(visit->end, stage->clock.hop);
    stage->clock.hop = visit->sent_from + sim_span_from_s(seconds);
    return stage->clock.hop;
}

/* Lets a step whose costs are known through all stages. */
static inline void pass(struct pipeline *pipeline, struct step *step)
{
    sim_ps ready = step->launched;
    for (uint32_t s = 0; s < pipeline->stage_count; s++) {
        step->visits[s].ready = ready;
        pipeline_begin_visit(pipeline, s, step);
        pipeline_end_visit(pipeline, s, step);
        if (s + 1 < pipeline->stage_count)
            ready = pipeline_send(pipeline, s, step);
    }
    step->gpu_done = step->visits[pipeline->stage_count - 1].end;
}

void pipeline_launch(struct pipeline *pipeline, struct step *step)
{
    pipeline_cost_step(pipeline, step);
    pass(pipeline, step);
}

sim_ps pipeline_compute(const struct pipeline *pipeline, uint32_t s, const struct step *step)
{
    return slowed(&step->visits[s], step_work_compute(&step->work, &pipeline->stages[s].part));
}

void pipeline_repeat(struct pipeline *pipeline, struct step *step)
{
    step_work_repeat(pipeline->cost, &step->batch, &step->work);
    for (uint32_t s = 0; s < pipeline->stage_count; s++) {
        struct visit *visit = &step->visits[s];
        visit->work.compute = pipeline_compute(pipeline, s, step);
        visit->work.stall = 0; /* no shape is new the second time */
    }
    pass(pipeline, step);
}

void pipeline_count_repeats(struct pipeline *pipeline, const struct step *step, uint64_t times)
{
    step_work_count(pipeline->cost, &step->work, times);
    for (uint32_t s = 0; s < pipeline->stage_count; s++)
        step_work_count_on_stage(pipeline->cost, &step->work, &pipeline->stages[s].part, times);
}
