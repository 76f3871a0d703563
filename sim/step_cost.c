#include "step_cost.h"

double step_cost_exchange_bytes(const struct step_cost *cost, enum exchange exchange, double tokens)
{
    return exchange_bytes(exchange, cost->compute.model, cost->compute.tensor_parallel, tokens);
}

bool step_cost_sums_embedding(const struct step_cost *cost)
{
    return cost->host->shard_embedding && cost->compute.tensor_parallel > 1;
}

enum exchange step_cost_embedding_exchange(const struct step_cost *cost)
{
    return cost->compute.sharding.sequence_parallel ? EXCHANGE_REDUCE_SCATTER : EXCHANGE_ALL_REDUCE;
}

bool step_cost_gathers_rows(const struct step_cost *cost)
{
    return cost->compute.sharding.sequence_parallel && cost->compute.tensor_parallel > 1;
}

static enum kernel_op prefill_op(const struct host *host)
{
    switch (host->prefill_attention) {
    case PREFILL_ATTENTION_FASTEST:
        return KERNEL_ATTENTION_PREFILL;
    case PREFILL_ATTENTION_FLASH2:
        return KERNEL_ATTENTION_PREFILL_FA2;
    case PREFILL_ATTENTION_FLASH3:
        return KERNEL_ATTENTION_PREFILL_FA3;
    }
    return KERNEL_ATTENTION_PREFILL;
}

static enum kernel_op decode_op(const struct host *host)
{
    return host->decode_attention == DECODE_ATTENTION_FLASH3 ? KERNEL_ATTENTION_DECODE_FA3
                                                             : KERNEL_ATTENTION_DECODE;
}

/* Whether each GPU sends its share of hidden states that all of them hold whole. */
static bool sends_scattered(const struct host *host, const struct layout_spec *layout)
{
    return host->send_scattered && layout->pipeline_parallel > 1 && layout->tensor_parallel > 1 &&
           !layout->sharding.sequence_parallel;
}

/* The most that a step comes to, padding counted: its tokens, and its rows of the LM head, which
   are no fewer than its decodes. */
struct extent {
    uint32_t tokens;
    uint32_t rows;
};

static struct extent extent_of(const struct serving *serving)
{
    const struct host *host = &serving->host;
    uint32_t sequences = serving->max_sequences;
    /* a static batch decodes all of its sequences, whatever the budget */
    uint32_t tokens = u32_max(serving->max_step_tokens, sequences);
    uint32_t padded = host->graphs_prefill ? tokens : sequences; /* at the most */
    return (struct extent){
        .tokens = tokens + host_padding_max(host, tokens, tokens),
        .rows = sequences + host_padding_max(host, sequences, padded),
    };
}

