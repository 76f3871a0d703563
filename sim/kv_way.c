#include "kv_way.h"

/* Divides the model's layers by who prefills and who decodes them. */
static void divide_layers(struct kv_way *way)
{
    uint32_t from_end = way->from->stage_layers[0];
    uint32_t to_end = way->to->stage_layers[0];
    uint32_t from_stage = 0;
    uint32_t to_stage = 0;
    uint32_t layer = 0;
    while (from_stage < way->from->stages && to_stage < way->to->stages) {
        uint32_t end = u32_min(from_end, to_end);
        way->parts[way->part_count++] = (struct kv_part){.from_stage = from_stage,
                                                         .to_stage = to_stage,
                                                         .first_layer = layer,
                                                         .layers = end - layer};
        layer = end;
        if (from_end == end && ++from_stage < way->from->stages)
            from_end += way->from->stage_layers[from_stage];
        if (to_end == end && ++to_stage < way->to->stages)
            to_end += way->to->stage_layers[to_stage];
    }
}

/* Those that send different heads, or get them. */
static uint32_t pairs_of(const struct layout *from, const struct layout *to,
                         const struct model *model)
{
    return u32_max(to->tensor_parallel, u32_min(from->tensor_parallel, model->kv_heads));
}

int kv_way_init(struct kv_way *way, const struct topology *topology, const struct layout *from,
                const struct layout *to, const struct model *model, struct arena *arena,
                struct error *error)
{
    /* A part begins where a stage of either layout does. */
    uint32_t parts_max = from->stages + to->stages - 1;
    *way = (struct kv_way){
        .topology = topology,
        .from = from,
        .to = to,
        .pairs = pairs_of(from, to, model),
        .parts = arena_calloc(arena, parts_max, sizeof(*way->parts)),
    };
    if (!way->parts)
        return error_out_of_memory(error, "KV transfers");
    divide_layers(way);
    return 0;
}

uint32_t kv_way_from_gpu(const struct kv_way *way, uint32_t replica, const struct kv_part *part,
                         uint32_t pair)
{
    const uint32_t *gpus = layout_group(way->from, replica, part->from_stage);
    return gpus[pair * way->from->tensor_parallel / way->pairs];
}

uint32_t kv_way_to_gpu(const struct kv_way *way, uint32_t replica, const struct kv_part *part,
                       uint32_t pair)
{
    const uint32_t *gpus = layout_group(way->to, replica, part->to_stage);
    return gpus[pair * way->to->tensor_parallel / way->pairs];
}

double kv_way_token_layer_bytes(const struct kv_way *way, const struct model *model)
{
    return model_kv_bytes_per_token_layer(model, 1) / u32_min(way->pairs, model->kv_heads);
}

bool kv_way_any_route(const struct kv_way *way, uint32_t from, uint32_t to,
                      bool (*visit)(void *context, const struct route *route), void *context)
{
    for (uint32_t p = 0; p < way->part_count; p++) {
        for (uint32_t pair = 0; pair < way->pairs; pair++) {
            const struct kv_part *part = &way->parts[p];
            struct route route =
                topology_route(way->topology, kv_way_from_gpu(way, from, part, pair),
                               kv_way_to_gpu(way, to, part, pair));
            if (visit(context, &route))
                return true;
        }
    }
    return false;
}
