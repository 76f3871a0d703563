#include "kernel_work.h"

/* FlashAttention-2 multiplies a head's queries so many at a time: on H200 16 take as long as 64
   after 2,000 to 98,000 tokens of history, and 128 twice as long. */
#define FA2_QUERIES 64

/* The larger hides the smaller: GEMMs load tiles while they multiply. */
static double gemm_roofline_s(const struct gpu *gpu, enum dtype dtype, struct work work)
{
    double peak = gpu_flops_per_s(gpu, dtype) * gpu_gemm_compute(gpu, dtype);
    return fmax(work.flops / peak,
                work.bytes / (gpu->memory_bytes_per_s * gpu->efficiency.gemm_memory));
}

static double elementwise_roofline_s(const struct gpu *gpu, struct work work)
{
    return work.bytes / (gpu->memory_bytes_per_s * gpu->efficiency.elementwise_memory);
}

/* Arithmetic and loading add up: what a tile loads, it must have before it can multiply. */
static double attention_roofline_s(const struct gpu *gpu, struct work work)
{
    double peak = gpu->flops_per_s[DTYPE_BF16] * gpu->efficiency.attention_compute;
    return work.flops / peak +
           work.bytes / (gpu->memory_bytes_per_s * gpu->efficiency.attention_memory);
}

/*
 * Of rows of other GPUs' experts. The GPU has all tokens, and engines keep a row for
 * each expert that each goes to: vLLM's zeroes those of others between the GEMMs, and
 * activates and sums them with its own (fused_experts and its expert_map, 0.24). Of the
 * 0.89 ms that one of 128 H100s takes over Qwen3-30B's experts for 16,384 tokens, whose
 * own are hardly any, that is 0.7. B200's kernels move less: the ratio says so.
 */
static struct work masked_work(const struct kernel_shape *shape, double rows)
{
    double zeroes = 2 * shape->n + shape->k;
    double passes = zeroes + work_passes(KERNEL_ACTIVATION) * shape->n + shape->k;
    return work_elementwise(passes, rows);
}

/* A row reaches one expert: a grid has places with fewer rows too. */
static double experts_roofline_s(const struct gpu *gpu, const struct kernel_shape *shape,
                                 double rows, double reached_max)
{
    enum dtype dtype = shape->dtype;
    double reached = fmin(rows, reached_max);
    double n = shape->n, k = shape->k;
    struct work activation = work_elementwise(work_passes(KERNEL_ACTIVATION), rows * n);
    return gemm_roofline_s(gpu, dtype, work_gemm(dtype, rows, 2 * n, k, reached)) +
           elementwise_roofline_s(gpu, activation) +
           gemm_roofline_s(gpu, dtype, work_gemm(dtype, rows, k, n, reached)) +
           elementwise_roofline_s(gpu, masked_work(shape, rows * (shape->ranks - 1)));
}

static struct work attention_work(const struct kernel_shape *shape, double queries, double pairs,
                                  double keys)
{
    return work_attention(shape->dtype, queries, pairs, keys, shape->heads * KERNEL_TABLE_HEAD_DIM,
                          shape->kv_heads * KERNEL_TABLE_HEAD_DIM);
}

double kernel_roofline_s(const struct gpu *gpu, const struct kernel_shape *shape, double x,
                         double y)
{
    double value_bytes = shape->op == KERNEL_COPY ? ACTIVATION_BYTES : 1; /* its n is bytes */
    switch (shape->op) {
    case KERNEL_GEMM:
        return gemm_roofline_s(gpu, shape->dtype,
                               work_gemm(shape->dtype, x, shape->n * y, shape->k, 1));
    case KERNEL_ATTENTION_DECODE:
    case KERNEL_ATTENTION_DECODE_FA3:
    case KERNEL_ATTENTION_BESIDE:
        return attention_roofline_s(gpu, attention_work(shape, x, x * y, x * y));
    case KERNEL_ATTENTION_PREFILL_FA2:
        return attention_roofline_s(
            gpu, attention_work(shape, x, work_causal_pairs(fmax(x, FA2_QUERIES), y), x + y));
    case KERNEL_ATTENTION_PREFILL:
    case KERNEL_ATTENTION_PREFILL_FA3:
        return attention_roofline_s(gpu, attention_work(shape, x, work_causal_pairs(x, y), x + y));
    case KERNEL_EXPERTS:
    case KERNEL_EXPERTS_PARALLEL:
        return experts_roofline_s(gpu, shape, x, y);
    default:
        return elementwise_roofline_s(
            gpu, work_elementwise(work_passes(shape->op), x * shape->n / value_bytes));
    }
}
