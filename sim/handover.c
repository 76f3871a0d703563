#include "handover_parts.h"

int handover_init(struct handover *handover, struct session *session, struct pool *from_pool,
                  struct pool *to_pool, enum kv_transfer mode, struct arena *arena,
                  struct error *error)
{
    const struct deployment *from = &from_pool->deployment;
    const struct deployment *to = &to_pool->deployment;
    *handover = (struct handover){
        .session = session, .from = from_pool, .to = to_pool, .mode = mode, .arena = arena};
    const struct model *model = &from->scenario->model;
    int status = kv_way_init(&handover->way, &from->topology, &from->layout, &to->layout, model,
                             arena, error);
    if (status < 0)
        return status;
    handover->token_layer_bytes = kv_way_token_layer_bytes(&handover->way, model);
    uint32_t to_count = to->layout.replicas;
    handover->passed_over = arena_calloc(arena, to_count, sizeof(*handover->passed_over));
    if (!handover->passed_over)
        return error_out_of_memory(error, "KV transfers");
    status = kv_cut_init(&handover->cut, &handover->way, arena, error);
    if (status < 0)
        return status;
    status = kv_meter_init(&handover->meter, from->topology.link_count, arena, error);
    return status < 0 ? status : quantiles_init(&handover->waits, error);
}

void handover_start(struct handover *handover, struct flow_network **networks, size_t events)
{
    handover->networks = networks;
    handover->events = events;
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

/* As kv_way_any_route(), for the KV that a replica sends to anyone, or gets. */
static bool any_route(const struct handover *handover, const struct replica *replica,
                      bool (*visit)(void *context, const struct route *route), void *context)
{
    const struct kv_way *way = &handover->way;
    enum kv_side side = handover_side_of(replica);
    bool is_from = side == KV_FROM;
    uint32_t index = handover_index_of(handover, replica);
    for (uint32_t other = 0; other < kv_way_others(way, side); other++)
        if (kv_way_any_route(way, is_from ? index : other, is_from ? other : index, visit, context))
            return true;
    return false;
}

void handover_note_link(struct handover *handover, uint32_t link, bool is_down)
{
    kv_cut_note_link(&handover->cut, link, is_down);
}

void handover_note_replica(struct handover *handover, const struct replica *replica, bool is_down)
{
    kv_cut_note_replica(&handover->cut, handover_side_of(replica),
                        handover_index_of(handover, replica), is_down);
}

bool handover_isolates(const struct handover *handover, const struct replica *replica)
{
    return kv_cut_isolates(&handover->cut, handover_side_of(replica),
                           handover_index_of(handover, replica));
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

/* Whether KV has a way from one replica to another. */
static bool joins(const struct handover *handover, const struct replica *from,
                  const struct replica *to)
{
    return kv_cut_joins(&handover->cut, handover_index_of(handover, from),
                        handover_index_of(handover, to));
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
    while ((to = pool_pick(pool, NULL)) &&
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
    kv_move_aim(move, to);
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
            kv_segment_stop(&move->segments[s]);
        withdraw(move);
        move->to = NULL;
        move->is_admitted = false;
        if (!move->is_prefilled) /* it goes whole when it is */
            kv_move_give(move);
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
        kv_segment_stop(&move->segments[s]);
    if (from_fails && move->to) {
        withdraw(move);
    } else if (!from_fails && move->is_prefilled) {
        replica_give_blocks(move->from, request);
    }
    /* Else the prefilling replica has it, or the failing one's queue does. */
    bool is_nobodys = move->is_prefilled && (from_fails || move->is_admitted);
    if (is_nobodys)
        request_list_append(evicted, request);
    kv_move_give(move);
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
    struct request *request;
    while ((request = request_list_pop(&prefilled))) {
        if (request->move) {
            request->move->is_prefilled = true;
            kv_move_finish_if_done(request->move, engine_now(handover->session->engine));
        } else {
            struct kv_move *move = kv_move_take(handover, request, replica);
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
    struct request *request;
    while ((request = request_list_pop(&admitted))) {
        request->move->is_admitted = true;
        for (uint32_t s = 0; s < request->move->segment_count; s++)
            kv_segment_add(&request->move->segments[s], request->move->segments[s].part.layers,
                           request->position);
    }
}

void handover_reserve(struct handover *handover, struct replica *replica, const struct batch *batch)
{
    for (uint32_t i = 0; i < batch->chunk_count; i++) {
        struct request *request = batch->chunks[i].request;
        if (request->move || !chunk_is_first(&batch->chunks[i]) || request->output_tokens == 1)
            continue;
        struct replica *to = choose(handover, replica, request);
        if (!to)
            continue;
        struct kv_move *move = kv_move_take(handover, request, replica);
        if (!move)
            return;
        kv_move_aim(move, to);
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
            kv_segment_add(segment_of(chunk->request->move, model_layer), 1,
                           chunk_kv_tokens(chunk));
    }
}
