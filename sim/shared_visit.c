#include "shared_visit.h"

static struct pipeline_stage *stage_of(const struct shared_visit *visit)
{
    return &visit->pipeline->stages[visit->stage];
}

static struct engine *engine_of(const struct shared_visit *visit)
{
    return visit->pipeline->session->engine;
}

static sim_ps now_of(const struct shared_visit *visit)
{
    return engine_now(engine_of(visit));
}

static struct visit *times_of(const struct shared_visit *visit)
{
    return &visit->step->visits[visit->stage];
}

/* When the present layer, begun at `from`, has computed: the layers' parts sum to the whole. */
static sim_ps computed_at(const struct shared_visit *visit, sim_ps from)
{
    sim_ps layers = stage_of(visit)->part.layers;
    sim_ps layer = visit->layer;
    sim_ps whole = times_of(visit)->work.compute;
    return from + whole * (layer + 1) / layers - whole * layer / layers;
}

static void on_computed(void *context, uint64_t argument);

/* Has an event when the present layer has computed. */
static void await_computed(struct shared_visit *visit, sim_ps at)
{
    visit->work = engine_schedule(engine_of(visit), at, EVENT_STAGE, visit->pipeline->replica,
                                  on_computed, visit, 0);
    assert(visit->work != 0); /* room was reserved for every stage */
}

/* Goes on to what would be the next event of all, instead of having it; false where it would not
   be, or all must be events. For handlers that do nothing else after it. */
static bool go_on_to(const struct shared_visit *visit, sim_ps at, enum event_priority priority)
{
    uint32_t owner = visit->pipeline->replica;
    if (visit->pipeline->session->exact || at > SIM_CLOCK_END ||
        !engine_would_be_next(engine_of(visit), at, priority, owner))
        return false;
    engine_advance(engine_of(visit), at, priority, owner);
    return true;
}

/* What each GPU sends one way in a layer's collectives. */
static double way_bytes(const struct shared_visit *visit, int way)
{
    const struct pipeline_stage *stage = stage_of(visit);
    double bytes = times_of(visit)->work.sent.bytes[way] / stage->part.layers;
    return stage->ways[way].sharing ? bytes : 0;
}

static void on_way_end(void *context, uint64_t argument);

/* The collectives go their present way; whether they have gone it. */
static bool go_way(struct shared_visit *visit)
{
    struct session *session = visit->pipeline->session;
    const struct pipeline_stage *stage = stage_of(visit);
    const struct stage_way *way = &stage->ways[visit->way];
    double latency_s = visit->form.latency_s;
    struct flow_order order = {
        .latency_s = latency_s * transfer_load(way->sharing),
        .bytes = visit->form.pace * way_bytes(visit, visit->way),
        .done = on_way_end,
        .context = visit,
    };
    visit->form.latency_s = 0;
    visit->way_from = now_of(visit);
    visit->way_s = latency_s + order.bytes / way->path.bytes_per_s;
    sim_ps end =
        flow_lone_end(way->sharing->group.network, &stage->meter.collectives[visit->way].crossings,
                      order.latency_s, order.bytes);
    if (go_on_to(visit, end, EVENT_TRANSFER))
        return true;
    session->failed |= transfer_start(way->sharing, &order, &session->error) < 0;
    return false;
}

/* They have gone it. */
static void end_way(struct shared_visit *visit)
{
    struct stage_way *way = &stage_of(visit)->ways[visit->way];
    way->held_up += transfer_held_up(visit->way_from, now_of(visit), visit->way_s);
    visit->way++;
}

/* They go the ways that are left; whether they have gone them all. */
static bool go_ways(struct shared_visit *visit)
{
    while (visit->way < COLLECTIVE_WAY_COUNT) {
        if (way_bytes(visit, visit->way) <= 0) {
            visit->way++;
            continue;
        }
        if (!go_way(visit))
            return false;
        end_way(visit);
    }
    return true;
}

/* The present layer has computed, and its collectives begin; whether they are over. */
static bool communicate(struct shared_visit *visit)
{
    const struct pipeline_stage *stage = stage_of(visit);
    double alone_s = sim_s_from_ps(times_of(visit)->work.collective) / stage->part.layers;
    double bytes_s = 0;
    for (int way = 0; way < COLLECTIVE_WAY_COUNT; way++)
        if (way_bytes(visit, way) > 0)
            bytes_s += way_bytes(visit, way) / stage->ways[way].path.bytes_per_s;
    visit->way = 0;
    visit->form = transfer_form_of(alone_s, bytes_s);
    return go_ways(visit);
}

/* The next layer computes; whether it has. */
static bool compute(struct shared_visit *visit)
{
    sim_ps computed = computed_at(visit, now_of(visit));
    if (go_on_to(visit, computed, EVENT_STAGE))
        return true;
    await_computed(visit, computed);
    return false;
}

/* The last layer is over. */
static void finish(struct shared_visit *visit)
{
    struct visit *times = times_of(visit);
    sim_ps alone = times->work.collective;
    times->work.collective = now_of(visit) - times->gpu_from - times->work.compute;
    times->stretch = alone > 0 ? (double)times->work.collective / (double)alone : 1;
    visit->watch.over(visit->watch.context);
}

/* The present layer is over: the next ones, as long as nothing else happens meanwhile. */
static void play_on(struct shared_visit *visit)
{
    do {
        visit->watch.computed(visit->watch.context, visit->layer);
        if (++visit->layer == stage_of(visit)->part.layers) {
            finish(visit);
            return;
        }
    } while (compute(visit) && communicate(visit));
}

static void on_way_end(void *context, uint64_t argument)
{
    struct shared_visit *visit = context;
    (void)argument;
    end_way(visit);
    if (go_ways(visit))
        play_on(visit);
}

static void on_computed(void *context, uint64_t argument)
{
    struct shared_visit *visit = context;
    (void)argument;
    visit->work = 0;
    if (communicate(visit))
        play_on(visit);
}

void shared_visit_begin(struct shared_visit *visit, struct step *step)
{
    visit->step = step;
    visit->layer = 0;
    await_computed(visit, computed_at(visit, times_of(visit)->gpu_from));
}

void shared_visit_cancel(struct shared_visit *visit)
{
    const struct pipeline_stage *stage = stage_of(visit);
    (void)engine_cancel(engine_of(visit), visit->work);
    visit->work = 0;
    for (int way = 0; way < COLLECTIVE_WAY_COUNT; way++)
        if (stage->ways[way].sharing)
            transfer_cancel(stage->ways[way].sharing);
}
