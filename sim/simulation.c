#include "simulation.h"

#include "faults.h"
#include "fleet.h"
#include "summarize.h"

#include <stdlib.h>

/* More than there ever are, and no sum with those that are done overflows. */
#define ALL_REQUESTS (UINT64_MAX / 2)

/* Closed loop: when each place for a request came free that has not been taken again; a ring. */
struct places {
    sim_ps *freed;
    uint32_t size;
    uint32_t first;
    uint32_t count;
};

struct simulation {
    const struct scenario *scenario;
    struct arena arena;
    struct session session;
    struct fleet fleet;
    struct faults *faults; /* NULL: there are none */
    struct arrival_source source;
    struct arrival coming; /* the next arrival, read ahead */
    bool has_coming;
    bool arrival_due; /* its event is in the queue, or under way */
    sim_ps admission; /* from a request's arrival to the scheduler's sight of it */
    struct places places;
    struct request_pool pool;
    struct tally tally;
    sim_ps begun;         /* when the first of them arrived */
    uint64_t arrived;     /* requests, of the warm-up too */
    uint64_t outstanding; /* of those, neither done nor turned away */
    bool finished;
};

static void fail(struct simulation *simulation, const char *what)
{
    simulation->session.failed = true;
    error_out_of_memory(&simulation->session.error, what);
}

static bool is_closed_loop(const struct simulation *simulation)
{
    return simulation->source.concurrency > 0;
}

static int places_init(struct places *places, uint32_t size, struct arena *arena,
                       struct error *error)
{
    places->freed = arena_calloc(arena, size, sizeof(*places->freed));
    places->size = size;
    places->count = size; /* all are free at 0 */
    return places->freed ? 0 : error_out_of_memory(error, "closed loop");
}

static void places_give(struct places *places, sim_ps now)
{
    places->freed[(places->first + places->count++) % places->size] = now;
}

static void places_take(struct places *places)
{
    places->first = (places->first + 1) % places->size;
    places->count--;
}

/* Closed loop: the next arrival comes into the place that came free first; without any, when one
   does. */
static void time_coming(struct simulation *simulation)
{
    const struct places *places = &simulation->places;
    if (is_closed_loop(simulation))
        simulation->coming.at = places->count > 0 ? places->freed[places->first] : SIM_PS_MAX;
}

/* Reads the next arrival ahead. */
static void read_ahead(struct simulation *simulation)
{
    struct arrival_source *source = &simulation->source;
    struct session *session = &simulation->session;
    int status = source->next(source->context, &simulation->coming, &session->error);
    session->failed = session->failed || status < 0;
    simulation->has_coming = status > 0;
    time_coming(simulation);
}

/* When the next request comes to the scheduler; SIM_PS_MAX: none does, for now or for good. */
static sim_ps next_admission(const struct simulation *simulation)
{
    sim_ps at = simulation->has_coming ? simulation->coming.at : SIM_PS_MAX;
    if (at == SIM_PS_MAX || at > simulation->scenario->run.duration)
        return SIM_PS_MAX;
    return at + simulation->admission;
}

static void on_arrival(void *context, uint64_t unused);

/* Puts the next arrival's event into the queue, if there is one to come. */
static void await_arrival(struct simulation *simulation)
{
    sim_ps at = next_admission(simulation);
    if (at == SIM_PS_MAX || simulation->arrival_due || simulation->session.failed)
        return;
    struct engine *engine = simulation->session.engine;
    event_id id = engine_schedule(engine, at, EVENT_ARRIVAL, 0, on_arrival, simulation, 0);
    assert(id != 0); /* simulation_new reserved for it */
    (void)id;
    simulation->arrival_due = true;
}

/* A request has ended: in a closed loop the next one comes into its place. */
static void give_place_back(struct simulation *simulation)
{
    if (!is_closed_loop(simulation))
        return;
    places_give(&simulation->places, engine_now(simulation->session.engine));
    time_coming(simulation);
    await_arrival(simulation);
}

/* The request that arrives; NULL when memory is out. */
static struct request *request_of(struct simulation *simulation, const struct arrival *arrival)
{
    struct request *request = request_pool_take(&simulation->pool);
    if (!request)
        return NULL;
    request->id = simulation->arrived++;
    request->arrival = arrival->at;
    request->input_tokens = arrival->input_tokens;
    request->output_tokens = arrival->output_tokens;
    request->counted = arrival->at >= simulation->scenario->run.warmup;
    if (simulation->source.tells_prefixes &&
        !request_begin_with(request, arrival->pieces, arrival->piece_count, arrival->shared_tokens,
                            &simulation->arena))
        return NULL;
    return request;
}

