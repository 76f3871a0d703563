#include "handover.h"

/* A part's KV on its way. */
struct kv_segment {
    struct kv_move *move;
    struct kv_part part;
    double latency_s;
    double pending_bytes; /* of each pair, computed and not yet sent */
    double moving_bytes;
    sim_ps started;
    bool is_moving;
    uint32_t *gpus; /* (2, pairs): from, to */
    struct crossings crossings;
    struct transfer transfer;
};

struct kv_move {
    struct handover *handover;
    struct request *request;
    struct replica *from;
    struct replica *to; /* NULL: none is up */
    bool is_admitted;   /* there are blocks for it at `to` */
    bool is_prefilled;  /* all of it has been computed */
    uint32_t segment_count;
    struct kv_segment *segments;
    struct kv_move *next; /* in the list of active or free ones */
    struct kv_move *previous;
};

int handover_init(struct handover *handover, struct session *session, struct pool *from_pool,
                  struct pool *to_pool, enum kv_transfer mode, struct arena *arena,
                  struct error *error)
{
    const struct deployment *from = &from_pool->deployment;
    const struct deployment *to = &to_pool->deployment;
    *handover = (struct handover){
        .session = session, .from = from_pool, .to = to_pool, .mode = mode, .arena = arena};
    const struct model *model = &from->scenario->model;
    int rc = kv_way_init(&handover->way, &from->topology, &from->layout, &to->layout, model, arena,
                         error);
    if (rc < 0)
        return rc;
    handover->token_layer_bytes = kv_way_token_layer_bytes(&handover->way, model);
    uint32_t to_count = to->layout.replicas;
    handover->passed_over = arena_calloc(arena, to_count, sizeof(*handover->passed_over));
    if (!handover->passed_over)
        return error_out_of_memory(error, "KV transfers");
    rc = kv_cut_init(&handover->cut, &handover->way, arena, error);
    if (rc < 0)
        return rc;
    rc = kv_meter_init(&handover->meter, from->topology.link_count, arena, error);
    return rc < 0 ? rc : quantiles_init(&handover->waits, error);
}

void handover_finish(struct handover *handover)
{
    kv_meter_flush(&handover->meter, handover->session);
}

void handover_release(struct handover *handover)
{
    quantiles_release(&handover->waits);
}

static bool add_route(void *context, const struct route *route)
{
    link_sharing_add_route(context, route);
    return false;
}

void handover_add_routes(const struct handover *handover, struct link_sharing *sharing)
{
    const struct kv_way *way = &handover->way;
    for (uint32_t from = 0; from < way->from->replicas; from++)
        for (uint32_t to = 0; to < way->to->replicas; to++)
            (void)kv_way_any_route(way, from, to, add_route, sharing);
}

static bool prefills(const struct handover *handover, const struct replica *replica)
{
    return replica < handover->to->replicas;
}

/* Which of its pool's replicas it is. */
static uint32_t index_of(const struct handover *handover, const struct replica *replica)
{
    return pool_index(prefills(handover, replica) ? handover->from : handover->to, replica);
}

/* As kv_way_any_route(), for the KV that a replica sends to anyone, or gets. */
static bool any_route(const struct handover *handover, const struct replica *replica,
                      bool (*visit)(void *context, const struct route *route), void *context)
{
    const struct kv_way *way = &handover->way;
    bool is_from = prefills(handover, replica);
    uint32_t index = index_of(handover, replica);
    uint32_t others = is_from ? way->to->replicas : way->from->replicas;
    for (uint32_t other = 0; other < others; other++)
        if (kv_way_any_route(way, is_from ? index : other, is_from ? other : index, visit, context))
            return true;
    return false;
}

void handover_note_link(struct handover *handover, uint32_t link, bool is_down)
{
    kv_cut_note(&handover->cut, link, is_down);
}

bool handover_isolates(const struct handover *handover, const struct replica *replica)
{
    uint32_t index = index_of(handover, replica);
    return prefills(handover, replica) ? kv_cut_isolates_from(&handover->cut, index)
                                       : kv_cut_isolates_to(&handover->cut, index);
}

/* The link that has bound the most of some routes. */
struct tightest {
    const struct kv_meter *meter;
    uint32_t link;
    sim_ps bound; /* negative: there was no link yet */
};

static bool look_for_tightest(void *context, const struct route *route)
{
    struct tightest *tightest = context;
    for (uint32_t i = 0; i < route->link_count; i++) {
        sim_ps bound = tightest->meter->links[route->links[i]].bound;
        if (bound > tightest->bound) {
            tightest->link = route->links[i];
            tightest->bound = bound;
        }
    }
    return false;
}

