#include "sweep_inputs.h"

#include "config_portable.h"
#include "data_dir.h"
#include "gpu_samples.h"
#include "sweep_hash.h"
#include "sweep_value.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define PATH_BYTES 4096
#define BLOCK_BYTES 65536
#define HASH_BYTES 17

/* The hash of the file's contents as a text; NULL where it is no regular file, or cannot be read to
   its end: then there is nothing to compare. */
static json_t *hash_of(const char *path)
{
    char block[BLOCK_BYTES];
    char hash[HASH_BYTES];
    uint64_t sum = SWEEP_HASH_START;
    size_t bytes;
    struct stat status;
    FILE *file = stat(path, &status) == 0 && S_ISREG(status.st_mode) ? fopen(path, "rbe") : NULL;
    if (!file)
        return NULL;
    while ((bytes = fread(block, 1, sizeof(block), file)) > 0)
        sum = sweep_hash(sum, block, bytes);
    bool is_read = !ferror(file);
    (void)fclose(file);
    (void)snprintf(hash, HASH_BYTES, "%016" PRIx64, sum);
    return is_read ? json_string(hash) : NULL;
}

/* An object of the file's name to its hash; NULL where there is no hash, or the name is no UTF-8,
   which JSON cannot hold. */
static json_t *describe(const char *path)
{
    char configs[DATA_DIR_BYTES];
    char whole[PATH_MAX];
    char name[PORTABLE_NAME_BYTES];
    struct error ignored;
    json_t *hash = hash_of(path);
    if (!hash || !realpath(path, whole) || data_dir_configs(configs, &ignored) < 0) {
        json_decref(hash);
        return NULL;
    }
    config_portable_name(whole, configs, name);
    return json_pack("{s:o}", name, hash);
}

/* Adds the file, where there is one; as `known` has it where it is as it was then. */
static void add(json_t *inputs, const char *path, json_t *known)
{
    struct stat file;
    char stamp[PATH_BYTES + 64];
    if (stat(path, &file) < 0)
        return;
    (void)snprintf(stamp, sizeof(stamp), "%s %jd %jd.%09ld", path, (intmax_t)file.st_size,
                   (intmax_t)file.st_mtim.tv_sec, file.st_mtim.tv_nsec);
    json_t *described = json_incref(json_object_get(known, stamp));
    if (!described) {
        described = describe(path);
        (void)json_object_set(known, stamp, described);
    }
    (void)json_object_update(inputs, described);
    json_decref(described);
}

/* The hash of the file of that name, as it is now; NULL: there is none. */
static json_t *hash_now(const char *name)
{
    char configs[DATA_DIR_BYTES];
    char path[DATA_DIR_BYTES + PORTABLE_NAME_BYTES];
    struct error ignored;
    if (name[0] == '/')
        return hash_of(name);
    if (data_dir_configs(configs, &ignored) < 0)
        return NULL;
    (void)snprintf(path, sizeof(path), "%s/%s", configs, name);
    return hash_of(path);
}

static void add_tables(json_t *inputs, const char *folder, json_t *known)
{
    char path[PATH_BYTES];
    for (const char *const *name = gpu_samples_tables; *name; name++) {
        (void)snprintf(path, sizeof(path), "%s%s", folder, *name);
        add(inputs, path, known);
    }
    (void)snprintf(path, sizeof(path), "%s%s", folder, GPU_SAMPLES_RESIDUALS);
    add(inputs, path, known);
}

/* The token counts that a distribution of the scenario takes from a file. */
static void add_lengths(json_t *inputs, const struct config *config, const char *key, json_t *known)
{
    const struct yaml_node *node = sweep_value_find(config->root, key);
    if (node && node->kind == YAML_KIND_SCALAR)
        add(inputs, node->text, known);
}

json_t *sweep_inputs_of(const struct config *config, json_t *known)
{
    json_t *inputs = json_object();
    if (config->workload.is_trace) {
        add(inputs, config->workload.trace_path, known);
    } else {
        add_lengths(inputs, config, "workload.input_tokens.file", known);
        add_lengths(inputs, config, "workload.output_tokens.file", known);
    }
    for (size_t i = 0; i < POOLS_MAX; i++) {
        if (config->tables[i].folder)
            add_tables(inputs, config->tables[i].folder, known);
    }
    return inputs;
}

int sweep_inputs_compare(json_t *seen, const json_t *records, const char *source,
                         struct error *error)
{
    for (size_t i = 0; i < json_array_size(records); i++) {
        const char *path;
        json_t *hash;
        json_t *inputs = json_object_get(json_array_get(records, i), "inputs");
        json_object_foreach(inputs, path, hash)
        {
            const json_t *first = json_object_get(seen, path);
            if (first && !json_equal(json_array_get(first, 0), hash))
                return error_set(error, ERROR_CONFIG, "%s was run on another %s than %s", source,
                                 path, json_string_value(json_array_get(first, 1)));
            if (!first && json_object_set_new(seen, path, json_pack("[O, s]", hash, source)) < 0)
                return error_out_of_memory(error, "the files of a sweep");
        }
    }
    return 0;
}

int sweep_inputs_check(json_t *seen, struct error *error)
{
    const char *path;
    json_t *first;
    json_object_foreach(seen, path, first)
    {
        json_t *now = hash_now(path);
        bool is_same = now && json_equal(json_array_get(first, 0), now);
        json_decref(now);
        if (!is_same)
            return error_set(error, ERROR_CONFIG, "%s was run on another %s than is there now",
                             json_string_value(json_array_get(first, 1)), path);
    }
    return 0;
}
