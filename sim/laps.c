#include "laps.h"

#include "accounting.h"

bool laps_fit(const struct flight *flight, const struct pipeline *pipeline)
{
    return flight->ring == 1 && pipeline->stage_count == 1 && !pipeline->session->record_layers;
}

/* What is kept of laps that are over. */
struct laps {
    uint64_t count;
    struct stage_tally tally;
};

/* The step, its last lap having returned at `now`, begins another. */
static inline struct lap begin(struct flight *flight, const struct pipeline *pipeline,
                               struct step *step, const struct lap *before, sim_ps now)
{
    const struct stage_work *work = &step->visits[0].work;
    step->number = flight->step_count++;
    step->scheduled = now;
    step_work_repeat(pipeline->cost, &step->batch, &step->work);
    struct lap lap = {
        .compute = pipeline_compute(pipeline, 0, step),
        .launched = flight_launch_time(flight, before->launched, step->host_time, now),
        .end_before = before->end,
    };
    sim_ps waited = lap.launched - before->waits_from;
    lap.start = lap.launched + pipeline_prepare(pipeline, work->prepare, waited);
    lap.waits_from = lap.start + work->launch;
    lap.end = lap.start + sim_ps_max(lap.compute + work->collective, work->launch);
    return lap;
}

/* Keeps what a lap that is over comes to. */
static inline void keep(struct laps *laps, const struct lap *lap, sim_ps collective)
{
    sim_ps held = lap->end - lap->start;
    laps->count++;
    laps->tally.host += lap->start - lap->end_before;
    laps->tally.compute += held - collective;
    laps->tally.launch_bound += held - collective - lap->compute;
}

/* Lets the step in flight be as its last lap left it. */
static void put_back(struct flight *flight, struct pipeline *pipeline, struct step *step,
                     const struct lap *lap)
{
    struct visit *visit = &step->visits[0];
    step->host_from = lap->end_before;
    step->emptied = SIM_PS_MAX;
    step->launched = lap->launched;
    step->gpu_done = lap->end;
    visit->ready = lap->launched;
    visit->start = lap->start;
    visit->gpu_from = lap->start;
    visit->launched = lap->waits_from;
    visit->end = lap->end;
    visit->work.compute = lap->compute;
    visit->work.stall = 0;
    flight->host_free = lap->launched;
    pipeline->stages[0].clock.gpu = lap->end;
    pipeline->stages[0].clock.host = lap->end + pipeline->hand_over;
    pipeline->stages[0].clock.launched = lap->waits_from;
}

uint64_t laps_take(struct flight *flight, struct pipeline *pipeline, struct batcher *batcher,
                   uint64_t count, sim_ps until)
{
    struct step *step = flight_oldest(flight);
    struct lap lap = {
        .launched = step->launched,
        .end = step->gpu_done,
        .waits_from = step->visits[0].launched,
    };
    struct laps over = {.count = 0};
    sim_ps now = flight_returns_at(flight);
    if (now >= until)
        return 0;
    accounting_add_step(pipeline, step, now); /* who knows what it waited for */
    batcher_repeat(batcher, &step->batch, now);
    lap = begin(flight, pipeline, step, &lap, now);
    while (over.count + 1 < count && lap.end + flight->return_wait < until) {
        now = lap.end + flight->return_wait;
        keep(&over, &lap, step->visits[0].work.collective);
        accounting_add_lap(pipeline, step, &lap, now);
        batcher_repeat_on(batcher, &step->batch, lap.end - lap.end_before);
        lap = begin(flight, pipeline, step, &lap, now);
    }
    batcher_repeated(batcher, &step->batch, over.count, now);
    accounting_add_laps(pipeline, step, &over.tally, over.count, lap.end_before);
    put_back(flight, pipeline, step, &lap);
    return over.count + 1;
}
