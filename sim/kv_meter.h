/*
 * kv_meter: what KV on its way puts on the cluster's links.
 *
 * The links that a move crosses change from one to the next, so sums are kept by
 * link: for the run, and, where the session keeps a timeline, for the present bucket
 * of time, which becomes records when a transfer begins or ends in a later one, as
 * link_meter.h's do. Where several transfers cross a link at a time, it is busy once.
 */
#ifndef TANDEM_KV_METER_H
#define TANDEM_KV_METER_H

#include "arena.h"
#include "link_meter.h"

struct kv_link {
    double bytes; /* in the run */
    sim_ps bound; /* in it, how long transfers took to which no other link left less bandwidth */
    double bucket_bytes; /* in the present bucket */
    sim_ps bucket_busy;
    sim_ps busy_since;  /* in it */
    uint32_t transfers; /* under way */
};

struct kv_meter {
    struct kv_link *links; /* (link_count) */
    uint32_t link_count;
    sim_ps bucket; /* the present one's start */
};

/* For `link_count` links, in `arena`. 0 or -ERROR_MEMORY. */
int kv_meter_init(struct kv_meter *meter, uint32_t link_count, struct arena *arena,
                  struct error *error);

/* A transfer begins now, or ends, `bytes` having crossed each of its routes. */
void kv_meter_begin(struct kv_meter *meter, struct session *session,
                    const struct crossings *crossings);
void kv_meter_end(struct kv_meter *meter, struct session *session,
                  const struct crossings *crossings, double bytes);

/* Records the bucket that is under way, when nothing else is. */
void kv_meter_flush(struct kv_meter *meter, struct session *session);

#endif
