/*
 * gpu_samples: what was measured of kinds of GPU, as the CSV files of their
 * folders hold it (sample_csv.h), how far tables made of it are off (residual_csv.h),
 * and the figures of the GPU that it was measured of (gpu.yaml). Any file may be
 * absent: then nothing is known of it.
 *
 * A folder is read when it is first asked for, and kept: the points of a sweep
 * differ in much, but seldom in their GPU, and to read its thousands of rows
 * takes as long as to simulate a thousand requests. So are the tables that are
 * made of it, where it says which GPU was measured: else they are of whoever asks.
 */
#ifndef TANDEM_GPU_SAMPLES_H
#define TANDEM_GPU_SAMPLES_H

#include "collective_table.h"
#include "kernel_table.h"
#include "residual_csv.h"

/* The files, as they follow the folder's path. */
#define GPU_SAMPLES_GPU "/gpu.yaml"
#define GPU_SAMPLES_RESIDUALS "/residuals.csv"
extern const char *const gpu_samples_tables[]; /* of kernels and of collectives; then NULL */

struct gpu_tables;

/* The samples of one folder, or the tables that were made of them. */
struct gpu_folder {
    char *path;
    struct gpu gpu; /* that was measured, where has_gpu */
    bool has_gpu;
    struct kernel_sample *kernels; /* of all tables, as collectives */
    size_t kernel_count;
    struct collective_sample *collectives;
    size_t collective_count;
    struct residual *residuals;
    size_t residual_count;
    struct gpu_tables *tables; /* made of all these, which are gone then (gpu_tables.h); NULL where
                                  not has_gpu */
};

/* Zeroed, it holds none. */
struct gpu_samples {
    struct gpu_folder *folders;
    size_t count;
};

/*
 * The samples in the folder at `path`, good until the next call; what they point at
 * is good until the release. NULL with ERROR_CONFIG (file, line and column), ERROR_IO or
 * ERROR_MEMORY.
 */
const struct gpu_folder *gpu_samples_of(struct gpu_samples *samples, const char *path,
                                        struct error *error);

void gpu_samples_release(struct gpu_samples *samples);

#endif
