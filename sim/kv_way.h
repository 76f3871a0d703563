/*
 * kv_way: between which GPUs a prompt's KV goes, from replicas of one layout to
 * replicas of another.
 *
 * The model's layers fall into parts that one stage prefills and another decodes.
 * In a part, each GPU of the larger tensor-parallel group has a partner in the
 * smaller: pair k is of ranks k * TP / pairs. Each pair moves the heads that both
 * hold. Of several GPUs that prefilled the same head one sends it; of several that
 * decode it each gets it.
 */
#ifndef TANDEM_KV_WAY_H
#define TANDEM_KV_WAY_H

#include "arena.h"
#include "layout.h"
#include "topology.h"

struct kv_part {
    uint32_t from_stage;
    uint32_t to_stage;
    uint32_t first_layer; /* of the model */
    uint32_t layers;
};

/* Of two pools, the one that prefills, from which KV goes, and the one that decodes, to which. */
enum kv_side { KV_FROM, KV_TO };

struct kv_way {
    const struct topology *topology;
    const struct layout *from;
    const struct layout *to;
    uint32_t pairs; /* of GPUs, in each part */
    uint32_t part_count;
    struct kv_part *parts; /* by layer */
};

/* How many replicas there are on the side across from one. */
static inline uint32_t kv_way_others(const struct kv_way *way, enum kv_side side)
{
    return side == KV_FROM ? way->to->replicas : way->from->replicas;
}

/* Two layouts of `model`, whose replicas lie on `topology`; layouts and topology must outlive it.
 */
int kv_way_init(struct kv_way *way, const struct topology *topology, const struct layout *from,
                const struct layout *to, const struct model *model, struct arena *arena,
                struct error *error);

/* The GPUs of a part's `pair`-th pair, in replica `replica` of either layout. */
uint32_t kv_way_from_gpu(const struct kv_way *way, uint32_t replica, const struct kv_part *part,
                         uint32_t pair);
uint32_t kv_way_to_gpu(const struct kv_way *way, uint32_t replica, const struct kv_part *part,
                       uint32_t pair);

/* Bytes of one token's K and V in one layer that each pair moves. */
double kv_way_token_layer_bytes(const struct kv_way *way, const struct model *model);

/* Calls `visit` with the route of each pair between two replicas, until it says true; whether it
   did. */
bool kv_way_any_route(const struct kv_way *way, uint32_t from, uint32_t to,
                      bool (*visit)(void *context, const struct route *route), void *context);

#endif
