#include "sweep_merge.h"

#include <stdlib.h>
#include <string.h>

/* Whether `part` is of the same sweep as `first`, run by the same program. */
static int check_same(const struct sweep_results *first, const struct sweep_results *part,
                      const char *first_path, const char *path, struct error *error)
{
    const struct {
        const char *what, *of_first, *of_part;
    } texts[] = {
        {"another version of tandem", first->version, part->version},
        {"another sweep", first->name, part->name},
        {"another sweep", first->sweep_text, part->sweep_text},
        {"another scenario", first->scenario_text, part->scenario_text},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        if (strcmp(texts[i].of_first, texts[i].of_part) != 0)
            return error_set(error, ERROR_CONFIG, "%s is of %s than %s", path, texts[i].what,
                             first_path);
    }
    if (first->shard_count != part->shard_count)
        return error_set(error, ERROR_CONFIG, "%s is part %u of %u, %s part %u of %u", path,
                         part->shard, part->shard_count, first_path, first->shard,
                         first->shard_count);
    return 0;
}

/* Whether the parts are all of the sweep's, each once. `paths_of` has room for each part. */
static int check_complete(const struct sweep_results *parts, const char *const *paths, size_t count,
                          const char **paths_of, struct error *error)
{
    uint32_t shard_count = parts[0].shard_count;
    for (size_t i = 0; i < count; i++) {
        int status = check_same(&parts[0], &parts[i], paths[0], paths[i], error);
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
    for (size_t i = 0; i < count && status == 0; i++) {
        if (json_array_extend(joined->records, parts[i].records) < 0)
            status = error_out_of_memory(error, "the points");
    }
    free(paths_of);
    return status < 0 ? status : sweep_results_sort(joined, error);
}
