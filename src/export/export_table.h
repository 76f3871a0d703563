/*
 * export_table: a table of an HDF5 file, read a chunk of rows at a time.
 *
 * Memory does not grow with the table. Errors are ERROR_IO, also for a table or
 * a column that is not there, and ERROR_MEMORY.
 */
#ifndef TANDEM_EXPORT_TABLE_H
#define TANDEM_EXPORT_TABLE_H

#include "error.h"
#include "hdf5_table.h"

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>

struct export_table {
    hid_t dataset;
    hid_t row_type; /* compound, as rows lie in `buffer` */
    size_t row_bytes;
    hsize_t next_row;
    hsize_t row_count;
    char *buffer;
    const char *path; /* of the file, and */
    const char *name; /* of the table in it, for errors */
};

/* Opens the file at `path` for reading; export_input_close() what it gives, if it gives one. */
int export_input_open(hid_t *file, const char *path, struct error *error);
void export_input_close(hid_t file);

bool export_table_exists(hid_t file, const char *name);

/*
 * Opens table `name` with all its columns: integers as 64 bits, reals as double,
 * all else as in the file, without padding. `path` and `name` must outlive it. On
 * failure there is nothing to release.
 */
int export_table_open(struct export_table *table, hid_t file, const char *path, const char *name,
                      struct error *error);

/* The same with those columns alone, at their offsets in rows of `row_bytes`. Of a column only
   name, type, offset and text_bytes count. */
int export_table_open_columns(struct export_table *table, hid_t file, const char *path,
                              const char *name, const struct hdf5_column *columns,
                              size_t column_count, size_t row_bytes, struct error *error);

/* Reads the next rows into table->buffer. Returns how many, 0 at the end, negative for errors. */
int export_table_read(struct export_table *table, struct error *error);

/* A zeroed or released table may be released. */
void export_table_release(struct export_table *table);

#endif
