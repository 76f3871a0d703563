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

int link_meter_init(struct link_meter *meter, const struct topology *topology, const uint32_t *gpus,
                    const uint32_t *next_gpus, uint32_t ranks, struct arena *arena,
                    struct error *error)
{
    *meter = (struct link_meter){.bucket = 0};
    if (ranks > 1) {
        uint32_t *successors = arena_calloc(arena, ranks, sizeof(*successors));
        if (!successors)
            return error_out_of_memory(error, "link meters");
        for (uint32_t i = 0; i < ranks; i++)
            successors[i] = gpus[i + 1 == ranks ? 0 : i + 1];
        int rc = list_links(&meter->collectives, topology, gpus, successors, ranks, arena, error);
        if (rc < 0)
            return rc;
    }
    return next_gpus ? list_links(&meter->sends, topology, gpus, next_gpus, ranks, arena, error)
                     : 0;
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
    flush(&meter->collectives, diary, meter->bucket);
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
