/*
 * link_meter: what one stage puts on the cluster's links.
 *
 * Its tensor-parallel group's collectives, each way that they go (collective_way.h),
 * and its sends to the next stage. Sums are kept for the run, and for the present
 * bucket of time, which becomes a record for each link when a later one begins; so a
 * step costs O(1), whatever the routes. A link is busy while its transfer lasts,
 * however many of the group's routes cross it; bytes count where their transfer ends.
 * A bucket is a second, or the several that one transfer goes on through. Records of
 * one link and bucket, of stages and kinds of traffic that share it, add up.
 */
#ifndef TANDEM_LINK_METER_H
#define TANDEM_LINK_METER_H

#include "collective_way.h"
#include "diary.h"
#include "topology.h"

#define LINK_METER_BUCKET (SIM_PS_PER_S)

/* One kind of traffic: over which links, and how much. */
struct link_traffic {
    double bytes; /* by each route, in the run */
    struct crossings crossings;
    double bucket_bytes; /* by each route, in the present bucket */
    sim_ps bucket_busy;
    sim_ps bucket; /* its start */
};

struct link_meter {
    struct link_traffic collectives[COLLECTIVE_WAY_COUNT]; /* no links where none go that way */
    int way_first; /* the ways that any go are from this one on, */
    int way_end;   /* and before this one */
    struct link_traffic sends;
};

/* The start of the bucket that begins last, but not after `at`. */
static inline sim_ps link_meter_bucket(sim_ps at)
{
    return at - at % LINK_METER_BUCKET;
}

/*
 * The meter of the GPUs `gpus` of `group`, whose collectives go `ways` (bits, as
 * group_cost.h has them), and which send to `next_gpus`; NULL on the last stage.
 * Route tables go to `arena`.
 */
int link_meter_init(struct link_meter *meter, const struct topology *topology,
                    const struct collective_group *group, uint32_t ways, const uint32_t *gpus,
                    const uint32_t *next_gpus, struct arena *arena, struct error *error);

/* Whether any of its traffic crosses a link. */
bool link_meter_crosses(const struct link_meter *meter, uint32_t link);

/* Puts a transfer, which begins no earlier than the one before it ends, into its buckets; those
   that are over go to the diary. */
void link_traffic_record(struct link_traffic *traffic, struct diary *diary, sim_ps start,
                         sim_ps busy, double bytes);

/* Counts a transfer of `bytes` on each route; in buckets, too, where there is a diary. */
static inline void link_traffic_add(struct link_traffic *traffic, struct diary *diary, sim_ps start,
                                    sim_ps busy, double bytes)
{
    traffic->bytes += bytes;
    if (diary)
        link_traffic_record(traffic, diary, start, busy, bytes);
}

/* Records the buckets that are under way. */
void link_meter_flush(struct link_meter *meter, struct diary *diary);

#endif
