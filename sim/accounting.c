#include "accounting.h"

/* A stage's work on a step, or its wait for one; SPAN_NO_STEP: for none any more. */
static void record_span(struct pipeline *pipeline, uint32_t s, uint64_t step, enum span_kind kind,
                        sim_ps start, sim_ps end)
{
    diary_add_span(pipeline->diary, step, s, kind, start, end - start, 0);
}

/* Where idle time of a cause goes. */
static inline sim_ps *idle_counter(struct stage_tally *tally, enum span_kind cause)
{
    switch (cause) {
    case SPAN_IDLE_NO_WORK:
        return &tally->no_work;
    case SPAN_IDLE_FILL_DRAIN:
        return &tally->fill_drain;
    case SPAN_IDLE_IMBALANCE:
        return &tally->imbalance;
    case SPAN_IDLE_TRANSFER:
        return &tally->transfer;
    case SPAN_IDLE_HOST:
        return &tally->host;
    default:
        assert(cause == SPAN_IDLE_DOWN);
        return &tally->down;
    }
}

/* Fills the stage's tally up to `until` with idle time of one cause, if it is not there yet. */
static inline void idle_until(struct pipeline *pipeline, uint32_t s, uint64_t step, sim_ps until,
                              enum span_kind cause)
{
    struct pipeline_stage *stage = &pipeline->stages[s];
    if (until <= stage->accounted)
        return;
    if (pipeline->diary)
        record_span(pipeline, s, step, cause, stage->accounted, until);
    *idle_counter(&stage->tally, cause) +=
        sim_ps_max(until, pipeline->begun) - sim_ps_max(stage->accounted, pipeline->begun);
    stage->accounted = until;
}

/* Fills it with a wait for nothing but a step that is not there. */
static inline void wait_until(struct pipeline *pipeline, uint32_t s, uint64_t step, sim_ps until)
{
    struct pipeline_stage *stage = &pipeline->stages[s];
    while (stage->accounted < until) {
        sim_ps turn;
        bool is_full = fullness_at(&pipeline->fullness, stage->accounted, &stage->turns, &turn);
        idle_until(pipeline, s, step, sim_ps_min(turn, until),
                   is_full ? SPAN_IDLE_IMBALANCE : SPAN_IDLE_FILL_DRAIN);
    }
}

/* Fills it up to the time when work came to a replica that had none. */
static void account_sleep(struct pipeline *pipeline, uint32_t s, uint64_t step, sim_ps emptied,
                          sim_ps woken)
{
    wait_until(pipeline, s, step, emptied);
    idle_until(pipeline, s, step, woken, SPAN_IDLE_NO_WORK);
}

/* Divides the time for which the stage waited for the step, as accounting.h has it. */
static void account_wait(struct pipeline *pipeline, uint32_t s, const struct step *step)
{
    sim_ps start = step->visits[s].start;
    if (start == pipeline->stages[s].accounted)
        return;
    if (step->emptied != SIM_PS_MAX)
        account_sleep(pipeline, s, step->number, step->emptied, step->woken);
    wait_until(pipeline, s, step->number, sim_ps_min(step->host_from, start));
    idle_until(pipeline, s, step->number, sim_ps_min(step->launched, start), SPAN_IDLE_HOST);
    sim_ps sent_from = s > 0 ? sim_ps_min(step->visits[s - 1].sent_from, start) : 0;
    if (step->was_full)
        wait_until(pipeline, s, step->number, sent_from);
    idle_until(pipeline, s, step->number, sent_from, SPAN_IDLE_FILL_DRAIN);
    sim_ps ready = sim_ps_min(step->visits[s].ready, start);
    idle_until(pipeline, s, step->number, ready, SPAN_IDLE_TRANSFER);
    idle_until(pipeline, s, step->number, start, SPAN_IDLE_HOST);
}

