#include "gpu_tables.h"

int gpu_tables_make(struct gpu_tables *tables, const struct gpu *gpu,
                    const struct gpu_folder *folder, struct error *error)
{
    tables->are_shared = false;
    int status =
        kernel_table_init(&tables->kernels, gpu, folder->kernels, folder->kernel_count, error);
    if (status < 0)
        return status;
    status = collective_table_init(&tables->collectives, folder->collectives,
                                   folder->collective_count, error);
    if (status < 0) {
        kernel_table_release(&tables->kernels);
        return status;
    }
    residual_csv_apply(folder->residuals, folder->residual_count, &tables->kernels,
                       &tables->collectives);
    return 0;
}

int gpu_tables_init(struct gpu_tables *tables, const struct gpu *gpu,
                    const struct gpu_folder *folder, struct error *error)
{
    if (!folder->tables)
        return gpu_tables_make(tables, gpu, folder, error);
    *tables = *folder->tables;
    tables->are_shared = true;
    kernel_table_set_gpu(&tables->kernels, gpu);
    return 0;
}

void gpu_tables_release(struct gpu_tables *tables)
{
    if (tables->are_shared)
        return;
    kernel_table_release(&tables->kernels);
    collective_table_release(&tables->collectives);
}
