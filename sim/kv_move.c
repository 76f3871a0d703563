#include "handover_parts.h"

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
        struct transfer_pairs of = {
            .from = segment->gpus, .to = segment->gpus + pairs, .count = pairs};
        if (!segment->gpus ||
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

void kv_move_aim(struct kv_move *move, struct replica *to)
{
    const struct handover *handover = move->handover;
    const struct kv_way *way = &handover->way;
    uint32_t from_index = handover_index_of(handover, move->from);
    uint32_t to_index = handover_index_of(handover, to);
    move->to = to;
    for (uint32_t s = 0; s < move->segment_count; s++) {
        struct kv_segment *segment = &move->segments[s];
        struct transfer_pairs *pairs = &segment->transfer.pairs;
        for (uint32_t k = 0; k < pairs->count; k++) {
            segment->gpus[k] = kv_way_from_gpu(way, from_index, &segment->part, k);
            segment->gpus[pairs->count + k] = kv_way_to_gpu(way, to_index, &segment->part, k);
        }
        pairs->owner = move->from->index;
        transfer_aim(&segment->transfer, handover->networks[from_index]); /* the sender's */
        segment->latency_s =
            topology_parallel_path(way->topology, pairs->from, pairs->to, pairs->count).alpha_s;
    }
}

struct kv_move *kv_move_take(struct handover *handover, struct request *request,
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

void kv_move_give(struct kv_move *move)
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
    kv_move_give(move);
    handover->count++;
    if (request->counted)
        quantiles_add(&handover->waits, now - request->first_token, 1);
    replica_receive(move->to, request);
    replica_give_blocks(move->from, request);
}

void kv_move_finish_if_done(struct kv_move *move, sim_ps now)
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
    struct flow_order order = {
        .latency_s = segment->latency_s,
        .bytes = segment->pending_bytes,
        .done = on_moved,
        .context = segment,
    };
    segment->started = engine_now(session->engine);
    segment->moving_bytes = segment->pending_bytes;
    segment->pending_bytes = 0;
    set_moving(segment, true);
    kv_meter_begin(&segment->move->handover->meter, session, &segment->transfer.group.crossings);
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
    uint32_t narrowest = flow_group_narrowest(&segment->transfer.group);
    handover->meter.links[narrowest].bound += now - segment->started;
    kv_meter_end(&handover->meter, handover->session, &segment->transfer.group.crossings,
                 segment->moving_bytes);
    record_transfer(segment, now);
    if (segment->pending_bytes > 0)
        send(segment);
    else
        set_moving(segment, false);
    kv_move_finish_if_done(segment->move, now);
}

void kv_segment_add(struct kv_segment *segment, uint32_t layers, uint32_t tokens)
{
    double bytes = segment->move->handover->token_layer_bytes;
    segment->pending_bytes += bytes * layers * tokens;
    if (!segment->is_moving)
        send(segment);
}

void kv_segment_stop(struct kv_segment *segment)
{
    struct handover *handover = segment->move->handover;
    segment->pending_bytes = 0;
    if (!segment->is_moving)
        return;
    transfer_cancel(&segment->transfer);
    kv_meter_end(&handover->meter, handover->session, &segment->transfer.group.crossings, 0);
    set_moving(segment, false);
}
