#include "hdf5_table.h"

#include "hdf5_attribute.h"
#include "hdf5_error.h"
#include "stream_copy.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* For readers that ask how a dataset was deflated: the level is chunk_codec's. */
#define DEFLATE_LEVEL 1

/* Memory that begins with a line of the cache. */
static void *lines_alloc(size_t bytes)
{
    return aligned_alloc(STREAM_LINE_BYTES,
                         (bytes + STREAM_LINE_BYTES - 1) / STREAM_LINE_BYTES * STREAM_LINE_BYTES);
}

static hid_t text_type(size_t bytes)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    if (type < 0)
        return type;
    if (H5Tset_size(type, bytes) < 0 || H5Tset_cset(type, H5T_CSET_UTF8) < 0) {
        H5Tclose(type);
        return H5I_INVALID_HID;
    }
    return type;
}

static hid_t enum_type(const char *const *names, size_t count)
{
    assert(count <= UINT8_MAX);
    hid_t type = H5Tenum_create(H5T_NATIVE_UINT8);
    if (type < 0)
        return type;
    for (size_t i = 0; i < count; i++) {
        uint8_t value = (uint8_t)i;
        if (H5Tenum_insert(type, names[i], &value) < 0) {
            H5Tclose(type);
            return H5I_INVALID_HID;
        }
    }
    return type;
}

hid_t hdf5_number_type(enum hdf5_column_type type)
{
    switch (type) {
    case HDF5_INT32:
        return H5T_NATIVE_INT32;
    case HDF5_UINT32:
        return H5T_NATIVE_UINT32;
    case HDF5_INT64:
        return H5T_NATIVE_INT64;
    case HDF5_FLOAT64:
        return H5T_NATIVE_DOUBLE;
    case HDF5_UINT8_ENUM:
    case HDF5_TEXT:
        break;
    }
    return H5I_INVALID_HID;
}

/* A new type that the caller closes. */
static hid_t column_type(const struct hdf5_column *column)
{
    switch (column->type) {
    case HDF5_UINT8_ENUM:
        return enum_type(column->enum_names, column->enum_count);
    case HDF5_TEXT:
        return text_type(column->text_bytes);
    default:
        return H5Tcopy(hdf5_number_type(column->type));
    }
}

/* Adds a column at the end of a row's type; its bytes, 0 if that fails. */
static size_t add_column(hid_t row_type, size_t row_bytes, const struct hdf5_column *column)
{
    hid_t type = column_type(column);
    if (type < 0)
        return 0;
    size_t bytes = H5Tget_size(type);
    bool is_in = H5Tset_size(row_type, row_bytes + bytes) >= 0 &&
                 H5Tinsert(row_type, column->name, row_bytes, type) >= 0;
    H5Tclose(type);
    return is_in ? bytes : 0;
}

/* The file's row, packed, and its columns as chunks have them. */
static hid_t row_type_create(const struct hdf5_column *columns, size_t count,
                             struct chunk_column *in_chunk)
{
    size_t row_bytes = 0;
    hid_t row_type = H5Tcreate(H5T_COMPOUND, 1);
    for (size_t i = 0; i < count && row_type >= 0; i++) {
        in_chunk[i] = (struct chunk_column){
            .bytes = add_column(row_type, row_bytes, &columns[i]),
            .is_runs = columns[i].is_runs,
        };
        row_bytes += in_chunk[i].bytes;
        if (in_chunk[i].bytes == 0) {
            H5Tclose(row_type);
            return H5I_INVALID_HID;
        }
    }
    return row_type;
}

/* Chunked, shuffled, deflated and without time stamps. */
static hid_t creation_properties(size_t chunk_rows)
{
    hsize_t chunk = chunk_rows;
    hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
    if (properties < 0)
        return properties;
    if (H5Pset_chunk(properties, 1, &chunk) < 0 || H5Pset_shuffle(properties) < 0 ||
        H5Pset_deflate(properties, DEFLATE_LEVEL) < 0 ||
        H5Pset_obj_track_times(properties, false) < 0) {
        H5Pclose(properties);
        return H5I_INVALID_HID;
    }
    return properties;
}

