/*
 * kernel_work: the FLOPs of each kernel of a decoder, and the bytes that it moves.
 *
 * Two rooflines divide these by a GPU's peaks: compute.h's, for kernels that were
 * not measured, and kernel_roofline_s(), which measured times are ratios to. All
 * depend on shapes alone. Activations, and what is written to KV, are 16-bit
 * whatever the weights are.
 */
#ifndef TANDEM_KERNEL_WORK_H
#define TANDEM_KERNEL_WORK_H

#include "kernel_table.h"

#define ACTIVATION_BYTES 2.0

struct work {
    double flops;
    double bytes; /* read and written */
};

/* `m` rows, each by one of `groups` matrices of k x n. */
static inline struct work work_gemm(enum dtype weights, double m, double n, double k, double groups)
{
    return (struct work){
        .flops = 2 * m * n * k,
        .bytes = groups * n * k * dtype_bytes(weights) + (m * k + m * n) * ACTIVATION_BYTES,
    };
}

/* How often an elementwise op moves each value of its output, as 16 bits: inputs, output. */
static inline double work_passes(enum kernel_op op)
{
    switch (op) {
    case KERNEL_NORM:
        return 4; /* reads x and the residual, writes the residual and the normalised rows */
    case KERNEL_ACTIVATION:
        return 3; /* reads gate and up */
    case KERNEL_SAMPLE:
        return 3; /* reads the logits, writes them as 32 bits */
    default:
        return 2; /* RoPE with the KV write, copy */
    }
}

static inline struct work work_elementwise(double passes, double values)
{
    return (struct work){.bytes = passes * values * ACTIVATION_BYTES};
}

/* Query-key pairs of a causal chunk of `queries` tokens after `history` earlier ones. */
static inline double work_causal_pairs(double queries, double history)
{
    return queries * history + queries * (queries + 1) / 2;
}

/*
 * Attention of `queries` new tokens, each `width` values over all heads, that scores
 * `pairs` query-key pairs and reads K and V of `keys` tokens, `kv_width` values each.
 */
static inline struct work work_attention(enum dtype kv, double queries, double pairs, double keys,
                                         double width, double kv_width)
{
    double kv_bytes = 2 * keys * kv_width * dtype_bytes(kv);
    double io_bytes = 2 * queries * width * ACTIVATION_BYTES;
    return (struct work){.flops = 4 * pairs * width, .bytes = kv_bytes + io_bytes};
}

#endif
