#include "replica_parts.h"

#include "accounting.h"
#include "decode_run.h"
#include "pipeline_events.h"

/* The next thing in a replica's life. */
struct next {
    sim_ps at;
    enum event_priority priority;
};

static struct next next_of(const struct replica *replica)
{
    sim_ps returns = flight_returns_at(&replica->flight);
    if (returns <= replica->turn_at)
        return (struct next){returns, EVENT_RETURN};
    return (struct next){replica->turn_at, EVENT_SCHEDULE};
}

/* Lets the scheduler have a turn as soon as it can, for a cause that goes back to `from`. */
static void call_scheduler(struct replica *replica, sim_ps now, sim_ps from)
{
    if (replica->turn_at != SIM_PS_MAX || replica->flight.count == replica->flight.ring)
        return;
    replica->turn_at = sim_ps_max(now, replica->flight.host_free);
    replica->turn_from = from;
}

/* Whether some of a step's work took as long as nothing may. */
static bool is_endless(const struct replica *replica, const struct step *step)
{
    sim_ps longest = 0;
    for (uint32_t s = 0; s < replica->pipeline.stage_count; s++) {
        const struct visit *visit = &step->visits[s];
        longest = sim_ps_max(longest, visit->work.compute);
        longest = sim_ps_max(longest, visit->work.collective);
        longest = sim_ps_max(longest, visit->work.launch + visit->work.stall);
        longest = sim_ps_max(longest, visit->work.prepare + step->host_time);
        if (s > 0)
            longest = sim_ps_max(longest, visit->ready - step->visits[s - 1].sent_from);
    }
    return longest >= SIM_SPAN_MAX;
}

/* Ends the run where a step did. */
static void check_span(struct replica *replica, const struct step *step, sim_ps now)
{
    struct session *session = replica->session;
    if (now - step->scheduled < SIM_SPAN_MAX || session->failed || !is_endless(replica, step))
        return;
    session->failed = true;
    (void)error_set(
        &session->error, ERROR_RUN,
        "step %llu of replica %u takes more than the %lld s that a stage may take for it",
        (unsigned long long)step->number, replica->index, (long long)(SIM_SPAN_MAX / SIM_PS_PER_S));
}

/* The oldest step's tokens are back. */
static void take_return(struct replica *replica, sim_ps now)
{
    struct step *step = flight_oldest(&replica->flight);
    check_span(replica, step, now);
    flight_land(&replica->flight);
    accounting_add_step(&replica->pipeline, step, now);
    struct request_list finished = batcher_complete(&replica->batcher, &step->batch, now);
    if (batcher_has_work(&replica->batcher)) /* who fills the step's place, if anyone can */
        call_scheduler(replica, now, step->gpu_done);
    else
        replica->emptied = step->gpu_done;
    if (replica->turn_at == SIM_PS_MAX)
        replica_note_in_flight(replica, now);
    if (finished.first)
        replica->owner.finished(replica->owner.context, replica, finished);
    if (replica->batcher.prefilled.first)
        replica->owner.prefilled(replica->owner.context, replica,
                                 request_list_take(&replica->batcher.prefilled));
}

static sim_ps schedule_time(const struct replica *replica, const struct batch *batch)
{
    uint32_t requests = batch->decode_rows + batch->chunk_count;
    const struct host *host = replica->host;
    return sim_span_from_s(host->schedule_s + requests * host->schedule_per_request_s);
}

/* Whether KV has to come or go before more can be done. */
static bool waits_for_kv(const struct batcher *batcher)
{
    return batcher->receiving > 0 || batcher->holding > 0;
}

/* Accounts for the time since a replica that waits for KV stalled, in which some of it moved, or
   none did. */
static void account_stall(struct replica *replica, bool has_moved)
{
    enum span_kind still = replica->batcher.hands_over ? SPAN_IDLE_IMBALANCE : SPAN_IDLE_FILL_DRAIN;
    if (replica->stalled == SIM_PS_MAX)
        return;
    struct stall stall = {
        .step = replica->flight.step_count,
        .emptied = replica->slept ? replica->emptied : SIM_PS_MAX,
        .woken = replica->woken,
        .from = replica->stalled,
        .until = engine_now(replica->session->engine),
        .cause = has_moved ? SPAN_IDLE_TRANSFER : still,
    };
    accounting_add_stall(&replica->pipeline, &stall);
}

void replica_end_stall(struct replica *replica)
{
    account_stall(replica, replica->kv_flights > 0);
    replica->stalled = SIM_PS_MAX;
}

void replica_kv_starts(struct replica *replica)
{
    if (replica->kv_flights++ == 0)
        account_stall(replica, false);
}

void replica_kv_stops(struct replica *replica)
{
    if (--replica->kv_flights == 0)
        account_stall(replica, true);
}

/* Sends a step whose batch is picked into the pipeline. */
static void launch(struct replica *replica, struct step *step, sim_ps now)
{
    struct flight *flight = &replica->flight;
    step->number = flight->step_count++;
    step->scheduled = now;
    step->host_from = replica->turn_from;
    step->host_time = schedule_time(replica, &step->batch);
    step->launched = replica->slept
                         ? now + step->host_time
                         : flight_launch_time(flight, flight->host_free, step->host_time, now);
    step->emptied = replica->slept ? replica->emptied : SIM_PS_MAX;
    step->woken = replica->woken;
    step->was_full = fullness_is_full(&replica->pipeline.fullness);
    flight->count++;
    replica_note_in_flight(replica, now);
    replica->slept = false;
    replica->emptied = SIM_PS_MAX;
    flight->host_free = step->launched;
    replica->session->steps++;
    if (replica->player)
        player_launch(replica->player, step);
    else
        pipeline_launch(&replica->pipeline, step);
}

