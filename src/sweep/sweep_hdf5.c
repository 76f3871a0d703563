#include "sweep_hdf5.h"

#include "hdf5_attribute.h"
#include "hdf5_error.h"
#include "hdf5_file.h"
#include "sweep_nexus.h"
#include "sweep_table.h"

#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_ROWS 1024
#define CHUNK_BYTES ((hsize_t)256 * 1024)
#define DEFLATE_LEVEL 3
#define REAL_DIGITS 17 /* read back to the same double */
#define SHARD_BYTES 32

static int write_header(hid_t file, const char *path, const struct sweep_results *results,
                        struct error *error)
{
    char shard[SHARD_BYTES];
    const char *load = sweep_load_path(results->load);
    const struct {
        const char *name, *text;
    } attributes[] = {
        {"NX_class", "NXroot"},
        {"default", "curves"},
        {"version", results->version},
        {"name", results->name},
        {"load", load ? load : ""},
        {"sweep", results->sweep_text},
        {"scenario", results->scenario_text},
        {"shard", shard},
    };
    /* Only a part says which: joined parts make the file that one run would have made. */
    size_t count = ARRAY_LENGTH(attributes) - (results->shard_count == 1);
    (void)snprintf(shard, sizeof(shard), "%u/%u", results->shard, results->shard_count);
    int status = 0;
    for (size_t i = 0; i < count && status == 0; i++)
        status = hdf5_attribute_text(file, path, attributes[i].name, attributes[i].text, error);
    return status;
}

static int write_points(hid_t file, const char *path, const struct sweep_results *results,
                        struct error *error)
{
    struct sweep_table points;
    struct hdf5_table table = {0};
    int status = sweep_table_build(&points, results, error);
    if (status == 0 && points.row_count > 0)
        status = hdf5_table_create(&table, file, path, "points", points.columns,
                                   points.column_count, CHUNK_ROWS, error);
    for (size_t i = 0; i < points.row_count && status == 0; i++)
        status = hdf5_table_append(&table, points.rows + i * points.row_bytes, error);
    if (status == 0 && points.row_count > 0)
        status = hdf5_table_finish(&table, error);
    hdf5_table_release(&table);
    sweep_table_release(&points);
    return status;
}

/* The records as JSON lines, on the heap; NULL when memory is out. */
static char *format_records(const json_t *records, size_t *bytes)
{
    char *text = NULL;
    FILE *stream = open_memstream(&text, bytes);
    if (!stream)
        return NULL;
    int status = 0;
    for (size_t i = 0; i < json_array_size(records) && status == 0; i++) {
        status = json_dumpf(json_array_get(records, i), stream,
                            JSON_COMPACT | JSON_REAL_PRECISION(REAL_DIGITS));
        if (status == 0 && fputc('\n', stream) == EOF)
            status = -1;
    }
    if (fclose(stream) == 0 && status == 0)
        return text;
    free(text);
    return NULL;
}

