/*
 * kv_meter: what KV on its way puts on the cluster's links.
 *
 * The links that a move crosses change from one to the next, so sums are kept by
 * link: for the run, and for the present bucket of time, which becomes records when
 * a transfer of a later one ends. A row for each link and bucket is enough: layer by
 * layer, KV crosses links millions of times. Bytes count where their transfer
 * begins, as in link_meter.h; one that began before the present bucket is recorded
 * on its own.
 */
#ifndef TANDEM_KV_METER_H
#define TANDEM_KV_METER_H

#include "arena.h"
#include "link_meter.h"

struct kv_meter {
    double *bytes; /* (links): in the run */
    uint32_t link_count;
    sim_ps bucket;        /* the present one's start */
    double *bucket_bytes; /* (links): in it */
    sim_ps *bucket_busy;
};

/* For `link_count` links, in `arena`. 0 or -ERROR_MEMORY. */
int kv_meter_init(struct kv_meter *meter, uint32_t link_count, struct arena *arena,
                  struct error *error);

/* Counts a transfer of `bytes` that began at `start` on each link of `route`; records are made
   where `session` keeps a timeline. */
void kv_meter_add(struct kv_meter *meter, struct session *session, const struct route *route,
                  sim_ps start, sim_ps busy, double bytes);

/* Records the bucket that is under way. */
void kv_meter_flush(struct kv_meter *meter, struct session *session);

#endif
