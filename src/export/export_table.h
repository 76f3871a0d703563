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

/* A file that is open for reading. */
struct export_file {
    hid_t id;
    const char *path; /* for errors */
};

/* What a caller's row holds of a table's. Of a column only name, type, offset and text_bytes
   count. */
struct export_row {
    const struct hdf5_column *columns;
    size_t column_count;
    size_t bytes;
};

struct export_table {
    hid_t dataset;
    hid_t row_type; /* compound, as rows lie in `buffer` */
    size_t row_bytes;
    hsize_t chunk_rows; /* as in the file: rows that are read at a time */
    hsize_t row_count;
    char *buffer;     /* of a chunk's rows */
    const char *path; /* of the file, and */
    const char *name; /* of the table in it, for errors */
};

/* `path` must outlive the file. On failure there is nothing to close. */
int export_file_open(struct export_file *file, const char *path, struct error *error);
void export_file_close(const struct export_file *file);

/* ERROR_IO: the file cannot be read, for `what` is wrong with it. */
int export_file_damaged(const struct export_file *file, const char *what, struct error *error);

/* What a file is of, and the table of it to ask for. */
struct export_kind {
    const char *name;
    const char *table;
};

/* NULL: of a run. */
const struct export_kind *export_file_kind(hid_t file);

bool export_table_exists(const struct export_file *file, const char *name);

/*
 * Opens table `name` with what `row` holds of it, or, NULL, with all its columns:
 * integers as 64 bits, reals as double, all else as in the file, without padding.
 * The file and `name` must outlive it. On failure there is nothing to release.
 */
int export_table_open(struct export_table *table, const struct export_file *file, const char *name,
                      const struct export_row *row, struct error *error);

/* Called with each row, as `row` or, without one, the table's row_type says; below 0, with `error`
   filled in, ends it. */
typedef int export_visit(void *context, const void *row, struct error *error);

/* Hands the table's rows to `visit`, in order. */
int export_table_each(struct export_table *table, export_visit *visit, void *context,
                      struct error *error);

/* A zeroed or released table may be released. */
void export_table_release(struct export_table *table);

#endif
