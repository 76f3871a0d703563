#include "compute.h"

/* The kernels that one operation does where it was measured: gate-up, activation, down. */
#define EXPERT_PARTS 3

/* Each of `m` rows by one of `groups` matrices. */
static struct kernel grouped_gemm(enum span_kind kind, enum dtype weights, double m, double n,
                                  double k, double groups)
{
    return (struct kernel){
        .kind = kind,
        .weights = weights,
        .work = work_gemm(weights, m, n, k, groups),
        .m = m,
        .n = n,
        .k = k,
        .groups = groups,
    };
}

static struct kernel gemm(enum span_kind kind, enum dtype weights, double m, double n, double k)
{
    return grouped_gemm(kind, weights, m, n, k, 1);
}

static struct kernel elementwise(enum span_kind kind, double m, double n)
{
    double passes = work_passes(kernel_op_of_span(kind));
    return (struct kernel){
        .kind = kind, .work = work_elementwise(passes, m * n), .m = m, .n = n, .groups = 1};
}

/* The experts of one GPU: rows that they get, how many of them are reached, each's share of ffn. */
struct expert_load {
    double rows;
    double reached;
    double ffn;
};

static struct expert_load expert_load_of(const struct compute *compute, double tokens)
{
    const struct model *model = compute->model;
    uint32_t ranks = compute->tensor_parallel;
    if (sharding_has_whole_experts(&compute->sharding, ranks))
        return (struct expert_load){
            .rows = sharding_expert_rows(&compute->sharding, model, ranks, tokens),
            .reached = sharding_experts_reached(&compute->sharding, model, ranks, tokens),
            .ffn = model->ffn,
        };
    return (struct expert_load){
        .rows = tokens * model->experts_per_token,
        .reached = model_expected_experts(model, tokens, 1),
        .ffn = (double)model->ffn / ranks,
    };
}

/* Tokens whose hidden states a GPU holds between the projections of a whole layer. */
static double held_tokens(const struct compute *compute, double tokens)
{
    bool scattered = compute->sharding.sequence_parallel;
    return scattered ? sharding_share(tokens, compute->tensor_parallel) : tokens;
}

/* The same within the FFN, whose experts tokens are sent from. */
static double held_ffn_tokens(const struct compute *compute, double tokens)
{
    uint32_t ranks = compute->tensor_parallel;
    bool sends_tokens = sharding_sends_tokens(&compute->sharding, ranks);
    return sends_tokens ? sharding_share(tokens, ranks) : held_tokens(compute, tokens);
}

static uint32_t dense_kernels(const struct compute *compute, double tokens, struct kernel *kernels)
{
    const struct model *model = compute->model;
    double ffn = (double)model->ffn / compute->tensor_parallel;
    kernels[0] = gemm(SPAN_GATE_UP, model->weights, tokens, 2 * ffn, model->hidden);
    kernels[1] = elementwise(SPAN_ACTIVATION, tokens, ffn);
    kernels[2] = gemm(SPAN_DOWN, model->weights, tokens, model->hidden, ffn);
    return 3;
}

/* Shares of the peaks that a kernel reaches, and what it takes besides. */
struct efficiency {
    double compute;
    double memory;
    double gap_s;
};

static struct efficiency efficiency_of(const struct gpu *gpu, const struct kernel *kernel)
{
    const struct gpu_efficiency *shares = &gpu->efficiency;
    switch (kernel->kind) {
    case SPAN_QKV:
    case SPAN_OUTPUT:
    case SPAN_ROUTER:
    case SPAN_GATE_UP:
    case SPAN_DOWN:
    case SPAN_LM_HEAD:
        return (struct efficiency){gpu_gemm_compute(gpu, kernel->weights), shares->gemm_memory,
                                   gpu->kernel_gap_s};
    case SPAN_ATTENTION_PREFILL:
    case SPAN_ATTENTION_DECODE:
        return (struct efficiency){shares->attention_compute, shares->attention_memory,
                                   gpu->kernel_gap_s};
    default:
        return (struct efficiency){1, shares->elementwise_memory, gpu->elementwise_gap_s};
    }
}

/* What a kernel's FLOPs take at the least, and its bytes. */
struct roofline {
    double compute_s;
    double memory_s;
    double gap_s;
};

