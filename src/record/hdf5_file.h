/*
 * hdf5_file: an HDF5 file that is whole or not there.
 */
#ifndef TANDEM_HDF5_FILE_H
#define TANDEM_HDF5_FILE_H

#include "error.h"

#include <hdf5.h>

/*
 * Creates a file, or empties it. One that is being written stays as it is, and
 * is an error; but a writer that was killed, and is not quite gone, is waited for.
 */
hid_t hdf5_file_create(const char *path);

/* Writes all that the file holds; `path` names it in errors. */
typedef int hdf5_file_fill(hid_t file, const char *path, const void *context, struct error *error);

/*
 * Makes the file `path`, which `fill` writes, under `path`.partial until it is
 * whole and synced: a power cut leaves all of it under its name, or nothing.
 * ERROR_IO, ERROR_MEMORY, or as `fill`.
 */
int hdf5_file_write(const char *path, hdf5_file_fill *fill, const void *context,
                    struct error *error);

#endif
