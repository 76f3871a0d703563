/*
 * link_meter: what one stage puts on the cluster's links.
 *
 * Its tensor-parallel group's collectives, as a ring in rank order carries them
 * (2(p-1)/p of an all-reduce's buffer on each hop), and its sends to the next stage. Sums
 * are kept for the run, and for the present bucket of time, which becomes
 * records when the next one begins; so a step costs O(1), whatever the routes.
 * Several records of one link and bucket add up. Bytes count where their
 * transfer begins.
 */
#ifndef TANDEM_LINK_METER_H
#define TANDEM_LINK_METER_H

#include "diary.h"
#include "topology.h"

#define LINK_METER_BUCKET (SIM_PS_PER_S)

/* One kind of traffic: over which links, and how much. */
struct link_traffic {
    double bytes; /* on each, in the run */
    uint32_t link_count;
    const uint32_t *links; /* a link on two routes stands here twice */
    double bucket_bytes;   /* in the present bucket */
    sim_ps bucket_busy;
};

struct link_meter {
    struct link_traffic collectives;
    struct link_traffic sends;
    sim_ps bucket; /* its start */
};

/*
 * The meter of `ranks` GPUs `gpus` that send to `next_gpus`; NULL on the last
 * stage. Route tables go to `arena`.
 */
int link_meter_init(struct link_meter *meter, const struct topology *topology, const uint32_t *gpus,
                    const uint32_t *next_gpus, uint32_t ranks, struct arena *arena,
                    struct error *error);

/* Puts a transfer into its bucket; those that are over go to the diary. */
void link_meter_record(struct link_meter *meter, struct link_traffic *traffic, struct diary *diary,
                       sim_ps start, sim_ps busy, double bytes);

/* Counts a transfer of `bytes` on each link of one of the meter's kinds of traffic; in buckets,
   too, where there is a diary. */
static inline void link_meter_add(struct link_meter *meter, struct link_traffic *traffic,
                                  struct diary *diary, sim_ps start, sim_ps busy, double bytes)
{
    traffic->bytes += bytes;
    if (diary)
        link_meter_record(meter, traffic, diary, start, busy, bytes);
}

/* The link that has the least bandwidth for each transfer that crosses it; 0 where there is none.
 */
uint32_t link_traffic_narrowest(const struct link_traffic *traffic,
                                const struct topology *topology);

/* Records the bucket that is under way. */
void link_meter_flush(struct link_meter *meter, struct diary *diary);

#endif