static struct roofline roofline_of(const struct gpu *gpu, const struct kernel *kernel)
{
    struct efficiency efficiency = efficiency_of(gpu, kernel);
    double peak = gpu_flops_per_s(gpu, kernel->weights);
    return (struct roofline){
        .compute_s = kernel->work.flops / (peak * efficiency.compute),
        .memory_s = kernel->work.bytes / (gpu->memory_bytes_per_s * efficiency.memory),
        .gap_s = efficiency.gap_s,
    };
}

/* A bound: nothing was measured that says how much of the smaller shows beside the larger. */
static struct cost roofline_cost(const struct compute *compute, const struct kernel *kernel)
{
    struct roofline roofline = roofline_of(compute->gpu, kernel);
    double seconds = fmax(roofline.compute_s, roofline.memory_s);
    return (struct cost){.seconds = seconds + roofline.gap_s,
                         .provenance = COST_ESTIMATED,
                         .error = COST_ERROR_ESTIMATED};
}

/* Makes a layer's gate-up, activation and down parts of one operation, by their rooflines. */
static void share_experts(const struct compute *compute, double reached,
                          struct kernel kernels[EXPERT_PARTS])
{
    double sum_s = 0;
    for (uint32_t i = 0; i < EXPERT_PARTS; i++) {
        kernels[i].experts = reached;
        kernels[i].share = roofline_cost(compute, &kernels[i]).seconds;
        sum_s += kernels[i].share;
    }
    for (uint32_t i = 0; i < EXPERT_PARTS; i++)
        kernels[i].share /= sum_s;
}

/* Where tokens are not sent to their experts, every GPU routes all. */
static uint32_t expert_kernels(const struct compute *compute, double tokens, struct kernel *kernels)
{
    const struct model *model = compute->model;
    struct expert_load load = expert_load_of(compute, tokens);
    uint32_t ranks = compute->tensor_parallel;
    bool sends_tokens = sharding_sends_tokens(&compute->sharding, ranks);
    double routed = sends_tokens ? sharding_share(tokens, ranks) : tokens;
    kernels[0] = gemm(SPAN_ROUTER, DTYPE_BF16, routed, model->experts, model->hidden);
    kernels[1] = grouped_gemm(SPAN_GATE_UP, model->weights, load.rows, 2 * load.ffn, model->hidden,
                              load.reached);
    kernels[2] = elementwise(SPAN_ACTIVATION, load.rows, load.ffn);
    kernels[3] =
        grouped_gemm(SPAN_DOWN, model->weights, load.rows, model->hidden, load.ffn, load.reached);
    share_experts(compute, load.reached, kernels + 1);
    return 1 + EXPERT_PARTS;
}

uint32_t compute_layer_kernels(const struct compute *compute, double tokens,
                               struct kernel kernels[LAYER_KERNELS_MAX])
{
    const struct model *model = compute->model;
    double heads = (double)model->heads / compute->tensor_parallel;
    double kv_heads = model_kv_heads_per_gpu(model, compute->tensor_parallel);
    double qkv = (heads + 2 * kv_heads) * model->head_dim;
    uint32_t count = 0;
    kernels[count++] = elementwise(SPAN_NORM, held_tokens(compute, tokens), model->hidden);
    kernels[count++] = gemm(SPAN_QKV, model->weights, tokens, qkv, model->hidden);
    kernels[count++] = elementwise(SPAN_ROPE_KV, tokens, qkv);
    kernels[count++] =
        gemm(SPAN_OUTPUT, model->weights, tokens, model->hidden, heads * model->head_dim);
    kernels[count++] = elementwise(SPAN_NORM, held_ffn_tokens(compute, tokens), model->hidden);
    return count + (model_is_moe(model) ? expert_kernels(compute, tokens, kernels + count)
                                        : dense_kernels(compute, tokens, kernels + count));
}

struct kernel compute_embedding(const struct compute *compute, double tokens)
{
    return elementwise(SPAN_EMBEDDING, held_tokens(compute, tokens), compute->model->hidden);
}

struct kernel compute_final_norm(const struct compute *compute, double tokens)
{
    return elementwise(SPAN_FINAL_NORM, held_tokens(compute, tokens), compute->model->hidden);
}

struct kernel compute_lm_head(const struct compute *compute, double sequences)
{
    const struct model *model = compute->model;
    double vocab = (double)model->vocab / compute->tensor_parallel;
    return gemm(SPAN_LM_HEAD, DTYPE_BF16, sequences, vocab, model->hidden);
}

