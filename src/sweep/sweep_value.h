/*
 * sweep_value: what a key of a scenario is set to, as one line of text, by which
 * a user tells values apart.
 */
#ifndef TANDEM_SWEEP_VALUE_H
#define TANDEM_SWEEP_VALUE_H

#include "yaml_tree.h"

/*
 * A scalar's text; a list or mapping as YAML writes it on one line; a mapping
 * that has a `name` (a model, a cluster) by that. In `arena` or the node; NULL
 * when memory is out.
 */
const char *sweep_value_text(const struct yaml_node *node, struct arena *arena);

/* Adds a diagnostic for each value of the sequence `list`, which is `key`'s, that it has twice. */
void sweep_value_refuse_twice(const struct yaml_node *list, const char *key,
                              struct diagnostics *diagnostics, struct arena *arena);

/* The node under the dotted `path` of `root`; NULL where there is none. */
const struct yaml_node *sweep_value_find(const struct yaml_node *root, const char *path);

#endif
