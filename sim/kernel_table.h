/*
 * kernel_table: measured times of one GPU's kernels, and what they say of
 * kernels in between.
 *
 * What is interpolated is a kernel's ratio to its roofline, which varies slowly,
 * over the logarithms of all that shapes it (surface.h):
 *
 *     seconds = (floor + roofline) x ratio        floor: the class's fastest sample
 *
 *     GEMM               m, n, k
 *     decode attention   batch x KV heads, context, query heads a KV head, KV heads
 *     prefill attention  queries x heads, context, heads, KV heads
 *       beside a chunk   batch x KV heads, context, the chunk's tokens, KV heads
 *     elementwise        values, row width
 *     experts            rows an expert, experts, columns, depth, experts a token
 *       parallel         the same, with the ranks after the first
 *
 * Beyond the measured box the ratio at its edge holds: extrapolation by the
 * roofline. Decodes of longer contexts than were measured have the ratio of as much KV
 * in more sequences of the longest: with all contexts beyond 16,384 tokens left out,
 * those of published tables are 7% off in the mean then, with the edge's own ratio 11%.
 * Where only whole prompts were measured, chunks that end beyond the longest have the
 * ratio of more queries. Elementwise kernels of more values than any sample lose within
 * an octave what a cache gave them: bytes over bandwidth is a floor.
 *
 * The ratio holds, too, for a GPU that differs from the measured one in its figures:
 * what would twice the memory bandwidth do? A look-up in the table takes microseconds,
 * so a shape that recurs is prepared once, as a cost_grid. Times exclude the gap to the
 * next kernel.
 */
#ifndef TANDEM_KERNEL_TABLE_H
#define TANDEM_KERNEL_TABLE_H

#include "cost_grid.h"
#include "gpu.h"
#include "recorder.h"
#include "surface.h"

/* X(NAME, name in a GPU's kernels.csv) */
#define KERNEL_OPS(X)                                                                            \
    X(GEMM, "gemm")                                                                              \
    X(ATTENTION_DECODE, "attn_decode")                                                           \
    X(ATTENTION_PREFILL, "attn_prefill")                                                         \
    X(ATTENTION_PREFILL_FA2, "attn_prefill_fa2") /* FlashAttention-2, for engines that use it */ \
    X(ATTENTION_PREFILL_FA3, "attn_prefill_fa3") /* FlashAttention-3, the same */                \
    X(ATTENTION_DECODE_FA3, "attn_decode_fa3")                                                   \
    X(NORM, "rmsnorm_residual")                                                                  \
    X(ACTIVATION, "silu_mul")                                                                    \
    X(ROPE_KV, "rope_kv_write")                                                                  \
    X(COPY, "copy")                                                                              \
    X(SAMPLE, "sample")                                                                          \
    X(ATTENTION_BESIDE, "attn_decode_beside") /* decodes in one kernel with a chunk of a prompt: \
                                                 what both take, less the chunk alone */         \
    X(EXPERTS, "experts") /* of a mixture: gate-up, activation and down, timed as one, with the  \
                             sorting of rows by expert and the sum over each token's */          \
    X(EXPERTS_PARALLEL, "experts_parallel") /* the same of GPUs that share the experts whole and \
                                               have all tokens */

enum kernel_op {
#define X(name, text) KERNEL_##name,
    KERNEL_OPS(X)
#undef X
        KERNEL_OP_COUNT
};

#define KERNEL_TABLE_HEAD_DIM 128.0 /* the unit of kernel_shape's heads */

/* What stays the same from step to step. 0 where it does not apply. */
struct kernel_shape {
    enum kernel_op op;
    enum dtype dtype; /* of a GEMM's weights, of attention's KV; else DTYPE_BF16 */
    double n;         /* GEMM: columns, of each group. Elementwise: values a row, of its output
                         (RoPE: Q, K and V). Copy: bytes a row. Experts: each one's FFN columns */
    double k;         /* GEMM: depth. Experts: hidden */
    double heads;     /* attention, on one GPU: in units of KERNEL_TABLE_HEAD_DIM values */
    double kv_heads;
    double beside;  /* decode attention beside a chunk: its tokens */
    double experts; /* of the layer, */
    double top_k;   /* how many of them a token goes to, */
    double ranks;   /* and the GPUs that share them whole; 1: one has all, or a slice of each */
};

