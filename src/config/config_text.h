/*
 * config_text: a configuration written out again, whole.
 */
#ifndef TANDEM_CONFIG_TEXT_H
#define TANDEM_CONFIG_TEXT_H

#include "yaml_tree.h"

/*
 * The tree as YAML, in `arena`: files that it refers to and values set on the
 * command line are in it, so that it says alone what was simulated. NULL when
 * memory is out.
 */
const char *config_text_write(struct arena *arena, const struct yaml_node *root);

#endif