void accounting_add_stall(struct pipeline *pipeline, const struct stall *stall)
{
    for (uint32_t s = 0; s < pipeline->stage_count; s++) {
        struct pipeline_stage *stage = &pipeline->stages[s];
        if (stall->emptied != SIM_PS_MAX)
            account_sleep(pipeline, s, stall->step, stall->emptied, stall->woken);
        wait_until(pipeline, s, stall->step, stall->from);
        sim_ps from = stage->accounted;
        idle_until(pipeline, s, stall->step, stall->until, stall->cause);
        if (stall->cause == SPAN_IDLE_TRANSFER)
            stage->tally.kv += stage->accounted - from;
        if (stall->cause == SPAN_IDLE_IMBALANCE)
            stage->tally.room += stage->accounted - from;
    }
}

/* Where the next item of a visit's timeline begins: seconds into the visit. */
struct cursor {
    const struct step *step;
    uint32_t stage;
    double hot_stretch;
    double at_s;
};

/* What an item takes in a visit: a collective whose links are shared, a kernel of a GPU that is
   slow or capped. */
static double item_seconds(const struct step_item *item, const struct visit *visit,
                           double hot_stretch)
{
    if (item->bytes > 0)
        return item->seconds * visit->stretch;
    return (item->seconds + item->hot_s * (hot_stretch - 1)) * visit->slowdown;
}

/* When an item is over that begins at `at_s`; the clock's end at the latest, which it can be only
   in a step that is too long, at whose end the run fails. */
static double item_end_s(double at_s, double seconds)
{
    return fmin(at_s + seconds, sim_s_from_ps(SIM_CLOCK_END));
}

/*
 * Records `count` items of pipeline->items. Their ends are rounded, not their
 * lengths, and the visit's last ends with its GPU time, so that the spans fill
 * the visit without a gap.
 */
static void record_items(struct pipeline *pipeline, struct cursor *cursor, uint32_t count,
                         uint32_t layer, bool are_last)
{
    const struct visit *visit = &cursor->step->visits[cursor->stage];
    sim_ps gpu_time = visit->work.compute + visit->work.collective;
    for (uint32_t i = 0; i < count; i++) {
        const struct step_item *item = &pipeline->items[i];
        sim_ps from = sim_ps_min(sim_ps_from_s(cursor->at_s), gpu_time);
        cursor->at_s = item_end_s(cursor->at_s, item_seconds(item, visit, cursor->hot_stretch));
        sim_ps to = sim_ps_min(sim_ps_from_s(cursor->at_s), gpu_time);
        if (are_last && i + 1 == count)
            to = gpu_time;
        diary_next(pipeline->diary)->span = (struct span_record){
            .type = RECORD_SPAN,
            .kind = item->kind,
            .start = visit->start + from,
            .duration = to - from,
            .step = cursor->step->number,
            .bytes = (uint64_t)item->bytes,
            .replica = pipeline->replica,
            .stage = cursor->stage,
            .layer = layer,
        };
        diary_added(pipeline->diary, 1);
    }
}

/* What a visit waited for launches, in one piece at its end. */
static void record_launch_wait(struct pipeline *pipeline, uint32_t s, const struct step *step)
{
    const struct visit *visit = &step->visits[s];
    sim_ps gpu_end = visit->start + visit->work.compute + visit->work.collective;
    if (visit->end != gpu_end)
        record_span(pipeline, s, step->number, SPAN_LAUNCH, gpu_end, visit->end);
}