/* Gives the arrival to a replica, or rejects it where it can never be served. */
static void admit_arrival(struct simulation *simulation, const struct arrival *arrival)
{
    if (simulation->arrived == 0) {
        simulation->begun = arrival->at;
        fleet_begin(&simulation->fleet, arrival->at);
    }
    struct request *request = request_of(simulation, arrival);
    if (!request) {
        fail(simulation, "requests");
        return;
    }
    bool fits = request_fit_context(request, simulation->scenario->model.max_context);
    if (!fits || !fleet_can_fit(&simulation->fleet, request)) {
        tally_rejected(&simulation->tally, request, !fits);
        give_place_back(simulation);
        request_pool_give(&simulation->pool, request);
        return;
    }
    tally_admitted(&simulation->tally, request);
    simulation->outstanding++;
    fleet_enqueue(&simulation->fleet, request);
}

/* All that arrive at this moment arrive together, before any batch is picked. */
static void on_arrival(void *context, uint64_t unused)
{
    (void)unused;
    struct simulation *simulation = context;
    sim_ps now = engine_now(simulation->session.engine);
    while (next_admission(simulation) <= now && !simulation->session.failed) {
        if (is_closed_loop(simulation))
            places_take(&simulation->places);
        admit_arrival(simulation, &simulation->coming);
        read_ahead(simulation);
    }
    simulation->arrival_due = false;
    await_arrival(simulation);
}

static void record_request(struct simulation *simulation, const struct replica *replica,
                           const struct request *request, sim_ps done)
{
    union record record = {
        .request =
            {
                .type = RECORD_REQUEST,
                .input_tokens = request->input_tokens,
                .id = request->id,
                .arrival = request->arrival,
                .scheduled = request->scheduled,
                .first_token = request->first_token,
                .done = done,
                .output_tokens = request->output_tokens,
                .replica = replica->index,
                .preemptions = request->preemptions,
                .cached_tokens = request->cached_tokens,
            },
    };
    session_record(&simulation->session, &record, 1);
}

static void on_finished(void *context, struct replica *replica, struct request_list finished)
{
    struct simulation *simulation = context;
    sim_ps now = engine_now(simulation->session.engine);
    struct request *request;
    while ((request = request_list_pop(&finished))) {
        record_request(simulation, replica, request, now);
        tally_done(&simulation->tally, request, now);
        simulation->session.completed++;
        simulation->outstanding--;
        give_place_back(simulation);
        request_pool_give(&simulation->pool, request);
    }
}

static void on_lost(void *context, struct request_list lost)
{
    struct simulation *simulation = context;
    sim_ps now = engine_now(simulation->session.engine);
    struct request *request;
    simulation->outstanding -= lost.count;
    while ((request = request_list_pop(&lost))) {
        tally_lost(&simulation->tally, request, now);
        give_place_back(simulation);
        request_pool_give(&simulation->pool, request);
    }
}

static int start_session(struct simulation *simulation, struct recorder recorder,
                         struct error *error)
{
    const struct scenario *scenario = simulation->scenario;
    enum timeline timeline = scenario->output.timeline;
    simulation->session = (struct session){
        .engine = engine_new(error),
        .recorder = recorder,
        .exact = scenario->run.exact,
        .record_steps = timeline != TIMELINE_NONE,
        .record_layers = timeline == TIMELINE_LAYERS,
        .window_start = scenario->output.window_start,
        .window_end = scenario->output.window_end,
    };
    return simulation->session.engine ? 0 : -(int)error->code;
}

static int set_up(struct simulation *simulation, struct recorder recorder, struct error *error)
{
    const struct scenario *scenario = simulation->scenario;
    int status = start_session(simulation, recorder, error);
    if (status < 0)
        return status;
    status = tally_init(&simulation->tally, &scenario->slo, error);
    if (status < 0)
        return status;
    struct fleet_setup setup = {
        .scenario = scenario,
        .session = &simulation->session,
        .itl = &simulation->tally.itl,
        .tells_prefixes = simulation->source.tells_prefixes,
        .finished = on_finished,
        .lost = on_lost,
        .context = simulation,
    };
    status = fleet_init(&simulation->fleet, &setup, &simulation->arena, error);
    if (status < 0)
        return status;
    if (scenario->fault_count > 0) {
        simulation->faults = faults_new(&simulation->fleet, scenario, &simulation->arena, error);
        if (!simulation->faults)
            return -(int)error->code;
    }
    if (is_closed_loop(simulation))
        status = places_init(&simulation->places, simulation->source.concurrency,
                             &simulation->arena, error);
    if (status < 0)
        return status;
    read_ahead(simulation);
    await_arrival(simulation);
    if (simulation->session.failed) {
        *error = simulation->session.error;
        return -(int)error->code;
    }
    return 0;
}

