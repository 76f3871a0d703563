#include "sweep_value.h"

#include "arena_text.h"

#include <string.h>

static void append_node(struct arena_text *text, const struct yaml_node *node)
{
    if (node->kind == YAML_KIND_SCALAR) {
        arena_text_append(text, node->text);
        return;
    }
    bool is_mapping = node->kind == YAML_KIND_MAPPING;
    arena_text_append(text, is_mapping ? "{" : "[");
    for (const struct yaml_entry *entry = node->first; entry; entry = entry->next) {
        if (entry != node->first)
            arena_text_append(text, ", ");
        if (is_mapping) {
            arena_text_append(text, entry->key->text);
            arena_text_append(text, ": ");
        }
        append_node(text, entry->value);
    }
    arena_text_append(text, is_mapping ? "}" : "]");
}

const char *sweep_value_text(const struct yaml_node *node, struct arena *arena)
{
    if (node->kind == YAML_KIND_MAPPING) {
        const struct yaml_entry *name = yaml_node_find(node, "name");
        if (name && name->value->kind == YAML_KIND_SCALAR)
            return name->value->text;
    }
    struct arena_text text;
    arena_text_init(&text, arena);
    append_node(&text, node);
    return text.bytes;
}

const struct yaml_node *sweep_value_find(const struct yaml_node *root, const char *path)
{
    const struct yaml_node *node = root;
    while (node && node->kind == YAML_KIND_MAPPING) {
        size_t bytes = strcspn(path, ".");
        const struct yaml_entry *entry = node->first;
        while (entry && (strncmp(entry->key->text, path, bytes) != 0 || entry->key->text[bytes]))
            entry = entry->next;
        node = entry ? entry->value : NULL;
        if (path[bytes] == '\0')
            return node;
        path += bytes + 1;
    }
    return NULL;
}
