#include "config_override.h"

#include <stdio.h>
#include <string.h>

static void *out_of_memory(struct config_loader *loader)
{
    diagnostics_add_out_of_memory(loader->diagnostics);
    return NULL;
}

/* `--set` and the assignment, as a source of diagnostics. */
static const struct source *option_source(struct config_loader *loader, const char *assignment)
{
    static const char option[] = "--set ";
    char *name = arena_calloc(loader->arena, sizeof(option) + strlen(assignment), 1);
    if (!name)
        return out_of_memory(loader);
    sprintf(name, "%s%s", option, assignment);
    return config_source_new_option(loader, name);
}

/* Puts `value` under `key`; NULL when memory is out. */
static struct yaml_node *put(struct config_loader *loader, struct yaml_node *mapping,
                             const char *key, struct yaml_node *value, struct position position)
{
    struct yaml_node *key_node = yaml_node_new_scalar(loader->arena, position, key);
    struct yaml_entry *entry = yaml_node_find(mapping, key);
    if (!key_node || (!entry && !yaml_node_append(loader->arena, mapping, key_node, value)))
        return out_of_memory(loader);
    if (entry) {
        entry->key = key_node;
        entry->value = value;
    }
    return value;
}

/* The mapping under `key`, made where it is missing; NULL where a value is in the way. */
static struct yaml_node *enter(struct config_loader *loader, struct yaml_node *mapping,
                               const char *key, struct position position)
{
    const struct yaml_entry *entry = yaml_node_find(mapping, key);
    if (!entry || yaml_node_is_null(entry->value)) {
        struct yaml_node *made = yaml_node_new(loader->arena, YAML_KIND_MAPPING, position);
        return made ? put(loader, mapping, key, made, position) : out_of_memory(loader);
    }
    struct yaml_node *inner = config_reference_enter(loader, mapping, key);
    if (!inner || inner->is_broken)
        return NULL;
    if (inner->kind == YAML_KIND_MAPPING)
        return inner;
    diagnostics_add(loader->diagnostics, position, "'%.60s' holds a value, which has no keys", key);
    return NULL;
}

/* Follows the dotted `path`, which is cut up, and puts the value under its last key. */
static void put_at(struct config_loader *loader, struct yaml_node *mapping, char *path,
                   struct yaml_node *value, struct position position)
{
    char *key = path;
    for (char *dot = strchr(key, '.'); dot && mapping; dot = strchr(key, '.')) {
        *dot = '\0';
        mapping = enter(loader, mapping, key, position);
        key = dot + 1;
    }
    if (mapping)
        put(loader, mapping, key, value, position);
}

/* Whether the keys of `path` can be followed. */
static bool is_path(struct config_loader *loader, struct position position, const char *path)
{
    size_t keys = 1;
    bool has_empty = *path == '\0' || *path == '.';
    for (const char *dot = strchr(path, '.'); dot; dot = strchr(dot + 1, '.')) {
        keys++;
        has_empty |= dot[1] == '.' || dot[1] == '\0';
    }
    if (has_empty)
        diagnostics_add(loader->diagnostics, position, "a key in '%.60s' is empty", path);
    else if (keys > CONFIG_OVERRIDE_KEYS_MAX)
        diagnostics_add(loader->diagnostics, position, "more than %d keys in '%.60s'",
                        CONFIG_OVERRIDE_KEYS_MAX, path);
    return !has_empty && keys <= CONFIG_OVERRIDE_KEYS_MAX;
}

void config_override_put(struct config_loader *loader, struct yaml_node *root, const char *path,
                         struct yaml_node *value, struct position position)
{
    char *keys = arena_strdup(loader->arena, path);
    if (!keys)
        out_of_memory(loader);
    else if (is_path(loader, position, path))
        put_at(loader, root, keys, value, position);
}

void config_override_apply(struct config_loader *loader, struct yaml_node *root,
                           const char *assignment)
{
    const struct source *source = option_source(loader, assignment);
    if (!source)
        return;
    struct position position = {.source = source};
    const char *equals = strchr(assignment, '=');
    if (!equals || equals[1] == '\0') {
        diagnostics_add(loader->diagnostics, position,
                        equals
                            ? "no value; write it like 'layout.tensor_parallel=4', or null where "
                              "the key is to have none"
                            : "not KEY=VALUE; write it like 'layout.tensor_parallel=4'");
        return;
    }
    char *path = arena_strdup(loader->arena, assignment);
    if (!path) {
        out_of_memory(loader);
        return;
    }
    path[equals - assignment] = '\0';
    if (!is_path(loader, position, path))
        return;
    struct yaml_node *value =
        yaml_tree_parse(source, equals + 1, strlen(equals + 1), loader->arena, loader->diagnostics);
    if (value)
        put_at(loader, root, path, value, value->position);
}
