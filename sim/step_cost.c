#include "step_cost.h"

#include <string.h>

/* Vocabulary-parallel argmax: each row's best logit and its index go round the group. */
#define SAMPLE_BYTES_PER_ROW 8.0
#define HIDDEN_BYTES 2.0

static double *unset_table(uint32_t count, struct arena *arena)
{
    double *table = arena_calloc(arena, count, sizeof(*table));
    for (uint32_t i = 0; table && i < count; i++)
        table[i] = NAN;
    return table;
}

int step_cost_init(struct step_cost *cost, const struct model *model, const struct gpu *gpu,
                   const struct serving *serving, uint32_t tensor_parallel, struct arena *arena,
                   struct error *error)
{
    struct kernel kernels[LAYER_KERNELS_MAX];
    *cost = (struct step_cost){
        .compute = {.gpu = gpu, .model = model, .tensor_parallel = tensor_parallel},
        .host = &serving->host,
        .tokens_max = serving->max_step_tokens,
        .rows_max = serving->max_sequences,
    };
    cost->layer_kernels = compute_layer_kernels(&cost->compute, 1, kernels);
    cost->layer_compute_s = unset_table(cost->tokens_max + 1, arena);
    cost->head_s = unset_table(cost->rows_max + 1, arena);
    if (!cost->layer_compute_s || !cost->head_s)
        return error_out_of_memory(error, "step costs");
    return 0;
}

static bool same_group(const struct collective_group *a, const struct collective_group *b)
{
    return a->ranks == b->ranks && a->nodes == b->nodes && a->start_s == b->start_s &&
           memcmp(&a->ring, &b->ring, sizeof(a->ring)) == 0 &&
           memcmp(&a->direct, &b->direct, sizeof(a->direct)) == 0 &&
           memcmp(&a->inside, &b->inside, sizeof(a->inside)) == 0 &&
           memcmp(&a->across, &b->across, sizeof(a->across)) == 0;
}

int step_cost_class(struct step_cost *cost, const struct collective_group *group,
                    struct arena *arena, struct error *error)
{
    for (uint32_t i = 0; i < cost->class_count; i++)
        if (same_group(&cost->classes[i].group, group))
            return (int)i;
    if (cost->class_count == GROUP_CLASSES_MAX)
        return error_set(error, ERROR_CONFIG,
                         "the layout's tensor-parallel groups have more than %d kinds of routes",
                         GROUP_CLASSES_MAX);
    struct group_class *class = &cost->classes[cost->class_count];
    class->group = *group;
    class->layer_collective_s = unset_table(cost->tokens_max + 1, arena);
    if (!class->layer_collective_s)
        return error_out_of_memory(error, "step costs");
    return (int)cost->class_count++;
}

static double layer_compute_s(const struct step_cost *cost, uint32_t tokens)
{
    struct kernel kernels[LAYER_KERNELS_MAX];
    uint32_t count = compute_layer_kernels(&cost->compute, tokens, kernels);
    double seconds = 0;
    for (uint32_t i = 0; i < count; i++)
        seconds += compute_kernel_s(&cost->compute, &kernels[i]);
    return seconds;
}

static double all_reduce_bytes(const struct step_cost *cost, double tokens)
{
    return tokens * cost->compute.model->hidden * HIDDEN_BYTES;
}

static double layer_collective_s(const struct step_cost *cost, const struct collective_group *group,
                                 uint32_t tokens)
{
    return 2 * collective_all_reduce_s(group, all_reduce_bytes(cost, tokens), NULL);
}

static double head_s(const struct step_cost *cost, uint32_t rows)
{
    struct kernel norm = compute_final_norm(&cost->compute, rows);
    struct kernel head = compute_lm_head(&cost->compute, rows);
    struct kernel sample = compute_sample(&cost->compute, rows);
    return compute_kernel_s(&cost->compute, &norm) + compute_kernel_s(&cost->compute, &head) +
           compute_kernel_s(&cost->compute, &sample);
}

static double sample_collective_s(const struct step_cost *cost, uint32_t group_class, uint32_t rows)
{
    return collective_all_reduce_s(&cost->classes[group_class].group, rows * SAMPLE_BYTES_PER_ROW,
                                   NULL);
}

