#include "config_value.h"

#include "spelling.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *config_value_describe(const struct yaml_node *node,
                                  char description[CONFIG_DESCRIPTION_BYTES])
{
    if (node->kind == YAML_KIND_SEQUENCE)
        return "a list";
    if (node->kind == YAML_KIND_MAPPING)
        return "a mapping";
    if (yaml_node_is_null(node))
        return "nothing";
    snprintf(description, CONFIG_DESCRIPTION_BYTES, "'%.*s'",
             diagnostic_clip(node->text, CONFIG_DESCRIPTION_BYTES - 3), node->text);
    return description;
}

/* Whether `text` is digits alone and what they come to fits. */
static bool parse_count(const char *text, uint64_t *value)
{
    uint64_t count = 0;
    if (*text == '\0')
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        uint64_t digit = (uint64_t)(*text - '0');
        if (count > (UINT64_MAX - digit) / 10)
            return false;
        count = count * 10 + digit;
    }
    *value = count;
    return true;
}

bool config_value_count(struct diagnostics *diagnostics, const struct yaml_node *node,
                        const char *name, uint64_t min, uint64_t max, uint64_t *value)
{
    uint64_t count;
    if (node->kind == YAML_KIND_SCALAR && parse_count(node->text, &count) && count >= min &&
        count <= max) {
        *value = count;
        return true;
    }
    char description[CONFIG_DESCRIPTION_BYTES];
    diagnostics_add(diagnostics, node->position,
                    "'%s' must be a whole number from %" PRIu64 " to %" PRIu64 ", not %s", name,
                    min, max, config_value_describe(node, description));
    return false;
}

/* Whether the node is a finite number and nothing else. */
static bool parse_number(const struct yaml_node *node, double *value)
{
    if (node->kind != YAML_KIND_SCALAR)
        return false;
    const char *end = quantity_parse_number(node->text, value);
    return end && *end == '\0' && isfinite(*value);
}

bool config_value_number(struct diagnostics *diagnostics, const struct yaml_node *node,
                         const char *name, double min, double max, double *value)
{
    double number;
    if (parse_number(node, &number) && number >= min && number <= max) {
        *value = number;
        return true;
    }
    char description[CONFIG_DESCRIPTION_BYTES];
    diagnostics_add(diagnostics, node->position,
                    "'%s' must be a number from %.10g to %.10g, not %s", name, min, max,
                    config_value_describe(node, description));
    return false;
}

bool config_value_ratio(struct diagnostics *diagnostics, const struct yaml_node *node,
                        const char *name, double *value)
{
    double number;
    if (parse_number(node, &number) && number > 0 && number <= 1) {
        *value = number;
        return true;
    }
    char description[CONFIG_DESCRIPTION_BYTES];
    diagnostics_add(diagnostics, node->position,
                    "'%s' must be a number above 0 and at most 1, not %s", name,
                    config_value_describe(node, description));
    return false;
}

bool config_value_quantity(struct diagnostics *diagnostics, const struct yaml_node *node,
                           const char *name, enum quantity_kind kind, double min, double max,
                           double *value)
{
    char description[CONFIG_DESCRIPTION_BYTES];
    struct error error;
    double quantity;
    if (node->kind != YAML_KIND_SCALAR) {
        diagnostics_add(diagnostics, node->position, "'%s' must be a quantity, not %s", name,
                        config_value_describe(node, description));
        return false;
    }
    if (quantity_parse(node->text, kind, &quantity, &error) < 0) {
        diagnostics_add(diagnostics, node->position, "'%s': %s", name, error.text);
        return false;
    }
    if (quantity < min || quantity > max) {
        char min_text[QUANTITY_TEXT_BYTES];
        char max_text[QUANTITY_TEXT_BYTES];
        quantity_format(min, kind, min_text);
        quantity_format(max, kind, max_text);
        diagnostics_add(diagnostics, node->position, "'%s' must lie between %s and %s, not %s",
                        name, min_text, max_text, config_value_describe(node, description));
        return false;
    }
    *value = quantity;
    return true;
}

bool config_value_flag(struct diagnostics *diagnostics, const struct yaml_node *node,
                       const char *name, bool *value)
{
    bool is_true = node->kind == YAML_KIND_SCALAR && strcmp(node->text, "true") == 0;
    bool is_false = node->kind == YAML_KIND_SCALAR && strcmp(node->text, "false") == 0;
    if (is_true || is_false) {
        *value = is_true;
        return true;
    }
    char description[CONFIG_DESCRIPTION_BYTES];
    diagnostics_add(diagnostics, node->position, "'%s' must be true or false, not %s", name,
                    config_value_describe(node, description));
    return false;
}

bool config_value_choice(struct diagnostics *diagnostics, const struct yaml_node *node,
                         const char *name, const char *const *words, size_t word_count,
                         uint32_t *index)
{
    bool is_word = node->kind == YAML_KIND_SCALAR;
    size_t found = is_word ? spelling_index(node->text, words, word_count) : word_count;
    if (found < word_count) {
        *index = (uint32_t)found;
        return true;
    }
    char description[CONFIG_DESCRIPTION_BYTES];
    char choice[SPELLING_CHOICE_BYTES];
    spelling_choice(words, word_count, choice);
    diagnostics_add(diagnostics, node->position, "'%s' must be %s, not %s%s", name, choice,
                    config_value_describe(node, description),
                    is_word ? spelling_hint(node->text, words, word_count).text : "");
    return false;
}

bool config_value_text(struct diagnostics *diagnostics, const struct yaml_node *node,
                       const char *name, size_t bytes_max, const char **value)
{
    char description[CONFIG_DESCRIPTION_BYTES];
    if (node->kind != YAML_KIND_SCALAR || *node->text == '\0') {
        const char *found = node->kind == YAML_KIND_SCALAR
                                ? "an empty one"
                                : config_value_describe(node, description);
        diagnostics_add(diagnostics, node->position, "'%s' must be a text, not %s", name, found);
        return false;
    }
    if (strlen(node->text) > bytes_max) {
        diagnostics_add(diagnostics, node->position, "'%s' is longer than %zu bytes", name,
                        bytes_max);
        return false;
    }
    *value = node->text;
    return true;
}
