#include "calibrate_config.h"

#include "config_gpu.h"
#include "config_model.h"
#include "config_part.h"

#include <string.h>

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
    return config_part_read(path, read_gpu, gpu, arena, error);
}

int calibrate_model_read(struct model *model, const char *path, struct arena *arena,
                         struct error *error)
{
    *model = (struct model){.layers = 0};
    return config_part_read(path, read_model, model, arena, error);
}
