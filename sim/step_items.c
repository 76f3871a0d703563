#include "step_items.h"

static struct step_item kernel_item(const struct step_cost *cost, const struct kernel *kernel)
{
    double seconds = step_cost_kernel(cost, kernel).seconds;
    return (struct step_item){
        .kind = kernel->kind, .seconds = seconds, .hot_s = step_cost_hot_s(cost, kernel, seconds)};
}

/* The layer's attention kernels: one for each chunk, one for all decodes. */
static uint32_t attention_items(const struct step_cost *cost, const struct step_work *work,
                                const struct batch *batch, struct step_item *items)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < batch->chunk_count; i++)
        items[count++] =
            (struct step_item){.kind = SPAN_ATTENTION_PREFILL,
                               .seconds = step_cost_chunk(cost, &batch->chunks[i]).seconds};
    if (batch->decode_rows > 0) {
        struct cost decodes = step_cost_decodes(cost, batch, work->padding);
        items[count++] =
            (struct step_item){.kind = SPAN_ATTENTION_DECODE, .seconds = decodes.seconds};
    }
    return count;
}

static struct step_item exchange_item(struct step_cost *cost, uint32_t group_class,
                                      enum exchange exchange, uint32_t tokens)
{
    return (struct step_item){
        .kind = exchange_span(exchange),
        .seconds = step_cost_exchange(cost, group_class, exchange, tokens).seconds,
        .bytes = step_cost_exchange_bytes(cost, exchange, tokens),
    };
}

/* The layer's collectives that stand before or after its kernel of that kind. */
static uint32_t exchange_items(struct step_cost *cost, const struct step_work *work,
                               uint32_t group_class, enum span_kind kernel, bool is_before,
                               struct step_item *items)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < cost->exchange_count; i++) {
        const struct exchange_place *place = &cost->exchanges[i];
        if (place->kernel == kernel && place->is_before == is_before)
            items[count++] = exchange_item(cost, group_class, place->exchange, work->tokens);
    }
    return count;
}

uint32_t step_items_of_layer(struct step_cost *cost, const struct step_work *work,
                             const struct batch *batch, uint32_t group_class,
                             struct step_item *items)
{
    struct kernel kernels[LAYER_KERNELS_MAX];
    uint32_t kernel_count = compute_layer_kernels(&cost->compute, work->tokens, kernels);
    uint32_t count = 0;
    for (uint32_t i = 0; i < kernel_count; i++) {
        enum span_kind kind = kernels[i].kind;
        count += exchange_items(cost, work, group_class, kind, true, items + count);
        items[count] = kernel_item(cost, &kernels[i]);
        items[count++].seconds += work->layer_gaps_s / kernel_count;
        if (kind == SPAN_ROPE_KV)
            count += attention_items(cost, work, batch, items + count);
        count += exchange_items(cost, work, group_class, kind, false, items + count);
    }
    return count;
}

uint32_t step_items_of_embedding(struct step_cost *cost, const struct step_work *work,
                                 uint32_t group_class, struct step_item items[EMBEDDING_ITEMS_MAX])
{
    uint32_t count = 0;
    items[count++] = (struct step_item){.kind = SPAN_EMBEDDING, .seconds = work->embedding_s};
    if (step_cost_sums_embedding(cost))
        items[count++] =
            exchange_item(cost, group_class, step_cost_embedding_exchange(cost), work->tokens);
    return count;
}

struct step_item step_item_of_input(struct step_cost *cost, const struct step_work *work,
                                    uint32_t group_class)
{
    return (struct step_item){
        .kind = SPAN_ALL_GATHER,
        .seconds = step_cost_input(cost, group_class, work->tokens).seconds,
        .bytes = step_cost_exchange_bytes(cost, EXCHANGE_ALL_REDUCE, work->tokens),
    };
}

uint32_t step_items_of_head(struct step_cost *cost, const struct step_work *work,
                            uint32_t group_class, struct step_item items[HEAD_ITEMS_MAX])
{
    struct kernel norm = compute_final_norm(&cost->compute, work->rows);
    struct kernel lm_head = compute_lm_head(&cost->compute, work->rows);
    struct kernel sample = compute_sample(&cost->compute, work->rows);
    uint32_t count = 0;
    items[count++] = kernel_item(cost, &norm);
    if (step_cost_gathers_rows(cost))
        items[count++] = exchange_item(cost, group_class, EXCHANGE_ALL_GATHER, work->rows);
    items[count++] = kernel_item(cost, &lm_head);
    items[count++] = kernel_item(cost, &sample);
    if (cost->compute.tensor_parallel > 1)
        items[count++] =
            (struct step_item){.kind = SPAN_ALL_REDUCE,
                               .seconds = step_cost_sample(cost, group_class, work->rows).seconds,
                               .bytes = work->rows * GROUP_COST_SAMPLE_BYTES};
    return count;
}
