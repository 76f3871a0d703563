#include "link_meter.h"

/* What the routes from from_gpus[i] to to_gpus[i] cross. */
static int list_links(struct link_traffic *traffic, const struct topology *topology,
                      const uint32_t *from_gpus, const uint32_t *to_gpus, uint32_t count,
                      struct arena *arena, struct error *error)
{
    size_t room = (size_t)count * ROUTE_LINKS_MAX;
    traffic->crossings.links = arena_calloc(arena, room, sizeof(*traffic->crossings.links));
    if (!traffic->crossings.links)
        return error_out_of_memory(error, "link meters");
    topology_add_crossings(topology, from_gpus, to_gpus, count, &traffic->crossings);
    return 0;
}

int link_meter_init(struct link_meter *meter, const struct topology *topology,
                    const struct collective_group *group, uint32_t ways, const uint32_t *gpus,
                    const uint32_t *next_gpus, struct arena *arena, struct error *error)
{
    uint32_t ranks = group->ranks;
    *meter = (struct link_meter){.way_first = COLLECTIVE_WAY_COUNT};
    uint32_t *peers = arena_calloc(arena, ranks, sizeof(*peers));
    int status = peers ? 0 : error_out_of_memory(error, "link meters");
    for (int way = 0; status == 0 && way < COLLECTIVE_WAY_COUNT; way++) {
        if ((ways >> way & 1) == 0)
            continue;
        meter->way_first = meter->way_end == 0 ? way : meter->way_first;
        meter->way_end = way + 1;
        for (uint32_t rank = 0; rank < ranks; rank++)
            peers[rank] = gpus[collective_way_peer(group, (enum collective_way)way, rank)];
        status = list_links(&meter->collectives[way], topology, gpus, peers, ranks, arena, error);
    }
    if (status < 0 || !next_gpus)
        return status;
    return list_links(&meter->sends, topology, gpus, next_gpus, ranks, arena, error);
}

bool link_meter_crosses(const struct link_meter *meter, uint32_t link)
{
    for (int way = 0; way < COLLECTIVE_WAY_COUNT; way++)
        if (crossings_has(&meter->collectives[way].crossings, link))
            return true;
    return crossings_has(&meter->sends.crossings, link);
}

/* The bucket is over after `duration`. */
static void flush(struct link_traffic *traffic, struct diary *diary, sim_ps duration)
{
    if (traffic->bucket_busy > 0 || traffic->bucket_bytes > 0) {
        diary_next(diary)->links = (struct links_record){
            .type = RECORD_LINKS,
            .count = traffic->crossings.count,
            .links = traffic->crossings.links,
            .each =
                {
                    .type = RECORD_LINK,
                    .start = traffic->bucket,
                    .duration = duration,
                    .busy = traffic->bucket_busy,
                    .bytes = traffic->bucket_bytes,
                },
        };
        diary_added(diary, 1);
    }
    traffic->bucket_bytes = 0;
    traffic->bucket_busy = 0;
}

void link_meter_flush(struct link_meter *meter, struct diary *diary)
{
    for (int way = 0; way < COLLECTIVE_WAY_COUNT; way++)
        flush(&meter->collectives[way], diary, LINK_METER_BUCKET);
    flush(&meter->sends, diary, LINK_METER_BUCKET);
}

/* Goes on to the bucket in which a transfer from `start` to `end` ends; returns from when on it is
   in that one. */
static sim_ps turn_over(struct link_traffic *traffic, struct diary *diary, sim_ps start, sim_ps end)
{
    sim_ps first = link_meter_bucket(start);
    sim_ps last = link_meter_bucket(end);
    if (first > traffic->bucket) {
        flush(traffic, diary, LINK_METER_BUCKET);
        traffic->bucket = first;
    }
    if (last == first)
        return start;
    traffic->bucket_busy += last - start;
    flush(traffic, diary, last - first);
    traffic->bucket = last;
    return last;
}

void link_traffic_record(struct link_traffic *traffic, struct diary *diary, sim_ps start,
                         sim_ps busy, double bytes)
{
    sim_ps end = start + busy;
    assert(start >= traffic->bucket); /* one after the other */
    if (end - traffic->bucket >= LINK_METER_BUCKET)
        start = turn_over(traffic, diary, start, end);
    traffic->bucket_bytes += bytes;
    traffic->bucket_busy += end - start;
}
