#include "step_cost.h"

#define HIDDEN_BYTES 2.0

/* Of the hidden states of `tokens` tokens: what an all-reduce sums, and a stage sends. */
double step_cost_all_reduce_bytes(const struct step_cost *cost, double tokens)
{
    return tokens * cost->compute.model->hidden * HIDDEN_BYTES;
}

static void cost_sum_add(struct cost_sum *sum, struct cost cost, double times)
{
    sum->by_provenance[cost.provenance] += cost.seconds * times;
}

/* Adds `from`, `times` over. */
static void cost_sum_merge(struct cost_sum *sum, const struct cost_sum *from, double times)
{
    for (size_t i = 0; i < COST_PROVENANCE_COUNT; i++)
        sum->by_provenance[i] += from->by_provenance[i] * times;
}

static enum kernel_op prefill_op(const struct host *host)
{
    return host->prefill_attention == PREFILL_ATTENTION_FLASH2 ? KERNEL_ATTENTION_PREFILL_FA2
                                                               : KERNEL_ATTENTION_PREFILL;
}

int step_cost_init(struct step_cost *cost, const struct model *model, const struct gpu *gpu,
                   const struct serving *serving, const struct measured *measured,
                   uint32_t tensor_parallel, uint32_t context_max, double scale,
                   struct arena *arena, struct error *error)
{
    struct compute_setup setup = {
        .gpu = gpu,
        .model = model,
        .tensor_parallel = tensor_parallel,
        .table = measured->kernels,
        .prefill_op = prefill_op(&serving->host),
        .measured_gap_s = serving->host.kernel_gap_s,
        .tokens_max = serving->max_step_tokens,
        .sequences_max = serving->max_sequences,
        .context_max = context_max,
    };
    struct kernel kernels[LAYER_KERNELS_MAX];
    *cost = (struct step_cost){
        .host = &serving->host,
        .table = measured->collectives,
        .scale = scale,
        .tokens_max = serving->max_step_tokens,
        .rows_max = serving->max_sequences,
        .prepare = sim_ps_from_s(serving->host.prepare_s),
        .prepare_receiving = sim_ps_from_s(serving->host.prepare_s + serving->host.receive_s),
        .launch_graph = sim_ps_from_s(serving->host.launch_graph_s),
    };
    int rc = compute_init(&cost->compute, &setup, arena, error);
    if (rc < 0)
        return rc;
    cost->layer_kernels = compute_layer_kernels(&cost->compute, 1, kernels);
    cost->tokens = arena_calloc(arena, (size_t)cost->tokens_max + 2, sizeof(*cost->tokens));
    cost->heads = arena_calloc(arena, (size_t)cost->rows_max + 2, sizeof(*cost->heads));
    if (!cost->tokens || !cost->heads)
        return error_out_of_memory(error, "step costs");
    for (uint32_t i = 0; i <= cost->tokens_max + 1; i++)
        cost->tokens[i].layer_s = NAN;
    for (uint32_t i = 0; i <= cost->rows_max + 1; i++)
        cost->heads[i].seconds = NAN;
    return 0;
}

static bool same_path(struct alpha_beta a, struct alpha_beta b)
{
    return a.alpha_s == b.alpha_s && a.bytes_per_s == b.bytes_per_s;
}

static bool same_group(const struct collective_group *a, const struct collective_group *b)
{
    return a->ranks == b->ranks && a->nodes == b->nodes && a->start_s == b->start_s &&
           same_path(a->ring, b->ring) && same_path(a->direct, b->direct) &&
           same_path(a->inside, b->inside) && same_path(a->across, b->across);
}

/* A table whose best rate is further than this above the group's own is of other links. */
#define FASTER_THAN_LINKS_MAX 1.5

/* The measured costs of one operation over the group; NULL where none can be of its links. */
static int prepare_measured(const struct step_cost *cost, const struct collective_group *group,
                            struct collective_kind kind, const struct cost_grid **grid,
                            struct arena *arena, struct error *error)
{
    const struct collective_table *table = cost->table;
    if (!table || group->nodes > 1 || group->ranks < 2 || !collective_table_covers(table, &kind) ||
        collective_table_rate(table, &kind) > FASTER_THAN_LINKS_MAX * group->ring.bytes_per_s)
        return 0;
    struct cost_grid *prepared = arena_calloc(arena, 1, sizeof(*prepared));
    if (!prepared)
        return error_out_of_memory(error, "collective times");
    *grid = prepared;
    return collective_table_prepare(table, &kind, group->ranks,
                                    step_cost_all_reduce_bytes(cost, cost->tokens_max), arena,
                                    prepared, error);
}

