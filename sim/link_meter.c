#include "link_meter.h"

/* The links of the routes from from_gpus[i] to to_gpus[i], one after the other. */
static int list_links(struct link_traffic *traffic, const struct topology *topology,
                      const uint32_t *from_gpus, const uint32_t *to_gpus, uint32_t count,
                      struct arena *arena, struct error *error)
{
    uint32_t *links = arena_calloc(arena, (size_t)count * ROUTE_LINKS_MAX, sizeof(*links));
    if (!links)
        return error_out_of_memory(error, "link meters");
    traffic->links = links;
    for (uint32_t i = 0; i < count; i++) {
        struct route route = topology_route(topology, from_gpus[i], to_gpus[i]);
        for (uint32_t j = 0; j < route.link_count; j++)
            links[traffic->link_count++] = route.links[j];
    }
    return 0;
}

int link_meter_init(struct link_meter *meter, const struct topology *topology,
                    const struct collective_group *group, uint32_t ways, const uint32_t *gpus,
                    const uint32_t *next_gpus, struct arena *arena, struct error *error)
{
    uint32_t ranks = group->ranks;
    *meter = (struct link_meter){.way_first = COLLECTIVE_WAY_COUNT};
    uint32_t *peers = arena_calloc(arena, ranks, sizeof(*peers));
    int rc = peers ? 0 : error_out_of_memory(error, "link meters");
    for (int way = 0; rc == 0 && way < COLLECTIVE_WAY_COUNT; way++) {
        if ((ways >> way & 1) == 0)
            continue;
        meter->way_first = meter->way_end == 0 ? way : meter->way_first;
        meter->way_end = way + 1;
        for (uint32_t rank = 0; rank < ranks; rank++)
            peers[rank] = gpus[collective_way_peer(group, (enum collective_way)way, rank)];
        rc = list_links(&meter->collectives[way], topology, gpus, peers, ranks, arena, error);
    }
    if (rc < 0 || !next_gpus)
        return rc;
    return list_links(&meter->sends, topology, gpus, next_gpus, ranks, arena, error);
}

static bool crosses(const struct link_traffic *traffic, uint32_t link)
{
    for (uint32_t i = 0; i < traffic->link_count; i++)
        if (traffic->links[i] == link)
            return true;
    return false;
}

bool link_meter_crosses(const struct link_meter *meter, uint32_t link)
{
    for (int way = 0; way < COLLECTIVE_WAY_COUNT; way++)
        if (crosses(&meter->collectives[way], link))
            return true;
    return crosses(&meter->sends, link);
}

static void flush(struct link_traffic *traffic, struct diary *diary, sim_ps bucket)
{
    if (traffic->bucket_bytes > 0) {
        diary_next(diary)->links = (struct links_record){
            .type = RECORD_LINKS,
            .count = traffic->link_count,
            .links = traffic->links,
            .each =
                {
                    .type = RECORD_LINK,
                    .start = bucket,
                    .duration = LINK_METER_BUCKET,
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
        flush(&meter->collectives[way], diary, meter->bucket);
    flush(&meter->sends, diary, meter->bucket);
}

void link_meter_record(struct link_meter *meter, struct link_traffic *traffic, struct diary *diary,
                       sim_ps start, sim_ps busy, double bytes)
{
    if (start - meter->bucket >= LINK_METER_BUCKET || start < meter->bucket) {
        link_meter_flush(meter, diary);
        meter->bucket = start - start % LINK_METER_BUCKET;
    }
    traffic->bucket_bytes += bytes;
    traffic->bucket_busy += busy;
}

uint32_t link_traffic_narrowest(const struct link_traffic *traffic, const struct topology *topology)
{
    uint32_t narrowest = 0;
    double least = INFINITY;
    for (uint32_t i = 0; i < traffic->link_count; i++) {
        uint32_t transfers = 0;
        for (uint32_t j = 0; j < traffic->link_count; j++)
            transfers += traffic->links[j] == traffic->links[i];
        double share = topology->links[traffic->links[i]].cost.bytes_per_s / transfers;
        if (share < least) {
            least = share;
            narrowest = traffic->links[i];
        }
    }
    return narrowest;
}
