/*
 * kv_cut: between which replicas KV has no way, links on it or one of them being down.
 *
 * A replica that prefills and one that decodes are apart while either has failed, or
 * any of the links between their GPUs is down: each pair of GPUs has but one route. A
 * replica that is apart from all of the other pool is cut off, if others of its own are
 * not: they can do its work. Where all are apart, nobody is: KV has to wait.
 */
#ifndef TANDEM_KV_CUT_H
#define TANDEM_KV_CUT_H

#include "kv_way.h"

struct kv_cut {
    const struct kv_way *way;
    uint32_t *down;  /* (from's replicas, to's): what keeps the two apart */
    uint64_t joined; /* pairs of replicas with none */
};

/* Of `way`, which must outlive it, all links being up. */
int kv_cut_init(struct kv_cut *cut, const struct kv_way *way, struct arena *arena,
                struct error *error);

/* A link goes down, or comes up again; the replica at that place in its pool has
   one cause more to be down, or one less. Being cut off is no such cause. */
void kv_cut_note_link(struct kv_cut *cut, uint32_t link, bool is_down);
void kv_cut_note_replica(struct kv_cut *cut, enum kv_side side, uint32_t index, bool is_down);

/* Whether KV can go from one replica to another, by their places in their pools. */
static inline bool kv_cut_joins(const struct kv_cut *cut, uint32_t from, uint32_t to)
{
    return cut->down[(size_t)from * cut->way->to->replicas + to] == 0;
}

/* Whether a replica is cut off. */
bool kv_cut_isolates(const struct kv_cut *cut, enum kv_side side, uint32_t index);

#endif
