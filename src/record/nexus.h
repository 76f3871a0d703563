/*
 * nexus: groups of an HDF5 file that NeXus viewers (H5Web, NeXpy) draw unasked.
 *
 * No time stamps: same data, same bytes. Source: NeXus manual, NXdata.
 */
#ifndef TANDEM_NEXUS_H
#define TANDEM_NEXUS_H

#include "error.h"

#include <hdf5.h>
#include <stddef.h>

#define NEXUS_FIELDS_MAX 8

/* Where all functions write to, and report with: ERROR_IO. */
struct nexus {
    const char *path; /* of the file */
    struct error *error;
};

/* One dataset of a group: its values, and what they are. */
struct nexus_field {
    const char *name;
    const char *title;
    const char *units;
    hid_t type;
    const void *values;
};

/* A group of a NeXus class, which the caller closes; below 0 on failure. */
hid_t nexus_group_create(const struct nexus *nexus, hid_t parent, const char *name,
                         const char *class_name);

/* Writes `count` values as a dataset of `group`. */
int nexus_field_write(const struct nexus *nexus, hid_t group, const struct nexus_field *field,
                      size_t count);

/*
 * An NXdata group, which the caller closes, that draws fields[0] against
 * fields[1], and those from [2] on beside it. Below 0 on failure.
 */
hid_t nexus_data_create(const struct nexus *nexus, hid_t parent, const char *name,
                        const char *title, const struct nexus_field *fields, size_t field_count,
                        size_t count);

#endif
