#include "decode_run.h"

#include "accounting.h"
#include "laps.h"

/* What a stage's GPU does for a step; no less when it repeats. */
static sim_ps gpu_time(const struct visit *visit)
{
    return visit->work.compute + visit->work.collective;
}

/* Whether a step in flight will take as long again, and longer only for its context: its stages are
   as fast as when it was launched, and its costs are kept. */
static bool is_lasting(const struct pipeline *pipeline, const struct step *step)
{
    for (uint32_t s = 0; s < pipeline->stage_count; s++)
        if (step->visits[s].slowdown != pipeline->stages[s].slowdown)
            return false;
    return step_work_is_kept(pipeline->cost, &step->work);
}

/* Whether the scheduler is done with a step that returns before the next one does. */
static bool keeps_up(const struct pipeline *pipeline, const struct step *step,
                     const struct step *next)
{
    uint32_t last = pipeline->stage_count - 1;
    return step == next || step->host_time <= gpu_time(&next->visits[last]);
}

uint64_t decode_run_length(const struct flight *flight, const struct pipeline *pipeline,
                           const struct batcher *batcher)
{
    uint64_t length = UINT64_MAX;
    uint32_t rows = 0; /* more than none: a step without decodes does not repeat */
    uint32_t place = flight->oldest;
    if (flight->count < flight->ring || flight_returns_at(flight) < flight->host_free ||
        !batcher_is_closed(batcher))
        return 0;
    for (uint32_t i = 0; i < flight->ring; i++) {
        const struct step *step = &flight->steps[place];
        place = flight_after(flight, place);
        if (!is_lasting(pipeline, step) || !keeps_up(pipeline, step, &flight->steps[place]))
            return 0;
        length = u64_min(length, batcher_repeats(batcher, &step->batch) * flight->ring + i);
        if (length == 0)
            return 0;
        rows += step->batch.decode_rows;
    }
    uint64_t blocks_last = batcher_repeats_of_blocks(batcher, rows);
    return blocks_last < length ? u64_min(length, blocks_last * flight->ring) : length;
}

/* Counts the costs of `taken` repetitions, the first of them of the step at `place`. */
static void count_costs(const struct flight *flight, struct pipeline *pipeline, uint32_t place,
                        uint64_t taken)
{
    for (uint32_t i = 0; i < flight->ring && i < taken; i++) {
        uint64_t times = (taken - i + flight->ring - 1) / flight->ring;
        pipeline_count_repeats(pipeline, &flight->steps[place], times);
        place = flight_after(flight, place);
    }
}

/* The step that returned at `now` goes through the stages again. */
static void repeat(struct flight *flight, struct pipeline *pipeline, struct step *step, sim_ps now)
{
    assert(now >= flight->host_free);
    step->number = flight->step_count++;
    step->scheduled = now;
    step->host_from = step->gpu_done;
    step->emptied = SIM_PS_MAX;
    step->was_full = fullness_is_full(&pipeline->fullness);
    step->launched = flight_launch_time(flight, flight->host_free, step->host_time, now);
    flight->host_free = step->launched;
    pipeline_repeat(pipeline, step);
}

/* Repeats steps in turn, however many stages and steps there are. */
static uint64_t steps_take(struct flight *flight, struct pipeline *pipeline,
                           struct batcher *batcher, uint64_t count, sim_ps until)
{
    uint64_t taken = 0;
    sim_ps now;
    for (; taken < count && (now = flight_returns_at(flight)) < until; taken++) {
        struct step *step = flight_oldest(flight);
        accounting_add_step(pipeline, step, now);
        batcher_repeat(batcher, &step->batch, now);
        repeat(flight, pipeline, step, now);
        flight->oldest = flight_after(flight, flight->oldest);
    }
    return taken;
}

uint64_t decode_run_take(struct flight *flight, struct pipeline *pipeline, struct batcher *batcher,
                         uint64_t count, sim_ps until)
{
    uint32_t first = flight->oldest;
    if (count == 0)
        return 0;
    uint64_t taken = laps_fit(flight, pipeline)
                         ? laps_take(flight, pipeline, batcher, count, until)
                         : steps_take(flight, pipeline, batcher, count, until);
    pipeline->session->steps += taken;
    count_costs(flight, pipeline, first, taken);
    return taken;
}

/* From a step's return to its next one at the least: it waits for nothing but itself. */
static sim_ps lap_time(const struct flight *flight, const struct step *step, uint32_t stage_count)
{
    const struct stage_work *first = &step->visits[0].work;
    sim_ps time = flight->schedules_ahead ? 0 : flight->return_wait + step->host_time;
    time += first->prepare + sim_ps_max(gpu_time(&step->visits[0]), first->launch);
    for (uint32_t s = 1; s < stage_count; s++)
        time += step->visits[s].ready - step->visits[s - 1].sent_from + gpu_time(&step->visits[s]);
    return time;
}

/* What a stage's GPU does for all steps in flight. */
static sim_ps round_time(const struct flight *flight, uint32_t stage)
{
    sim_ps time = 0;
    for (uint32_t i = 0; i < flight->ring; i++)
        time += gpu_time(&flight->steps[i].visits[stage]);
    return time;
}

/* `laps` of some time after `start`, but not beyond the clock's end. */
static sim_ps after_laps(sim_ps start, sim_ps laps, sim_ps time)
{
    double end = (double)start + (double)laps * (double)time;
    return end < (double)SIM_CLOCK_END ? start + laps * time : sim_ps_max(start, SIM_CLOCK_END);
}

sim_ps decode_run_end_min(const struct flight *flight, uint32_t stage_count, uint64_t count)
{
    const struct step *step = &flight->steps[(flight->oldest + count) % flight->ring];
    sim_ps laps = (sim_ps)(count / flight->ring);
    sim_ps end = after_laps(step->gpu_done, laps, lap_time(flight, step, stage_count));
    sim_ps after_stage = 0;
    for (uint32_t s = stage_count; s-- > 0;) {
        sim_ps end_of_stage = after_laps(step->visits[s].end, laps, round_time(flight, s));
        end = sim_ps_max(end, end_of_stage + after_stage);
        after_stage += gpu_time(&step->visits[s]);
    }
    /* a cost that is rounded, or looked up from another node, may be a tick less than before */
    sim_ps ticks = laps > 0 ? (sim_ps)(count * stage_count) : 0;
    return end + flight->return_wait - ticks;
}
