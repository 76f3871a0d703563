#include "step_cost.h"

double step_cost_exchange_bytes(const struct step_cost *cost, enum exchange exchange, double tokens)
{
    return exchange_bytes(exchange, cost->compute.model, cost->compute.tensor_parallel, tokens);
}

uint32_t step_cost_input_gathers(const struct step_cost *cost, const struct stage_part *part)
{
    return cost->group.gathers_input && !part->is_first ? cost->host->send_tensors : 0;
}

bool step_cost_gathers_rows(const struct step_cost *cost)
{
    return cost->compute.sharding.sequence_parallel && cost->compute.tensor_parallel > 1;
}

static enum kernel_op prefill_op(const struct host *host)
{
    return host->prefill_attention == PREFILL_ATTENTION_FLASH2 ? KERNEL_ATTENTION_PREFILL_FA2
                                                               : KERNEL_ATTENTION_PREFILL;
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
    int rc = compute_init(&cost->compute, &compute_setup, arena, error);
    if (rc < 0)
        return rc;
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
    int rc = group_cost_init(&cost->classes[cost->class_count], &cost->group, group, links, arena,
                             error);
    return rc < 0 ? rc : (int)cost->class_count++;
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

/* What is kept of a number of tokens; over the budget there is one entry, made anew each time. */
static struct token_cost *kept_tokens(struct step_cost *cost, uint32_t tokens)
{
    struct token_cost *kept = &cost->tokens[u32_min(tokens, cost->tokens_max + 1)];
    if (isnan(kept->layer_s) || tokens > cost->tokens_max) {
        cost_sum_merge(&cost->overwritten, &kept->layer, kept->uses * cost->compute.model->layers);
        *kept = token_cost_of(cost, tokens);
    }
    return kept;
}

static struct head_cost *kept_head(struct step_cost *cost, uint32_t rows)
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

/* The captured graph's size that the batch replays, or 0. */
static uint32_t graph_tokens(const struct host *host, const struct batch *batch)
{
    if (batch->chunk_count > 0 && !host->graphs_prefill)
        return 0;
    return host_captured_size(host, batch->decode_rows + batch->prefill_tokens);
}

/* As step_cost_decodes(), of decodes that nothing computes beside. */
static struct cost decodes_alone(const struct step_cost *cost, const struct batch *batch,
                                 struct step_work *work)
{
    double rows = (double)batch->decode_rows + work->padding;
    double context_tokens = (double)batch->decode_context_tokens + work->padding;
    struct cost of = compute_decode(&cost->compute, &work->decodes, rows, context_tokens);
    of.seconds *= cost->group.scale;
    return of;
}

/* One layer's attention: each chunk on its own, the decodes together. */
static double attention_s(struct step_cost *cost, const struct batch *batch, struct step_work *work)
{
    double seconds = 0;
    if (batch->decode_rows > 0) {
        bool is_beside = cost->host->mixed_attention && batch->prefill_tokens > 0;
        struct cost decodes = is_beside ? step_cost_decodes(cost, batch, work->padding)
                                        : decodes_alone(cost, batch, work);
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

static struct host_launches layer_launches(const struct step_cost *cost, const struct batch *batch)
{
    struct host_launches launches = {
        .kernels = cost->layer_kernels + cost->host->launches_layer_extra,
        .decodes = batch->decode_rows > 0,
        .chunks = batch->chunk_count,
    };
    for (uint32_t i = 0; i < batch->chunk_count; i++)
        launches.histories += batch->chunks[i].start > 0;
    return launches;
}

/* What kernels of a layer that replays no graph wait for each other beyond those of one. */
static double eager_gaps_s(const struct host *host, const struct host_launches *launches)
{
    uint32_t kernels = launches->kernels + launches->decodes + launches->chunks;
    return kernels * (host->kernel_gap_eager_s - host->kernel_gap_s);
}

/* The process's part before the first kernel. */
static double prepare_s(const struct host *host, const struct batch *batch)
{
    uint32_t requests = batch->decode_rows + batch->chunk_count;
    return host->prepare_s + requests * host->prepare_per_request_s;
}

/* What each GPU sends to the next stage: the tokens that it holds, or its share of each. */
static double send_bytes(const struct step_cost *cost, uint32_t tokens)
{
    uint32_t ranks = cost->compute.tensor_parallel;
    double held = cost->compute.sharding.sequence_parallel ? sharding_share(tokens, ranks) : tokens;
    double bytes =
        step_cost_exchange_bytes(cost, EXCHANGE_ALL_REDUCE, held) * cost->host->send_tensors;
    return cost->group.gathers_input ? bytes / ranks : bytes;
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
    struct host_launches launches = layer_launches(cost, batch);
    struct step_work work = {
        .layer_fixed_s = of_tokens->layer_s,
        .layer_hot_s = batch->prefill_tokens > 0 ? of_tokens->layer_hot_s : 0,
        .head_hot_s = batch->prefill_tokens > 0 ? of_head->hot_s : 0,
        .layer_gaps_s = padded ? 0 : eager_gaps_s(host, &launches),
        .embedding_s = of_tokens->embedding_s,
        .head_s = of_head->seconds,
        .layer_launch_s = cost->slowest * host_launches_s(host, &launches),
        .send_bytes = send_bytes(cost, tokens),
        .tokens = tokens,
        .padding = padding,
        .decodes = compute_decode_line(&cost->compute, (double)batch->decode_rows + padding),
        .rows = rows,
        .graph = padded > 0,
        .prepare_s = cost->slowest * prepare_s(host, batch),
        .stall_s = seen && !padded ? seen_shapes_learn_s(seen, host, tokens) : 0,
    };
    work.layer_compute_s = work.layer_fixed_s + attention_s(cost, batch, &work);
    return work;
}

bool step_cost_keeps(const struct step_cost *cost, const struct step_work *work)
{
    return work->tokens <= cost->tokens_max && work->rows <= cost->rows_max;
}

void step_cost_count(struct step_cost *cost, const struct step_work *work, uint64_t times)
{
    kept_tokens(cost, work->tokens)->uses += times;
    kept_head(cost, work->rows)->uses += times;
}

struct collectives {
    double seconds;
    struct collective_load sent;
};

static void add_collective(struct collectives *sum, const struct exchange_cost *one, uint32_t times)
{
    sum->seconds += times * one->cost.seconds;
    collective_load_add(&sum->sent, &one->sent, times);
}

/* A stage's collectives: those of its input, each layer's, and the last stage's of its rows and
   sampled tokens. Counts those of `times` such steps. */
static struct collectives collectives_of(struct step_cost *cost, const struct step_work *work,
                                         const struct stage_part *part, uint64_t times)
{
    struct group_cost *group = &cost->classes[part->group_class];
    struct collectives sum = {.seconds = 0};
    uint32_t gathers = step_cost_input_gathers(cost, part);
    if (gathers > 0)
        add_collective(&sum, group_cost_input(group, work->tokens, gathers * times), gathers);
    for (uint32_t i = 0; i < cost->exchange_count; i++) {
        enum exchange exchange = cost->exchanges[i].exchange;
        uint64_t uses = part->layers * times;
        add_collective(&sum, group_cost_exchange(group, exchange, work->tokens, uses),
                       part->layers);
    }
    if (part->is_last && step_cost_gathers_rows(cost))
        add_collective(&sum, group_cost_exchange(group, EXCHANGE_ALL_GATHER, work->rows, times), 1);
    if (part->is_last)
        add_collective(&sum, group_cost_sample(group, work->rows, times), 1);
    return sum;
}

/* The host's launches of a stage's part of a step that replays no graph. */
static double eager_launch_s(const struct step_cost *cost, const struct step_work *work,
                             const struct stage_part *part)
{
    double exchanges_s = cost->exchange_count * cost->host->launch_collective_s;
    double gathers_s = step_cost_input_gathers(cost, part) * cost->host->launch_collective_s;
    return cost->slowest * gathers_s +
           part->layers * (work->layer_launch_s + cost->slowest * exchanges_s);
}

sim_ps step_cost_compute(const struct step_work *work, const struct stage_part *part)
{
    double compute_s = part->layers * (work->layer_compute_s + work->layer_gaps_s);
    if (part->is_first)
        compute_s += work->embedding_s;
    if (part->is_last)
        compute_s += work->head_s;
    return sim_span_from_s(compute_s);
}

sim_ps step_cost_hot(const struct step_work *work, const struct stage_part *part)
{
    return sim_span_from_s(part->layers * work->layer_hot_s +
                           (part->is_last ? work->head_hot_s : 0));
}

void step_cost_repeat(struct step_cost *cost, const struct batch *batch, struct step_work *work)
{
    struct cost attention = decodes_alone(cost, batch, work);
    work->layer_compute_s = work->layer_fixed_s + attention.seconds;
    cost_sum_add(&cost->attention, attention, 1);
}

void step_cost_count_on_stage(struct step_cost *cost, const struct step_work *work,
                              const struct stage_part *part, uint64_t times)
{
    if (cost->compute.tensor_parallel > 1)
        (void)collectives_of(cost, work, part, times);
}

struct stage_work step_cost_on_stage(struct step_cost *cost, const struct step_work *work,
                                     const struct stage_part *part)
{
    struct stage_work of = {
        .compute = step_cost_compute(work, part),
        .prepare = sim_span_from_s(work->prepare_s) + (part->is_first ? 0 : cost->receive),
        .launch = cost->launch_graph,
    };
    if (cost->compute.tensor_parallel > 1) {
        struct collectives collectives = collectives_of(cost, work, part, 1);
        of.collective = sim_span_from_s(collectives.seconds);
        of.sent = collectives.sent;
    }
    if (!work->graph) {
        of.launch = sim_span_from_s(eager_launch_s(cost, work, part));
        of.stall = sim_span_from_s(work->stall_s);
    }
    return of;
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
        kept_tokens(cost, rows)->layer_s + step_cost_decodes(cost, &decodes, 0).seconds;
    double last_s = kept_head(cost, rows)->seconds;
    double later_s = 0;
    if (cost->group.gathers_input)
        later_s = cost->host->send_tensors * step_cost_input(cost, group_class, rows).seconds;
    for (uint32_t i = 0; i < cost->exchange_count; i++)
        layer_s += step_cost_exchange(cost, group_class, cost->exchanges[i].exchange, rows).seconds;
    if (step_cost_gathers_rows(cost))
        last_s += step_cost_exchange(cost, group_class, EXCHANGE_ALL_GATHER, rows).seconds;
    if (cost->compute.tensor_parallel > 1)
        last_s += step_cost_sample(cost, group_class, rows).seconds;
    return (struct stage_extras){
        .first_layers = kept_tokens(cost, rows)->embedding_s / layer_s,
        .last_layers = last_s / layer_s,
        .later_layers = later_s / layer_s,
    };
}
