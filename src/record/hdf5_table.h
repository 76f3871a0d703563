/*
 * hdf5_table: a table in an HDF5 file that grows by appending rows.
 *
 * One 1-D dataset of a compound type, shuffled and deflated. Rows gather in a
 * buffer of one chunk and are written a whole chunk at a time, so memory stays
 * constant and HDF5 never reads a chunk back. The dataset's attribute `units`
 * is an array of strings, one for each column in order ("1": a bare number):
 *
 *     dict(zip(f["steps"].dtype.names, f["steps"].attrs["units"]))
 *
 * Same rows, same bytes: no time stamps. Errors are ERROR_IO or ERROR_MEMORY.
 */
#ifndef TANDEM_HDF5_TABLE_H
#define TANDEM_HDF5_TABLE_H

#include "error.h"

#include <hdf5.h>
#include <stddef.h>

enum hdf5_column_type {
    HDF5_UINT8_ENUM, /* uint8_t; its values' names are the column's enum_names */
    HDF5_INT32,
    HDF5_UINT32,
    HDF5_INT64,
    HDF5_FLOAT64,
    HDF5_TEXT, /* char[text_bytes], filled up with NUL */
};

struct hdf5_column {
    const char *name;
    const char *units;
    enum hdf5_column_type type;
    size_t offset; /* in the caller's row; rows in the file are packed */
    size_t text_bytes;
    const char *const *enum_names;
    size_t enum_count;
};

struct hdf5_table {
    hid_t dataset;
    hid_t row_type; /* as it lies in the caller's memory */
    size_t row_bytes;
    size_t chunk_rows;
    size_t buffered_rows;
    hsize_t written_rows;
    char *buffer;
    const char *path; /* of the file, for errors */
};

/*
 * Makes `table` as dataset `name` under `parent`, with a buffer of `chunk_rows`
 * rows. Columns come in the order of their offsets. A row of `row_bytes` that has no padding is
 * written without conversion. `path` must outlive the table. On failure there is nothing to
 * release.
 */
int hdf5_table_create(struct hdf5_table *table, hid_t parent, const char *path, const char *name,
                      const struct hdf5_column *columns, size_t column_count, size_t row_bytes,
                      size_t chunk_rows, struct error *error);

/* Adds a copy of `row`. */
int hdf5_table_append(struct hdf5_table *table, const void *row, struct error *error);

/* Writes what is buffered. */
int hdf5_table_flush(struct hdf5_table *table, struct error *error);

/* Closes the dataset; rows not flushed are lost. A zeroed or released table may be released. */
void hdf5_table_release(struct hdf5_table *table);

#endif
