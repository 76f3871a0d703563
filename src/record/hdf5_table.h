/*
 * hdf5_table: a table in an HDF5 file that grows by appending rows.
 *
 * One 1-D dataset of a compound type, shuffled and deflated. Rows gather in a
 * buffer of one chunk, which goes to the file as chunk_codec.h packs it: memory
 * stays constant, and HDF5 neither filters a chunk nor reads one back. The dataset's attribute
 * `units` is an array of strings, one for each column in order ("1": a bare number):
 *
 *     dict(zip(f["steps"].dtype.names, f["steps"].attrs["units"]))
 *
 * Same rows, same bytes: no time stamps. Errors are ERROR_IO or ERROR_MEMORY.
 */
#ifndef TANDEM_HDF5_TABLE_H
#define TANDEM_HDF5_TABLE_H

#include "chunk_codec.h"

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
    size_t offset; /* in the caller's row, ascending; rows in the file are packed */
    size_t text_bytes;
    const char *const *enum_names;
    size_t enum_count;
};

/* Columns that lie side by side in the caller's row. */
struct hdf5_piece {
    size_t offset;
    size_t bytes;
};

struct hdf5_table {
    hid_t dataset;
    struct hdf5_piece *pieces;
    size_t piece_count;
    size_t chunk_rows;
    size_t buffered_rows;
    hsize_t written_rows;
    char *buffer; /* packed rows */
    struct chunk_codec codec;
    const char *path; /* of the file, for errors */
};

/*
 * Makes `table` as dataset `name` under `parent`, in chunks of `chunk_rows` rows.
 * `path` must outlive the table. On failure there is nothing to release.
 */
int hdf5_table_create(struct hdf5_table *table, hid_t parent, const char *path, const char *name,
                      const struct hdf5_column *columns, size_t column_count, size_t chunk_rows,
                      struct error *error);

/* Adds a copy of `row`. */
int hdf5_table_append(struct hdf5_table *table, const void *row, struct error *error);

/* Writes the rows of a last chunk that is not full: nothing may be appended after it. */
int hdf5_table_finish(struct hdf5_table *table, struct error *error);

/* Closes the dataset; what is buffered is lost. A zeroed or released table may be released. */
void hdf5_table_release(struct hdf5_table *table);

#endif
