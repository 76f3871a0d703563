/*
 * config_folder: a scenario and the files that it names, in a scratch folder, loaded.
 *
 * For tests of the configuration loader, which run between folder_set_up() and
 * folder_tear_down(); a failed assertion ends the test.
 */
#ifndef TANDEM_TESTS_CONFIG_FOLDER_H
#define TANDEM_TESTS_CONFIG_FOLDER_H

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config_scenario.h"

#define PATH_BYTES 512
#define FILES_MAX 16
#define TEXT_BYTES 4096

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

/* The test's scratch directory, which knows what to take away, and what was loaded from it. */
static struct {
    char path[PATH_BYTES / 2];
    char files[FILES_MAX][PATH_BYTES / 4];
    size_t file_count;
} folder;
static struct config config;

static inline void folder_path(const char *name, char path[PATH_BYTES])
{
    snprintf(path, PATH_BYTES, "%s/%s", folder.path, name);
}

/* Writes a file, printf-formatted, or writes it anew, making the folders on its way. */
static inline void folder_write(const char *name, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static inline void folder_write(const char *name, const char *format, ...)
{
    char path[PATH_BYTES];
    folder_path(name, path);
    for (char *slash = path + strlen(folder.path) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
    FILE *stream = fopen(path, "w");
    ck_assert_ptr_nonnull(stream);
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stream, format, arguments);
    va_end(arguments);
    ck_assert_int_eq(fclose(stream), 0);
    for (size_t i = 0; i < folder.file_count; i++)
        if (strcmp(folder.files[i], name) == 0)
            return;
    ck_assert_uint_lt(folder.file_count, FILES_MAX);
    snprintf(folder.files[folder.file_count++], sizeof(folder.files[0]), "%s", name);
}

/* With the configs that `config_head` names. */
static inline void folder_set_up(void)
{
    folder.file_count = 0;
    strcpy(folder.path, "/tmp/tandem-config-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder.path));
    folder_write("configs/models/tiny.yaml", "%s", config_model);
    folder_write("configs/gpus/toy/gpu.yaml", "%s", config_gpu);
    folder_write("configs/clusters/box.yaml", "%s", config_cluster);
    folder_write("configs/engines/cuda-graphs.yaml", "%s", config_host);
}

static inline void folder_tear_down(void)
{
    config_release(&config);
    while (folder.file_count > 0) {
        char path[PATH_BYTES];
        folder_path(folder.files[--folder.file_count], path);
        ck_assert_int_eq(remove(path), 0);
        /* The folders above go when their last file has gone. */
        for (char *slash = strrchr(path, '/'); slash; slash = strrchr(path, '/')) {
            *slash = '\0';
            if (rmdir(path) != 0)
                break;
        }
    }
}

/* Writes the scenario, printf-formatted, and loads it in place of the one before; it must be right.
 */
static inline void load_set(const char *const *sets, size_t set_count, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static inline void load_set(const char *const *sets, size_t set_count, const char *format, ...)
{
    char path[PATH_BYTES];
    char configs[PATH_BYTES];
    char text[TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    ck_assert_int_lt(vsnprintf(text, sizeof(text), format, arguments), TEXT_BYTES);
    va_end(arguments);
    folder_path("scenario.yaml", path);
    folder_path("configs", configs);
    folder_write("scenario.yaml", "%s", text);
    const char *const search[] = {configs, NULL};
    struct error error = {0};
    const struct config_inputs inputs = {.search = search, .sets = sets, .set_count = set_count};
    config_release(&config);
    int status = config_load_scenario(&config, path, &inputs, &error);
    ck_assert_msg(status == 0, "%s", error.text);
}

#define load(...) load_set(NULL, 0, __VA_ARGS__)

#endif
