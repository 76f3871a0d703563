#include "calibrate_config.h"

#include "config_gpu.h"
#include "config_model.h"
#include "config_reference.h"
#include "data_dir.h"

#include <stdlib.h>
#include <string.h>

/* Makes something of a file's text and its tree, bases merged in; mistakes go to the loader's
   diagnostics. */
typedef void tree_reader(struct config_loader *loader, const char *text, struct yaml_node *node,
                         void *what);

/* `option` names the file where there is none to be had. */
static void read_tree(struct config_loader *loader, const char *option, const char *path,
                      tree_reader *reader, void *what)
{
    struct position named = {.source = config_source_new_option(loader, option)};
    struct source *source = named.source ? config_file_open(loader, path, named) : NULL;
    struct yaml_node *node = source ? yaml_tree_parse(source, source->text, source->bytes,
                                                      loader->arena, loader->diagnostics)
                                    : NULL;
    if (node)
        reader(loader, source->text, config_reference_resolve(loader, node), what);
}

static int read_config(const char *option, const char *path, tree_reader *reader, void *what,
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
    read_tree(&loader, option, path, reader, what);
    status = diagnostics_to_error(diagnostics, error);
    free(diagnostics);
    return status;
}

/* Tables are written beside the file: a `measured` that says otherwise is a mistake. */
static bool names_tables(struct diagnostics *diagnostics, const struct yaml_node *node)
{
    static const char key[] = "measured";
    const struct yaml_entry *entry =
        node->kind == YAML_KIND_MAPPING ? yaml_node_find(node, key) : NULL;
    const char *name;
    if (!entry || !config_value_text(diagnostics, entry->value, key, FILENAME_MAX, &name))
        return false;
    if (strcmp(name, ".") == 0)
        return true;
    diagnostics_add(diagnostics, entry->value->position,
                    "'measured' must be '.', this file's own folder, or be left out");
    return false;
}

static void read_gpu(struct config_loader *loader, const char *text, struct yaml_node *node,
                     void *what)
{
    struct calibrate_gpu *gpu = what;
    gpu->text = text;
    gpu->names_tables = names_tables(loader->diagnostics, node);
    config_gpu_read(loader, node, &gpu->gpu, NULL);
}

static void read_model(struct config_loader *loader, const char *text, struct yaml_node *node,
                       void *what)
{
    (void)text;
    config_model_read(loader->diagnostics, node, what);
}

int calibrate_gpu_read(struct calibrate_gpu *gpu, const char *path, struct arena *arena,
                       struct error *error)
{
    *gpu = (struct calibrate_gpu){.text = NULL};
    return read_config("--gpu", path, read_gpu, gpu, arena, error);
}

int calibrate_model_read(struct model *model, const char *path, struct arena *arena,
                         struct error *error)
{
    *model = (struct model){.layers = 0};
    return read_config("--model", path, read_model, model, arena, error);
}
