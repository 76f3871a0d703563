/*
 * config_part: a file that holds one part of a configuration, read on its own.
 */
#ifndef TANDEM_CONFIG_PART_H
#define TANDEM_CONFIG_PART_H

#include "config_file.h"

/* Makes something of a file's text and its tree, bases merged in; mistakes go to the loader's
   diagnostics. */
typedef void config_part_reader(struct config_loader *loader, const char *text,
                                struct yaml_node *node, void *what);

/*
 * Reads the file at `path`. ERROR_CONFIG with positions, ERROR_IO where it cannot be read or there
 * are no configs to look references up in, ERROR_MEMORY. What is read is in the arena.
 */
int config_part_read(const char *path, config_part_reader *reader, void *what, struct arena *arena,
                     struct error *error);

#endif
