#include "config_part.h"

#include "config_reference.h"
#include "data_dir.h"

#include <stdlib.h>

static void read_tree(struct config_loader *loader, const char *named_by, const char *path,
                      config_part_reader *reader, void *what)
{
    struct position named = {.source = config_source_new_option(loader, named_by)};
    struct source *source = named.source ? config_file_open(loader, path, named) : NULL;
    struct yaml_node *node = source ? yaml_tree_parse(source, source->text, source->bytes,
                                                      loader->arena, loader->diagnostics)
                                    : NULL;
    if (node)
        reader(loader, source->text, config_reference_resolve(loader, node), what);
}

int config_part_read(const char *named_by, const char *path, config_part_reader *reader, void *what,
                     struct arena *arena, struct error *error)
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
    read_tree(&loader, named_by, path, reader, what);
    status = diagnostics_to_error(diagnostics, error);
    free(diagnostics);
    return status;
}
