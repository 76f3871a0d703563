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
#define NUMBER_BYTES 32

/* What a file is of, in the order in which /header has it; all but the last are attributes too. */
enum header_text {
    HEADER_VERSION,
    HEADER_NAME,
    HEADER_LOAD,
    HEADER_SWEEP,
    HEADER_SCENARIO,
    HEADER_SHARD,
    HEADER_POINTS, /* how many it holds: fewer are a damaged file's */
    HEADER_TEXTS
};

static const char *const attribute_names[HEADER_POINTS] = {
    [HEADER_VERSION] = "version", [HEADER_NAME] = "name",         [HEADER_LOAD] = "load",
    [HEADER_SWEEP] = "sweep",     [HEADER_SCENARIO] = "scenario", [HEADER_SHARD] = "shard",
};

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

static int write_bytes(hid_t file, const char *path, const char *name, const char *bytes,
                       size_t count, struct error *error)
{
    hid_t dataset = create_bytes(file, name, count);
    bool is_written = dataset >= 0 && H5Dwrite(dataset, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL,
                                               H5P_DEFAULT, bytes) >= 0;
    int status = is_written ? 0 : hdf5_error_set(error, "write", path);
    if (dataset >= 0)
        H5Dclose(dataset);
    return status;
}

static int write_records(hid_t file, const char *path, const json_t *records, struct error *error)
{
    size_t bytes = 0;
    if (json_array_size(records) == 0)
        return 0;
    char *text = format_records(records, &bytes);
    if (!text)
        return error_out_of_memory(error, "the points as JSON");
    int status = write_bytes(file, path, "records", text, bytes, error);
    free(text);
    return status;
}

/* The texts one after the other, each with its end. */
static int write_texts(hid_t file, const char *path, const char *const texts[HEADER_TEXTS],
                       struct error *error)
{
    size_t bytes = 0;
    for (size_t i = 0; i < HEADER_TEXTS; i++)
        bytes += strlen(texts[i]) + 1;
    char *joined = malloc(bytes);
    if (!joined)
        return error_out_of_memory(error, "a sweep's header");
    char *end = joined;
    for (size_t i = 0; i < HEADER_TEXTS; i++)
        end = stpcpy(end, texts[i]) + 1;
    int status = write_bytes(file, path, "header", joined, bytes, error);
    free(joined);
    return status;
}

