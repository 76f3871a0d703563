/*
 * gpu_tables: what was measured of one kind of GPU, from the folder of its file:
 * kernels.csv and collectives.csv (sample_csv.h), either of which may be absent.
 */
#ifndef TANDEM_GPU_TABLES_H
#define TANDEM_GPU_TABLES_H

#include "collective_table.h"
#include "kernel_table.h"

/* A table without samples covers nothing. */
struct gpu_tables {
    struct kernel_table kernels;
    struct collective_table collectives;
};

/*
 * Reads the tables of `gpu`, which must outlive them. Errors: ERROR_CONFIG with
 * file and line, ERROR_IO, ERROR_MEMORY; then there is nothing to release.
 */
int gpu_tables_init(struct gpu_tables *tables, const struct gpu *gpu, const char *folder,
                    struct error *error);
void gpu_tables_release(struct gpu_tables *tables);

#endif