/* Entries for 0 to `max`, and one for what is larger. */
static struct reduce_cost *unset_reduces(uint32_t max, struct arena *arena)
{
    struct reduce_cost *reduces = arena_calloc(arena, (size_t)max + 2, sizeof(*reduces));
    for (uint32_t i = 0; reduces && i <= max + 1; i++)
        reduces[i].cost.seconds = NAN;
    return reduces;
}

static int class_init(const struct step_cost *cost, struct group_class *class,
                      enum collective_fabric fabric, struct arena *arena, struct error *error)
{
    struct collective_kind kind = {COLLECTIVE_OP_ALL_REDUCE, fabric, true};
    int rc = prepare_measured(cost, &class->group, kind, &class->measured, arena, error);
    if (rc < 0)
        return rc;
    kind.op = COLLECTIVE_OP_CUSTOM_ALL_REDUCE;
    if (cost->host->custom_all_reduce)
        rc = prepare_measured(cost, &class->group, kind, &class->custom, arena, error);
    if (rc < 0)
        return rc;
    class->all_reduces = unset_reduces(cost->tokens_max, arena);
    class->samples = unset_reduces(cost->rows_max, arena);
    return class->all_reduces && class->samples ? 0 : error_out_of_memory(error, "step costs");
}

int step_cost_class(struct step_cost *cost, const struct collective_group *group,
                    enum collective_fabric fabric, struct arena *arena, struct error *error)
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
    int rc = class_init(cost, class, fabric, arena, error);
    return rc < 0 ? rc : (int)cost->class_count++;
}

struct cost step_cost_kernel(const struct step_cost *cost, const struct kernel *kernel)
{
    struct cost of = compute_kernel(&cost->compute, kernel);
    of.seconds *= cost->scale;
    return of;
}

static struct token_cost token_cost_of(const struct step_cost *cost, uint32_t tokens)
{
    struct kernel kernels[LAYER_KERNELS_MAX];
    uint32_t count = compute_layer_kernels(&cost->compute, tokens, kernels);
    struct kernel embedding = compute_embedding(&cost->compute, tokens);
    struct token_cost of = {.embedding_s = step_cost_kernel(cost, &embedding).seconds};
    for (uint32_t i = 0; i < count; i++) {
        struct cost kernel = step_cost_kernel(cost, &kernels[i]);
        of.layer_s += kernel.seconds;
        cost_sum_add(&of.layer, kernel, 1);
    }
    return of;
}

static struct head_cost head_cost_of(const struct step_cost *cost, uint32_t rows)
{
    struct kernel kernels[] = {
        compute_final_norm(&cost->compute, rows),
        compute_lm_head(&cost->compute, rows),
        compute_sample(&cost->compute, rows),
    };
    struct head_cost of = {.seconds = 0};
    for (size_t i = 0; i < ARRAY_LENGTH(kernels); i++) {
        struct cost kernel = step_cost_kernel(cost, &kernels[i]);
        of.seconds += kernel.seconds;
        cost_sum_add(&of.sum, kernel, 1);
    }
    return of;
}

/* An all-reduce of `bytes`: measured where it was, the faster where the engine has two ways. */
static struct cost group_all_reduce(const struct group_class *class, double bytes)
{
    if (!class->measured) {
        double seconds = collective_all_reduce_s(&class->group, bytes, NULL);
        return (struct cost){.seconds = seconds, .provenance = COST_ESTIMATED};
    }
    struct cost nccl = cost_grid_at(class->measured, bytes, 1);
    if (!class->custom)
        return nccl;
    struct cost custom = cost_grid_at(class->custom, bytes, 1);
    return custom.seconds < nccl.seconds ? custom : nccl;
}

static struct cost all_reduce_of(const struct step_cost *cost, const struct group_class *class,
                                 double bytes)
{
    struct cost of = group_all_reduce(class, bytes);
    of.seconds *= cost->scale;
    return of;
}

/* What is kept of a number of tokens; over the budget there is one entry, made anew each time. */
static struct token_cost *kept_tokens(struct step_cost *cost, uint32_t tokens)
{
    struct token_cost *kept = &cost->tokens[u32_min(tokens, cost->tokens_max + 1)];
    if (isnan(kept->layer_s) || tokens > cost->tokens_max) {
        cost_sum_merge(&cost->overwritten, &kept->layer,
                       (double)kept->uses * cost->compute.model->layers);
        *kept = token_cost_of(cost, tokens);
    }
    return kept;
}

static struct head_cost *kept_head(struct step_cost *cost, uint32_t rows)
{
    struct head_cost *kept = &cost->heads[u32_min(rows, cost->rows_max + 1)];
    if (isnan(kept->seconds) || rows > cost->rows_max) {
        cost_sum_merge(&cost->overwritten, &kept->sum, (double)kept->uses);
        *kept = head_cost_of(cost, rows);
    }
    return kept;
}