/* The kept value for one layer's kernels; a batch over the budget is worked out each time. */
static double cached_layer_compute_s(struct step_cost *cost, uint32_t tokens)
{
    if (tokens > cost->tokens_max)
        return layer_compute_s(cost, tokens);
    if (isnan(cost->layer_compute_s[tokens]))
        cost->layer_compute_s[tokens] = layer_compute_s(cost, tokens);
    return cost->layer_compute_s[tokens];
}

static double cached_layer_collective_s(struct step_cost *cost, uint32_t group_class,
                                        uint32_t tokens)
{
    struct group_class *class = &cost->classes[group_class];
    if (tokens > cost->tokens_max)
        return layer_collective_s(cost, &class->group, tokens);
    if (isnan(class->layer_collective_s[tokens]))
        class->layer_collective_s[tokens] = layer_collective_s(cost, &class->group, tokens);
    return class->layer_collective_s[tokens];
}

static double cached_head_s(struct step_cost *cost, uint32_t rows)
{
    if (rows > cost->rows_max)
        return head_s(cost, rows);
    if (isnan(cost->head_s[rows]))
        cost->head_s[rows] = head_s(cost, rows);
    return cost->head_s[rows];
}

static double decode_attention_s(const struct step_cost *cost, double rows, double context_tokens)
{
    struct kernel kernel = compute_attention_decode(&cost->compute, rows, context_tokens);
    return compute_kernel_s(&cost->compute, &kernel);
}

static double chunk_attention_s(const struct step_cost *cost, const struct chunk *chunk)
{
    struct kernel kernel = compute_attention_prefill(&cost->compute, chunk->start, chunk->length);
    return compute_kernel_s(&cost->compute, &kernel);
}

/* The captured graph's size that the batch replays, or 0. */
static uint32_t graph_tokens(const struct host *host, const struct batch *batch)
{
    if (batch->chunk_count > 0 && !host->graphs_prefill)
        return 0;
    return host_captured_size(host, batch->decode_rows + batch->prefill_tokens);
}

struct step_work step_cost_of(struct step_cost *cost, const struct batch *batch)
{
    const struct host *host = cost->host;
    uint32_t real_tokens = batch->decode_rows + batch->prefill_tokens;
    uint32_t padded = graph_tokens(host, batch);
    uint32_t tokens = padded ? padded : real_tokens;
    uint32_t padding = tokens - real_tokens;
    double compute_s = cached_layer_compute_s(cost, tokens);
    if (batch->decode_rows > 0) /* a row of padding attends to itself */
        compute_s += decode_attention_s(cost, batch->decode_rows + padding,
                                        (double)batch->decode_context_tokens + padding);
    for (uint32_t i = 0; i < batch->chunk_count; i++)
        compute_s += chunk_attention_s(cost, &batch->chunks[i]);

    struct kernel embedding = compute_embedding(&cost->compute, tokens);
    uint32_t rows = batch->decode_rows + batch->chunk_count + (padded ? padding : 0);
    uint32_t launches = cost->layer_kernels + host->launches_layer_extra + batch->chunk_count +
                        (batch->decode_rows > 0);
    return (struct step_work){
        .layer_compute_s = compute_s,
        .embedding_s = compute_kernel_s(&cost->compute, &embedding),
        .head_s = cached_head_s(cost, rows),
        .layer_launch_s = launches * host->launch_s,
        .send_bytes = all_reduce_bytes(cost, tokens) * host->send_tensors,
        .tokens = tokens,
        .rows = rows,
        .graph = padded > 0,
    };
}

struct stage_work step_cost_on_stage(struct step_cost *cost, const struct step_work *work,
                                     const struct stage_part *part)
{
    const struct host *host = cost->host;
    bool parallel = cost->compute.tensor_parallel > 1;
    double compute_s = part->layers * work->layer_compute_s;
    double collective_s =
        parallel ? part->layers * cached_layer_collective_s(cost, part->group_class, work->tokens)
                 : 0;
    double launch_s = host->launch_graph_s;
    if (!work->graph)
        launch_s =
            part->layers * (work->layer_launch_s + (parallel ? 2 * host->launch_collective_s : 0));
    if (part->is_first)
        compute_s += work->embedding_s;
    if (part->is_last) {
        compute_s += work->head_s;
        if (parallel)
            collective_s += sample_collective_s(cost, part->group_class, work->rows);
    }
    return (struct stage_work){
        .compute = sim_ps_from_s(compute_s),
        .collective = sim_ps_from_s(collective_s),
        .launch = sim_ps_from_s(launch_s),
    };
}

