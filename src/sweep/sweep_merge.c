#include "sweep_merge.h"

#include "sweep_inputs.h"

#include <stdlib.h>

/* Whether the parts are all of the sweep's, each once. `paths_of` has room for each part. */
static int check_complete(const struct sweep_results *parts, const char *const *paths, size_t count,
                          const char **paths_of, struct error *error)
{
    uint32_t shard_count = parts[0].shard_count;
    for (size_t i = 0; i < count; i++) {
        int status = sweep_results_check_same(&parts[0], &parts[i], paths[0], paths[i], error);
        if (status < 0)
            return status;
        const char **path = &paths_of[parts[i].shard - 1];
        if (*path)
            return error_set(error, ERROR_CONFIG, "%s and %s are the same part, %u of %u", *path,
                             paths[i], parts[i].shard, shard_count);
        *path = paths[i];
    }
    for (uint32_t i = 0; i < shard_count; i++) {
        if (!paths_of[i])
            return error_set(error, ERROR_CONFIG, "part %u of %u is missing", i + 1, shard_count);
    }
    return 0;
}

/* Whether the parts were run on the same files. */
static int check_inputs(const struct sweep_results *parts, const char *const *paths, size_t count,
                        struct error *error)
{
    json_t *seen = json_object();
    int status = seen ? 0 : error_out_of_memory(error, "the parts");
    for (size_t i = 0; i < count && status == 0; i++)
        status = sweep_inputs_compare(seen, parts[i].records, paths[i], error);
    json_decref(seen);
    return status;
}

int sweep_merge(struct sweep_results *joined, const struct sweep_results *parts,
                const char *const *paths, size_t count, struct error *error)
{
    *joined = parts[0];
    joined->shard = 1;
    joined->shard_count = 1;
    joined->records = json_array();
    const char **paths_of = calloc(parts[0].shard_count, sizeof(*paths_of));
    int status = 0;
    if (!joined->records || !paths_of)
        status = error_out_of_memory(error, "the parts");
    else
        status = check_complete(parts, paths, count, paths_of, error);
    if (status == 0)
        status = check_inputs(parts, paths, count, error);
    for (size_t i = 0; i < count && status == 0; i++) {
        if (json_array_extend(joined->records, parts[i].records) < 0)
            status = error_out_of_memory(error, "the points");
    }
    free(paths_of);
    return status < 0 ? status : sweep_results_sort(joined, error);
}