/*
 * What changes, x and y:
 *     GEMM               rows (of each group), groups (1 unless grouped)
 *     decode attention   sequences, context tokens of each, the new one included
 *     prefill attention  new tokens, tokens before them
 *     elementwise, copy  rows, 1
 *     experts            rows of the GPU's own experts, one for each that a token goes to;
 *                        distinct ones of them reached
 */
struct kernel_sample {
    struct kernel_shape shape;
    double x;
    double y;
    double seconds;
};

/* The samples of one op and dtype. */
struct kernel_class {
    struct surface surface;
    double floor_s;
    bool has_history; /* prefill: chunks with tokens before them are among its samples */
    struct cost_errors errors;
};

struct kernel_table {
    struct gpu measured;   /* the GPU of the samples */
    const struct gpu *gpu; /* whose kernels are asked for */
    struct kernel_class classes[KERNEL_OP_COUNT][DTYPE_COUNT];
};

/* Seconds by roofline, with the efficiencies of the GPU's file and no gap. */
double kernel_roofline_s(const struct gpu *gpu, const struct kernel_shape *shape, double x,
                         double y);

/* Of samples of `gpu`, which must outlive the table or be followed by another; the samples need
   not. 0 or -ERROR_MEMORY, with nothing to release. */
int kernel_table_init(struct kernel_table *table, const struct gpu *gpu,
                      const struct kernel_sample *samples, size_t count, struct error *error);

/* Asks for the kernels of `gpu`, which must outlive the table. Those whose rooflines differ from
   the measured GPU's are estimates. */
void kernel_table_set_gpu(struct kernel_table *table, const struct gpu *gpu);

/* How smooth an op's surface is before its own points say. */
const struct surface_kind *kernel_table_usual_kind(enum kernel_op op);

/* How smooth the surface of an op and dtype is; `kind` has the dimensions of the usual one. */
void kernel_table_set_kind(struct kernel_table *table, enum kernel_op op, enum dtype dtype,
                           const struct surface_kind *kind);

/* What is known of the errors of an op and dtype; before, what is usual. */
void kernel_table_set_errors(struct kernel_table *table, enum kernel_op op, enum dtype dtype,
                             struct cost_errors errors);
void kernel_table_release(struct kernel_table *table);

/* Whether the table can say anything of the shape; where not, the roofline must do. */
bool kernel_table_covers(const struct kernel_table *table, const struct kernel_shape *shape);

/*
 * The costs of a shape that the table covers, monotone in x and y, for x to
 * `x_max` and y to `y_max` or beyond; the grid lives in `arena`. Takes
 * milliseconds. A dtype without samples takes the ratios of bf16 to its own
 * roofline, and is marked as estimated. 0 or -ERROR_MEMORY.
 */
int kernel_table_prepare(const struct kernel_table *table, const struct kernel_shape *shape,
                         double x_max, double y_max, struct arena *arena, struct cost_grid *grid,
                         struct error *error);

/* The op to ask for where an engine runs `op`: itself, or the GPU's own attention where it is
   FlashAttention-3 and the table has no times of that with this dtype. */
enum kernel_op kernel_table_op(const struct kernel_table *table, enum kernel_op op,
                               enum dtype dtype);

/* The op that times a span's kernel; KERNEL_OP_COUNT where none does, or the engine has a say. */
enum kernel_op kernel_op_of_span(enum span_kind kind);

/* Whether it times attention of prompts, of decodes alone. */
bool kernel_op_is_prefill(enum kernel_op op);
bool kernel_op_is_decode(enum kernel_op op);

/* Whether it times a mixture's experts as one operation. */
bool kernel_op_is_experts(enum kernel_op op);

#endif