uint32_t handover_tightest(const struct handover *handover, const struct replica *replica)
{
    struct tightest tightest = {.meter = &handover->meter, .bound = -1};
    (void)any_route(handover, replica, look_for_tightest, &tightest);
    return tightest.link;
}

/* A new move's memory, and room for its flows' events; NULL when memory is out. */
static struct kv_move *new_move(struct handover *handover, struct error *error)
{
    struct arena *arena = handover->arena;
    uint32_t pairs = handover->way.pairs;
    struct kv_move *move = arena_calloc(arena, 1, sizeof(*move));
    if (!move)
        goto out_of_memory;
    move->handover = handover;
    move->segment_count = handover->way.part_count;
    move->segments = arena_calloc(arena, move->segment_count, sizeof(*move->segments));
    if (!move->segments)
        goto out_of_memory;
    for (uint32_t s = 0; s < move->segment_count; s++) {
        struct kv_segment *segment = &move->segments[s];
        segment->part = handover->way.parts[s];
        segment->move = move;
        segment->gpus = arena_calloc(arena, 2 * (size_t)pairs, sizeof(*segment->gpus));
        segment->crossings.links =
            arena_calloc(arena, (size_t)pairs * ROUTE_LINKS_MAX, sizeof(*segment->crossings.links));
        struct transfer_pairs of = {
            .from = segment->gpus, .to = segment->gpus + pairs, .count = pairs};
        if (!segment->gpus || !segment->crossings.links ||
            transfer_init(&segment->transfer, NULL, handover->way.topology, of, arena, error) < 0)
            goto out_of_memory;
    }
    handover->events += (size_t)move->segment_count * pairs;
    if (engine_reserve(handover->session->engine, handover->events, error) < 0)
        return NULL;
    return move;

out_of_memory:
    error_out_of_memory(error, "KV transfers");
    return NULL;
}

/* Where a move goes. */
static void aim_move(struct kv_move *move, struct replica *to)
{
    const struct handover *handover = move->handover;
    const struct kv_way *way = &handover->way;
    uint32_t from_index = index_of(handover, move->from);
    uint32_t to_index = index_of(handover, to);
    move->to = to;
    for (uint32_t s = 0; s < move->segment_count; s++) {
        struct kv_segment *segment = &move->segments[s];
        struct transfer_pairs *pairs = &segment->transfer.pairs;
        for (uint32_t k = 0; k < pairs->count; k++) {
            segment->gpus[k] = kv_way_from_gpu(way, from_index, &segment->part, k);
            segment->gpus[pairs->count + k] = kv_way_to_gpu(way, to_index, &segment->part, k);
        }
        pairs->owner = move->from->index;
        segment->transfer.network = handover->networks[from_index]; /* the sender's */
        segment->crossings.count = 0;
        topology_add_crossings(way->topology, pairs->from, pairs->to, pairs->count,
                               &segment->crossings);
        segment->latency_s =
            topology_parallel_path(way->topology, pairs->from, pairs->to, pairs->count).alpha_s;
    }
}

/* A move of a request's KV; NULL when memory is out, and then the session failed. */
static struct kv_move *take_move(struct handover *handover, struct request *request,
                                 struct replica *from)
{
    struct session *session = handover->session;
    struct kv_move *move = handover->free;
    if (move)
        handover->free = move->next;
    else
        move = new_move(handover, &session->error);
    if (!move) {
        session->failed = true;
        return NULL;
    }
    move->request = request;
    move->from = from;
    move->to = NULL;
    move->is_admitted = false;
    move->is_prefilled = false;
    move->previous = NULL;
    move->next = handover->active;
    if (move->next)
        move->next->previous = move;
    handover->active = move;
    request->move = move;
    return move;
}

/* The request is where it is to be, or the move was given up. */
static void give_move(struct kv_move *move)
{
    struct handover *handover = move->handover;
    move->request->move = NULL;
    if (move->previous)
        move->previous->next = move->next;
    else
        handover->active = move->next;
    if (move->next)
        move->next->previous = move->previous;
    move->next = handover->free;
    handover->free = move;
}

static double pairs_bytes(const struct kv_segment *segment)
{
    return segment->moving_bytes * segment->transfer.pairs.count;
}

static void record_transfer(const struct kv_segment *segment, sim_ps now)
{
    const struct kv_move *move = segment->move;
    struct session *session = move->handover->session;
    if (!session->record_steps)
        return;
    union record span = {
        .span =
            {
                .type = RECORD_SPAN,
                .kind = SPAN_KV_TRANSFER,
                .start = segment->started,
                .duration = now - segment->started,
                .step = SPAN_NO_STEP,
                .bytes = (uint64_t)segment->moving_bytes,
                .replica = move->from->index,
                .stage = segment->part.from_stage,
                .layer = SPAN_NO_LAYER,
            },
    };
    session_record(session, &span, 1);
}