/* For the costs by tokens and by rows; none is worked out yet. */
static int make_room(struct step_cost *cost, struct arena *arena, struct error *error)
{
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

static struct compute_setup compute_setup_of(const struct step_cost_setup *setup,
                                             struct extent extent)
{
    const struct serving *serving = setup->serving;
    return (struct compute_setup){
        .gpu = setup->gpu,
        .model = setup->model,
        .tensor_parallel = setup->layout->tensor_parallel,
        .sharding = setup->layout->sharding,
        .table = setup->measured->kernels,
        .prefill_op = prefill_op(&serving->host),
        .decode_op = decode_op(&serving->host),
        .measured_gap_s = serving->host.kernel_gap_s,
        .tokens_max = extent.tokens,
        .sequences_max = extent.rows,
        .context_max = setup->context_max,
    };
}

static struct group_cost_setup group_setup_of(const struct step_cost_setup *setup,
                                              struct extent extent)
{
    const struct serving *serving = setup->serving;
    return (struct group_cost_setup){
        .model = setup->model,
        .sharding = setup->layout->sharding,
        .table = setup->measured->collectives,
        .custom_all_reduce = serving->host.custom_all_reduce,
        .gathers_input = sends_scattered(&serving->host, setup->layout),
        .overlap_s = serving->host.collective_overlap_s,
        .scale = setup->scale,
        .tokens_max = extent.tokens,
        .rows_max = extent.rows,
    };
}

int step_cost_init(struct step_cost *cost, const struct step_cost_setup *setup, struct arena *arena,
                   struct error *error)
{
    const struct host *host = &setup->serving->host;
    const struct sharding *sharding = &setup->layout->sharding;
    uint32_t ranks = setup->layout->tensor_parallel;
    struct extent extent = extent_of(setup->serving);
    struct compute_setup compute_setup = compute_setup_of(setup, extent);
    struct kernel kernels[LAYER_KERNELS_MAX];
    *cost = (struct step_cost){
        .host = host,
        .group = group_setup_of(setup, extent),
        .tokens_max = extent.tokens,
        .rows_max = extent.rows,
        .slowest = host_slowest(host, ranks),
        .launch_graph = sim_ps_from_s(host->launch_graph_s),
    };
    int status = compute_init(&cost->compute, &compute_setup, arena, error);
    if (status < 0)
        return status;
    cost->receive = sim_ps_from_s(cost->slowest * host->receive_s);
    cost->layer_kernels = compute_layer_kernels(&cost->compute, 1, kernels);
    cost->exchange_count = exchange_places(setup->model, sharding, ranks, cost->exchanges);
    return make_room(cost, arena, error);
}

static bool same_path(struct alpha_beta a, struct alpha_beta b)
{
    return a.alpha_s == b.alpha_s && a.bytes_per_s == b.bytes_per_s;
}

static bool same_group(const struct collective_group *a, const struct collective_group *b)
{
    return a->ranks == b->ranks && a->nodes == b->nodes && a->start_s == b->start_s &&
           a->simple_start_s == b->simple_start_s && same_path(a->ring, b->ring) &&
           same_path(a->direct, b->direct) && same_path(a->inside, b->inside) &&
           same_path(a->across, b->across) && same_path(a->spread, b->spread) &&
           same_path(a->reduce, b->reduce);
}

bool step_cost_measures_sums(const struct step_cost *cost)
{
    for (uint32_t i = 0; i < cost->class_count; i++) {
        const struct cost_grid *const *measured = cost->classes[i].measured;
        if (measured[EXCHANGE_ALL_REDUCE] || measured[EXCHANGE_REDUCE_SCATTER])
            return true;
    }
    return false;
}

int step_cost_class(struct step_cost *cost, const struct collective_group *group,
                    const struct group_links *links, struct arena *arena, struct error *error)
{
    for (uint32_t i = 0; i < cost->class_count; i++)
        if (same_group(&cost->classes[i].group, group))
            return (int)i;
    if (cost->class_count == GROUP_CLASSES_MAX)
        return error_set_key(
            error, "layout",
            "the layout's tensor-parallel groups have more than %d kinds of routes",
            GROUP_CLASSES_MAX);
    int status = group_cost_init(&cost->classes[cost->class_count], &cost->group, group, links,
                                 arena, error);
    return status < 0 ? status : (int)cost->class_count++;
}

struct cost step_cost_kernel(const struct step_cost *cost, const struct kernel *kernel)
{
    struct cost of = compute_kernel(&cost->compute, kernel);
    of.seconds *= cost->group.scale;
    return of;
}

double step_cost_hot_s(const struct step_cost *cost, const struct kernel *kernel, double seconds)
{
    return compute_hot_share(&cost->compute, kernel) * seconds;
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
        of.layer_hot_s += step_cost_hot_s(cost, &kernels[i], kernel.seconds);
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
        of.hot_s += step_cost_hot_s(cost, &kernels[i], kernel.seconds);
        cost_sum_add(&of.sum, kernel, 1);
    }
    return of;
}

struct token_cost *step_cost_tokens(struct step_cost *cost, uint32_t tokens)
{
    struct token_cost *kept = &cost->tokens[u32_min(tokens, cost->tokens_max + 1)];
    if (isnan(kept->layer_s) || tokens > cost->tokens_max) {
        cost_sum_merge(&cost->overwritten, &kept->layer, kept->uses * cost->compute.model->layers);
        *kept = token_cost_of(cost, tokens);
    }
    return kept;
}