struct kernel compute_sample(const struct compute *compute, double sequences)
{
    double vocab = (double)compute->model->vocab / compute->tensor_parallel;
    return elementwise(SPAN_SAMPLE, sequences, vocab);
}

/* Attention of `queries` new tokens that score `pairs` query-key pairs and read `keys` tokens. */
static struct kernel attention(const struct compute *compute, enum span_kind kind, double queries,
                               double pairs, double keys)
{
    const struct model *model = compute->model;
    uint32_t ranks = compute->tensor_parallel;
    double width = (double)model->heads / ranks * model->head_dim;
    double kv_width = (double)model_kv_heads_per_gpu(model, ranks) * model->head_dim;
    return (struct kernel){
        .kind = kind,
        .work = work_attention(model->kv, queries, pairs, keys, width, kv_width),
        .m = queries,
        .n = keys,
        .groups = 1,
    };
}

struct kernel compute_attention_decode(const struct compute *compute, double sequences,
                                       double context_tokens)
{
    return attention(compute, SPAN_ATTENTION_DECODE, sequences, context_tokens, context_tokens);
}

struct kernel compute_attention_prefill(const struct compute *compute, double start, double length)
{
    return attention(compute, SPAN_ATTENTION_PREFILL, length, work_causal_pairs(length, start),
                     start + length);
}

/* The quantities that a kernel's measured cost depends on, as kernel_table.h has them. */
struct place {
    double x;
    double y;
};

static struct place place_of(const struct kernel *kernel)
{
    switch (kernel->kind) {
    case SPAN_ATTENTION_DECODE:
        return (struct place){kernel->m, kernel->n / kernel->m};
    case SPAN_ATTENTION_PREFILL:
        return (struct place){kernel->m, kernel->n - kernel->m};
    default:
        return (struct place){kernel->m / kernel->groups, kernel->groups};
    }
}

static struct cost experts_cost(const struct compute *compute, const struct kernel *kernel)
{
    struct cost cost = cost_grid_at(compute->experts, kernel->m, kernel->experts);
    cost.seconds = kernel->share * (cost.seconds + compute->measured_gap_s);
    return cost;
}

struct cost compute_kernel(const struct compute *compute, const struct kernel *kernel)
{
    if (compute->experts && kernel->experts > 0)
        return experts_cost(compute, kernel);
    const struct cost_grid *grid = compute->grids[kernel->kind];
    if (!grid)
        return roofline_cost(compute, kernel);
    struct place place = place_of(kernel);
    bool is_beside = kernel->beside > 0 && compute->beside.count > 0;
    struct cost cost = is_beside ? cost_stack_at(&compute->beside, place.x, place.y, kernel->beside)
                                 : cost_grid_at(grid, place.x, place.y);
    cost.seconds += compute->measured_gap_s;
    return cost;
}

struct cost_line compute_decode_line(const struct compute *compute, double sequences)
{
    const struct cost_grid *grid = compute->grids[SPAN_ATTENTION_DECODE];
    return grid ? cost_grid_line(grid, sequences) : (struct cost_line){.grid = NULL};
}

struct cost compute_decode(const struct compute *compute, struct cost_line *line, double sequences,
                           double context_tokens)
{
    if (!line->grid) {
        struct kernel kernel = compute_attention_decode(compute, sequences, context_tokens);
        return roofline_cost(compute, &kernel);
    }
    struct cost cost = cost_line_at(line, context_tokens / sequences);
    cost.seconds += compute->measured_gap_s;
    return cost;
}

/* Of a GEMM whose FLOPs take as long as its bytes, and more for each doubling of their ratio:
   H200's of 128, 256 and 512 rows slow down by a fifth, 0.85 and all of what those of 2,048 do. */
#define HOT_AT_RIDGE 0.5
#define HOT_PER_OCTAVE 0.65

double compute_hot_share(const struct compute *compute, const struct kernel *kernel)
{
    bool is_gemm = kernel->k > 0 && kernel->experts == 0; /* the experts' were not measured */
    if (!is_gemm || compute->gpu->power_capping.slowdown <= 1)
        return 0;
    struct roofline roofline = roofline_of(compute->gpu, kernel);
    double octaves = log2(roofline.compute_s / roofline.memory_s);
    return fmin(1, fmax(0, HOT_AT_RIDGE + HOT_PER_OCTAVE * octaves));
}
