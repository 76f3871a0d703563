/*
 * config_layout: the scenario's `layout`.
 */
#ifndef TANDEM_CONFIG_LAYOUT_H
#define TANDEM_CONFIG_LAYOUT_H

#include "config_reader.h"
#include "layout.h"

/*
 * Fills in `layout` from a mapping, or its defaults from NULL; mistakes go to
 * the diagnostics, experts that cannot be shared as asked for among them. Whether
 * all else fits a cluster and `model` is layout.h's to say.
 */
void config_layout_read(struct diagnostics *diagnostics, const struct yaml_node *node,
                        const struct model *model, struct layout_spec *layout);

/* The same from a reader that others read from too: all keys but those that they ask for. */
void config_layout_read_keys(struct config_reader *reader, const struct model *model,
                             struct layout_spec *layout);

#endif
