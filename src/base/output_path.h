/*
 * output_path: whether a result can be put under a name, asked before the work
 * that makes it and not after.
 */
#ifndef TANDEM_OUTPUT_PATH_H
#define TANDEM_OUTPUT_PATH_H

#include "error.h"

/* ERROR_IO where its folder cannot be written to, or where something else than a file has the name:
   a device or a pipe must not be replaced by a file. ERROR_MEMORY. */
int output_path_check(const char *path, struct error *error);

#endif
