#include "export_table.h"

#include "base.h"
#include "hdf5_error.h"

#include <stdlib.h>
#include <string.h>

/* Rows at a time of a table that somebody has rewritten in one piece. */
#define UNCHUNKED_ROWS 4096

int export_file_open(struct export_file *file, const char *path, struct error *error)
{
    hdf5_error_init();
    *file = (struct export_file){H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT), path};
    return file->id < 0 ? hdf5_error_set(error, "read", path) : 0;
}

void export_file_close(const struct export_file *file)
{
    (void)H5Fclose(file->id);
}

int export_file_damaged(const struct export_file *file, const char *what, struct error *error)
{
    return error_set(error, ERROR_IO, "cannot read %s: %s", file->path, what);
}

static bool has_table(hid_t file, const char *name)
{
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    if (dataset < 0)
        return false;
    H5Dclose(dataset);
    return true;
}

bool export_table_exists(const struct export_file *file, const char *name)
{
    return has_table(file->id, name);
}

const struct export_kind *export_file_kind(hid_t file)
{
    static const struct export_kind kinds[] = {{"sweep", "points"}, {"plan", "plans"}};
    for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++)
        if (has_table(file, kinds[i].table))
            return &kinds[i];
    return NULL;
}

/* The type in memory of `column`, which is `in_file` in the file; the caller closes it. */
static hid_t column_type(const struct hdf5_column *column, hid_t in_file)
{
    bool is_number = column->type != HDF5_UINT8_ENUM && column->type != HDF5_TEXT;
    if (is_number)
        return H5Tcopy(hdf5_number_type(column->type));
    size_t bytes = column->type == HDF5_TEXT ? column->text_bytes : 1;
    return H5Tget_size(in_file) == bytes ? H5Tcopy(in_file) : H5I_INVALID_HID;
}

/* Adds `column` of the file's rows to the rows in memory. */
static bool insert_column(hid_t row_type, hid_t file_type, const struct hdf5_column *column)
{
    int index = H5Tget_member_index(file_type, column->name);
    if (index < 0)
        return false;
    hid_t in_file = H5Tget_member_type(file_type, (unsigned)index);
    if (in_file < 0)
        return false;
    hid_t type = column_type(column, in_file);
    bool is_inserted = type >= 0 && H5Tinsert(row_type, column->name, column->offset, type) >= 0;
    if (type >= 0)
        H5Tclose(type);
    H5Tclose(in_file);
    return is_inserted;
}

static int not_as_expected(const struct export_table *table, struct error *error)
{
    return error_set(error, ERROR_IO, "cannot read %s: '%s' is not a table that tandem writes",
                     table->path, table->name);
}

/* How many rows a dataset has in a chunk: read so many at a time, each chunk is inflated once. */
static hsize_t chunk_rows_of(hid_t dataset)
{
    hsize_t rows = 0;
    hid_t properties = H5Dget_create_plist(dataset);
    bool is_chunked = properties >= 0 && H5Pget_layout(properties) == H5D_CHUNKED &&
                      H5Pget_chunk(properties, 1, &rows) == 1;
    if (properties >= 0)
        H5Pclose(properties);
    return is_chunked ? rows : UNCHUNKED_ROWS;
}

/* Opens the dataset; its rows' type in the file, or negative. The caller closes it. */
static hid_t open_dataset(struct export_table *table, hid_t file, struct error *error)
{
    table->dataset = H5Dopen2(file, table->name, H5P_DEFAULT);
    if (table->dataset < 0) {
        const struct export_kind *kind = export_file_kind(file);
        (void)error_set(error, ERROR_IO, "cannot read %s: it has no table '%s'%s%s%s%s",
                        table->path, table->name, kind ? "; of a " : "", kind ? kind->name : "",
                        kind ? ", ask for --table " : "", kind ? kind->table : "");
        return H5I_INVALID_HID;
    }
    hid_t type = H5Dget_type(table->dataset);
    hid_t space = H5Dget_space(table->dataset);
    bool is_table = type >= 0 && H5Tget_class(type) == H5T_COMPOUND && space >= 0 &&
                    H5Sget_simple_extent_ndims(space) == 1 &&
                    H5Sget_simple_extent_dims(space, &table->row_count, NULL) == 1;
    if (space >= 0)
        H5Sclose(space);
    if (is_table) {
        table->chunk_rows = chunk_rows_of(table->dataset);
        return type;
    }
    if (type >= 0)
        H5Tclose(type);
    (void)not_as_expected(table, error);
    return H5I_INVALID_HID;
}

