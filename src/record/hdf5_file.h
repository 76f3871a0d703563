/*
 * hdf5_file: an HDF5 file that is whole under its name or not there.
 *
 * It is `path`.partial until it is finished. Errors are ERROR_IO and ERROR_MEMORY.
 */
#ifndef TANDEM_HDF5_FILE_H
#define TANDEM_HDF5_FILE_H

#include "output_path.h"

#include <hdf5.h>

struct hdf5_file {
    hid_t id; /* 0: closed */
    struct output_path output;
};

/* Begins a file, as output_path_init() makes it. Release it whatever comes back. */
int hdf5_file_open(struct hdf5_file *file, const char *path, struct error *error);

/* Closes it, and gives it its name; all that is in it must be closed. */
int hdf5_file_finish(struct hdf5_file *file, struct error *error);

/* Removes what was not finished. A zeroed or released one may be released. */
void hdf5_file_release(struct hdf5_file *file);

/* Writes all that the file holds; `path` names it in errors. */
typedef int hdf5_file_fill(hid_t file, const char *path, const void *context, struct error *error);

/* Makes the whole file, which `fill` writes. Errors also as `fill`. */
int hdf5_file_write(const char *path, hdf5_file_fill *fill, const void *context,
                    struct error *error);

#endif
