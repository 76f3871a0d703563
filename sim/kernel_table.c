#include "kernel_table.h"

#include <string.h>

#define HISTORY_SHIFT 64.0     /* prefill's y axis begins at 0; finer than this nothing changes */
#define HISTORY_FIRST_OCTAVE 6 /* log2 of the shift */

#define MEASURED_OCTAVES 0.1 /* this near a sample counts as on it */
/* This far from the nearest, in some dimension, counts as outside the table: a chunk with a long
   history where only whole prompts were timed. */
#define FAR_OCTAVES 1.5

/*
 * What holds where a GPU's own points do not say otherwise (residuals.csv): of
 * those that were tried, settings with small errors of left-out samples and whole
 * shapes, for attention and elementwise kernels on H200, for GEMMs over all shipped
 * tables, for experts on H100 and B200. A GEMM's fine part is short over columns,
 * whose tiles fill the GPU's last wave or not, and long over the depth. Engines pick
 * experts' tiles by the shape of the layer, so that times vary slowly with rows, and
 * from one layer to the next more; where GPUs share the experts whole, from one number
 * of GPUs to the next hardly.
 */
static const struct surface_kind usual_kinds[KERNEL_OP_COUNT] = {
    [KERNEL_GEMM] = {3, 1, {2, 3, 3}, 0.02, 0.3, {1, 0.5, 3}},
    [KERNEL_ATTENTION_DECODE] = {4, 2, {2, 2, 8, 4}, 0.01, 0, {0}},
    [KERNEL_ATTENTION_PREFILL] = {4, 2, {4, 4, 6, 64}, 0.005, 0, {0}},
    [KERNEL_ATTENTION_PREFILL_FA2] = {4, 2, {4, 4, 6, 64}, 0.005, 0, {0}},
    [KERNEL_ATTENTION_PREFILL_FA3] = {4, 2, {4, 4, 6, 64}, 0.005, 0, {0}},
    [KERNEL_ATTENTION_DECODE_FA3] = {4, 2, {2, 2, 8, 4}, 0.01, 0, {0}},
    [KERNEL_NORM] = {2, 1, {4, 8}, 0.005, 0, {0}},
    [KERNEL_ACTIVATION] = {2, 1, {4, 8}, 0.005, 0, {0}},
    [KERNEL_ROPE_KV] = {2, 1, {4, 8}, 0.005, 0, {0}},
    [KERNEL_COPY] = {1, 1, {4}, 0.005, 0, {0}},
    [KERNEL_SAMPLE] = {2, 1, {4, 8}, 0.005, 0, {0}},
    [KERNEL_ATTENTION_BESIDE] = {4, 3, {2, 2, 4, 4}, 0.01, 0, {0}},
    [KERNEL_EXPERTS] = {5, 1, {4, 1, 2, 1, 1}, 0.01, 0, {0}},
    [KERNEL_EXPERTS_PARALLEL] = {6, 2, {4, 3, 1, 2, 1, 1}, 0.01, 0, {0}},
};

/* What a kernel's time is a surface over, one number for each of its op's dimensions. */
struct sizes {
    double of[SURFACE_DIMENSIONS_MAX];
};

