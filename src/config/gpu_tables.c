#include "gpu_tables.h"

#include "sample_csv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PATH_BYTES 4096

/* Opens `folder`/`name`: 1 with `*file`, 0 where there is no such file, or negative. */
static int open_table(const char *folder, const char *name, char path[PATH_BYTES], FILE **file,
                      struct error *error)
{
    int length = snprintf(path, PATH_BYTES, "%s/%s", folder, name);
    if (length < 0 || length >= PATH_BYTES)
        return error_set(error, ERROR_IO, "%s: the path is too long", folder);
    *file = fopen(path, "r");
    if (*file)
        return 1;
    return errno == ENOENT
               ? 0
               : error_set(error, ERROR_IO, "%s: cannot be read: %s", path, strerror(errno));
}

static int init_kernels(struct kernel_table *table, const struct gpu *gpu, const char *folder,
                        struct error *error)
{
    char path[PATH_BYTES];
    FILE *file = NULL;
    struct kernel_sample *samples = NULL;
    size_t count = 0;
    int status = open_table(folder, "kernels.csv", path, &file, error);
    if (status > 0) {
        status = sample_csv_kernels(file, path, &samples, NULL, &count, error);
        fclose(file);
    }
    if (status == 0)
        status = kernel_table_init(table, gpu, samples, count, error);
    free(samples);
    return status;
}

static int init_collectives(struct collective_table *table, const char *folder, struct error *error)
{
    char path[PATH_BYTES];
    FILE *file = NULL;
    struct collective_sample *samples = NULL;
    size_t count = 0;
    int status = open_table(folder, "collectives.csv", path, &file, error);
    if (status > 0) {
        status = sample_csv_collectives(file, path, &samples, NULL, &count, error);
        fclose(file);
    }
    if (status == 0)
        status = collective_table_init(table, samples, count, error);
    free(samples);
    return status;
}

int gpu_tables_init(struct gpu_tables *tables, const struct gpu *gpu, const char *folder,
                    struct error *error)
{
    int status = init_kernels(&tables->kernels, gpu, folder, error);
    if (status < 0)
        return status;
    status = init_collectives(&tables->collectives, folder, error);
    if (status < 0)
        kernel_table_release(&tables->kernels);
    return status;
}

void gpu_tables_release(struct gpu_tables *tables)
{
    kernel_table_release(&tables->kernels);
    collective_table_release(&tables->collectives);
}
