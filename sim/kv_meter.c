#include "kv_meter.h"

int kv_meter_init(struct kv_meter *meter, uint32_t link_count, struct arena *arena,
                  struct error *error)
{
    *meter = (struct kv_meter){
        .links = arena_calloc(arena, link_count, sizeof(*meter->links)),
        .link_count = link_count,
    };
    return meter->links ? 0 : error_out_of_memory(error, "KV transfers");
}

static void record(const struct kv_meter *meter, struct session *session, uint32_t index,
                   sim_ps duration)
{
    const struct kv_link *link = &meter->links[index];
    union record record = {
        .link =
            {
                .type = RECORD_LINK,
                .link = index,
                .start = meter->bucket,
                .duration = duration,
                .busy = link->bucket_busy,
                .bytes = link->bucket_bytes,
            },
    };
    session_record(session, &record, 1);
}

/* The bucket is over, and nothing has begun or ended from its end until `next` begins. */
static void turn_over(struct kv_meter *meter, struct session *session, sim_ps next)
{
    for (uint32_t i = 0; i < meter->link_count; i++) {
        struct kv_link *link = &meter->links[i];
        bool is_busy = link->transfers > 0;
        link->bucket_busy += is_busy ? next - link->busy_since : 0;
        link->busy_since = next;
        if (link->bucket_busy > 0 || link->bucket_bytes > 0)
            record(meter, session, i, is_busy ? next - meter->bucket : LINK_METER_BUCKET);
        link->bucket_busy = 0;
        link->bucket_bytes = 0;
    }
    meter->bucket = next;
}

/* Goes on to the present bucket; returns the time. */
static sim_ps catch_up(struct kv_meter *meter, struct session *session)
{
    sim_ps now = engine_now(session->engine);
    if (now - meter->bucket >= LINK_METER_BUCKET)
        turn_over(meter, session, link_meter_bucket(now));
    return now;
}

void kv_meter_begin(struct kv_meter *meter, struct session *session,
                    const struct crossings *crossings)
{
    if (!session->record_steps)
        return;
    sim_ps now = catch_up(meter, session);
    for (uint32_t i = 0; i < crossings->count; i++) {
        struct kv_link *link = &meter->links[crossings->links[i].link];
        if (link->transfers++ == 0)
            link->busy_since = now;
    }
}

/* A transfer ends in the present bucket. */
static void end_in_bucket(struct kv_meter *meter, struct session *session,
                          const struct crossings *crossings, double bytes)
{
    sim_ps now = catch_up(meter, session);
    for (uint32_t i = 0; i < crossings->count; i++) {
        struct kv_link *link = &meter->links[crossings->links[i].link];
        link->bucket_bytes += bytes * crossings->links[i].routes;
        if (--link->transfers == 0)
            link->bucket_busy += now - link->busy_since;
    }
}

void kv_meter_end(struct kv_meter *meter, struct session *session,
                  const struct crossings *crossings, double bytes)
{
    for (uint32_t i = 0; i < crossings->count; i++)
        meter->links[crossings->links[i].link].bytes += bytes * crossings->links[i].routes;
    if (session->record_steps)
        end_in_bucket(meter, session, crossings, bytes);
}

void kv_meter_flush(struct kv_meter *meter, struct session *session)
{
    if (session->record_steps)
        turn_over(meter, session, meter->bucket + LINK_METER_BUCKET);
}
