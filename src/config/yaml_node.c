#include "yaml_tree.h"

#include <string.h>

struct yaml_node *yaml_node_new(struct arena *arena, enum yaml_kind kind, struct position position)
{
    struct yaml_node *node = arena_calloc(arena, 1, sizeof(*node));
    if (!node)
        return NULL;
    node->kind = kind;
    node->position = position;
    node->node_count = 1;
    return node;
}

struct yaml_node *yaml_node_new_scalar(struct arena *arena, struct position position,
                                       const char *text)
{
    struct yaml_node *node = yaml_node_new(arena, YAML_KIND_SCALAR, position);
    if (!node)
        return NULL;
    node->is_plain = true;
    node->text = arena_strdup(arena, text);
    return node->text ? node : NULL;
}

struct yaml_entry *yaml_node_append(struct arena *arena, struct yaml_node *node,
                                    struct yaml_node *key, struct yaml_node *value)
{
    struct yaml_entry *entry = arena_calloc(arena, 1, sizeof(*entry));
    if (!entry)
        return NULL;
    entry->key = key;
    entry->value = value;
    if (node->last)
        node->last->next = entry;
    else
        node->first = entry;
    node->last = entry;
    node->entry_count++;
    node->node_count += value->node_count + (key != NULL);
    return entry;
}

struct yaml_node *yaml_node_copy(struct arena *arena, const struct yaml_node *node)
{
    struct yaml_node *copy = yaml_node_new(arena, node->kind, node->position);
    if (!copy)
        return NULL;
    copy->is_plain = node->is_plain;
    copy->is_broken = node->is_broken;
    copy->text = node->text;
    for (const struct yaml_entry *entry = node->first; entry; entry = entry->next) {
        if (!yaml_node_append(arena, copy, entry->key, entry->value))
            return NULL;
    }
    return copy;
}

struct yaml_entry *yaml_node_find(const struct yaml_node *mapping, const char *key)
{
    struct yaml_entry *entry = mapping->first;
    while (entry && strcmp(entry->key->text, key) != 0)
        entry = entry->next;
    return entry;
}

bool yaml_node_is_null(const struct yaml_node *node)
{
    return node->kind == YAML_KIND_SCALAR && node->is_plain &&
           (*node->text == '\0' || strcmp(node->text, "~") == 0 || strcmp(node->text, "null") == 0);
}
