/*
 * hdf5_table: a table in an HDF5 file that grows by appending rows.
 *
 * One 1-D dataset of a compound type, shuffled and deflated. Rows gather in a block
 * that stays in the cache, column by column; full, it goes into a chunk, and that,
 * packed as chunk_codec.h does, to the file. Memory stays constant, HDF5 neither
 * filters a chunk nor reads one back, and there are no time stamps: same rows, same
 * bytes. The dataset's attribute `units` is an array of strings, one for each column
 * in order ("1": a bare number):
 *
 *     dict(zip(f["steps"].dtype.names, f["steps"].attrs["units"]))
 *
 * A file's tables may be written behind the caller's back, by one writer: then
 * rows gather in one chunk while others are packed and written, in the order in
 * which they were full, so that the file's bytes are the same. What is written is on
 * its way to the disk at once (page_cache.h). HDF5 is the writer's meanwhile: until
 * all of them are finished, whoever appends must not call it. Errors are ERROR_IO and ERROR_MEMORY;
 * behind, that a chunk cannot be written is told with a later one, or at the end.
 */
#ifndef TANDEM_HDF5_TABLE_H
#define TANDEM_HDF5_TABLE_H

#include "background.h"
#include "chunk_codec.h"
#include "page_cache.h"

#include <hdf5.h>
#include <stdbool.h>
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
    size_t offset; /* in the caller's row, where rows are appended */
    size_t text_bytes;
    bool is_runs; /* its rows are put by hdf5_table_put_run(), never appended */
    const char *const *enum_names;
    size_t enum_count;
};

/* HDF5's type of the numbers of such a column, which nobody closes; negative: it holds none. */
hid_t hdf5_number_type(enum hdf5_column_type type);

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

/* Rows that gather in the cache: whole lines of it, of each column. */
#define HDF5_BLOCK_ROWS 64

/* Chunks of a table that is written behind: enough for a writer that is woken for three at a time
   (background.h), or is busy with another's. Measured: with five, runs with deep pipelines take 4%
   longer, with ten as long. */
#define HDF5_CHUNKS 7

/* Rows on their way to the file. */
struct hdf5_chunk {
    struct hdf5_table *table;
    char *columns; /* all rows' values of the first, then of the second and so on */
    size_t row_count;
    uint64_t call; /* of the writer; 0: none */
    int status;    /* of writing them, or those before them */
};

struct hdf5_table {
    void *block; /* HDF5_BLOCK_ROWS values of the first column that is no runs, then the next's */
    size_t row;  /* the next in it */
    size_t block_rows;        /* that it may have */
    size_t gathered_rows;     /* of the chunk, before the block */
    struct chunk_runs **runs; /* of the chunk, by column */
    size_t chunk_rows;
    hid_t dataset;
    size_t *offsets; /* of each column in the caller's row */
    struct hdf5_chunk chunks[HDF5_CHUNKS];
    uint32_t chunk_count;
    uint32_t gathering;        /* the chunk to which rows are added */
    struct background *writer; /* NULL: the caller writes; it has what follows */
    hsize_t written_rows;
    struct chunk_codec codec;
    struct page_cache cache;
    const char *path; /* of the file, for errors */
    int status;       /* of writing; then rows are dropped */
    struct error error;
};

/*
 * Makes `table` as dataset `name` under `parent`, in chunks of `chunk_rows` rows.
 * `path` must outlive the table, which stays where it is. On failure there is
 * nothing to release.
 */
int hdf5_table_create(struct hdf5_table *table, hid_t parent, const char *path, const char *name,
                      const struct hdf5_column *columns, size_t column_count, size_t chunk_rows,
                      struct error *error);

/* What a writer of tables calls. */
void hdf5_table_write_behind(void *chunk);

/* Lets `writer` write the table from now on. It is stopped before any of its tables is released. */
int hdf5_table_set_writer(struct hdf5_table *table, struct background *writer, struct error *error);

/* Adds a copy of `row`. */
int hdf5_table_append(struct hdf5_table *table, const void *row, struct error *error);

/* The block is full. */
int hdf5_table_turn(struct hdf5_table *table, struct error *error);

/* How many rows can be put into the block at `row` before they are added. */
static inline size_t hdf5_table_room(const struct hdf5_table *table)
{
    return table->block_rows - table->row;
}

/* Lets rows from `row` on have a value of a column, by number, that is runs. */
static inline void hdf5_table_put_run(struct hdf5_table *table, size_t column, uint64_t value)
{
    chunk_runs_put(table->runs[column], table->gathered_rows + table->row, value);
}

/* Adds rows that their writer has put there, of which there is at least one. */
static inline int hdf5_table_add(struct hdf5_table *table, size_t rows, struct error *error)
{
    table->row += rows;
    return table->row < table->block_rows ? 0 : hdf5_table_turn(table, error);
}

/* Writes what is not yet in the file; nothing may be appended after it. */
int hdf5_table_finish(struct hdf5_table *table, struct error *error);

/* Closes the dataset; what is not yet in the file is lost. A zeroed or released table may be
 * released. */
void hdf5_table_release(struct hdf5_table *table);

#endif
