/*
 * sample_csv: a GPU's measurements, as CSV files hold them.
 *
 * kernels.csv      op,dtype,m,n,k,batch,heads,kv_heads,q_len,ctx,time_us
 * experts.csv      op,dtype,m,n,k,experts,top_k,ranks,reached,time_us
 * collectives.csv  op,ranks,bytes,p2p,graph,time_us
 *
 * A table names one source; what another had to give of the same GPU is in
 * kernels_fp8.csv, kernels_published.csv and collectives_published.csv, of the same columns.
 *
 * The first line that is not a comment (# ...) names the columns, in any order;
 * dtype may be left out and is bf16. A row leaves empty, or at 1, what does not
 * apply to its op; all but times are whole numbers:
 *
 *     gemm                             m n k     (m, k) x (k, n)
 *     attn_decode                      batch heads kv_heads ctx
 *     attn_prefill                     q_len heads kv_heads ctx     ctx: KV at the chunk's end
 *     attn_prefill_fa2, _fa3, attn_decode_fa3     the same, by FlashAttention-2 and -3
 *     attn_decode_beside               batch heads kv_heads ctx q_len       q_len: of the chunk
 *     rmsnorm_residual, silu_mul       m n       n: width of the output
 *     sample                           m n       n: vocabulary
 *     rope_kv_write                    m heads kv_heads
 *     copy                             m         bytes
 *     experts                          m n k experts top_k reached
 *     experts_parallel                 m n k experts top_k reached ranks
 *
 * Kernels of any op may stand in any table of kernels; written, experts are parted from others.
 * Experts: gate-up, activation and down of m tokens that go to top_k experts of the
 * layer each, of n FFN columns, as one GPU holds them, and k hidden values; reached:
 * how many different ones of the GPU's own the m tokens go to. Parallel: as many GPUs
 * as ranks have the m tokens, and share the experts whole.
 * Heads are those of one GPU, of 128 values, as many for each KV head. p2p 1: over NVLink or PCIe
 * peer access, 0: through host memory. graph 1: replayed in a captured graph. Mistakes are
 * ERROR_CONFIG, with file, line and column; to give the same twice in a file is one.
 */
#ifndef TANDEM_SAMPLE_CSV_H
#define TANDEM_SAMPLE_CSV_H

#include "collective_table.h"
#include "kernel_table.h"

#include <stdio.h>

/* Where a sample's time stood, from 1 on. */
struct sample_place {
    uint64_t line;
    uint32_t column;
};

/*
 * Adds all of `file`, called `name` in errors, to the `*count` samples at `*samples`,
 * on the heap, NULL where there are none; on failure they are as they were. `*places`,
 * unless `places` is NULL, are those of the file's own. The caller frees both arrays.
 */
int sample_csv_kernels(FILE *file, const char *name, struct kernel_sample **samples,
                       struct sample_place **places, size_t *count, struct error *error);

int sample_csv_collectives(FILE *file, const char *name, struct collective_sample **samples,
                           struct sample_place **places, size_t *count, struct error *error);

/* Writes header and rows, which read back as these samples: all but experts', and experts' alone.
   Whether `file` took them is the caller's to ask. */
void sample_csv_write_kernels(FILE *file, const struct kernel_sample *samples, size_t count);
void sample_csv_write_experts(FILE *file, const struct kernel_sample *samples, size_t count);
void sample_csv_write_collectives(FILE *file, const struct collective_sample *samples,
                                  size_t count);

#endif
