/*
 * hdf5_attribute: scalars and strings as attributes of an HDF5 object.
 *
 * Strings are UTF-8 of variable length, which h5py gives back as str. `path`
 * names the file in errors, which are ERROR_IO.
 */
#ifndef TANDEM_HDF5_ATTRIBUTE_H
#define TANDEM_HDF5_ATTRIBUTE_H

#include "error.h"

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int hdf5_attribute_text(hid_t object, const char *path, const char *name, const char *text,
                        struct error *error);

/* A 1-D array of `count` strings, at least one. */
int hdf5_attribute_texts(hid_t object, const char *path, const char *name, const char *const *texts,
                         size_t count, struct error *error);

int hdf5_attribute_double(hid_t object, const char *path, const char *name, double value,
                          struct error *error);
int hdf5_attribute_int(hid_t object, const char *path, const char *name, int64_t value,
                       struct error *error);
int hdf5_attribute_uint(hid_t object, const char *path, const char *name, uint64_t value,
                        struct error *error);

/* As the enum FALSE, TRUE, which h5py gives back as bool. */
int hdf5_attribute_bool(hid_t object, const char *path, const char *name, bool value,
                        struct error *error);

#endif