struct head_cost *step_cost_head(struct step_cost *cost, uint32_t rows)
{
    struct head_cost *kept = &cost->heads[u32_min(rows, cost->rows_max + 1)];
    if (isnan(kept->seconds) || rows > cost->rows_max) {
        cost_sum_merge(&cost->overwritten, &kept->sum, kept->uses);
        *kept = head_cost_of(cost, rows);
    }
    return kept;
}

struct cost step_cost_decodes(const struct step_cost *cost, const struct batch *batch,
                              uint32_t padding)
{
    double rows = batch->decode_rows;
    double context_tokens = (double)batch->decode_context_tokens;
    struct kernel kernel = /* a row of padding attends to itself */
        compute_attention_decode(&cost->compute, rows + padding, context_tokens + padding);
    kernel.beside = cost->host->mixed_attention ? batch->prefill_tokens : 0;
    return step_cost_kernel(cost, &kernel);
}

struct cost step_cost_chunk(const struct step_cost *cost, const struct chunk *chunk)
{
    struct kernel kernel = compute_attention_prefill(&cost->compute, chunk->start, chunk->length);
    return step_cost_kernel(cost, &kernel);
}

struct cost step_cost_exchange(struct step_cost *cost, uint32_t group_class, enum exchange exchange,
                               uint32_t tokens)
{
    return group_cost_exchange(&cost->classes[group_class], exchange, tokens, 0)->cost;
}

struct cost step_cost_input(struct step_cost *cost, uint32_t group_class, uint32_t tokens)
{
    return group_cost_input(&cost->classes[group_class], tokens, 0)->cost;
}

struct cost step_cost_sample(struct step_cost *cost, uint32_t group_class, uint32_t rows)
{
    return group_cost_sample(&cost->classes[group_class], rows, 0)->cost;
}

struct cost_sum step_cost_spent(const struct step_cost *cost)
{
    uint64_t layers = cost->compute.model->layers;
    struct cost_sum spent = cost->overwritten;
    cost_sum_merge(&spent, &cost->attention, layers);
    for (uint32_t i = 0; i <= cost->tokens_max + 1; i++)
        cost_sum_merge(&spent, &cost->tokens[i].layer, cost->tokens[i].uses * layers);
    for (uint32_t i = 0; i <= cost->rows_max + 1; i++)
        cost_sum_merge(&spent, &cost->heads[i].sum, cost->heads[i].uses);
    for (uint32_t i = 0; i < cost->class_count; i++)
        group_cost_add_spent(&cost->classes[i], &spent);
    return spent;
}

struct stage_extras step_cost_extras(struct step_cost *cost, uint32_t group_class, uint32_t rows)
{
    struct batch decodes = {.decode_rows = rows,
                            .decode_context_tokens = (uint64_t)rows * STEP_COST_CONTEXT};
    double layer_s =
        step_cost_tokens(cost, rows)->layer_s + step_cost_decodes(cost, &decodes, 0).seconds;
    double last_s = step_cost_head(cost, rows)->seconds;
    double first_s = step_cost_tokens(cost, rows)->embedding_s;
    double later_s = 0;
    if (step_cost_sums_embedding(cost))
        first_s +=
            step_cost_exchange(cost, group_class, step_cost_embedding_exchange(cost), rows).seconds;
    if (cost->group.gathers_input)
        later_s = cost->host->send_tensors * step_cost_input(cost, group_class, rows).seconds;
    for (uint32_t i = 0; i < cost->exchange_count; i++)
        layer_s += step_cost_exchange(cost, group_class, cost->exchanges[i].exchange, rows).seconds;
    if (step_cost_gathers_rows(cost))
        last_s += step_cost_exchange(cost, group_class, EXCHANGE_ALL_GATHER, rows).seconds;
    if (cost->compute.tensor_parallel > 1)
        last_s += step_cost_sample(cost, group_class, rows).seconds;
    return (struct stage_extras){
        .first_layers = first_s / layer_s,
        .last_layers = last_s / layer_s,
        .later_layers = later_s / layer_s,
    };
}