/* The empty dataset. */
static int dataset_create(struct hdf5_table *table, hid_t parent, const char *name, hid_t row_type,
                          struct error *error)
{
    hsize_t no_rows = 0;
    hsize_t unlimited = H5S_UNLIMITED;
    hid_t properties = creation_properties(table->chunk_rows);
    hid_t space = H5Screate_simple(1, &no_rows, &unlimited);
    if (properties >= 0 && space >= 0 && row_type >= 0)
        table->dataset =
            H5Dcreate2(parent, name, row_type, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    int status = table->dataset < 0 ? hdf5_error_set(error, "write", table->path) : 0;
    if (space >= 0)
        H5Sclose(space);
    if (properties >= 0)
        H5Pclose(properties);
    return status;
}

static int write_units(hid_t dataset, const char *path, const struct hdf5_column *columns,
                       size_t count, struct error *error)
{
    const char **units = calloc(count, sizeof(*units));
    if (!units)
        return error_out_of_memory(error, "the units of a table");
    for (size_t i = 0; i < count; i++)
        units[i] = columns[i].units;
    int status = hdf5_attribute_texts(dataset, path, "units", units, count, error);
    free(units);
    return status;
}

/* Gives the table one more chunk. */
static int add_chunk(struct hdf5_table *table, struct error *error)
{
    char *columns = lines_alloc(table->codec.given_bytes);
    if (!columns)
        return error_out_of_memory(error, "the buffers of a table");
    table->chunks[table->chunk_count++] = (struct hdf5_chunk){.table = table, .columns = columns};
    return 0;
}

static int add_block(struct hdf5_table *table, struct error *error)
{
    table->block = lines_alloc(HDF5_BLOCK_ROWS * table->codec.row_bytes);
    return table->block ? 0 : error_out_of_memory(error, "the buffers of a table");
}

/* Lets rows gather for what is left of the chunk. */
static void begin_block(struct hdf5_table *table)
{
    size_t left = table->chunk_rows - table->gathered_rows;
    table->row = 0;
    table->block_rows = left < HDF5_BLOCK_ROWS ? left : HDF5_BLOCK_ROWS;
}

/* Lets rows gather in another chunk. */
static void gather_in(struct hdf5_table *table, uint32_t chunk)
{
    char *column = table->chunks[chunk].columns;
    table->gathering = chunk;
    table->gathered_rows = 0;
    begin_block(table);
    for (size_t i = 0; i < table->codec.column_count; i++) {
        if (table->codec.columns[i].is_runs) {
            table->runs[i] = (struct chunk_runs *)(void *)column;
            table->runs[i]->count = 0;
        }
        column += chunk_codec_room(&table->codec, i);
    }
}

/* Lets the rows of the block go into the chunk. */
static void gather_block(struct hdf5_table *table)
{
    const struct chunk_codec *codec = &table->codec;
    const char *from = table->block;
    char *column = table->chunks[table->gathering].columns;
    for (size_t i = 0; i < codec->column_count; i++) {
        size_t bytes = codec->columns[i].bytes;
        if (!codec->columns[i].is_runs) {
            stream_copy(column + table->gathered_rows * bytes, from, table->row * bytes);
            from += HDF5_BLOCK_ROWS * bytes;
        }
        column += chunk_codec_room(codec, i);
    }
    table->gathered_rows += table->row;
}

/* The system's descriptor of the file that a dataset is in; -1: none is known. */
static int descriptor_of(hid_t dataset)
{
    void *handle = NULL;
    hid_t file = H5Iget_file_id(dataset);
    if (file < 0 || H5Fget_vfd_handle(file, H5P_DEFAULT, &handle) < 0)
        handle = NULL;
    if (file >= 0)
        H5Fclose(file);
    return handle ? *(const int *)handle : -1;
}

/* The dataset and what packs its chunks. */
static int table_create(struct hdf5_table *table, hid_t parent, const char *name,
                        const struct hdf5_column *columns, size_t column_count, struct error *error)
{
    struct chunk_column *in_chunk = calloc(column_count, sizeof(*in_chunk));
    table->offsets = calloc(column_count, sizeof(*table->offsets));
    table->runs = calloc(column_count, sizeof(*table->runs));
    if (!in_chunk || !table->offsets || !table->runs) {
        free(in_chunk);
        return error_out_of_memory(error, "the columns of a table");
    }
    for (size_t i = 0; i < column_count; i++)
        table->offsets[i] = columns[i].offset;
    hid_t row_type = row_type_create(columns, column_count, in_chunk);
    int status = dataset_create(table, parent, name, row_type, error);
    if (status == 0)
        status = chunk_codec_init(&table->codec, table->chunk_rows, in_chunk, column_count, error);
    if (status == 0)
        table->cache.descriptor = descriptor_of(table->dataset);
    if (row_type >= 0)
        H5Tclose(row_type);
    free(in_chunk);
    return status;
}

int hdf5_table_create(struct hdf5_table *table, hid_t parent, const char *path, const char *name,
                      const struct hdf5_column *columns, size_t column_count, size_t chunk_rows,
                      struct error *error)
{
    *table = (struct hdf5_table){
        .dataset = H5I_INVALID_HID,
        .chunk_rows = chunk_rows,
        .path = path,
    };
    int status = table_create(table, parent, name, columns, column_count, error);
    if (status == 0)
        status = write_units(table->dataset, path, columns, column_count, error);
    if (status == 0)
        status = add_block(table, error);
    if (status == 0)
        status = add_chunk(table, error);
    if (status == 0)
        gather_in(table, 0);
    else
        hdf5_table_release(table);
    return status;
}

int hdf5_table_set_writer(struct hdf5_table *table, struct background *writer, struct error *error)
{
    int status = 0;
    table->writer = writer;
    while (table->chunk_count < HDF5_CHUNKS && status == 0)
        status = add_chunk(table, error);
    return status;
}

/* Puts zeros behind the rows that a chunk has, which is not full. */
static void fill_up(const struct hdf5_chunk *chunk)
{
    const struct chunk_codec *codec = &chunk->table->codec;
    char *column = chunk->columns;
    for (size_t i = 0; i < codec->column_count; i++) {
        size_t bytes = codec->columns[i].bytes;
        if (codec->columns[i].is_runs)
            chunk_runs_put((struct chunk_runs *)(void *)column, chunk->row_count, 0);
        else
            memset(column + chunk->row_count * bytes, 0,
                   (codec->row_count - chunk->row_count) * bytes);
        column += chunk_codec_room(codec, i);
    }
}

/* Writes a chunk as the dataset's next. */
static int write_chunk(struct hdf5_table *table, struct hdf5_chunk *chunk, struct error *error)
{
    hsize_t start = table->written_rows;
    hsize_t extent = start + chunk->row_count;
    if (chunk->row_count < table->chunk_rows)
        fill_up(chunk);
    size_t packed_bytes = chunk_codec_pack(&table->codec, chunk->columns);
    table->written_rows = extent;
    if (H5Dset_extent(table->dataset, &extent) < 0 ||
        H5Dwrite_chunk(table->dataset, H5P_DEFAULT, 0, &start, packed_bytes, table->codec.packed) <
            0)
        return hdf5_error_set(error, "write", table->path);
    page_cache_add(&table->cache, packed_bytes);
    return 0;
}

void hdf5_table_write_behind(void *context)
{
    struct hdf5_chunk *chunk = context;
    struct hdf5_table *table = chunk->table;
    hdf5_error_init(); /* of this thread, where HDF5 knows threads */
    if (table->status == 0)
        table->status = write_chunk(table, chunk, &table->error);
    chunk->status = table->status;
}

/* Waits until a chunk is the caller's again; how its rows fared. */
static int take_back(const struct hdf5_chunk *chunk, struct error *error)
{
    if (chunk->call > 0)
        background_wait(chunk->table->writer, chunk->call);
    if (chunk->status < 0)
        *error = chunk->table->error;
    return chunk->status;
}

/* Lets the rows that have gathered go to the file, as a chunk. */
static int write_gathered(struct hdf5_table *table, struct error *error)
{
    struct hdf5_chunk *chunk = &table->chunks[table->gathering];
    uint32_t next = (table->gathering + 1) % table->chunk_count;
    int status = 0;
    chunk->row_count = table->gathered_rows;
    stream_end();
    if (table->writer)
        chunk->call = background_call(table->writer, chunk);
    else
        status = write_chunk(table, chunk, error);
    if (status == 0)
        status = take_back(&table->chunks[next], error);
    gather_in(table, next);
    return status;
}

int hdf5_table_turn(struct hdf5_table *table, struct error *error)
{
    gather_block(table);
    begin_block(table);
    return table->gathered_rows < table->chunk_rows ? 0 : write_gathered(table, error);
}

int hdf5_table_append(struct hdf5_table *table, const void *row, struct error *error)
{
    const struct chunk_codec *codec = &table->codec;
    char *column = table->block;
    for (size_t i = 0; i < codec->column_count; i++) {
        size_t bytes = codec->columns[i].bytes;
        assert(!codec->columns[i].is_runs);
        memcpy(column + table->row * bytes, (const char *)row + table->offsets[i], bytes);
        column += HDF5_BLOCK_ROWS * bytes;
    }
    return hdf5_table_add(table, 1, error);
}

int hdf5_table_finish(struct hdf5_table *table, struct error *error)
{
    int status = 0;
    gather_block(table);
    if (table->gathered_rows > 0)
        status = write_gathered(table, error);
    for (uint32_t i = 0; i < table->chunk_count && status == 0; i++)
        status = take_back(&table->chunks[(table->gathering + i) % table->chunk_count], error);
    return status;
}

void hdf5_table_release(struct hdf5_table *table)
{
    for (uint32_t i = 0; i < table->chunk_count; i++)
        free(table->chunks[i].columns);
    if (table->dataset > 0)
        H5Dclose(table->dataset);
    chunk_codec_release(&table->codec);
    free(table->block);
    free(table->offsets);
    free(table->runs);
    *table = (struct hdf5_table){0};
}