static struct sizes sizes_of(const struct kernel_shape *shape, double x, double y)
{
    double expert_rows = x * shape->ranks / shape->experts;
    switch (shape->op) {
    case KERNEL_GEMM:
        return (struct sizes){{x, shape->n * y, shape->k}};
    case KERNEL_ATTENTION_DECODE:
    case KERNEL_ATTENTION_DECODE_FA3:
        return (struct sizes){
            {x * shape->kv_heads, y, shape->heads / shape->kv_heads, shape->kv_heads}};
    case KERNEL_ATTENTION_BESIDE:
        return (struct sizes){{x * shape->kv_heads, y, shape->beside, shape->kv_heads}};
    case KERNEL_ATTENTION_PREFILL:
    case KERNEL_ATTENTION_PREFILL_FA2:
    case KERNEL_ATTENTION_PREFILL_FA3:
        return (struct sizes){{x * shape->heads, x + y, shape->heads, shape->kv_heads}};
    case KERNEL_EXPERTS: /* how many are reached is the roofline's alone */
        return (struct sizes){{expert_rows, shape->experts, shape->n, shape->k, shape->top_k}};
    case KERNEL_EXPERTS_PARALLEL: /* ranks are not of the layer's shape: left out with the rows */
        return (struct sizes){
            {expert_rows, shape->ranks, shape->experts, shape->n, shape->k, shape->top_k}};
    case KERNEL_NORM:
    case KERNEL_ACTIVATION:
    case KERNEL_ROPE_KV:
    case KERNEL_COPY:
    case KERNEL_SAMPLE:
    case KERNEL_OP_COUNT:
        break;
    }
    return (struct sizes){{x * shape->n, shape->n}};
}

/* Where a kernel lies on its op's surface, in octaves. */
static void locate(const struct kernel_shape *shape, double x, double y,
                   double at[SURFACE_DIMENSIONS_MAX])
{
    struct sizes sizes = sizes_of(shape, x, y);
    for (uint32_t d = 0; d < usual_kinds[shape->op].dimensions; d++)
        at[d] = log2(sizes.of[d]);
}

static bool is_attention(enum kernel_op op)
{
    return kernel_op_is_prefill(op) || kernel_op_is_decode(op) || op == KERNEL_ATTENTION_BESIDE;
}

static int add_sample(const struct gpu *gpu, struct kernel_class *class,
                      const struct kernel_sample *sample, struct error *error)
{
    double at[SURFACE_DIMENSIONS_MAX];
    locate(&sample->shape, sample->x, sample->y, at);
    double base_s = class->floor_s + kernel_roofline_s(gpu, &sample->shape, sample->x, sample->y);
    return surface_add(&class->surface, at, log(sample->seconds / base_s), error);
}

static struct kernel_class *class_of(struct kernel_table *table, const struct kernel_sample *sample)
{
    return &table->classes[sample->shape.op][sample->shape.dtype];
}

int kernel_table_init(struct kernel_table *table, const struct gpu *gpu,
                      const struct kernel_sample *samples, size_t count, struct error *error)
{
    table->measured = *gpu;
    table->gpu = gpu;
    for (uint32_t op = 0; op < KERNEL_OP_COUNT; op++)
        for (uint32_t dtype = 0; dtype < DTYPE_COUNT; dtype++) {
            surface_init(&table->classes[op][dtype].surface, &usual_kinds[op]);
            table->classes[op][dtype].floor_s = INFINITY;
            table->classes[op][dtype].has_history = false;
            table->classes[op][dtype].errors = cost_errors_of((double)NAN, (double)NAN);
        }
    for (size_t i = 0; i < count; i++) {
        assert(samples[i].seconds > 0 && samples[i].x > 0);
        struct kernel_class *class = class_of(table, &samples[i]);
        class->floor_s = fmin(class->floor_s, samples[i].seconds);
        class->has_history |= kernel_op_is_prefill(samples[i].shape.op) && samples[i].y > 0;
    }
    for (size_t i = 0; i < count; i++) {
        int status = add_sample(gpu, class_of(table, &samples[i]), &samples[i], error);
        if (status < 0) {
            kernel_table_release(table);
            return status;
        }
    }
    return 0;
}

void kernel_table_set_gpu(struct kernel_table *table, const struct gpu *gpu)
{
    table->gpu = gpu;
}

const struct surface_kind *kernel_table_usual_kind(enum kernel_op op)
{
    return &usual_kinds[op];
}

void kernel_table_set_kind(struct kernel_table *table, enum kernel_op op, enum dtype dtype,
                           const struct surface_kind *kind)
{
    assert(kind->dimensions == usual_kinds[op].dimensions);
    table->classes[op][dtype].surface.kind = *kind;
}

void kernel_table_set_errors(struct kernel_table *table, enum kernel_op op, enum dtype dtype,
                             struct cost_errors errors)
{
    table->classes[op][dtype].errors = errors;
}