/* Every kernel and collective of a visit. */
static void record_layers(struct pipeline *pipeline, uint32_t s, const struct step *step)
{
    const struct stage_part *part = &pipeline->stages[s].part;
    struct cursor cursor = {
        .step = step, .stage = s, .hot_stretch = pipeline_hot_stretch(pipeline, s, step)};
    if (part->is_first) {
        uint32_t count = step_items_of_embedding(pipeline->cost, &step->work, part->group_class,
                                                 pipeline->items);
        record_items(pipeline, &cursor, count, SPAN_NO_LAYER, false);
    }
    for (uint32_t i = step_work_input_gathers(pipeline->cost, part); i > 0; i--) {
        pipeline->items[0] = step_item_of_input(pipeline->cost, &step->work, part->group_class);
        record_items(pipeline, &cursor, 1, SPAN_NO_LAYER, false);
    }
    for (uint32_t layer = 0; layer < part->layers; layer++) {
        uint32_t count = step_items_of_layer(pipeline->cost, &step->work, &step->batch,
                                             part->group_class, pipeline->items);
        bool are_last = !part->is_last && layer + 1 == part->layers;
        record_items(pipeline, &cursor, count, part->first_layer + layer, are_last);
    }
    if (part->is_last) {
        uint32_t count =
            step_items_of_head(pipeline->cost, &step->work, part->group_class, pipeline->items);
        record_items(pipeline, &cursor, count, SPAN_NO_LAYER, true);
    }
    record_launch_wait(pipeline, s, step);
}

static void record_visit(struct pipeline *pipeline, uint32_t s, const struct step *step)
{
    const struct session *session = pipeline->session;
    const struct visit *visit = &step->visits[s];
    record_span(pipeline, s, step->number, SPAN_STAGE, visit->start, visit->end);
    if (session->record_layers && visit->start < session->window_end &&
        visit->end > session->window_start)
        record_layers(pipeline, s, step);
    if (s + 1 == pipeline->stage_count)
        return;
    diary_add_span(pipeline->diary, step->number, s, SPAN_SEND, visit->sent_from,
                   step->visits[s + 1].ready - visit->sent_from, (uint64_t)step->work.send_bytes);
}

static void record_step(struct pipeline *pipeline, const struct step *step, sim_ps done)
{
    diary_next(pipeline->diary)->step = (struct step_record){
        .type = RECORD_STEP,
        .replica = pipeline->replica,
        .step = step->number,
        .scheduled = step->scheduled,
        .done = done,
        .decode_context_tokens = step->batch.decode_context_tokens,
        .prefill_tokens = step->batch.prefill_tokens,
        .decode_tokens = step->batch.decode_rows,
        .prefill_chunks = step->batch.chunk_count,
    };
    diary_added(pipeline->diary, 1);
}

/* Counts what a stage's collectives, of work that began at `start`, put on links. */
static inline void meter_collectives(struct pipeline *pipeline, uint32_t s,
                                     const struct stage_work *work, sim_ps start)
{
    struct link_meter *meter = &pipeline->stages[s].meter;
    for (int way = meter->way_first; way < meter->way_end; way++)
        if (work->sent.bytes[way] > 0)
            link_traffic_add(&meter->collectives[way], pipeline->diary, start, work->collective,
                             work->sent.bytes[way]);
}

/* Counts what the visit put on links. */
static void meter_visit(struct pipeline *pipeline, uint32_t s, const struct step *step)
{
    const struct visit *visit = &step->visits[s];
    struct link_meter *meter = &pipeline->stages[s].meter;
    meter_collectives(pipeline, s, &visit->work, visit->start);
    if (s + 1 < pipeline->stage_count)
        link_traffic_add(&meter->sends, pipeline->diary, visit->sent_from,
                         step->visits[s + 1].ready - visit->sent_from, step->work.send_bytes);
}

void accounting_add_step(struct pipeline *pipeline, const struct step *step, sim_ps returned)
{
    if (pipeline->diary)
        record_step(pipeline, step, returned);
    for (uint32_t s = 0; s < pipeline->stage_count; s++) {
        struct pipeline_stage *stage = &pipeline->stages[s];
        const struct visit *visit = &step->visits[s];
        account_wait(pipeline, s, step);
        sim_ps held = visit->end - visit->start;
        stage->tally.compute += held - visit->work.collective;
        stage->tally.collective += visit->work.collective;
        stage->tally.launch_bound += held - visit->work.collective - visit->work.compute;
        if (step->work.layer_hot_s > 0)
            stage->tally.power_capped += pipeline_capped(pipeline, s, step);
        stage->accounted = visit->end;
        if (pipeline->diary)
            record_visit(pipeline, s, step);
        meter_visit(pipeline, s, step);
    }
    if (pipeline->diary)
        diary_end_step(pipeline->diary, step->number);
}