/* All KV is where it is needed: the request decodes there, and its old blocks are free. */
static void finish(struct kv_move *move, sim_ps now)
{
    struct handover *handover = move->handover;
    struct request *request = move->request;
    give_move(move);
    handover->count++;
    if (request->counted)
        quantiles_add(&handover->waits, now - request->first_token, 1);
    replica_receive(move->to, request);
    replica_give_blocks(move->from, request);
}

static void finish_if_done(struct kv_move *move, sim_ps now)
{
    bool is_done = move->is_admitted && move->is_prefilled;
    for (uint32_t s = 0; s < move->segment_count; s++)
        is_done = is_done && !move->segments[s].is_moving;
    if (is_done)
        finish(move, now);
}

/* Lets both ends know whether the segment moves. */
static void set_moving(struct kv_segment *segment, bool is_moving)
{
    const struct kv_move *move = segment->move;
    if (segment->is_moving == is_moving)
        return;
    segment->is_moving = is_moving;
    if (is_moving) {
        replica_kv_starts(move->from);
        replica_kv_starts(move->to);
    } else {
        replica_kv_stops(move->from);
        replica_kv_stops(move->to);
    }
}

static void on_moved(void *context, uint64_t argument);

/* Sends what is pending. */
static void send(struct kv_segment *segment)
{
    struct session *session = segment->move->handover->session;
    struct transfer_order order = {
        .latency_s = segment->latency_s,
        .bytes = segment->pending_bytes,
        .done = on_moved,
        .context = segment,
    };
    segment->started = engine_now(session->engine);
    segment->moving_bytes = segment->pending_bytes;
    segment->pending_bytes = 0;
    set_moving(segment, true);
    kv_meter_begin(&segment->move->handover->meter, session, &segment->crossings);
    session->failed |= transfer_start(&segment->transfer, &order, &session->error) < 0;
}

static void on_moved(void *context, uint64_t unused)
{
    (void)unused;
    struct kv_segment *segment = context;
    struct handover *handover = segment->move->handover;
    sim_ps now = engine_now(handover->session->engine);
    handover->bytes += pairs_bytes(segment);
    /* its own flows have just left, others' are still there */
    uint32_t narrowest = flow_narrowest(segment->transfer.network, &segment->crossings);
    handover->meter.links[narrowest].bound += now - segment->started;
    kv_meter_end(&handover->meter, handover->session, &segment->crossings, segment->moving_bytes);
    record_transfer(segment, now);
    if (segment->pending_bytes > 0)
        send(segment);
    else
        set_moving(segment, false);
    finish_if_done(segment->move, now);
}

/* The prompt's KV in a segment's layers, or `layers` of them, is to be sent. */
static void add_pending(struct kv_segment *segment, uint32_t layers, uint32_t tokens)
{
    double bytes = segment->move->handover->token_layer_bytes;
    segment->pending_bytes += bytes * layers * tokens;
    if (!segment->is_moving)
        send(segment);
}

/* Whether KV has a way from one replica to another. */
static bool joins(const struct handover *handover, const struct replica *from,
                  const struct replica *to)
{
    return kv_cut_joins(&handover->cut, index_of(handover, from), index_of(handover, to));
}

/* The first in the router's order of the replicas that decode to which KV has a way from another,
   and that keeps blocks for a request, unless that is NULL; NULL: none does, and the turn is still
   the same one's. */
static struct replica *choose(struct handover *handover, const struct replica *from,
                              const struct request *request)
{
    struct pool *pool = handover->to;
    struct replica *to;
    uint32_t passed = 0;
    while ((to = pool_pick(pool)) &&
           !(joins(handover, from, to) && (!request || replica_reserve(to, request)))) {
        handover->passed_over[passed++] = pool_index(pool, to);
        router_close(&pool->router, pool_index(pool, to));
    }
    while (passed > 0) {
        uint32_t index = handover->passed_over[--passed];
        router_open(&pool->router, index, replica_outstanding(&pool->replicas[index]));
    }
    return to;
}

/* The request joins the queue of a replica that is up and has a way, if one is. */
static void queue_for_decode(struct kv_move *move)
{
    struct replica *to = choose(move->handover, move->from, NULL);
    if (!to)
        return;
    aim_move(move, to);
    replica_enqueue(to, move->request);
    pool_note_load(move->handover->to, to);
}

