/*
 * data_dir: where the shipped configs are.
 *
 * Tried in order: the environment's TANDEM_DATA_DIR, which must hold configs/
 * if it is set; beside the executable, in a source tree (build/tandem) or under
 * a moved prefix (bin/tandem); the data directory that the build was
 * configured with.
 */
#ifndef TANDEM_DATA_DIR_H
#define TANDEM_DATA_DIR_H

#include "error.h"

#include <stdio.h>

#define DATA_DIR_BYTES 4096
#define DATA_DIR_FILE_BYTES (DATA_DIR_BYTES + FILENAME_MAX)

/* What is searched; either may be NULL. */
struct data_dir_search {
    const char *environment; /* a data directory: the folder above configs/ */
    const char *executable;  /* the program's absolute path */
};

/* Fills in `configs` with the first folder of configs. Errors: ERROR_IO where there is none. */
int data_dir_find_configs(char configs[DATA_DIR_BYTES], const struct data_dir_search *search,
                          struct error *error);

/* The same, for the process that calls it. */
int data_dir_configs(char configs[DATA_DIR_BYTES], struct error *error);

/*
 * Where a file named on the command line is: here, or among the shipped ones, so
 * that an installed program finds `scenarios/default`, with .yaml or without.
 * `found` is room for the second; the name as given where neither is there.
 */
const char *data_dir_file(const char *name, const char *configs, char found[DATA_DIR_FILE_BYTES]);

#endif