void kernel_table_release(struct kernel_table *table)
{
    for (uint32_t op = 0; op < KERNEL_OP_COUNT; op++)
        for (uint32_t dtype = 0; dtype < DTYPE_COUNT; dtype++)
            surface_release(&table->classes[op][dtype].surface);
}

/* The class that speaks for a shape: its dtype's own, or bf16's. */
static const struct kernel_class *class_for(const struct kernel_table *table,
                                            const struct kernel_shape *shape)
{
    const struct kernel_class *own = &table->classes[shape->op][shape->dtype];
    return own->surface.count > 0 ? own : &table->classes[shape->op][DTYPE_BF16];
}

enum kernel_op kernel_table_op(const struct kernel_table *table, enum kernel_op op,
                               enum dtype dtype)
{
    if (table->classes[op][dtype].surface.count > 0)
        return op;
    switch (op) {
    case KERNEL_ATTENTION_PREFILL_FA3:
        return KERNEL_ATTENTION_PREFILL;
    case KERNEL_ATTENTION_DECODE_FA3:
        return KERNEL_ATTENTION_DECODE;
    default:
        return op;
    }
}

bool kernel_table_covers(const struct kernel_table *table, const struct kernel_shape *shape)
{
    return class_for(table, shape)->surface.count > 0;
}

/* Nodes from one to the next at which the ratio is kriged. */
struct lattice {
    uint32_t x;
    uint32_t y;
};

/*
 * The ratio is kriged where samples tend to lie and carried from there to every
 * node: attention is measured by the octave, other kernels more finely (m of 48,
 * 80, 96, 192). That of experts does not depend on y.
 */
static struct lattice lattice_of(enum kernel_op op)
{
    uint32_t octave = COST_GRID_OCTAVE_NODES;
    if (is_attention(op))
        return (struct lattice){octave, octave};
    return (struct lattice){octave / 4, kernel_op_is_experts(op) ? UINT32_MAX : octave / 4};
}

/* Of GPUs that share experts, where none were measured, those of one tell little: taken at their
   ratio, such times are 11% to 46% off in the mean on GPUs where they were. */
static bool is_borrowed(const struct kernel_shape *shape)
{
    return shape->op == KERNEL_EXPERTS && shape->ranks > 1;
}

#define BORROWED_ERROR 0.28 /* half-way */

static struct cost_errors errors_of(const struct kernel_class *class,
                                    const struct kernel_shape *shape)
{
    struct cost_errors errors = class->errors;
    double *extrapolated = &errors.by_provenance[COST_EXTRAPOLATED];
    if (is_borrowed(shape))
        *extrapolated = fmax(*extrapolated, BORROWED_ERROR);
    return errors;
}

static enum cost_provenance provenance_of(const struct kernel_shape *shape,
                                          const struct surface_estimate *estimate)
{
    if (is_borrowed(shape) || estimate->is_outside || estimate->nearest_octaves > FAR_OCTAVES)
        return COST_EXTRAPOLATED;
    return estimate->nearest_octaves <= MEASURED_OCTAVES ? COST_MEASURED : COST_INTERPOLATED;
}

/*
 * Whether what lies beyond the longest context is told by as much KV in more sequences
 * of that context, or as many pairs of more queries. Kernels part long contexts of
 * decodes among multiprocessors, so that all the KV of a batch says how well memory is
 * kept busy. Of decodes beside a chunk it does not hold: theirs is the time that the
 * chunk's own work leaves to hide. A chunk after long history wastes as little on its
 * ends as many queries do, and whole prompts alone say nothing else of history: with
 * H200's chunks of FlashAttention-2 hidden, those beyond the longest prompt are 33% to
 * 36% off so, 42% to 48% at the edge's own ratio. Where chunks were measured, they say more.
 */
static bool folds_context(const struct kernel_class *class, enum kernel_op op)
{
    return kernel_op_is_decode(op) || (kernel_op_is_prefill(op) && !class->has_history);
}

