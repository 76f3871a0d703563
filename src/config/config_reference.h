/*
 * config_reference: values that name a file, and mappings that build on one.
 *
 * The keys `model`, `cluster`, `gpu` and `host` take a file's name, a mapping,
 * or a mapping whose `base` names a file:
 *
 *     model: {base: models/llama-3.1-70b, weights: fp8}
 *
 * Keys given beside `base` win over the file's; mappings under them merge with
 * the file's own; everything else replaces what the file has. A whole file may
 * begin with `base` too.
 */
#ifndef TANDEM_CONFIG_REFERENCE_H
#define TANDEM_CONFIG_REFERENCE_H

#include "config_file.h"

#define CONFIG_REFERENCES_MAX 16 /* files that build on each other */

/*
 * The mapping that `node` stands for, bases merged in: `node` itself where it
 * refers to nothing. A node that is_broken, with diagnostics added, where its
 * file cannot be had.
 */
struct yaml_node *config_reference_resolve(struct config_loader *loader, struct yaml_node *node);

/* The same of a scenario: what its base is called and is for, `name` and `description`, it is not.
 */
struct yaml_node *config_reference_resolve_scenario(struct config_loader *loader,
                                                    struct yaml_node *node);

/* What `over` makes of `base`, two mappings, as if it were built on it. NULL when memory is out. */
struct yaml_node *config_reference_overlay(struct config_loader *loader, struct yaml_node *base,
                                           struct yaml_node *over);

/*
 * Makes the value of `key` the caller's own to change: its reference resolved,
 * copied so that aliases of it stay as they are. NULL where `mapping` has no
 * such key or memory is out.
 */
struct yaml_node *config_reference_enter(struct config_loader *loader, struct yaml_node *mapping,
                                         const char *key);

#endif
