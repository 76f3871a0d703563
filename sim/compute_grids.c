#include "compute.h"

/* The op that times a kernel as the engine runs it. */
static enum kernel_op op_of(const struct compute_setup *setup, const struct kernel *kernel)
{
    enum dtype kv = setup->model->kv;
    switch (kernel->kind) {
    case SPAN_ATTENTION_PREFILL:
        return kernel_table_op(setup->table, setup->prefill_op, kv);
    case SPAN_ATTENTION_DECODE:
        return kernel_table_op(setup->table, setup->decode_op, kv);
    default:
        return kernel_op_of_span(kernel->kind);
    }
}

/* A kernel's shape in the table; its op is KERNEL_OP_COUNT where no op times it. */
static struct kernel_shape shape_of(const struct compute_setup *setup, const struct kernel *kernel)
{
    const struct model *model = setup->model;
    bool is_attention =
        kernel->kind == SPAN_ATTENTION_PREFILL || kernel->kind == SPAN_ATTENTION_DECODE;
    struct kernel_shape shape = {
        .op = op_of(setup, kernel),
        .dtype = is_attention ? model->kv : kernel->weights,
    };
    if (is_attention) {
        double heads = (double)model->heads / setup->tensor_parallel;
        shape.heads = heads * model->head_dim / KERNEL_TABLE_HEAD_DIM;
        shape.kv_heads = (double)model_kv_heads_per_gpu(model, setup->tensor_parallel) *
                         model->head_dim / KERNEL_TABLE_HEAD_DIM;
    } else {
        shape.n = kernel->n;
        shape.k = kernel->k;
    }
    return shape;
}

/* The largest x and y, as kernel_table.h has them, that a kernel comes with. */
struct grid_extent {
    double x_max;
    double y_max;
};

static struct grid_extent grid_extent_of(const struct compute_setup *setup,
                                         const struct kernel *kernel)
{
    switch (kernel->kind) {
    case SPAN_ATTENTION_DECODE:
        return (struct grid_extent){setup->sequences_max, setup->context_max};
    case SPAN_ATTENTION_PREFILL:
        return (struct grid_extent){setup->tokens_max, setup->context_max};
    case SPAN_LM_HEAD:
    case SPAN_SAMPLE:
        return (struct grid_extent){setup->sequences_max, 1};
    case SPAN_GATE_UP:
    case SPAN_DOWN:
        return (struct grid_extent){setup->tokens_max, u32_max(setup->model->experts, 1)};
    default:
        return (struct grid_extent){setup->tokens_max, 1};
    }
}

/* A grid in the arena of what the table says of `shape`. 0 or -ERROR_MEMORY. */
static int make_grid(const struct compute_setup *setup, const struct kernel_shape *shape,
                     struct grid_extent extent, const struct cost_grid **made, struct arena *arena,
                     struct error *error)
{
    struct cost_grid *grid = arena_calloc(arena, 1, sizeof(*grid));
    if (!grid)
        return error_out_of_memory(error, "kernel times");
    *made = grid;
    return kernel_table_prepare(setup->table, shape, extent.x_max, extent.y_max, arena, grid,
                                error);
}

/* Prepares the grid of one kernel's kind, where the table covers it. */
static int prepare(struct compute *compute, const struct compute_setup *setup,
                   const struct kernel *kernel, struct arena *arena, struct error *error)
{
    struct kernel_shape shape = shape_of(setup, kernel);
    if (shape.op == KERNEL_OP_COUNT || compute->grids[kernel->kind] ||
        (compute->experts && kernel->experts > 0) || !kernel_table_covers(setup->table, &shape))
        return 0;
    return make_grid(setup, &shape, grid_extent_of(setup, kernel), &compute->grids[kernel->kind],
                     arena, error);
}

/* The grid of a mixture's experts, where they were measured as one operation; of whole ones, where
   only slices were, by those. */
static int prepare_experts(struct compute *compute, const struct compute_setup *setup,
                           struct arena *arena, struct error *error)
{
    const struct model *model = setup->model;
    if (!model_is_moe(model))
        return 0;
    struct kernel kernels[LAYER_KERNELS_MAX];
    uint32_t count = compute_layer_kernels(compute, setup->tokens_max, kernels);
    const struct kernel *down = &kernels[count - 1]; /* from an expert's FFN to hidden */
    bool whole = sharding_has_whole_experts(&setup->sharding, setup->tensor_parallel);
    struct kernel_shape shape = {
        .op = whole ? KERNEL_EXPERTS_PARALLEL : KERNEL_EXPERTS,
        .dtype = model->weights,
        .n = down->k,
        .k = down->n,
        .experts = model->experts,
        .top_k = model->experts_per_token,
        .ranks = whole ? setup->tensor_parallel : 1,
    };
    if (!kernel_table_covers(setup->table, &shape))
        shape.op = KERNEL_EXPERTS;
    if (!kernel_table_covers(setup->table, &shape))
        return 0;
    struct grid_extent extent = {down->m, shape.experts / shape.ranks};
    return make_grid(setup, &shape, extent, &compute->experts, arena, error);
}

/* Chunks of 16 tokens; smaller ones weigh no less. */
#define BESIDE_FIRST_OCTAVE 4

/* Decode attention by the prompt tokens beside it, where the table has samples of that. */
static int prepare_beside(struct compute *compute, const struct compute_setup *setup,
                          struct arena *arena, struct error *error)
{
    struct kernel decode = compute_attention_decode(compute, 1, 1);
    struct kernel_shape shape = shape_of(setup, &decode);
    shape.op = KERNEL_ATTENTION_BESIDE;
    if (!kernel_table_covers(setup->table, &shape))
        return 0;
    double octaves = fmax(0, ceil(log2(setup->tokens_max)) - BESIDE_FIRST_OCTAVE);
    struct cost_stack *stack = &compute->beside;
    int status = cost_stack_init(stack, BESIDE_FIRST_OCTAVE, (uint32_t)octaves + 1, arena, error);
    for (uint32_t plane = 0; plane < stack->count && status == 0; plane++) {
        shape.beside = cost_stack_value(stack, plane);
        status = kernel_table_prepare(setup->table, &shape, setup->sequences_max,
                                      setup->context_max, arena, &stack->planes[plane], error);
    }
    return status;
}

int compute_init(struct compute *compute, const struct compute_setup *setup, struct arena *arena,
                 struct error *error)
{
    *compute = (struct compute){
        .gpu = setup->gpu,
        .model = setup->model,
        .tensor_parallel = setup->tensor_parallel,
        .sharding = setup->sharding,
        .measured_gap_s = setup->measured_gap_s,
    };
    if (!setup->table)
        return 0;
    int status = prepare_experts(compute, setup, arena, error);
    struct kernel kernels[LAYER_KERNELS_MAX + 5];
    uint32_t count = compute_layer_kernels(compute, 1, kernels);
    kernels[count++] = compute_attention_decode(compute, 1, 1);
    kernels[count++] = compute_attention_prefill(compute, 0, 1);
    kernels[count++] = compute_final_norm(compute, 1);
    kernels[count++] = compute_lm_head(compute, 1);
    kernels[count++] = compute_sample(compute, 1);
    for (uint32_t i = 0; i < count && status == 0; i++)
        status = prepare(compute, setup, &kernels[i], arena, error);
    return status < 0 ? status : prepare_beside(compute, setup, arena, error);
}
