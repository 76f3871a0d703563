#include "kernel_table.h"

#define ACTIVATION_BYTES 2.0 /* 16-bit whatever the weights are */

/* Query-key pairs of a causal chunk of `queries` tokens after `history` earlier ones. */
static double causal_pairs(double queries, double history)
{
    return queries * history + queries * (queries + 1) / 2;
}

/* Each value of the output is moved this many times, as 16 bits: inputs, output. */
static double passes_of(enum kernel_op op)
{
    switch (op) {
    case KERNEL_NORM:
        return 4; /* reads x and the residual, writes the residual and the normalised rows */
    case KERNEL_ACTIVATION:
        return 3; /* reads gate and up */
    case KERNEL_SAMPLE:
        return 3; /* reads the logits, writes them as 32 bits */
    case KERNEL_ROPE_KV:
        return 2;
    default:
        return 1; /* copy: its n is bytes, read once and written once, so 2 x 8 bits */
    }
}

/* Of `m` rows over `groups` matrices of n x k. */
static double gemm_roofline_s(const struct gpu *gpu, enum dtype dtype, double m, double n, double k,
                              double groups)
{
    double bytes = groups * n * k * dtype_bytes(dtype) + (m * k + m * n) * ACTIVATION_BYTES;
    double peak = gpu_flops_per_s(gpu, dtype) * gpu_gemm_compute(gpu, dtype);
    return fmax(2 * m * n * k / peak,
                bytes / (gpu->memory_bytes_per_s * gpu->efficiency.gemm_memory));
}

static double elementwise_roofline_s(const struct gpu *gpu, enum kernel_op op, double values)
{
    return passes_of(op) * values * ACTIVATION_BYTES /
           (gpu->memory_bytes_per_s * gpu->efficiency.elementwise_memory);
}

/*
 * Of rows of other GPUs' experts. The GPU has all tokens, and engines keep a row for
 * each expert that each goes to: vLLM's zeroes those of others between the GEMMs, and
 * activates and sums them with its own (fused_experts and its expert_map, 0.24). Of the
 * 0.89 ms that one of 128 H100s takes over Qwen3-30B's experts for 16,384 tokens, whose
 * own are hardly any, that is 0.7. B200's kernels move less: the ratio says so.
 */
static double masked_roofline_s(const struct gpu *gpu, const struct kernel_shape *shape,
                                double rows)
{
    double zeroes = 2 * shape->n + shape->k;
    double passes = zeroes + passes_of(KERNEL_ACTIVATION) * shape->n + shape->k;
    return rows * passes * ACTIVATION_BYTES /
           (gpu->memory_bytes_per_s * gpu->efficiency.elementwise_memory);
}

/* A row reaches one expert: a grid has places with fewer rows too. */
static double experts_roofline_s(const struct gpu *gpu, const struct kernel_shape *shape,
                                 double rows, double reached_max)
{
    double reached = fmin(rows, reached_max);
    double n = shape->n, k = shape->k;
    return gemm_roofline_s(gpu, shape->dtype, rows, 2 * n, k, reached) +
           elementwise_roofline_s(gpu, KERNEL_ACTIVATION, rows * n) +
           gemm_roofline_s(gpu, shape->dtype, rows, k, n, reached) +
           masked_roofline_s(gpu, shape, rows * (shape->ranks - 1));
}

/* Arithmetic and loading add up: what a tile loads, it must have before it can multiply. */
static double attention_roofline_s(const struct gpu *gpu, const struct kernel_shape *shape,
                                   double queries, double pairs, double keys)
{
    double peak = gpu->flops_per_s[DTYPE_BF16] * gpu->efficiency.attention_compute;
    double kv_bytes =
        2 * keys * shape->kv_heads * KERNEL_TABLE_HEAD_DIM * dtype_bytes(shape->dtype);
    double io_bytes = 2 * queries * shape->heads * KERNEL_TABLE_HEAD_DIM * ACTIVATION_BYTES;
    double bandwidth = gpu->memory_bytes_per_s * gpu->efficiency.attention_memory;
    return 4 * pairs * shape->heads * KERNEL_TABLE_HEAD_DIM / peak +
           (kv_bytes + io_bytes) / bandwidth;
}

double kernel_roofline_s(const struct gpu *gpu, const struct kernel_shape *shape, double x,
                         double y)
{
    switch (shape->op) {
    case KERNEL_GEMM:
        return gemm_roofline_s(gpu, shape->dtype, x, shape->n * y, shape->k, 1);
    case KERNEL_ATTENTION_DECODE:
    case KERNEL_ATTENTION_DECODE_FA3:
    case KERNEL_ATTENTION_BESIDE:
        return attention_roofline_s(gpu, shape, x, x * y, x * y);
    case KERNEL_ATTENTION_PREFILL:
    case KERNEL_ATTENTION_PREFILL_FA2:
    case KERNEL_ATTENTION_PREFILL_FA3:
        return attention_roofline_s(gpu, shape, x, causal_pairs(x, y), x + y);
    case KERNEL_EXPERTS:
    case KERNEL_EXPERTS_PARALLEL:
        return experts_roofline_s(gpu, shape, x, y);
    default:
        return elementwise_roofline_s(gpu, shape->op, x * shape->n);
    }
}