/* The entry for `index`, which stands for `bytes`; `is_kept` where it has one of its own. */
static struct reduce_cost *kept_reduce(struct step_cost *cost, const struct group_class *class,
                                       struct reduce_cost *kept, double bytes, bool is_kept)
{
    if (isnan(kept->cost.seconds) || !is_kept) {
        if (kept->uses > 0)
            cost_sum_add(&cost->overwritten, kept->cost, (double)kept->uses);
        *kept = (struct reduce_cost){.cost = all_reduce_of(cost, class, bytes)};
    }
    return kept;
}

static struct reduce_cost *kept_all_reduce(struct step_cost *cost, uint32_t group_class,
                                           uint32_t tokens)
{
    const struct group_class *class = &cost->classes[group_class];
    struct reduce_cost *kept = &class->all_reduces[u32_min(tokens, cost->tokens_max + 1)];
    return kept_reduce(cost, class, kept, step_cost_all_reduce_bytes(cost, tokens),
                       tokens <= cost->tokens_max);
}

static struct reduce_cost *kept_sample(struct step_cost *cost, uint32_t group_class, uint32_t rows)
{
    const struct group_class *class = &cost->classes[group_class];
    struct reduce_cost *kept = &class->samples[u32_min(rows, cost->rows_max + 1)];
    return kept_reduce(cost, class, kept, rows * STEP_COST_SAMPLE_BYTES, rows <= cost->rows_max);
}

struct cost step_cost_decodes(const struct step_cost *cost, double rows, double context_tokens)
{
    struct kernel kernel = compute_attention_decode(&cost->compute, rows, context_tokens);
    return step_cost_kernel(cost, &kernel);
}

struct cost step_cost_chunk(const struct step_cost *cost, const struct chunk *chunk)
{
    struct kernel kernel = compute_attention_prefill(&cost->compute, chunk->start, chunk->length);
    return step_cost_kernel(cost, &kernel);
}

struct cost step_cost_all_reduce(struct step_cost *cost, uint32_t group_class, uint32_t tokens)
{
    return kept_all_reduce(cost, group_class, tokens)->cost;
}

struct cost step_cost_sample(struct step_cost *cost, uint32_t group_class, uint32_t rows)
{
    return kept_sample(cost, group_class, rows)->cost;
}

/* The captured graph's size that the batch replays, or 0. */
static uint32_t graph_tokens(const struct host *host, const struct batch *batch)
{
    if (batch->chunk_count > 0 && !host->graphs_prefill)
        return 0;
    return host_captured_size(host, batch->decode_rows + batch->prefill_tokens);
}

/* One layer's attention: each chunk on its own, the decodes together. */
static double attention_s(struct step_cost *cost, const struct batch *batch, uint32_t padding)
{
    double seconds = 0;
    if (batch->decode_rows > 0) { /* a row of padding attends to itself */
        struct cost decodes = step_cost_decodes(cost, batch->decode_rows + padding,
                                                (double)batch->decode_context_tokens + padding);
        seconds += decodes.seconds;
        cost_sum_add(&cost->attention, decodes, 1);
    }
    for (uint32_t i = 0; i < batch->chunk_count; i++) {
        struct cost chunk = step_cost_chunk(cost, &batch->chunks[i]);
        seconds += chunk.seconds;
        cost_sum_add(&cost->attention, chunk, 1);
    }
    return seconds;
}

/* Kernels and launches of one layer. */
static uint32_t layer_launches(const struct step_cost *cost, const struct batch *batch)
{
    return cost->layer_kernels + cost->host->launches_layer_extra + batch->chunk_count +
           (batch->decode_rows > 0);
}

struct step_work step_cost_of(struct step_cost *cost, const struct batch *batch,
                              struct seen_shapes *seen)
{
    const struct host *host = cost->host;
    uint32_t real_tokens = batch->decode_rows + batch->prefill_tokens;
    uint32_t padded = graph_tokens(host, batch);
    uint32_t tokens = padded ? padded : real_tokens;
    uint32_t padding = tokens - real_tokens;
    uint32_t rows = batch->decode_rows + batch->chunk_count + padding;
    struct token_cost *of_tokens = kept_tokens(cost, tokens);
    struct head_cost *of_head = kept_head(cost, rows);
    of_tokens->uses++;
    of_head->uses++;
    uint32_t launches = layer_launches(cost, batch);
    double gap_s = host->kernel_gap_eager_s - host->kernel_gap_s;
    return (struct step_work){
        .layer_compute_s = of_tokens->layer_s + attention_s(cost, batch, padding),
        .layer_gaps_s = padded ? 0 : launches * gap_s,
        .embedding_s = of_tokens->embedding_s,
        .head_s = of_head->seconds,
        .layer_launch_s = launches * host->launch_s,
        .send_bytes = step_cost_all_reduce_bytes(cost, tokens) * host->send_tensors,
        .tokens = tokens,
        .rows = rows,
        .graph = padded > 0,
        .stall_s = seen && !padded ? seen_shapes_learn_s(seen, host, tokens) : 0,
    };
}