/* Takes a place beyond the longest context to that context; whether it did. */
static bool fold_context(const struct surface *surface, double at[SURFACE_DIMENSIONS_MAX])
{
    double beyond_octaves = fmax(0, at[1] - surface->high[1]);
    at[0] += beyond_octaves;
    at[1] -= beyond_octaves;
    return beyond_octaves > 0;
}

static bool is_elementwise(enum kernel_op op)
{
    return !is_attention(op) && !kernel_op_is_experts(op) && op != KERNEL_GEMM;
}

/* A class of a table, asked for one shape. */
struct question {
    const struct kernel_table *table;
    const struct kernel_class *class;
    const struct kernel_shape *shape;
    struct surface_probe probe;
};

/*
 * Of an elementwise kernel `beyond_octaves` beyond its largest sample, the ratio's
 * logarithm. Samples are small enough for their tensors to be in a cache, which is
 * several times as fast as memory. How much it holds is not known; of tensors twice as
 * large as any that was measured nothing is taken to be there.
 */
static double leave_cache(const struct question *question, double value, double beyond_octaves,
                          double x, double y)
{
    const struct gpu *gpu = &question->table->measured;
    double roofline_s = kernel_roofline_s(gpu, question->shape, x, y);
    double memory_s = roofline_s * gpu->efficiency.elementwise_memory; /* at all its bandwidth */
    double least = log(memory_s / (question->class->floor_s + roofline_s));
    return value + fmax(0, least - value) * fmin(1, beyond_octaves);
}

/* The ratio, for now in place of the seconds, at one node. */
static void krige_node(struct question *question, struct cost_grid *grid, uint32_t x, uint32_t y)
{
    const struct kernel_class *class = question->class;
    const struct kernel_shape *shape = question->shape;
    double at[SURFACE_DIMENSIONS_MAX];
    double at_x = cost_axis_value(&grid->x, x), at_y = cost_axis_value(&grid->y, y);
    locate(shape, at_x, at_y, at);
    bool is_folded = folds_context(class, shape->op) && fold_context(&class->surface, at);
    struct surface_estimate estimate = surface_at(&question->probe, at);
    double beyond_octaves = at[0] - class->surface.high[0];
    if (is_elementwise(shape->op) && beyond_octaves > 0)
        estimate.value = leave_cache(question, estimate.value, beyond_octaves, at_x, at_y);
    estimate.is_outside |= is_folded;
    size_t node = (size_t)y * grid->x.nodes + x;
    grid->seconds[node] = exp(estimate.value);
    grid->provenance[node] = (uint8_t)provenance_of(shape, &estimate);
}

/* The lattice's last line on an axis is the axis's last node, wherever that falls. */
static uint32_t next_line(uint32_t line, uint32_t stride, uint32_t nodes)
{
    return line + 1 < nodes ? line + u32_min(stride, nodes - 1 - line) : nodes;
}

/* Carries the ratio from one lattice node to the next, `step` nodes apart on one axis. */
static void carry(struct cost_grid *grid, size_t from, size_t step, uint32_t count)
{
    size_t to = from + step * count;
    for (uint32_t i = 1; i < count; i++) {
        size_t node = from + step * i;
        double fraction = (double)i / count;
        grid->seconds[node] =
            grid->seconds[from] + fraction * (grid->seconds[to] - grid->seconds[from]);
        uint8_t worse = grid->provenance[from] > grid->provenance[to] ? grid->provenance[from]
                                                                      : grid->provenance[to];
        grid->provenance[node] = worse > COST_INTERPOLATED ? worse : COST_INTERPOLATED;
    }
}

