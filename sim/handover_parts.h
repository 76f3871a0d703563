/*
 * handover_parts: what a handover's two halves share: handover.c, who decodes what
 * others prefill and what becomes of that when replicas or links fail, and kv_move.c,
 * the KV of one request on its way.
 */
#ifndef TANDEM_HANDOVER_PARTS_H
#define TANDEM_HANDOVER_PARTS_H

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

static inline enum kv_side handover_side_of(const struct replica *replica)
{
    return replica->batcher.hands_over ? KV_FROM : KV_TO;
}

/* Which of its pool's replicas it is. */
static inline uint32_t handover_index_of(const struct handover *handover,
                                         const struct replica *replica)
{
    bool is_from = handover_side_of(replica) == KV_FROM;
    return pool_index(is_from ? handover->from : handover->to, replica);
}

/* A move of a request's KV; NULL when memory is out, and then the session failed. */
struct kv_move *kv_move_take(struct handover *handover, struct request *request,
                             struct replica *from);

/* Puts a move back: its request has arrived, or it was given up. */
void kv_move_give(struct kv_move *move);

/* Where a move goes. */
void kv_move_aim(struct kv_move *move, struct replica *to);

/* Lets the request decode if all its KV is there, and then gives the move. */
void kv_move_finish_if_done(struct kv_move *move, sim_ps now);

/* The prompt's KV in a segment's layers, or `layers` of them, is to be sent. */
void kv_segment_add(struct kv_segment *segment, uint32_t layers, uint32_t tokens);

/* Sends no more of a segment, nor what is under way. */
void kv_segment_stop(struct kv_segment *segment);

#endif
