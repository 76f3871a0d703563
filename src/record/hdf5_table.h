/*
 * hdf5_table: a table in an HDF5 file that grows by appending rows.
 *
 * One 1-D dataset of a compound type, shuffled and deflated. Rows gather in a
 * buffer of one chunk; when it is full a thread of the table's packs it as
 * chunk_codec.h does, while rows gather in another, and when that is full the
 * packed chunk goes to the file. Memory stays constant, HDF5 neither filters a
 * chunk nor reads one back, and only the caller's thread calls HDF5, at moments
 * that the rows alone decide: same rows, same bytes, for there are no time stamps
 * either. The dataset's attribute `units` is an array of strings, one for each
 * column in order ("1": a bare number):
 *
 *     dict(zip(f["steps"].dtype.names, f["steps"].attrs["units"]))
 *
 * Errors are ERROR_IO, ERROR_MEMORY, and ERROR_RUN where no thread can start;
 * that a chunk cannot be written is told with a later one, or at the end.
 */
#ifndef TANDEM_HDF5_TABLE_H
#define TANDEM_HDF5_TABLE_H

#include "background.h"
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

/* The type of a column that holds `value`; a uint64_t is a count below 2^63. */
#define HDF5_TYPE_OF(value) \
    _Generic((value),               \
        uint8_t: HDF5_UINT8_ENUM,   \
        int32_t: HDF5_INT32,        \
        uint32_t: HDF5_UINT32,      \
        int64_t: HDF5_INT64,        \
        uint64_t: HDF5_INT64,       \
        double: HDF5_FLOAT64,       \
        char *: HDF5_TEXT,          \
        const char *: HDF5_TEXT)

/* The column of a member of `struct row`, under its own name; an enum's names go after it. */
#define HDF5_COLUMN(row, member, unit)                                                       \
    .name = #member, .units = (unit), .type = HDF5_TYPE_OF(((const struct row *)0)->member), \
    .offset = offsetof(struct row, member), .text_bytes = sizeof(((const struct row *)0)->member)

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
    char *buffer;  /* the rows that gather, packed */
    char *leaving; /* the chunk before them */
    size_t leaving_rows;
    size_t leaving_bytes; /* as the codec packed it */
    struct chunk_codec codec;
    struct background packer; /* has `leaving` and the codec while it is busy */
    const char *path;         /* of the file, for errors */
};

/*
 * Makes `table` as dataset `name` under `parent`, in chunks of `chunk_rows` rows.
 * `path` must outlive the table, which stays where it is. On failure there is
 * nothing to release.
 */
int hdf5_table_create(struct hdf5_table *table, hid_t parent, const char *path, const char *name,
                      const struct hdf5_column *columns, size_t column_count, size_t chunk_rows,
                      struct error *error);

/* Adds a copy of `row`. */
int hdf5_table_append(struct hdf5_table *table, const void *row, struct error *error);

/* Lets the rows that have gathered go to the file, as a chunk. */
int hdf5_table_write(struct hdf5_table *table, struct error *error);

/* Where the next row goes, packed; it is added when it is there. */
static inline void *hdf5_table_next(const struct hdf5_table *table)
{
    return table->buffer + table->buffered_rows * table->codec.row_bytes;
}

static inline int hdf5_table_add_next(struct hdf5_table *table, struct error *error)
{
    table->buffered_rows++;
    return table->buffered_rows < table->chunk_rows ? 0 : hdf5_table_write(table, error);
}

/* Writes what is not yet in the file; nothing may be appended after it. */
int hdf5_table_finish(struct hdf5_table *table, struct error *error);

/* Closes the dataset; what is not yet in the file is lost. A zeroed or released table may be
 * released. */
void hdf5_table_release(struct hdf5_table *table);

#endif
