/*
 * config_override: `--set KEY=VALUE`, a value given on the command line in
 * place of a file's.
 */
#ifndef TANDEM_CONFIG_OVERRIDE_H
#define TANDEM_CONFIG_OVERRIDE_H

#include "config_reference.h"

#define CONFIG_OVERRIDE_KEYS_MAX 16

/*
 * Puts the value of `assignment` (`layout.tensor_parallel=4`: keys joined by
 * dots, then YAML) into `root`, a mapping that is the caller's own to change.
 * What stands there is replaced as a whole; mappings on the way are made where
 * they are missing, and files on the way (`model.weights=fp8`) are read. What
 * is wrong with the value is later reported as `--set layout.tensor_parallel=4: ...`.
 */
void config_override_apply(struct config_loader *loader, struct yaml_node *root,
                           const char *assignment);

/* The same for a value that is parsed already, under the dotted `path`; `value` is shared, and what
   is wrong with it is reported at its own position, with the path at `position`. */
void config_override_put(struct config_loader *loader, struct yaml_node *root, const char *path,
                         struct yaml_node *value, struct position position);

#endif
