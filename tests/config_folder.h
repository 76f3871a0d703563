/*
 * config_folder: scenarios and the files that they name, in a scratch folder.
 *
 * For tests of the configuration loader; a failed assertion ends the test.
 */
#ifndef TANDEM_TESTS_CONFIG_FOLDER_H
#define TANDEM_TESTS_CONFIG_FOLDER_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config_scenario.h"

#define PATH_BYTES 512
#define FILES_MAX 16

static const char config_model[] = "name: tiny\nlayers: 4\nhidden: 256\nffn: 1024\nheads: 8\n"
                                   "kv_heads: 4\nvocab: 1000\n";
static const char config_gpu[] =
    "name: toy\nmemory: 16 GB\nmemory_bandwidth: 500 GB/s\npeak: {bf16: 100 TFLOP/s}\n"
    "efficiency: {gemm_compute: 0.8, gemm_memory: 0.7, attention_compute: 0.5,\n"
    "  attention_memory: 0.6, elementwise_memory: 0.9}\nkernel_gap: 1 us\n";
static const char config_cluster[] =
    "name: box\ngpu: gpus/toy\nnodes: 1\ngpus_per_node: 4\n"
    "pcie: {bandwidth: 32 GB/s, latency: 1 us}\ncollective_start: 5 us\n";
static const char config_host[] = "name: quick\nschedule: 100 us\nschedule_per_request: 1 us\n"
                                  "return: 20 us\nlaunch: 5 us\nlaunch_collective: 10 us\n"
                                  "launch_graph: 15 us\ncaptured_sizes: []\n";
static const char config_workload[] =
    "workload:\n  arrivals: {process: poisson, rate: 8 /s}\n  requests: 100\n"
    "  input_tokens: 512\n  output_tokens: {distribution: lognormal, mean: 200, cv: 0.5}\n";
static const char config_head[] = "model: models/tiny\ncluster: clusters/box\nengine: {}\n";

/* A scratch directory that a test fills with files and that knows what to take away. */
struct folder {
    char path[PATH_BYTES / 2];
    char files[FILES_MAX][PATH_BYTES / 4];
    size_t file_count;
};

static inline void folder_path(const struct folder *folder, const char *name, char path[PATH_BYTES])
{
    snprintf(path, PATH_BYTES, "%s/%s", folder->path, name);
}

/* Writes a file, or writes it anew, making the folders on its way. */
static inline void folder_write(struct folder *folder, const char *name, const char *text)
{
    char path[PATH_BYTES];
    folder_path(folder, name, path);
    for (char *slash = path + strlen(folder->path) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
    FILE *stream = fopen(path, "w");
    ck_assert_ptr_nonnull(stream);
    fputs(text, stream);
    ck_assert_int_eq(fclose(stream), 0);
    for (size_t i = 0; i < folder->file_count; i++)
        if (strcmp(folder->files[i], name) == 0)
            return;
    ck_assert_uint_lt(folder->file_count, FILES_MAX);
    snprintf(folder->files[folder->file_count++], sizeof(folder->files[0]), "%s", name);
}

/* With the configs that `config_head` names. */
static inline void folder_init(struct folder *folder)
{
    folder->file_count = 0;
    strcpy(folder->path, "/tmp/tandem-config-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder->path));
    folder_write(folder, "configs/models/tiny.yaml", config_model);
    folder_write(folder, "configs/gpus/toy/gpu.yaml", config_gpu);
    folder_write(folder, "configs/clusters/box.yaml", config_cluster);
    folder_write(folder, "configs/engines/cuda-graphs.yaml", config_host);
}

static inline void folder_release(struct folder *folder)
{
    while (folder->file_count > 0) {
        char path[PATH_BYTES];
        folder_path(folder, folder->files[--folder->file_count], path);
        ck_assert_int_eq(remove(path), 0);
        /* The folders above go when their last file has gone. */
        for (char *slash = strrchr(path, '/'); slash; slash = strrchr(path, '/')) {
            *slash = '\0';
            if (rmdir(path) != 0)
                break;
        }
    }
}

/* Writes the scenario and loads it; it must be right. */
static inline void load(struct folder *folder, const char *text, struct config *config,
                        const char *const *sets, size_t set_count)
{
    char path[PATH_BYTES];
    char configs[PATH_BYTES];
    folder_path(folder, "scenario.yaml", path);
    folder_path(folder, "configs", configs);
    folder_write(folder, "scenario.yaml", text);
    const char *const search[] = {configs, NULL};
    struct error error = {0};
    const struct config_inputs inputs = {.search = search, .sets = sets, .set_count = set_count};
    int status = config_load_scenario(config, path, &inputs, &error);
    ck_assert_msg(status == 0, "%s", error.text);
}

#endif
