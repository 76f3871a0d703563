#include "kv_meter.h"

int kv_meter_init(struct kv_meter *meter, uint32_t link_count, struct arena *arena,
                  struct error *error)
{
    *meter = (struct kv_meter){
        .bytes = arena_calloc(arena, link_count, sizeof(*meter->bytes)),
        .link_count = link_count,
        .bucket_bytes = arena_calloc(arena, link_count, sizeof(*meter->bucket_bytes)),
        .bucket_busy = arena_calloc(arena, link_count, sizeof(*meter->bucket_busy)),
    };
    bool has_all = meter->bytes && meter->bucket_bytes && meter->bucket_busy;
    return has_all ? 0 : error_out_of_memory(error, "KV transfers");
}

static void record(struct session *session, uint32_t link, sim_ps bucket, sim_ps busy, double bytes)
{
    union record record = {
        .link =
            {
                .type = RECORD_LINK,
                .link = link,
                .start = bucket,
                .duration = LINK_METER_BUCKET,
                .busy = busy,
                .bytes = bytes,
            },
    };
    session_record(session, &record, 1);
}

void kv_meter_flush(struct kv_meter *meter, struct session *session)
{
    for (uint32_t link = 0; link < meter->link_count; link++) {
        if (meter->bucket_bytes[link] > 0)
            record(session, link, meter->bucket, meter->bucket_busy[link],
                   meter->bucket_bytes[link]);
        meter->bucket_bytes[link] = 0;
        meter->bucket_busy[link] = 0;
    }
}

void kv_meter_add(struct kv_meter *meter, struct session *session, const struct route *route,
                  sim_ps start, sim_ps busy, double bytes)
{
    sim_ps bucket = start - start % LINK_METER_BUCKET;
    if (session->record_steps && bucket > meter->bucket) {
        kv_meter_flush(meter, session);
        meter->bucket = bucket;
    }
    for (uint32_t i = 0; i < route->link_count; i++) {
        uint32_t link = route->links[i];
        meter->bytes[link] += bytes;
        if (!session->record_steps)
            continue;
        if (bucket < meter->bucket) {
            record(session, link, bucket, busy, bytes);
            continue;
        }
        meter->bucket_bytes[link] += bytes;
        meter->bucket_busy[link] += busy;
    }
}