struct simulation *simulation_new(const struct scenario *scenario, struct arrival_source source,
                                  struct recorder recorder, struct error *error)
{
    struct simulation *simulation = calloc(1, sizeof(*simulation));
    if (!simulation) {
        error_out_of_memory(error, "simulation");
        return NULL;
    }
    simulation->scenario = scenario;
    simulation->source = source;
    simulation->admission = sim_ps_from_s(scenario->serving.host.admission_s);
    arena_init(&simulation->arena);
    request_pool_init(&simulation->pool, &simulation->arena);
    if (set_up(simulation, recorder, error) < 0) {
        simulation_free(simulation);
        return NULL;
    }
    return simulation;
}

void simulation_free(struct simulation *simulation)
{
    if (!simulation)
        return;
    fleet_release(&simulation->fleet);
    engine_free(simulation->session.engine);
    tally_release(&simulation->tally);
    arena_release(&simulation->arena);
    free(simulation);
}

bool simulation_can_serve(const struct simulation *simulation, const struct request *request)
{
    return fleet_can_fit(&simulation->fleet, request);
}

/* Ends the replicas' tallies, once. */
static void finish(struct simulation *simulation)
{
    sim_ps end = engine_now(simulation->session.engine);
    tally_finish(&simulation->tally);
    fleet_finish(&simulation->fleet, end);
    simulation->finished = true;
}

/* Faults that are still to come do not prolong a run in which nothing else is, but where requests
   wait for a replica, or a link, that is to be up again. */
static void end_if_over(struct simulation *simulation)
{
    struct faults *faults = simulation->faults;
    if (faults && engine_pending(simulation->session.engine) == faults_pending(faults) &&
        (simulation->outstanding == 0 || !faults_will_restore(faults)))
        faults_cancel(faults);
}

/* Whether there is a next event to go on to; one beyond the clock's end fails the run. */
static bool has_next(struct simulation *simulation)
{
    struct session *session = &simulation->session;
    end_if_over(simulation);
    if (engine_pending(session->engine) == 0 || session->failed)
        return false;
    if (engine_next_at(session->engine) < SIM_CLOCK_END)
        return true;
    session->failed = true;
    (void)error_set(&session->error, ERROR_RUN,
                    "the run goes on beyond the %.0f days that the clock holds",
                    ARRIVAL_S_MAX / SIM_DAY_S);
    return false;
}

int simulation_advance(struct simulation *simulation, uint64_t requests, struct error *error)
{
    struct session *session = &simulation->session;
    session->pause_at = session->completed + requests;
    while (has_next(simulation) && session->completed < session->pause_at)
        (void)engine_step(session->engine);
    if (!session->failed && engine_pending(session->engine) == 0 && !simulation->finished)
        finish(simulation);
    if (session->failed) {
        *error = session->error;
        return -(int)error->code;
    }
    return engine_pending(session->engine) > 0;
}

uint64_t simulation_completed(const struct simulation *simulation)
{
    return simulation->session.completed;
}

sim_ps simulation_now(const struct simulation *simulation)
{
    return engine_now(simulation->session.engine);
}

int simulation_summarize(struct simulation *simulation, struct summary *summary,
                         struct arena *arena, struct error *error)
{
    struct run_parts parts = {
        .fleet = &simulation->fleet,
        .faults = simulation->faults,
        .tally = &simulation->tally,
        .session = &simulation->session,
        .begun = simulation->begun,
        .closed_loop = is_closed_loop(simulation),
    };
    return summarize(&parts, summary, arena, error);
}

int simulation_play(const struct scenario *scenario, struct arrival_source source,
                    struct recorder recorder, struct summary *summary, struct arena *arena,
                    struct error *error)
{
    struct simulation *simulation = simulation_new(scenario, source, recorder, error);
    int status =
        simulation ? simulation_advance(simulation, ALL_REQUESTS, error) : -(int)error->code;
    if (status == 0)
        status = simulation_summarize(simulation, summary, arena, error);
    simulation_free(simulation);
    return status;
}
