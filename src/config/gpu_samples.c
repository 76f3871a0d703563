#include "gpu_samples.h"

#include "config_gpu.h"
#include "config_part.h"
#include "gpu_tables.h"
#include "sample_csv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_BYTES 4096

#define OF_COLLECTIVES "/collectives"

const char *const gpu_samples_tables[] = {"/kernels.csv",
                                          "/kernels_fp8.csv",
                                          "/kernels_published.csv",
                                          "/experts.csv",
                                          OF_COLLECTIVES ".csv",
                                          OF_COLLECTIVES "_published.csv",
                                          NULL};

/* Opens `folder``name`: 1 with `*file`, 0 where there is no such file, or negative. */
static int open_table(const char *folder, const char *name, char path[PATH_BYTES], FILE **file,
                      struct error *error)
{
    int length = snprintf(path, PATH_BYTES, "%s%s", folder, name);
    if (length < 0 || length >= PATH_BYTES)
        return error_set(error, ERROR_IO, "%s: the path is too long", folder);
    *file = fopen(path, "r");
    if (*file)
        return 1;
    return errno == ENOENT
               ? 0
               : error_set(error, ERROR_IO, "%s: cannot be read: %s", path, strerror(errno));
}

static void read_gpu_part(struct config_loader *loader, const char *text, struct yaml_node *node,
                          void *gpu)
{
    (void)text;
    config_gpu_read(loader, node, gpu, NULL);
}

static int read_gpu(struct gpu_folder *folder, struct error *error)
{
    char path[PATH_BYTES];
    struct arena arena;
    int length = snprintf(path, PATH_BYTES, "%s" GPU_SAMPLES_GPU, folder->path);
    folder->has_gpu = length < PATH_BYTES && access(path, F_OK) == 0;
    if (!folder->has_gpu)
        return 0;
    arena_init(&arena);
    int status = config_part_read(path, read_gpu_part, &folder->gpu, &arena, error);
    arena_release(&arena);
    return status;
}

/* Reads one of the folder's tables. */
static int read_table(struct gpu_folder *folder, const char *name, struct error *error)
{
    char path[PATH_BYTES];
    FILE *file = NULL;
    int status = open_table(folder->path, name, path, &file, error);
    if (status <= 0)
        return status;
    if (strncmp(name, OF_COLLECTIVES, strlen(OF_COLLECTIVES)) == 0)
        status = sample_csv_collectives(file, path, &folder->collectives, NULL,
                                        &folder->collective_count, error);
    else
        status =
            sample_csv_kernels(file, path, &folder->kernels, NULL, &folder->kernel_count, error);
    fclose(file);
    return status;
}

static int read_residuals(struct gpu_folder *folder, struct error *error)
{
    char path[PATH_BYTES];
    FILE *file = NULL;
    int status = open_table(folder->path, GPU_SAMPLES_RESIDUALS, path, &file, error);
    if (status > 0) {
        status = residual_csv_read(file, path, &folder->residuals, &folder->residual_count, error);
        fclose(file);
    }
    return status;
}

static void release_samples(struct gpu_folder *folder)
{
    free(folder->kernels);
    free(folder->collectives);
    free(folder->residuals);
    folder->kernels = NULL;
    folder->collectives = NULL;
    folder->residuals = NULL;
    folder->kernel_count = folder->collective_count = folder->residual_count = 0;
}

/* Makes the tables, in the place of what they are made of. */
static int make_tables(struct gpu_folder *folder, struct error *error)
{
    struct gpu_tables *tables = malloc(sizeof(*tables));
    if (!tables)
        return error_out_of_memory(error, folder->path);
    int status = gpu_tables_make(tables, &folder->gpu, folder, error);
    if (status < 0) {
        free(tables);
        return status;
    }
    folder->tables = tables;
    release_samples(folder);
    return 0;
}

static void release_folder(struct gpu_folder *folder)
{
    if (folder->tables)
        gpu_tables_release(folder->tables);
    free(folder->tables);
    free(folder->path);
    release_samples(folder);
}

static int read_folder(struct gpu_folder *folder, const char *path, struct error *error)
{
    *folder = (struct gpu_folder){.path = strdup(path)};
    if (!folder->path)
        return error_out_of_memory(error, path);
    int status = read_gpu(folder, error);
    for (const char *const *name = gpu_samples_tables; *name && status == 0; name++)
        status = read_table(folder, *name, error);
    if (status == 0)
        status = read_residuals(folder, error);
    return status == 0 && folder->has_gpu ? make_tables(folder, error) : status;
}

const struct gpu_folder *gpu_samples_of(struct gpu_samples *samples, const char *path,
                                        struct error *error)
{
    for (size_t i = 0; i < samples->count; i++)
        if (strcmp(samples->folders[i].path, path) == 0)
            return &samples->folders[i];
    struct gpu_folder *larger =
        realloc(samples->folders, (samples->count + 1) * sizeof(*samples->folders));
    if (!larger) {
        (void)error_out_of_memory(error, path);
        return NULL;
    }
    samples->folders = larger;
    struct gpu_folder *folder = &larger[samples->count];
    if (read_folder(folder, path, error) < 0) {
        release_folder(folder);
        return NULL;
    }
    samples->count++;
    return folder;
}

void gpu_samples_release(struct gpu_samples *samples)
{
    for (size_t i = 0; i < samples->count; i++)
        release_folder(&samples->folders[i]);
    free(samples->folders);
    *samples = (struct gpu_samples){.folders = NULL};
}