/* A compressed dataset of `bytes`; below 0 where it cannot be made. */
static hid_t create_bytes(hid_t file, const char *name, hsize_t bytes)
{
    hid_t dataset = H5I_INVALID_HID;
    hsize_t chunk = bytes < CHUNK_BYTES ? bytes : CHUNK_BYTES;
    hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
    hid_t space = H5Screate_simple(1, &bytes, NULL);
    if (properties >= 0 && space >= 0 && H5Pset_chunk(properties, 1, &chunk) >= 0 &&
        H5Pset_deflate(properties, DEFLATE_LEVEL) >= 0 &&
        H5Pset_obj_track_times(properties, false) >= 0)
        dataset =
            H5Dcreate2(file, name, H5T_NATIVE_UINT8, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    if (space >= 0)
        H5Sclose(space);
    if (properties >= 0)
        H5Pclose(properties);
    return dataset;
}

static int write_records(hid_t file, const char *path, const json_t *records, struct error *error)
{
    size_t bytes = 0;
    if (json_array_size(records) == 0)
        return 0;
    char *text = format_records(records, &bytes);
    if (!text)
        return error_out_of_memory(error, "the points as JSON");
    hid_t dataset = create_bytes(file, "records", bytes);
    bool is_written = dataset >= 0 &&
                      H5Dwrite(dataset, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, text) >= 0;
    int status = is_written ? 0 : hdf5_error_set(error, "write", path);
    if (dataset >= 0)
        H5Dclose(dataset);
    free(text);
    return status;
}

static int fill(hid_t file, const char *path, const void *context, struct error *error)
{
    const struct sweep_results *results = context;
    int status = write_header(file, path, results, error);
    if (status == 0)
        status = write_points(file, path, results, error);
    if (status == 0)
        status = sweep_nexus_write(file, path, results, error);
    return status == 0 ? write_records(file, path, results->records, error) : status;
}

int sweep_hdf5_write(const char *path, const struct sweep_results *results, struct error *error)
{
    return hdf5_file_write(path, fill, results, error);
}

/* The text of an attribute, in `arena`; NULL where it has none, or memory is out. */
static const char *read_text(hid_t file, const char *name, struct arena *arena)
{
    char *text = NULL;
    const char *kept = NULL;
    hid_t attribute = H5Aopen(file, name, H5P_DEFAULT);
    hid_t type = attribute >= 0 ? H5Aget_type(attribute) : H5I_INVALID_HID;
    if (type >= 0 && H5Tis_variable_str(type) > 0 && H5Aread(attribute, type, &text) >= 0 && text)
        kept = arena_strdup(arena, text);
    (void)H5free_memory(text);
    if (type >= 0)
        H5Tclose(type);
    if (attribute >= 0)
        H5Aclose(attribute);
    return kept;
}

static int read_header(hid_t file, const char *path, struct sweep_results *results,
                       struct arena *arena, struct error *error)
{
    *results = (struct sweep_results){
        .version = read_text(file, "version", arena),
        .name = read_text(file, "name", arena),
        .sweep_text = read_text(file, "sweep", arena),
        .scenario_text = read_text(file, "scenario", arena),
        .shard = 1,
        .shard_count = 1,
    };
    const char *load = read_text(file, "load", arena);
    if (!results->version || !results->name || !results->sweep_text || !results->scenario_text ||
        !load)
        return error_set(error, ERROR_CONFIG, "%s is not what 'tandem sweep' writes", path);
    results->load = sweep_load_of_path(load);
    const char *shard = H5Aexists(file, "shard") > 0 ? read_text(file, "shard", arena) : "1/1";
    if (!shard || sscanf(shard, "%u/%u", &results->shard, &results->shard_count) != 2 ||
        results->shard == 0 || results->shard > results->shard_count)
        return error_set(error, ERROR_CONFIG, "%s does not say which part of a sweep it is", path);
    return 0;
}

/* Takes up the lines of `text`, each a record. */
static int parse_records(const char *text, const char *path, json_t *records, struct error *error)
{
    while (*text) {
        size_t bytes = strcspn(text, "\n");
        json_t *record = json_loadb(text, bytes, 0, NULL);
        if (!json_is_object(record)) {
            json_decref(record);
            return error_set(error, ERROR_IO, "%s holds a damaged point", path);
        }
        if (json_array_append_new(records, record) < 0)
            return error_out_of_memory(error, "the points");
        text += bytes + (text[bytes] == '\n');
    }
    return 0;
}

static int read_records(hid_t file, const char *path, json_t *records, struct error *error)
{
    if (H5Lexists(file, "records", H5P_DEFAULT) <= 0)
        return 0;
    hid_t dataset = H5Dopen2(file, "records", H5P_DEFAULT);
    hid_t space = dataset >= 0 ? H5Dget_space(dataset) : H5I_INVALID_HID;
    hssize_t bytes = space >= 0 ? H5Sget_simple_extent_npoints(space) : -1;
    char *text = bytes >= 0 ? calloc((size_t)bytes + 1, 1) : NULL;
    int status = 0;
    if (bytes < 0)
        status = hdf5_error_set(error, "read", path);
    else if (!text)
        status = error_out_of_memory(error, "the points");
    else if (H5Dread(dataset, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, text) < 0)
        status = hdf5_error_set(error, "read", path);
    else
        status = parse_records(text, path, records, error);
    free(text);
    if (space >= 0)
        H5Sclose(space);
    if (dataset >= 0)
        H5Dclose(dataset);
    return status;
}

int sweep_hdf5_read(const char *path, struct sweep_results *results, struct arena *arena,
                    struct error *error)
{
    *results = (struct sweep_results){.records = NULL};
    hdf5_error_init();
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (file < 0)
        return hdf5_error_set(error, "read", path);
    int status = read_header(file, path, results, arena, error);
    if (status == 0) {
        results->records = json_array();
        status = results->records ? read_records(file, path, results->records, error)
                                  : error_out_of_memory(error, "the points");
    }
    H5Fclose(file);
    return status;
}