static void fill_ratios(struct question *question, struct cost_grid *grid)
{
    struct lattice lattice = lattice_of(question->shape->op);
    uint32_t width = grid->x.nodes;
    uint32_t height = grid->y.nodes;
    surface_probe_init(&question->probe, &question->class->surface);
    for (uint32_t y = 0; y < height; y = next_line(y, lattice.y, height)) {
        for (uint32_t x = 0; x < width; x = next_line(x, lattice.x, width))
            krige_node(question, grid, x, y);
        for (uint32_t x = 0; x + 1 < width; x = next_line(x, lattice.x, width))
            carry(grid, (size_t)y * width + x, 1, next_line(x, lattice.x, width) - x);
    }
    for (uint32_t y = 0; y + 1 < height; y = next_line(y, lattice.y, height))
        for (uint32_t x = 0; x < width; x++)
            carry(grid, (size_t)y * width + x, width, next_line(y, lattice.y, height) - y);
}

/* Makes seconds of one node's ratio. */
static void fill_node(const struct kernel_table *table, double floor_s,
                      const struct kernel_shape *shape, struct cost_grid *grid, uint32_t x,
                      uint32_t y)
{
    size_t node = (size_t)y * grid->x.nodes + x;
    double at_x = cost_axis_value(&grid->x, x);
    double at_y = cost_axis_value(&grid->y, y);
    double roofline_s = kernel_roofline_s(table->gpu, shape, at_x, at_y);
    grid->seconds[node] *= floor_s + roofline_s;
    if (roofline_s != kernel_roofline_s(&table->measured, shape, at_x, at_y))
        grid->provenance[node] = COST_ESTIMATED;
}

int kernel_table_prepare(const struct kernel_table *table, const struct kernel_shape *shape,
                         double x_max, double y_max, struct arena *arena, struct cost_grid *grid,
                         struct error *error)
{
    const struct kernel_class *class = class_for(table, shape);
    struct question question = {.table = table, .class = class, .shape = shape};
    struct cost_axis x = cost_axis_of(0, 0, x_max);
    struct cost_axis y = kernel_op_is_prefill(shape->op)
                             ? cost_axis_of(HISTORY_SHIFT, HISTORY_FIRST_OCTAVE, y_max)
                             : cost_axis_of(0, 0, y_max);
    int status = cost_grid_init(grid, x, y, arena, error);
    if (status < 0)
        return status;
    grid->errors = errors_of(class, shape);
    fill_ratios(&question, grid);
    for (uint32_t node_y = 0; node_y < y.nodes; node_y++)
        for (uint32_t node_x = 0; node_x < x.nodes; node_x++)
            fill_node(table, class->floor_s, shape, grid, node_x, node_y);
    if (class != &table->classes[shape->op][shape->dtype])
        memset(grid->provenance, COST_ESTIMATED, (size_t)x.nodes * y.nodes);
    return cost_grid_make_monotone(grid, error);
}

enum kernel_op kernel_op_of_span(enum span_kind kind)
{
    switch (kind) {
    case SPAN_QKV:
    case SPAN_OUTPUT:
    case SPAN_ROUTER:
    case SPAN_GATE_UP:
    case SPAN_DOWN:
    case SPAN_LM_HEAD:
        return KERNEL_GEMM;
    case SPAN_NORM:
    case SPAN_FINAL_NORM:
        return KERNEL_NORM;
    case SPAN_ACTIVATION:
        return KERNEL_ACTIVATION;
    case SPAN_ROPE_KV:
        return KERNEL_ROPE_KV;
    case SPAN_EMBEDDING:
        return KERNEL_COPY;
    case SPAN_SAMPLE:
        return KERNEL_SAMPLE;
    default:
        return KERNEL_OP_COUNT;
    }
}

bool kernel_op_is_prefill(enum kernel_op op)
{
    return op == KERNEL_ATTENTION_PREFILL || op == KERNEL_ATTENTION_PREFILL_FA2 ||
           op == KERNEL_ATTENTION_PREFILL_FA3;
}

bool kernel_op_is_decode(enum kernel_op op)
{
    return op == KERNEL_ATTENTION_DECODE || op == KERNEL_ATTENTION_DECODE_FA3;
}

bool kernel_op_is_experts(enum kernel_op op)
{
    return op == KERNEL_EXPERTS || op == KERNEL_EXPERTS_PARALLEL;
}
