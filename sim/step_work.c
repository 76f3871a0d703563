#include "step_work.h"

uint32_t step_work_input_gathers(const struct step_cost *cost, const struct stage_part *part)
{
    return cost->group.gathers_input && !part->is_first ? cost->host->send_tensors : 0;
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

struct step_work step_work_of(struct step_cost *cost, const struct batch *batch,
                              struct seen_shapes *seen)
{
    const struct host *host = cost->host;
    uint32_t real_tokens = batch->decode_rows + batch->prefill_tokens;
    uint32_t padded = graph_tokens(host, batch);
    uint32_t tokens = padded ? padded : real_tokens;
    uint32_t padding = tokens - real_tokens;
    uint32_t rows = batch->decode_rows + batch->chunk_count + padding;
    struct token_cost *of_tokens = step_cost_tokens(cost, tokens);
    struct head_cost *of_head = step_cost_head(cost, rows);
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

bool step_work_is_kept(const struct step_cost *cost, const struct step_work *work)
{
    return work->tokens <= cost->tokens_max && work->rows <= cost->rows_max;
}

void step_work_repeat(struct step_cost *cost, const struct batch *batch, struct step_work *work)
{
    struct cost attention = decodes_alone(cost, batch, work);
    work->layer_compute_s = work->layer_fixed_s + attention.seconds;
    cost_sum_add(&cost->attention, attention, 1);
}

void step_work_count(struct step_cost *cost, const struct step_work *work, uint64_t times)
{
    step_cost_tokens(cost, work->tokens)->uses += times;
    step_cost_head(cost, work->rows)->uses += times;
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

/* A stage's collectives: the embedding's or those of its input, each layer's, and the last stage's
   of its rows and sampled tokens. Counts those of `times` such steps. */
static struct collectives collectives_of(struct step_cost *cost, const struct step_work *work,
                                         const struct stage_part *part, uint64_t times)
{
    struct group_cost *group = &cost->classes[part->group_class];
    struct collectives sum = {.seconds = 0};
    uint32_t gathers = step_work_input_gathers(cost, part);
    if (part->is_first && step_cost_sums_embedding(cost))
        add_collective(
            &sum,
            group_cost_exchange(group, step_cost_embedding_exchange(cost), work->tokens, times), 1);
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

void step_work_count_on_stage(struct step_cost *cost, const struct step_work *work,
                              const struct stage_part *part, uint64_t times)
{
    if (cost->compute.tensor_parallel > 1)
        (void)collectives_of(cost, work, part, times);
}

/* The host's launches of a stage's part of a step that replays no graph. */
static double eager_launch_s(const struct step_cost *cost, const struct step_work *work,
                             const struct stage_part *part)
{
    double exchanges_s = cost->exchange_count * cost->host->launch_collective_s;
    bool sums_embedding = part->is_first && step_cost_sums_embedding(cost);
    double input_s = (step_work_input_gathers(cost, part) + (sums_embedding ? 1 : 0)) *
                     cost->host->launch_collective_s;
    return cost->slowest * input_s +
           part->layers * (work->layer_launch_s + cost->slowest * exchanges_s);
}

sim_ps step_work_compute(const struct step_work *work, const struct stage_part *part)
{
    double compute_s = part->layers * (work->layer_compute_s + work->layer_gaps_s);
    if (part->is_first)
        compute_s += work->embedding_s;
    if (part->is_last)
        compute_s += work->head_s;
    return sim_span_from_s(compute_s);
}

sim_ps step_work_hot(const struct step_work *work, const struct stage_part *part)
{
    return sim_span_from_s(part->layers * work->layer_hot_s +
                           (part->is_last ? work->head_hot_s : 0));
}

struct stage_work step_work_on_stage(struct step_cost *cost, const struct step_work *work,
                                     const struct stage_part *part)
{
    struct stage_work of = {
        .compute = step_work_compute(work, part),
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
