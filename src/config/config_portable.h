/*
 * config_portable: a resolved scenario as a file that can be run from anywhere.
 *
 * A scenario names traces, lengths and measured tables relative to the files
 * that it was put together from. Here they are named relative to the directory
 * of the configs, where every command looks, and by their whole path where they
 * lie elsewhere.
 */
#ifndef TANDEM_CONFIG_PORTABLE_H
#define TANDEM_CONFIG_PORTABLE_H

#include "yaml_tree.h"

#include <limits.h>

#define PORTABLE_NAME_BYTES (PATH_MAX + 3)

/* Names the file of the whole path `path` so, `configs` being the directory of the configs. */
void config_portable_name(const char *path, const char *configs, char name[PORTABLE_NAME_BYTES]);

/*
 * The YAML text of the tree `root`, whose files have been found once, in
 * `arena`. `search` are the directories of the configs, NULL at their end. NULL
 * when memory is out.
 */
const char *config_portable_text(struct arena *arena, const struct yaml_node *root,
                                 const char *const *search);

#endif
