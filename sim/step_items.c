#include "step_items.h"

static struct step_item kernel_item(const struct step_cost *cost, const struct kernel *kernel)
{
    return (struct step_item){.kind = kernel->kind,
                              .seconds = step_cost_kernel(cost, kernel).seconds};
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
        uint32_t padding = work->tokens - batch->decode_rows - batch->prefill_tokens;
        struct cost decodes = step_cost_decodes(cost, batch->decode_rows + padding,
                                                (double)batch->decode_context_tokens + padding);
        items[count++] =
            (struct step_item){.kind = SPAN_ATTENTION_DECODE, .seconds = decodes.seconds};
    }
    return count;
}

uint32_t step_items_of_layer(struct step_cost *cost, const struct step_work *work,
                             const struct batch *batch, uint32_t group_class,
                             struct step_item *items)
{
    struct kernel kernels[LAYER_KERNELS_MAX];
    uint32_t kernel_count = compute_layer_kernels(&cost->compute, work->tokens, kernels);
    bool parallel = cost->compute.tensor_parallel > 1;
    struct step_item all_reduce = {.kind = SPAN_ALL_REDUCE};
    if (parallel) {
        all_reduce.seconds = step_cost_all_reduce(cost, group_class, work->tokens).seconds;
        all_reduce.bytes = step_cost_all_reduce_bytes(cost, work->tokens);
    }
    uint32_t count = 0;
    for (uint32_t i = 0; i < kernel_count; i++) {
        items[count] = kernel_item(cost, &kernels[i]);
        items[count++].seconds += work->layer_gaps_s / kernel_count;
        if (kernels[i].kind == SPAN_ROPE_KV)
            count += attention_items(cost, work, batch, items + count);
        bool row_split = kernels[i].kind == SPAN_OUTPUT || kernels[i].kind == SPAN_DOWN;
        if (parallel && row_split)
            items[count++] = all_reduce;
    }
    return count;
}

uint32_t step_items_of_head(struct step_cost *cost, const struct step_work *work,
                            uint32_t group_class, struct step_item items[4])
{
    struct kernel kernels[] = {
        compute_final_norm(&cost->compute, work->rows),
        compute_lm_head(&cost->compute, work->rows),
        compute_sample(&cost->compute, work->rows),
    };
    uint32_t count = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(kernels); i++)
        items[count++] = kernel_item(cost, &kernels[i]);
    if (cost->compute.tensor_parallel > 1)
        items[count++] =
            (struct step_item){.kind = SPAN_ALL_REDUCE,
                               .seconds = step_cost_sample(cost, group_class, work->rows).seconds,
                               .bytes = work->rows * STEP_COST_SAMPLE_BYTES};
    return count;
}