static int write_header(hid_t file, const char *path, const struct sweep_results *results,
                        struct error *error)
{
    char shard[NUMBER_BYTES];
    char points[NUMBER_BYTES];
    const char *load = sweep_load_path(results->load);
    const char *const texts[HEADER_TEXTS] = {
        [HEADER_VERSION] = results->version,
        [HEADER_NAME] = results->name,
        [HEADER_LOAD] = load ? load : "",
        [HEADER_SWEEP] = results->sweep_text,
        [HEADER_SCENARIO] = results->scenario_text,
        [HEADER_SHARD] = shard,
        [HEADER_POINTS] = points,
    };
    /* Only a part says which: joined parts make the file that one run would have made. */
    size_t count = HEADER_POINTS - (results->shard_count == 1);
    (void)snprintf(shard, sizeof(shard), "%u/%u", results->shard, results->shard_count);
    (void)snprintf(points, sizeof(points), "%zu", json_array_size(results->records));
    int status = hdf5_attribute_text(file, path, "NX_class", "NXroot", error);
    if (status == 0)
        status = hdf5_attribute_text(file, path, "default", "curves", error);
    for (size_t i = 0; i < count && status == 0; i++)
        status = hdf5_attribute_text(file, path, attribute_names[i], texts[i], error);
    return status == 0 ? write_texts(file, path, texts, error) : status;
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

/* Reads a dataset of bytes onto the heap, a NUL after them; NULL and no error where there is none.
 */
static int read_bytes(hid_t file, const char *path, const char *name, char **text, size_t *count,
                      struct error *error)
{
    *text = NULL;
    *count = 0;
    if (H5Lexists(file, name, H5P_DEFAULT) <= 0)
        return 0;
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    hid_t space = dataset >= 0 ? H5Dget_space(dataset) : H5I_INVALID_HID;
    hssize_t bytes = space >= 0 ? H5Sget_simple_extent_npoints(space) : -1;
    *text = bytes >= 0 ? calloc((size_t)bytes + 1, 1) : NULL;
    int status = 0;
    if (bytes < 0)
        status = hdf5_error_set(error, "read", path);
    else if (!*text)
        status = error_out_of_memory(error, "a sweep's file");
    else if (H5Dread(dataset, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, *text) < 0)
        status = hdf5_error_set(error, "read", path);
    else
        *count = (size_t)bytes;
    if (space >= 0)
        H5Sclose(space);
    if (dataset >= 0)
        H5Dclose(dataset);
    return status;
}

/* Finds the texts in `joined`, of `bytes`; false where it does not hold just so many. */
static bool split_texts(const char *joined, size_t bytes, const char *texts[HEADER_TEXTS])
{
    size_t at = 0;
    for (size_t i = 0; i < HEADER_TEXTS; i++) {
        if (at >= bytes)
            return false;
        texts[i] = joined + at;
        at += strlen(texts[i]) + 1; /* a NUL follows all */
    }
    return at == bytes;
}

/* Fills in all but the records from the texts of a header. */
static int take_header(const char *const texts[HEADER_TEXTS], const char *path,
                       struct sweep_results *results, struct error *error)
{
    *results = (struct sweep_results){
        .version = texts[HEADER_VERSION],
        .name = texts[HEADER_NAME],
        .sweep_text = texts[HEADER_SWEEP],
        .scenario_text = texts[HEADER_SCENARIO],
        .load = sweep_load_of_path(texts[HEADER_LOAD]),
    };
    if (sscanf(texts[HEADER_SHARD], "%u/%u", &results->shard, &results->shard_count) != 2 ||
        results->shard == 0 || results->shard > results->shard_count)
        return error_set(error, ERROR_CONFIG, "%s does not say which part of a sweep it is", path);
    return 0;
}

/* Finds a file's texts, in `arena`. */
static int read_header(hid_t file, const char *path, const char *texts[HEADER_TEXTS],
                       struct arena *arena, struct error *error)
{
    char *read;
    size_t bytes;
    int status = read_bytes(file, path, "header", &read, &bytes, error);
    char *joined = status == 0 ? arena_calloc(arena, bytes + 1, 1) : NULL;
    if (status == 0 && !joined)
        status = error_out_of_memory(error, "a sweep's header");
    else if (status == 0 && read)
        memcpy(joined, read, bytes);
    free(read);
    if (status == 0 && !split_texts(joined, bytes, texts))
        status = error_set(error, ERROR_CONFIG, "%s is not what 'tandem sweep' writes", path);
    return status;
}

/* Takes up the lines of `text`, each a record. */
static int parse_records(const char *text, size_t bytes, const char *path, json_t *records,
                         struct error *error)
{
    for (size_t at = 0; at < bytes;) {
        const char *end = memchr(text + at, '\n', bytes - at);
        size_t length = end ? (size_t)(end - text) - at : bytes - at;
        json_t *record = json_loadb(text + at, length, 0, NULL);
        if (!json_is_object(record)) {
            json_decref(record);
            return error_set(error, ERROR_IO, "%s holds a damaged point", path);
        }
        if (json_array_append_new(records, record) < 0)
            return error_out_of_memory(error, "the points");
        at += length + 1;
    }
    return 0;
}

/* Reads the points, which must be as many as `expected`, a number's text. */
static int read_records(hid_t file, const char *path, const char *expected, json_t *records,
                        struct error *error)
{
    char found[NUMBER_BYTES];
    char *text;
    size_t bytes;
    int status = read_bytes(file, path, "records", &text, &bytes, error);
    if (status == 0 && text)
        status = parse_records(text, bytes, path, records, error);
    free(text);
    (void)snprintf(found, sizeof(found), "%zu", json_array_size(records));
    if (status == 0 && strcmp(found, expected) != 0)
        return error_set(error, ERROR_IO, "%s holds %s of its %s points", path, found, expected);
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
    const char *texts[HEADER_TEXTS];
    int status = read_header(file, path, texts, arena, error);
    if (status == 0)
        status = take_header(texts, path, results, error);
    if (status == 0) {
        results->records = json_array();
        status = results->records
                     ? read_records(file, path, texts[HEADER_POINTS], results->records, error)
                     : error_out_of_memory(error, "the points");
    }
    H5Fclose(file);
    return status;
}
