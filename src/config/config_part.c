#include "config_part.h"

#include "config_reference.h"
#include "data_dir.h"

#include <stdlib.h>

static int read_tree(struct config_loader *loader, const char *path, config_part_reader *reader,
                     void *what, struct error *error)
{
    const char *text;
    size_t bytes;
    int status = config_file_read(loader, path, &text, &bytes, error);
    if (status < 0)
        return status;
    struct source *source = config_source_new(loader, path, text, bytes);
    struct yaml_node *node =
        source ? yaml_tree_parse(source, text, bytes, loader->arena, loader->diagnostics) : NULL;
    if (node)
        reader(loader, text, config_reference_resolve(loader, node), what);
    return diagnostics_to_error(loader->diagnostics, error);
}

int config_part_read(const char *path, config_part_reader *reader, void *what, struct arena *arena,
                     struct error *error)
{
    char configs[DATA_DIR_BYTES];
    const char *const search[] = {configs, NULL};
    int status = data_dir_configs(configs, error);
    if (status < 0)
        return status;
    struct diagnostics *diagnostics = calloc(1, sizeof(*diagnostics));
    if (!diagnostics)
        return error_out_of_memory(error, "diagnostics");
    struct config_loader loader = {.arena = arena, .diagnostics = diagnostics, .search = search};
    diagnostics_init(diagnostics);
    status = read_tree(&loader, path, reader, what, error);
    free(diagnostics);
    return status;
}