void handover_restore(struct handover *handover)
{
    struct kv_move *move = handover->active;
    while (move && move->next)
        move = move->next;
    for (; move; move = move->previous) /* the oldest first */
        if (!move->to)
            queue_for_decode(move);
}

/* Sends no more of a segment, nor what is under way. */
static void stop(struct kv_segment *segment)
{
    struct handover *handover = segment->move->handover;
    segment->pending_bytes = 0;
    if (!segment->is_moving)
        return;
    transfer_cancel(&segment->transfer);
    kv_meter_end(&handover->meter, handover->session, &segment->crossings, 0);
    set_moving(segment, false);
}

/* The replica that was to decode a request forgets it. */
static void withdraw(struct kv_move *move)
{
    if (move->is_admitted)
        replica_unreserve(move->to, move->request);
    else
        replica_withdraw(move->to, move->request);
    pool_note_load(move->handover->to, move->to);
}

void handover_reroute(struct handover *handover)
{
    struct kv_move *next;
    for (struct kv_move *move = handover->active; move; move = next) {
        next = move->next;
        if (!move->to || joins(handover, move->from, move->to))
            continue;
        for (uint32_t s = 0; s < move->segment_count; s++)
            stop(&move->segments[s]);
        withdraw(move);
        move->to = NULL;
        move->is_admitted = false;
        if (!move->is_prefilled) /* it goes whole when it is */
            give_move(move);
    }
    handover_restore(handover);
}

/* Gives a move up, one of whose ends fails: the other end forgets it. */
static void abandon(struct kv_move *move, const struct replica *failing,
                    struct request_list *evicted)
{
    struct request *request = move->request;
    bool from_fails = move->from == failing;
    for (uint32_t s = 0; s < move->segment_count; s++)
        stop(&move->segments[s]);
    if (from_fails && move->to) {
        withdraw(move);
    } else if (!from_fails && move->is_prefilled) {
        replica_give_blocks(move->from, request);
    }
    /* Else the prefilling replica has it, or the failing one's queue does. */
    bool is_nobodys = move->is_prefilled && (from_fails || move->is_admitted);
    if (is_nobodys)
        request_list_append(evicted, request);
    give_move(move);
}

void handover_fail(struct handover *handover, struct replica *replica, struct request_list *evicted)
{
    struct kv_move *next;
    for (struct kv_move *move = handover->active; move; move = next) {
        next = move->next;
        if (move->from == replica || move->to == replica)
            abandon(move, replica, evicted);
    }
}

void handover_send(struct handover *handover, struct replica *replica,
                   struct request_list prefilled)
{
    while (prefilled.first) {
        struct request *request = prefilled.first;
        request_list_remove(&prefilled, request);
        if (request->move) {
            request->move->is_prefilled = true;
            finish_if_done(request->move, engine_now(handover->session->engine));
        } else {
            struct kv_move *move = take_move(handover, request, replica);
            if (!move)
                return;
            move->is_prefilled = true;
            queue_for_decode(move);
        }
    }
    pool_note_load(handover->from, replica);
}

void handover_admit(struct request_list admitted)
{
    while (admitted.first) {
        struct request *request = admitted.first;
        request_list_remove(&admitted, request);
        request->move->is_admitted = true;
        for (uint32_t s = 0; s < request->move->segment_count; s++)
            add_pending(&request->move->segments[s], request->move->segments[s].part.layers,
                        request->position);
    }
}

void handover_reserve(struct handover *handover, struct replica *replica, const struct batch *batch)
{
    for (uint32_t i = 0; i < batch->chunk_count; i++) {
        struct request *request = batch->chunks[i].request;
        if (request->move || batch->chunks[i].start > 0 || request->output_tokens == 1)
            continue;
        struct replica *to = choose(handover, replica, request);
        if (!to)
            continue;
        struct kv_move *move = take_move(handover, request, replica);
        if (!move)
            return;
        aim_move(move, to);
        move->is_admitted = true;
        pool_note_load(handover->to, to);
    }
}

/* The segment that the layer of a stage that prefills is in. */
static struct kv_segment *segment_of(struct kv_move *move, uint32_t layer)
{
    uint32_t s = 0;
    while (layer >= move->segments[s].part.first_layer + move->segments[s].part.layers)
        s++;
    return &move->segments[s];
}

void handover_send_layer(const struct replica *replica, const struct step *step, uint32_t stage,
                         uint32_t layer)
{
    uint32_t model_layer = replica->pipeline.stages[stage].part.first_layer + layer;
    for (uint32_t i = 0; i < step->batch.chunk_count; i++) {
        const struct chunk *chunk = &step->batch.chunks[i];
        if (chunk->request->move)
            add_pending(segment_of(chunk->request->move, model_layer), 1, chunk->length);
    }
}
