/*
 * compute: the time of each kernel of one decoder on one GPU.
 *
 * Where the GPU has measured times (kernel_table.h), from them, and the engine's
 * gap before the next kernel. Elsewhere by roofline (Williams, Waterman and
 * Patterson, CACM 52(4), 2009): max(FLOPs / (peak x efficiency), bytes /
 * (bandwidth x efficiency)), and the GPU file's gap, which its efficiencies
 * were fitted with. Times are seconds and never fail.
 *
 * Engines run a mixture's experts as one operation. Where that was measured, it
 * and the gap after it are divided among gate-up, activation and down in
 * proportion of their rooflines: their sum is measured, their shares are not.
 */
#ifndef TANDEM_COMPUTE_H
#define TANDEM_COMPUTE_H

#include "cost_stack.h"
#include "kernel_work.h"
#include "sharding.h"

/*
 * What one kernel does on one GPU. The shape is what a measured table is looked
 * up by: a GEMM is (m, k) x (k, n); an elementwise kernel m rows of n; decode
 * attention m sequences whose KV sums to n tokens; prefill attention m new
 * tokens whose KV ends at n. `groups`: distinct experts that a grouped GEMM
 * reaches, else 1. `beside`: prompt tokens that the kernel of a decode attention
 * works on too, which matters where that was measured; else 0. `experts`: distinct
 * ones that the rows of an expert layer's kernel reach, and `share` what of that
 * layer's time is this kernel's; else 0.
 */
struct kernel {
    enum span_kind kind;
    enum dtype weights; /* of a GEMM's stationary operand; DTYPE_BF16 elsewhere */
    struct work work;
    double m;
    double n;
    double k;
    double groups;
    double beside;
    double experts;
    double share;
};

/* From the first norm to the second, then a mixture's router and experts. */
#define LAYER_KERNELS_MAX (5 + 4)

/* The kernels' times of one model shard on one kind of GPU. Without grids: by roofline. */
struct compute {
    const struct gpu *gpu;
    const struct model *model;
    uint32_t tensor_parallel;
    struct sharding sharding;
    double measured_gap_s;                          /* after a kernel with a measured time */
    const struct cost_grid *grids[SPAN_KIND_COUNT]; /* measured kinds; NULL: by roofline */
    struct cost_stack beside;        /* decode attention by the prompt tokens in the same kernel */
    const struct cost_grid *experts; /* as one operation; NULL: kernel by kernel */
};

/* What a compute is made of, and how far its grids reach. */
struct compute_setup {
    const struct gpu *gpu;
    const struct model *model;
    uint32_t tensor_parallel;
    struct sharding sharding;
    const struct kernel_table *table; /* NULL: nothing was measured */
    enum kernel_op prefill_op;        /* which measured attention the engine runs for prompts */
    enum kernel_op decode_op;         /* and for decodes */
    double measured_gap_s;
    uint32_t tokens_max;    /* of a step */
    uint32_t sequences_max; /* of a step */
    uint32_t context_max;   /* of a sequence */
};

/* Prepares a grid for each kernel that the table covers, in `arena`. 0 or -ERROR_MEMORY. */
int compute_init(struct compute *compute, const struct compute_setup *setup, struct arena *arena,
                 struct error *error);

/* The token-dependent kernels of one decoder layer, in order, attention left out; their count. On
   the busiest GPU, where GPUs hold whole experts. */
uint32_t compute_layer_kernels(const struct compute *compute, double tokens,
                               struct kernel kernels[LAYER_KERNELS_MAX]);

struct kernel compute_embedding(const struct compute *compute, double tokens);
struct kernel compute_final_norm(const struct compute *compute, double tokens);
struct kernel compute_lm_head(const struct compute *compute, double sequences);
struct kernel compute_sample(const struct compute *compute, double sequences);

/* One layer's attention of `sequences` decodes whose KV, the new tokens' included, sum to
   `context_tokens`. */
struct kernel compute_attention_decode(const struct compute *compute, double sequences,
                                       double context_tokens);

/* One layer's attention of a chunk of `length` prompt tokens after `start` earlier ones. */
struct kernel compute_attention_prefill(const struct compute *compute, double start, double length);

/* A kernel's time, the gap before the next included, and how it is known. */
struct cost compute_kernel(const struct compute *compute, const struct kernel *kernel);

/* The same of compute_attention_decode(), for a batch whose context grows: `line` is that of its
   sequences, and keeps what does not change. */
struct cost_line compute_decode_line(const struct compute *compute, double sequences);
struct cost compute_decode(const struct compute *compute, struct cost_line *line, double sequences,
                           double context_tokens);

/* What share of a kernel's time is hot: draws more power than the GPU's limit allows (power.h). */
double compute_hot_share(const struct compute *compute, const struct kernel *kernel);

#endif
