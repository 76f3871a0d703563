#include "config_reference.h"

#include "base.h"
#include "spelling.h"

#include <string.h>

/* What is never taken over from a base. */
enum own { OWN_NOTHING, OWN_WORDS };

static struct yaml_node *resolve(struct config_loader *loader, struct yaml_node *node, enum own own,
                                 unsigned depth);

static void *out_of_memory(struct config_loader *loader)
{
    diagnostics_add_out_of_memory(loader->diagnostics);
    return NULL;
}

/* Whether the values of `key` are references. */
static bool is_reference_key(const char *key)
{
    static const char *const keys[] = {"model", "cluster", "gpu", "host"};
    return spelling_is_one_of(key, keys, ARRAY_LENGTH(keys));
}

static struct yaml_node *broken(struct config_loader *loader, struct position position)
{
    struct yaml_node *node = yaml_node_new(loader->arena, YAML_KIND_MAPPING, position);
    if (!node)
        return out_of_memory(loader);
    node->is_broken = true;
    return node;
}

/* The tree of the file that the scalar `name` names; NULL where it cannot be had. */
static struct yaml_node *load(struct config_loader *loader, const struct yaml_node *name)
{
    static const char *const suffixes[] = {".yaml", "", "/gpu.yaml", NULL};
    const char *path = config_file_find(loader, name->position, name->text, suffixes);
    const struct source *source = path ? config_file_open(loader, path, name->position) : NULL;
    if (!source)
        return NULL;
    struct yaml_node *root =
        yaml_tree_parse(source, source->text, source->bytes, loader->arena, loader->diagnostics);
    if (!root || root->kind == YAML_KIND_MAPPING)
        return root;
    diagnostics_add(loader->diagnostics, root->position, "this file must hold a mapping");
    return NULL;
}

/* `base: NAME` before the keys of `over`. */
static struct yaml_node *with_base(struct config_loader *loader, struct yaml_node *name,
                                   const struct yaml_node *over)
{
    struct yaml_node *node = yaml_node_new(loader->arena, YAML_KIND_MAPPING, over->position);
    struct yaml_node *key = yaml_node_new_scalar(loader->arena, name->position, "base");
    if (!node || !key || !yaml_node_append(loader->arena, node, key, name))
        return out_of_memory(loader);
    for (const struct yaml_entry *entry = over->first; entry; entry = entry->next) {
        if (!yaml_node_append(loader->arena, node, entry->key, entry->value))
            return out_of_memory(loader);
    }
    return node;
}

/* What `over` makes of `base` under `key`; NULL when memory is out. */
static struct yaml_node *overlay(struct config_loader *loader, const char *key,
                                 struct yaml_node *base, struct yaml_node *over, unsigned depth)
{
    bool is_reference = is_reference_key(key);
    if (over->kind != YAML_KIND_MAPPING || depth == YAML_TREE_DEPTH_MAX ||
        (is_reference && yaml_node_find(over, "base")))
        return over;
    if (is_reference && base->kind == YAML_KIND_SCALAR && !yaml_node_is_null(base))
        return with_base(loader, base, over);
    if (base->kind != YAML_KIND_MAPPING)
        return over;
    struct yaml_node *merged = yaml_node_copy(loader->arena, base);
    if (!merged)
        return out_of_memory(loader);
    merged->position = over->position;
    for (const struct yaml_entry *entry = over->first; entry; entry = entry->next) {
        struct yaml_entry *below = yaml_node_find(merged, entry->key->text);
        if (!below) {
            if (!yaml_node_append(loader->arena, merged, entry->key, entry->value))
                return out_of_memory(loader);
            continue;
        }
        below->key = entry->key;
        below->value = overlay(loader, entry->key->text, below->value, entry->value, depth + 1);
        if (!below->value)
            return NULL;
    }
    return merged;
}

/* The entries of `node` but those of `keys`, NULL at their end; NULL when memory is out. */
static struct yaml_node *without(struct config_loader *loader, const struct yaml_node *node,
                                 const char *const *keys)
{
    struct yaml_node *rest = yaml_node_new(loader->arena, YAML_KIND_MAPPING, node->position);
    if (!rest)
        return out_of_memory(loader);
    for (const struct yaml_entry *entry = node->first; entry; entry = entry->next) {
        const char *const *key = keys;
        while (*key && strcmp(entry->key->text, *key) != 0)
            key++;
        if (!*key && !yaml_node_append(loader->arena, rest, entry->key, entry->value))
            return out_of_memory(loader);
    }
    return rest;
}

static struct yaml_node *resolve_base(struct config_loader *loader, const struct yaml_node *node,
                                      struct yaml_node *name, enum own own, unsigned depth)
{
    static const char *const base_key[] = {"base", NULL};
    static const char *const words[] = {"name", "description", NULL};
    if (name->kind != YAML_KIND_SCALAR || yaml_node_is_null(name)) {
        diagnostics_add(loader->diagnostics, name->position, "'base' must name a file");
        return broken(loader, node->position);
    }
    struct yaml_node *base = resolve(loader, name, own, depth);
    if (!base || base->is_broken)
        return base;
    struct yaml_node *over = without(loader, node, base_key);
    if (over && own == OWN_WORDS)
        base = without(loader, base, words);
    return over && base ? overlay(loader, "", base, over, 0) : NULL;
}

static struct yaml_node *resolve(struct config_loader *loader, struct yaml_node *node, enum own own,
                                 unsigned depth)
{
    if (node->kind == YAML_KIND_MAPPING) {
        const struct yaml_entry *base = yaml_node_find(node, "base");
        return base ? resolve_base(loader, node, base->value, own, depth) : node;
    }
    if (node->kind == YAML_KIND_SEQUENCE)
        return node;
    if (depth == CONFIG_REFERENCES_MAX) {
        diagnostics_add(loader->diagnostics, node->position,
                        "more than %d files build on each other: do they go in a circle?",
                        CONFIG_REFERENCES_MAX);
        return broken(loader, node->position);
    }
    struct yaml_node *root = load(loader, node);
    return root ? resolve(loader, root, own, depth + 1) : broken(loader, node->position);
}

struct yaml_node *config_reference_resolve_scenario(struct config_loader *loader,
                                                    struct yaml_node *node)
{
    return resolve(loader, node, OWN_WORDS, 0);
}

struct yaml_node *config_reference_resolve(struct config_loader *loader, struct yaml_node *node)
{
    return resolve(loader, node, OWN_NOTHING, 0);
}

struct yaml_node *config_reference_overlay(struct config_loader *loader, struct yaml_node *base,
                                           struct yaml_node *over)
{
    return overlay(loader, "", base, over, 0);
}

struct yaml_node *config_reference_enter(struct config_loader *loader, struct yaml_node *mapping,
                                         const char *key)
{
    struct yaml_entry *entry = yaml_node_find(mapping, key);
    if (!entry || yaml_node_is_null(entry->value))
        return NULL;
    struct yaml_node *value = entry->value;
    if (is_reference_key(key))
        value = config_reference_resolve(loader, value);
    value = value ? yaml_node_copy(loader->arena, value) : NULL;
    if (!value)
        return out_of_memory(loader);
    entry->value = value;
    return value;
}
