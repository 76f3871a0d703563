#include "kv_cut.h"

int kv_cut_init(struct kv_cut *cut, const struct kv_way *way, struct arena *arena,
                struct error *error)
{
    size_t pairs = (size_t)way->from->replicas * way->to->replicas;
    *cut = (struct kv_cut){
        .way = way,
        .down = arena_calloc(arena, pairs, sizeof(*cut->down)),
        .joined = pairs,
    };
    return cut->down ? 0 : error_out_of_memory(error, "KV transfers");
}

static bool has_link(void *context, const struct route *route)
{
    const uint32_t *link = context;
    for (uint32_t i = 0; i < route->link_count; i++)
        if (route->links[i] == *link)
            return true;
    return false;
}

/* One thing more keeps two replicas apart, or one less. */
static void note_pair(struct kv_cut *cut, uint32_t from, uint32_t to, bool is_down)
{
    uint32_t *down = &cut->down[(size_t)from * cut->way->to->replicas + to];
    cut->joined -= *down == 0;
    if (is_down)
        ++*down;
    else
        --*down;
    cut->joined += *down == 0;
}

void kv_cut_note_link(struct kv_cut *cut, uint32_t link, bool is_down)
{
    for (uint32_t from = 0; from < cut->way->from->replicas; from++)
        for (uint32_t to = 0; to < cut->way->to->replicas; to++)
            if (kv_way_any_route(cut->way, from, to, has_link, &link))
                note_pair(cut, from, to, is_down);
}

void kv_cut_note_replica(struct kv_cut *cut, enum kv_side side, uint32_t index, bool is_down)
{
    for (uint32_t other = 0; other < kv_way_others(cut->way, side); other++)
        note_pair(cut, side == KV_FROM ? index : other, side == KV_FROM ? other : index, is_down);
}

bool kv_cut_isolates(const struct kv_cut *cut, enum kv_side side, uint32_t index)
{
    bool is_joined = cut->joined == 0;
    for (uint32_t other = 0; !is_joined && other < kv_way_others(cut->way, side); other++)
        is_joined =
            side == KV_FROM ? kv_cut_joins(cut, index, other) : kv_cut_joins(cut, other, index);
    return !is_joined;
}