/* A stage's collectives: two all-reduces a layer, and the last stage's sampled tokens. */
static double collectives_s(struct step_cost *cost, const struct step_work *work,
                            const struct stage_part *part)
{
    struct reduce_cost *all_reduce = kept_all_reduce(cost, part->group_class, work->tokens);
    double seconds = 2 * part->layers * all_reduce->cost.seconds;
    all_reduce->uses += 2 * part->layers;
    if (part->is_last) {
        struct reduce_cost *sample = kept_sample(cost, part->group_class, work->rows);
        seconds += sample->cost.seconds;
        sample->uses++;
    }
    return seconds;
}

/* The host's launches of a stage's part of a step that replays no graph. */
static double eager_launch_s(const struct step_cost *cost, const struct step_work *work,
                             const struct stage_part *part)
{
    uint32_t collectives = cost->compute.tensor_parallel > 1 ? 2 : 0;
    return part->layers * (work->layer_launch_s + collectives * cost->host->launch_collective_s);
}

struct stage_work step_cost_on_stage(struct step_cost *cost, const struct step_work *work,
                                     const struct stage_part *part)
{
    double compute_s = part->layers * (work->layer_compute_s + work->layer_gaps_s);
    if (part->is_first)
        compute_s += work->embedding_s;
    if (part->is_last)
        compute_s += work->head_s;
    struct stage_work of = {
        .compute = sim_ps_from_s(compute_s),
        .prepare = part->is_first ? cost->prepare : cost->prepare_receiving,
        .launch = cost->launch_graph,
    };
    if (cost->compute.tensor_parallel > 1)
        of.collective = sim_ps_from_s(collectives_s(cost, work, part));
    if (!work->graph) {
        of.launch = sim_ps_from_s(eager_launch_s(cost, work, part));
        of.stall = sim_ps_from_s(work->stall_s);
    }
    return of;
}

/* Adds a class's all-reduces. */
static void add_reduces(struct cost_sum *sum, const struct reduce_cost *reduces, uint32_t max)
{
    for (uint32_t i = 0; i <= max + 1; i++)
        if (reduces[i].uses > 0)
            cost_sum_add(sum, reduces[i].cost, (double)reduces[i].uses);
}

struct cost_sum step_cost_spent(const struct step_cost *cost)
{
    double layers = cost->compute.model->layers;
    struct cost_sum spent = cost->overwritten;
    cost_sum_merge(&spent, &cost->attention, layers);
    for (uint32_t i = 0; i <= cost->tokens_max + 1; i++)
        cost_sum_merge(&spent, &cost->tokens[i].layer, (double)cost->tokens[i].uses * layers);
    for (uint32_t i = 0; i <= cost->rows_max + 1; i++)
        cost_sum_merge(&spent, &cost->heads[i].sum, (double)cost->heads[i].uses);
    for (uint32_t i = 0; i < cost->class_count; i++) {
        add_reduces(&spent, cost->classes[i].all_reduces, cost->tokens_max);
        add_reduces(&spent, cost->classes[i].samples, cost->rows_max);
    }
    return spent;
}

double step_cost_ring_bytes(const struct step_cost *cost, const struct step_work *work,
                            const struct stage_part *part)
{
    uint32_t ranks = cost->compute.tensor_parallel;
    double buffers = 2 * part->layers * step_cost_all_reduce_bytes(cost, work->tokens);
    if (part->is_last)
        buffers += work->rows * STEP_COST_SAMPLE_BYTES;
    return 2.0 * (ranks - 1) / ranks * buffers;
}

struct stage_extras step_cost_extras(struct step_cost *cost, uint32_t group_class, uint32_t rows)
{
    double context_tokens = (double)rows * STEP_COST_CONTEXT;
    double layer_s =
        kept_tokens(cost, rows)->layer_s + step_cost_decodes(cost, rows, context_tokens).seconds;
    double last_s = kept_head(cost, rows)->seconds;
    if (cost->compute.tensor_parallel > 1) {
        layer_s += 2 * kept_all_reduce(cost, group_class, rows)->cost.seconds;
        last_s += kept_sample(cost, group_class, rows)->cost.seconds;
    }
    return (struct stage_extras){
        .first_layers = kept_tokens(cost, rows)->embedding_s / layer_s,
        .last_layers = last_s / layer_s,
    };
}
