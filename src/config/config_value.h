/*
 * config_value: one YAML node as a number, quantity, word or flag.
 *
 * Each returns whether the node is what it must be, and fills in `*value` only
 * then; otherwise it adds a diagnostic in which `name` is the value's key.
 * Bounds are inclusive.
 */
#ifndef TANDEM_CONFIG_VALUE_H
#define TANDEM_CONFIG_VALUE_H

#include "base.h"
#include "quantity.h"
#include "yaml_tree.h"

bool config_value_count(struct diagnostics *diagnostics, const struct yaml_node *node,
                        const char *name, uint64_t min, uint64_t max, uint64_t *value);

bool config_value_number(struct diagnostics *diagnostics, const struct yaml_node *node,
                         const char *name, double min, double max, double *value);

/* A number in (0, 1]. */
bool config_value_ratio(struct diagnostics *diagnostics, const struct yaml_node *node,
                        const char *name, double *value);

/* In the SI unit of `kind` (quantity.h), as are the bounds. */
bool config_value_quantity(struct diagnostics *diagnostics, const struct yaml_node *node,
                           const char *name, enum quantity_kind kind, double min, double max,
                           double *value);

bool config_value_flag(struct diagnostics *diagnostics, const struct yaml_node *node,
                       const char *name, bool *value);

/* The index of the word among `words`. */
bool config_value_choice(struct diagnostics *diagnostics, const struct yaml_node *node,
                         const char *name, const char *const *words, size_t word_count,
                         uint32_t *index);

/* A text as it stands, of at most `bytes_max` bytes; it lives as long as the node. */
bool config_value_text(struct diagnostics *diagnostics, const struct yaml_node *node,
                       const char *name, size_t bytes_max, const char **value);

#define CONFIG_DESCRIPTION_BYTES 64

/* What the node is, for a message that wanted something else: `'x'`, `a list`. */
const char *config_value_describe(const struct yaml_node *node,
                                  char description[CONFIG_DESCRIPTION_BYTES]);

#endif