double step_cost_ring_bytes(const struct step_cost *cost, const struct step_work *work,
                            const struct stage_part *part)
{
    double ranks = cost->compute.tensor_parallel;
    double buffers = 2 * part->layers * all_reduce_bytes(cost, work->tokens);
    if (part->is_last)
        buffers += work->rows * SAMPLE_BYTES_PER_ROW;
    return 2 * (ranks - 1) / ranks * buffers;
}

struct stage_extras step_cost_extras(struct step_cost *cost, uint32_t group_class, uint32_t rows)
{
    struct kernel embedding = compute_embedding(&cost->compute, rows);
    double first_s = compute_kernel_s(&cost->compute, &embedding);
    double last_s = head_s(cost, rows);
    double layer_s = cached_layer_compute_s(cost, rows) +
                     decode_attention_s(cost, rows, (double)rows * STEP_COST_CONTEXT);
    if (cost->compute.tensor_parallel > 1) {
        layer_s += cached_layer_collective_s(cost, group_class, rows);
        last_s += sample_collective_s(cost, group_class, rows);
    }
    return (struct stage_extras){
        .first_layers = first_s / layer_s,
        .last_layers = last_s / layer_s,
    };
}

static struct step_item kernel_item(const struct step_cost *cost, const struct kernel *kernel)
{
    return (struct step_item){.kind = kernel->kind,
                              .seconds = compute_kernel_s(&cost->compute, kernel)};
}

/* The layer's attention kernels: one for each chunk, one for all decodes. */
static uint32_t attention_items(const struct step_cost *cost, const struct step_work *work,
                                const struct batch *batch, struct step_item *items)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < batch->chunk_count; i++)
        items[count++] = (struct step_item){.kind = SPAN_ATTENTION_PREFILL,
                                            .seconds = chunk_attention_s(cost, &batch->chunks[i])};
    if (batch->decode_rows > 0) {
        uint32_t padding = work->tokens - batch->decode_rows - batch->prefill_tokens;
        double seconds = decode_attention_s(cost, batch->decode_rows + padding,
                                            (double)batch->decode_context_tokens + padding);
        items[count++] = (struct step_item){.kind = SPAN_ATTENTION_DECODE, .seconds = seconds};
    }
    return count;
}

uint32_t step_cost_layer_items(struct step_cost *cost, const struct step_work *work,
                               const struct batch *batch, uint32_t group_class,
                               struct step_item *items)
{
    struct kernel kernels[LAYER_KERNELS_MAX];
    uint32_t kernel_count = compute_layer_kernels(&cost->compute, work->tokens, kernels);
    bool parallel = cost->compute.tensor_parallel > 1;
    struct step_item all_reduce = {.kind = SPAN_ALL_REDUCE};
    if (parallel) {
        all_reduce.seconds = cached_layer_collective_s(cost, group_class, work->tokens) / 2;
        all_reduce.bytes = all_reduce_bytes(cost, work->tokens);
    }
    uint32_t count = 0;
    for (uint32_t i = 0; i < kernel_count; i++) {
        items[count++] = kernel_item(cost, &kernels[i]);
        if (kernels[i].kind == SPAN_ROPE_KV)
            count += attention_items(cost, work, batch, items + count);
        bool row_split = kernels[i].kind == SPAN_OUTPUT || kernels[i].kind == SPAN_DOWN;
        if (parallel && row_split)
            items[count++] = all_reduce;
    }
    return count;
}

uint32_t step_cost_head_items(struct step_cost *cost, const struct step_work *work,
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
                               .seconds = sample_collective_s(cost, group_class, work->rows),
                               .bytes = work->rows * SAMPLE_BYTES_PER_ROW};
    return count;
}