/* The type in memory of a member of the file's rows; the caller closes it. */
static hid_t widened_type(hid_t in_file)
{
    switch (H5Tget_class(in_file)) {
    case H5T_INTEGER:
        return H5Tcopy(H5Tget_sign(in_file) == H5T_SGN_2 ? H5T_NATIVE_INT64 : H5T_NATIVE_UINT64);
    case H5T_FLOAT:
        return H5Tcopy(H5T_NATIVE_DOUBLE);
    default:
        return H5Tcopy(in_file);
    }
}

/* The rows' type in memory, its members one behind the other as in the file; negative: none. */
static hid_t widened_row_type(hid_t file_type)
{
    int count = H5Tget_nmembers(file_type);
    size_t row_bytes = 0;
    hid_t row_type = H5Tcreate(H5T_COMPOUND, 1);
    bool is_whole = row_type >= 0;
    for (unsigned i = 0; i < (unsigned)count && is_whole; i++) {
        hid_t in_file = H5Tget_member_type(file_type, i);
        hid_t type = in_file < 0 ? H5I_INVALID_HID : widened_type(in_file);
        char *name = H5Tget_member_name(file_type, i);
        size_t bytes = type < 0 ? 0 : H5Tget_size(type);
        is_whole = name && bytes > 0 && H5Tset_size(row_type, row_bytes + bytes) >= 0 &&
                   H5Tinsert(row_type, name, row_bytes, type) >= 0;
        row_bytes += bytes;
        (void)H5free_memory(name);
        if (type >= 0)
            H5Tclose(type);
        if (in_file >= 0)
            H5Tclose(in_file);
    }
    if (is_whole || row_type < 0)
        return row_type;
    H5Tclose(row_type);
    return H5I_INVALID_HID;
}

/* The type of the caller's rows, of which each member must be one of the file's; negative: none. */
static hid_t caller_row_type(hid_t file_type, const struct export_row *row)
{
    hid_t row_type = H5Tcreate(H5T_COMPOUND, row->bytes);
    bool is_whole = row_type >= 0;
    for (size_t i = 0; i < row->column_count && is_whole; i++)
        is_whole = insert_column(row_type, file_type, &row->columns[i]);
    if (is_whole || row_type < 0)
        return row_type;
    H5Tclose(row_type);
    return H5I_INVALID_HID;
}

int export_table_open(struct export_table *table, const struct export_file *file, const char *name,
                      const struct export_row *row, struct error *error)
{
    *table = (struct export_table){.path = file->path, .name = name};
    hid_t file_type = open_dataset(table, file->id, error);
    if (file_type < 0) {
        export_table_release(table);
        return -(int)error->code;
    }
    int status = 0;
    table->row_type = row ? caller_row_type(file_type, row) : widened_row_type(file_type);
    if (table->row_type < 0) {
        status = not_as_expected(table, error);
    } else {
        table->row_bytes = H5Tget_size(table->row_type);
        table->buffer = calloc((size_t)table->chunk_rows, table->row_bytes);
        status = table->buffer ? 0 : error_out_of_memory(error, "the rows of a table");
    }
    H5Tclose(file_type);
    if (status < 0)
        export_table_release(table);
    return status;
}

/* Reads `count` rows from `first` on into the buffer. */
static int read_rows(struct export_table *table, hsize_t first, hsize_t count, struct error *error)
{
    hid_t in_file = H5Dget_space(table->dataset);
    hid_t in_memory = H5Screate_simple(1, &count, NULL);
    bool is_read = in_file >= 0 && in_memory >= 0 &&
                   H5Sselect_hyperslab(in_file, H5S_SELECT_SET, &first, NULL, &count, NULL) >= 0 &&
                   H5Dread(table->dataset, table->row_type, in_memory, in_file, H5P_DEFAULT,
                           table->buffer) >= 0;
    int status = is_read ? 0 : hdf5_error_set(error, "read", table->path);
    if (in_memory >= 0)
        H5Sclose(in_memory);
    if (in_file >= 0)
        H5Sclose(in_file);
    return status;
}

int export_table_each(struct export_table *table, export_visit *visit, void *context,
                      struct error *error)
{
    int status = 0;
    for (hsize_t first = 0; first < table->row_count && status == 0; first += table->chunk_rows) {
        hsize_t left = table->row_count - first;
        hsize_t count = left < table->chunk_rows ? left : table->chunk_rows;
        status = read_rows(table, first, count, error);
        for (hsize_t i = 0; i < count && status == 0; i++)
            status = visit(context, table->buffer + i * table->row_bytes, error);
    }
    return status;
}

void export_table_release(struct export_table *table)
{
    if (table->dataset > 0)
        H5Dclose(table->dataset);
    if (table->row_type > 0)
        H5Tclose(table->row_type);
    free(table->buffer);
    *table = (struct export_table){0};
}