/* The scheduler's turn: one step, if there is one to take, and another turn after it. */
static void take_turn(struct replica *replica, sim_ps now)
{
    struct step *step = flight_next(&replica->flight);
    replica->turn_at = SIM_PS_MAX;
    batcher_pick(&replica->batcher, &step->batch, now);
    replica_note_crowding(replica, now);
    if (replica->batcher.admitted.first)
        replica->owner.admitted(replica->owner.context, replica,
                                request_list_take(&replica->batcher.admitted));
    if (batch_is_empty(&step->batch)) {
        replica_note_in_flight(replica, now);
        if (replica->flight.count == 0 && waits_for_kv(&replica->batcher))
            replica->stalled = sim_ps_min(replica->stalled, now);
        return;
    }
    if (replica->owner.picked)
        replica->owner.picked(replica->owner.context, replica, &step->batch);
    replica_end_stall(replica);
    launch(replica, step, now);
    call_scheduler(replica, now, now);
}

static void run(void *context, uint64_t unused);

/* Puts the next thing into the event queue, in place of what is there. */
static void sleep_until(struct replica *replica, struct next next)
{
    engine_cancel(replica->session->engine, replica->event);
    replica->event = 0;
    if (next.at == SIM_PS_MAX)
        return;
    replica->event = engine_schedule(replica->session->engine, next.at, next.priority,
                                     replica->index, run, replica, 0);
    assert(replica->event != 0); /* simulation_new reserved for every replica */
}

/* Whether the replica may go on to `next` itself, nothing else coming before. */
static bool may_run_ahead(const struct replica *replica, struct next next)
{
    const struct session *session = replica->session;
    return !session->exact && !session->failed && next.at < SIM_CLOCK_END &&
           session->completed < session->pause_at &&
           engine_would_be_next(session->engine, next.at, next.priority, replica->index);
}

static void do_next(struct replica *replica, struct next next)
{
    if (next.priority == EVENT_RETURN)
        take_return(replica, next.at);
    else
        take_turn(replica, next.at);
}

/* Steps that will only repeat; 0 unless the next thing is that one of them returns. */
static uint64_t run_length(const struct replica *replica)
{
    bool is_looked_at =
        replica->session->exact || replica->player || replica->turn_at != SIM_PS_MAX;
    return is_looked_at
               ? 0
               : decode_run_length(&replica->flight, &replica->pipeline, &replica->batcher);
}

/* Until when nothing else happens. */
static sim_ps horizon_of(const struct replica *replica)
{
    return sim_ps_min(engine_next_at(replica->session->engine), SIM_CLOCK_END);
}

/* Repeats up to `count` steps that return before `until`; returns how many are left. */
static uint64_t repeat_steps(struct replica *replica, uint64_t count, sim_ps until)
{
    return count -
           decode_run_take(&replica->flight, &replica->pipeline, &replica->batcher, count, until);
}

/* Sleeps until the next thing that needs to be looked at: after the steps that repeat, or a block
   of the diary with the last of which it is full. */
static void sleep_through(struct replica *replica, uint64_t run)
{
    const struct flight *flight = &replica->flight;
    const struct diary *diary = replica->pipeline.diary;
    struct next next = next_of(replica);
    uint64_t slept = run;
    replica->run = run;
    if (run > 0 && diary)
        slept = u64_min(run, diary_sleep_max(diary, flight->step_count - flight->count));
    if (slept > 0)
        next.at =
            sim_ps_max(next.at, decode_run_end_min(flight, replica->pipeline.stage_count, slept));
    sleep_until(replica, next);
}

/* Repeats the steps that returned while the replica slept, but for those that return now; returns
   how many are left. */
static uint64_t make_up_to_now(struct replica *replica)
{
    sim_ps now = engine_now(replica->session->engine);
    uint64_t left = repeat_steps(replica, replica->run, now);
    replica->run = 0;
    return left;
}

/* Does the next thing, if it is time, and all that follow it before anything else happens. */
static void run(void *context, uint64_t unused)
{
    (void)unused;
    struct replica *replica = context;
    struct engine *engine = replica->session->engine;
    replica->event = 0;
    uint64_t left = make_up_to_now(replica);
    if (left > 0) /* it woke for a block of the diary, or by a bound that was early */
        left = repeat_steps(replica, left, horizon_of(replica));
    struct next next = next_of(replica);
    bool goes_on = next.at == engine_now(engine) || may_run_ahead(replica, next);
    while (goes_on) {
        engine_advance(engine, next.at, next.priority, replica->index);
        do_next(replica, next);
        left = repeat_steps(replica, run_length(replica), horizon_of(replica));
        next = next_of(replica);
        goes_on = may_run_ahead(replica, next);
    }
    sleep_through(replica, left);
}

void replica_make_up(struct replica *replica)
{
    struct engine *engine = replica->session->engine;
    if (replica->run == 0)
        return;
    (void)make_up_to_now(replica);
    struct next next = next_of(replica);
    if (engine_is_past(engine, next.at, next.priority, replica->index)) {
        take_return(replica, next.at);
        next = next_of(replica);
    }
    sleep_until(replica, next);
}

void replica_on_step_left(void *context, struct step *step)
{
    struct replica *replica = context;
    if (step == &replica->flight.steps[replica->flight.oldest])
        sleep_until(replica, next_of(replica));
}

void replica_stir(struct replica *replica)
{
    sim_ps now = engine_now(replica->session->engine);
    sim_ps turn_at = replica->turn_at;
    call_scheduler(replica, now, now);
    if (replica->turn_at != turn_at)
        sleep_until(replica, next_of(replica));
}
