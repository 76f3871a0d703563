#include "config_reader.h"

#include "spelling.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void config_reader_open(struct config_reader *reader, struct diagnostics *diagnostics,
                        const struct yaml_node *node, const char *name)
{
    *reader = (struct config_reader){.diagnostics = diagnostics};
    snprintf(reader->name, sizeof(reader->name), "%s", name);
    if (!node || node->is_broken)
        return;
    if (node->kind == YAML_KIND_MAPPING) {
        reader->node = node;
        return;
    }
    char description[CONFIG_DESCRIPTION_BYTES];
    diagnostics_add(diagnostics, node->position, "'%s' must be a mapping, not %s", name,
                    config_value_describe(node, description));
}

void config_reader_enter(struct config_reader *reader, struct config_reader *parent,
                         const char *key, enum config_presence presence)
{
    char name[CONFIG_READER_NAME_BYTES];
    snprintf(name, sizeof(name), "%.20s.%.20s", parent->name, key);
    config_reader_open(reader, parent->diagnostics, config_read_node(parent, key, presence), name);
}

void config_reader_abandon(struct config_reader *reader)
{
    reader->node = NULL;
}

void config_reader_close(struct config_reader *reader)
{
    const struct yaml_entry *entry = reader->node ? reader->node->first : NULL;
    for (; entry; entry = entry->next) {
        const char *key = entry->key->text;
        if (spelling_is_one_of(key, reader->asked, reader->asked_count))
            continue;
        diagnostics_add(reader->diagnostics, entry->key->position, "unknown key '%.60s' in '%s'%s",
                        key, reader->name,
                        spelling_hint(key, reader->asked, reader->asked_count).text);
    }
}

/* The value, NULL where there is none; the key counts as asked for. */
static const struct yaml_node *ask(struct config_reader *reader, const char *key)
{
    if (!spelling_is_one_of(key, reader->asked, reader->asked_count)) {
        assert(reader->asked_count < CONFIG_KEYS_MAX);
        reader->asked[reader->asked_count++] = key;
    }
    const struct yaml_entry *entry = reader->node ? yaml_node_find(reader->node, key) : NULL;
    return entry && !yaml_node_is_null(entry->value) ? entry->value : NULL;
}

bool config_reader_has(struct config_reader *reader, const char *key)
{
    return ask(reader, key) != NULL;
}

void config_reader_report(const struct config_reader *reader, const char *key, const char *format,
                          ...)
{
    char text[DIAGNOSTIC_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    assert(reader->node);
    const struct yaml_entry *entry = yaml_node_find(reader->node, key);
    diagnostics_add(reader->diagnostics, entry ? entry->value->position : reader->node->position,
                    "%s", text);
}

/* Options come over all files, and files over those that they are based on, which are read later.
 */
static uint64_t layer_of(const struct config_reader *reader, const char *key)
{
    const struct source *source = yaml_node_find(reader->node, key)->value->position.source;
    return source->text ? UINT64_C(1) + source->ordinal : 0;
}

const char *config_reader_last(const struct config_reader *reader, const char *a, const char *b)
{
    return layer_of(reader, a) < layer_of(reader, b) ? a : b;
}

void config_reader_refuse(struct config_reader *reader, const char *key, const char *what)
{
    if (config_reader_has(reader, key))
        config_reader_report(reader, key, "'%s' does not go with %s", key, what);
}

const struct yaml_node *config_read_node(struct config_reader *reader, const char *key,
                                         enum config_presence presence)
{
    const struct yaml_node *node = ask(reader, key);
    if (node || presence != CONFIG_REQUIRED || !reader->node)
        return node;
    bool is_null = yaml_node_find(reader->node, key) != NULL;
    config_reader_report(reader, key, "missing key '%s' in '%s'%s", key, reader->name,
                         is_null ? ": it is null here" : "");
    return NULL;
}

bool config_read_count64(struct config_reader *reader, const char *key,
                         enum config_presence presence, uint64_t min, uint64_t max, uint64_t *value)
{
    const struct yaml_node *node = config_read_node(reader, key, presence);
    return node && config_value_count(reader->diagnostics, node, key, min, max, value);
}

bool config_read_count(struct config_reader *reader, const char *key, enum config_presence presence,
                       uint32_t min, uint32_t max, uint32_t *value)
{
    uint64_t count;
    if (!config_read_count64(reader, key, presence, min, max, &count))
        return false;
    *value = (uint32_t)count;
    return true;
}

bool config_read_number(struct config_reader *reader, const char *key,
                        enum config_presence presence, double min, double max, double *value)
{
    const struct yaml_node *node = config_read_node(reader, key, presence);
    return node && config_value_number(reader->diagnostics, node, key, min, max, value);
}

bool config_read_ratio(struct config_reader *reader, const char *key, enum config_presence presence,
                       double *value)
{
    const struct yaml_node *node = config_read_node(reader, key, presence);
    return node && config_value_ratio(reader->diagnostics, node, key, value);
}

bool config_read_quantity(struct config_reader *reader, const char *key,
                          enum config_presence presence, enum quantity_kind kind, double min,
                          double max, double *value)
{
    const struct yaml_node *node = config_read_node(reader, key, presence);
    return node && config_value_quantity(reader->diagnostics, node, key, kind, min, max, value);
}

bool config_read_flag(struct config_reader *reader, const char *key, bool *value)
{
    const struct yaml_node *node = config_read_node(reader, key, CONFIG_OPTIONAL);
    return node && config_value_flag(reader->diagnostics, node, key, value);
}

bool config_read_text(struct config_reader *reader, const char *key, enum config_presence presence,
                      size_t bytes_max, const char **value)
{
    const struct yaml_node *node = config_read_node(reader, key, presence);
    return node && config_value_text(reader->diagnostics, node, key, bytes_max, value);
}

bool config_read_name(struct config_reader *reader, char *name, size_t name_bytes)
{
    const char *text;
    if (!config_read_text(reader, "name", CONFIG_REQUIRED, name_bytes - 1, &text))
        return false;
    memcpy(name, text, strlen(text) + 1);
    return true;
}

uint32_t config_read_choice(struct config_reader *reader, const char *key,
                            enum config_presence presence, const char *const *words,
                            size_t word_count, uint32_t fallback)
{
    const struct yaml_node *node = config_read_node(reader, key, presence);
    uint32_t index = fallback;
    if (node)
        config_value_choice(reader->diagnostics, node, key, words, word_count, &index);
    return index;
}