static void record_lap(struct pipeline *pipeline, const struct step *step, const struct lap *lap,
                       sim_ps returned)
{
    assert(step->batch.decode_context_tokens <= UINT32_MAX); /* their KV is in one replica's GPUs */
    struct lap_record record = {
        .type = RECORD_LAP,
        .replica = pipeline->replica,
        .decode_tokens = step->batch.decode_rows,
        .decode_context_tokens = (uint32_t)step->batch.decode_context_tokens,
        .step = step->number,
        .end_before = lap->end_before,
        .launched = lap->launched,
        .start = lap->start,
        .end = lap->end,
        .done = returned,
    };
    diary_add_lap(pipeline->diary, &record);
}

/* In the order of accounting_add_step(). */
void accounting_add_lap(struct pipeline *pipeline, const struct step *step, const struct lap *lap,
                        sim_ps returned)
{
    if (pipeline->diary)
        record_lap(pipeline, step, lap, returned);
    meter_collectives(pipeline, 0, &step->visits[0].work, lap->start);
    if (pipeline->diary)
        diary_end_step(pipeline->diary, step->number);
}

void accounting_add_laps(struct pipeline *pipeline, const struct step *step,
                         const struct stage_tally *laps, uint64_t count, sim_ps end)
{
    struct pipeline_stage *stage = &pipeline->stages[0];
    stage->tally.host += laps->host;
    stage->tally.compute += laps->compute;
    stage->tally.launch_bound += laps->launch_bound;
    stage->tally.collective += (sim_ps)count * step->visits[0].work.collective;
    stage->accounted = end;
}

void accounting_abandon_step(struct pipeline *pipeline, const struct step *step, sim_ps now)
{
    for (uint32_t s = 0; s < pipeline->stage_count && step->visits[s].start < now; s++) {
        struct pipeline_stage *stage = &pipeline->stages[s];
        const struct visit *visit = &step->visits[s];
        account_wait(pipeline, s, step);
        sim_ps end = sim_ps_min(visit->end, now);
        stage->tally.compute += end - visit->start;
        stage->accounted = end;
        if (pipeline->diary)
            record_span(pipeline, s, step->number, SPAN_STAGE, visit->start, end);
    }
}

void accounting_fail(struct pipeline *pipeline, sim_ps emptied, sim_ps woken, sim_ps now)
{
    for (uint32_t s = 0; s < pipeline->stage_count; s++) {
        account_sleep(pipeline, s, SPAN_NO_STEP, sim_ps_min(emptied, now), sim_ps_min(woken, now));
        idle_until(pipeline, s, SPAN_NO_STEP, now, SPAN_IDLE_FILL_DRAIN);
    }
    if (pipeline->diary)
        diary_write(pipeline->diary);
}

void accounting_restore(struct pipeline *pipeline, sim_ps now)
{
    for (uint32_t s = 0; s < pipeline->stage_count; s++)
        idle_until(pipeline, s, SPAN_NO_STEP, now, SPAN_IDLE_DOWN);
}

void accounting_finish(struct pipeline *pipeline, sim_ps emptied, sim_ps end)
{
    for (uint32_t s = 0; s < pipeline->stage_count; s++) {
        account_sleep(pipeline, s, SPAN_NO_STEP, sim_ps_min(emptied, end), end);
        if (pipeline->diary)
            link_meter_flush(&pipeline->stages[s].meter, pipeline->diary);
    }
    if (pipeline->diary)
        diary_write(pipeline->diary);
}
