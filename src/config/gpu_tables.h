/*
 * gpu_tables: what was measured of one kind of GPU, ready to be asked.
 */
#ifndef TANDEM_GPU_TABLES_H
#define TANDEM_GPU_TABLES_H

#include "gpu_samples.h"

/* A table without samples covers nothing. */
struct gpu_tables {
    struct kernel_table kernels;
    struct collective_table collectives;
    bool are_shared; /* their points are the folder's */
};

/*
 * The tables of `gpu` from its folder, which must both outlive them: where its
 * figures are not those of the GPU that was measured, its kernels are as much
 * faster as its roofline is. Where the folder says which GPU that was, they are
 * the folder's own but for `gpu`, and cost nothing. 0 or -ERROR_MEMORY, with
 * nothing to release.
 */
int gpu_tables_init(struct gpu_tables *tables, const struct gpu *gpu,
                    const struct gpu_folder *folder, struct error *error);

/* The tables of the GPU that was measured, `gpu`, from the folder's samples, which need not outlive
   them. Errors as gpu_tables_init(). */
int gpu_tables_make(struct gpu_tables *tables, const struct gpu *gpu,
                    const struct gpu_folder *folder, struct error *error);

void gpu_tables_release(struct gpu_tables *tables);

#endif
