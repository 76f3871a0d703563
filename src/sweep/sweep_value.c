#include "sweep_value.h"

#include "arena_text.h"

#include <stdlib.h>
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

/* A value of a list. */
struct listed {
    const char *text;
    const struct yaml_node *node;
    size_t index;
};

/* By their texts, then as they stand. */
static int compare_listed(const void *a, const void *b)
{
    const struct listed *left = a;
    const struct listed *right = b;
    int by_text = strcmp(left->text, right->text);
    return by_text != 0 ? by_text : (left->index > right->index) - (left->index < right->index);
}

void sweep_value_refuse_twice(const struct yaml_node *list, const char *key,
                              struct diagnostics *diagnostics, struct arena *arena)
{
    struct listed *values = arena_calloc(arena, list->entry_count + 1, sizeof(*values));
    size_t count = 0;
    for (const struct yaml_entry *entry = list->first; entry && values; entry = entry->next) {
        const char *text = sweep_value_text(entry->value, arena);
        values[count] = (struct listed){text, entry->value, count};
        count++;
        if (!text)
            values = NULL;
    }
    if (!values) {
        diagnostics_add_out_of_memory(diagnostics);
        return;
    }
    qsort(values, count, sizeof(*values), compare_listed);
    for (size_t i = 1; i < count; i++) {
        if (strcmp(values[i].text, values[i - 1].text) == 0)
            diagnostics_add(diagnostics, values[i].node->position, "'%.60s' lists '%.60s' twice",
                            key, values[i].text);
    }
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
