/*
 * yaml_tree: a YAML document as a tree whose nodes know where they stand.
 *
 * Anchors, aliases and merge keys (<<) are resolved: an aliased node hangs in
 * the tree at each place that names it, so whoever changes a tree copies first
 * (yaml_node_copy). Trees live in the caller's arena.
 */
#ifndef TANDEM_YAML_TREE_H
#define TANDEM_YAML_TREE_H

#include "arena.h"
#include "diagnostic.h"

#define YAML_TREE_DEPTH_MAX 64
#define YAML_TREE_NODES_MAX 10000 /* aliases count as what they stand for: no billion laughs */

enum yaml_kind { YAML_KIND_SCALAR, YAML_KIND_SEQUENCE, YAML_KIND_MAPPING };

struct yaml_entry {
    struct yaml_node *key; /* a scalar; NULL in a sequence */
    struct yaml_node *value;
    struct yaml_entry *next;
};

struct yaml_node {
    enum yaml_kind kind;
    bool is_plain;  /* a scalar without quotes */
    bool is_broken; /* its reference led nowhere, which has been reported: readers pass it over */
    struct position position;
    const char *text; /* of a scalar */
    struct yaml_entry *first;
    struct yaml_entry *last;
    uint32_t entry_count;
    uint32_t node_count; /* of the subtree, this node included */
};

/*
 * Parses the one document of `text`, which came from `source` (positions name
 * it; `text` may be a part of the command line that it does not hold). NULL,
 * with diagnostics added, where it is not one YAML document or breaks a limit.
 */
struct yaml_node *yaml_tree_parse(const struct source *source, const char *text, size_t bytes,
                                  struct arena *arena, struct diagnostics *diagnostics);

/* New nodes, and a copy of `node` with entries of its own whose keys and values are shared. NULL
   when memory is out. */
struct yaml_node *yaml_node_new(struct arena *arena, enum yaml_kind kind, struct position position);
struct yaml_node *yaml_node_new_scalar(struct arena *arena, struct position position,
                                       const char *text);
struct yaml_node *yaml_node_copy(struct arena *arena, const struct yaml_node *node);

/* Adds an entry at the end; `key` is NULL in a sequence. NULL when memory is out. */
struct yaml_entry *yaml_node_append(struct arena *arena, struct yaml_node *node,
                                    struct yaml_node *key, struct yaml_node *value);

/* The entry of `key` in a mapping; NULL where it has none. */
struct yaml_entry *yaml_node_find(const struct yaml_node *mapping, const char *key);

/* Whether it says that there is no value: empty, `~` or `null`, without quotes. */
bool yaml_node_is_null(const struct yaml_node *node);

#endif
