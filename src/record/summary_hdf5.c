#include "summary_hdf5.h"

#include "hdf5_attribute.h"
#include "hdf5_error.h"
#include "hdf5_table.h"
#include "summary_json.h"

#include <stdio.h>

#define ATTRIBUTE_NAME_BYTES 128

/* Rows a chunk: these tables hold a row for each stage or link. */
#define CHUNK_ROWS 256

static const struct hdf5_column stage_columns[] = {
    {HDF5_COLUMN(stage_summary, replica, "1")},
    {HDF5_COLUMN(stage_summary, stage, "1")},
    {HDF5_COLUMN(stage_summary, layers, "1")},
    {HDF5_COLUMN(stage_summary, busy_compute, "1")},
    {HDF5_COLUMN(stage_summary, busy_collective, "1")},
    {HDF5_COLUMN(stage_summary, idle_no_work, "1")},
    {HDF5_COLUMN(stage_summary, idle_fill_drain, "1")},
    {HDF5_COLUMN(stage_summary, idle_imbalance, "1")},
    {HDF5_COLUMN(stage_summary, idle_transfer, "1")},
    {HDF5_COLUMN(stage_summary, idle_host, "1")},
    {HDF5_COLUMN(stage_summary, idle_down, "1")},
    {HDF5_COLUMN(stage_summary, launch_bound, "1")},
    {HDF5_COLUMN(stage_summary, power_capped, "1")},
};
static const struct hdf5_column memory_columns[] = {
    {HDF5_COLUMN(memory_summary, pool, "1")},
    {HDF5_COLUMN(memory_summary, stage, "1")},
    {HDF5_COLUMN(memory_summary, weights_bytes, "bytes")},
    {HDF5_COLUMN(memory_summary, activation_bytes, "bytes")},
    {HDF5_COLUMN(memory_summary, reserve_bytes, "bytes")},
    {HDF5_COLUMN(memory_summary, kv_bytes, "bytes")},
};
static const struct hdf5_column pool_columns[] = {
    {HDF5_COLUMN(pool_summary, role, "1")},
    {HDF5_COLUMN(pool_summary, tensor_parallel, "1")},
    {HDF5_COLUMN(pool_summary, pipeline_parallel, "1")},
    {HDF5_COLUMN(pool_summary, replicas, "1")},
    {HDF5_COLUMN(pool_summary, first_replica, "1")},
    {HDF5_COLUMN(pool_summary, policy, "1")},
    {HDF5_COLUMN(pool_summary, max_step_tokens, "tokens")},
    {HDF5_COLUMN(pool_summary, max_sequences, "1")},
    {HDF5_COLUMN(pool_summary, kv_capacity_tokens, "tokens")},
    {HDF5_COLUMN(pool_summary, kv_peak_fraction, "1")},
};
static const struct hdf5_column link_columns[] = {
    {HDF5_COLUMN(link_summary, name, "1")},        {HDF5_COLUMN(link_summary, link, "1")},
    {HDF5_COLUMN(link_summary, users, "1")},       {HDF5_COLUMN(link_summary, bytes, "bytes")},
    {HDF5_COLUMN(link_summary, utilization, "1")}, {HDF5_COLUMN(link_summary, waited_s, "s")},
    {HDF5_COLUMN(link_summary, twice_saves, "1")},
};
static const struct hdf5_column warning_columns[] = {
    {HDF5_COLUMN(warning, code, "1")},
    {HDF5_COLUMN(warning, text, "1")},
};

/* An array of the summary, as a table. */
struct summary_table {
    const char *name;
    const struct hdf5_column *columns;
    size_t column_count;
    const void *rows;
    size_t row_bytes;
    size_t row_count;
};

static int write_table(hid_t group, const char *path, const struct summary_table *of,
                       struct error *error)
{
    struct hdf5_table table;
    int status = hdf5_table_create(&table, group, path, of->name, of->columns, of->column_count,
                                   CHUNK_ROWS, error);
    for (size_t i = 0; i < of->row_count && status == 0; i++)
        status = hdf5_table_append(&table, (const char *)of->rows + i * of->row_bytes, error);
    if (status == 0)
        status = hdf5_table_finish(&table, error);
    hdf5_table_release(&table);
    return status;
}

static int write_tables(hid_t group, const char *path, const struct summary *summary,
                        struct error *error)
{
    const struct summary_table tables[] = {
        {"stages", stage_columns, ARRAY_LENGTH(stage_columns), summary->stages,
         sizeof(*summary->stages), summary->stage_count},
        {"memory", memory_columns, ARRAY_LENGTH(memory_columns), summary->memory,
         sizeof(*summary->memory), summary->memory_count},
        {"pools", pool_columns, ARRAY_LENGTH(pool_columns), summary->pools, sizeof(*summary->pools),
         summary->pool_count},
        {"links", link_columns, ARRAY_LENGTH(link_columns), summary->links, sizeof(*summary->links),
         summary->link_count},
        {"warnings", warning_columns, ARRAY_LENGTH(warning_columns), summary->warnings,
         sizeof(*summary->warnings), summary->warning_count},
    };
    int status = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(tables) && status == 0; i++)
        status = write_table(group, path, &tables[i], error);
    return status;
}

static int write_scalar(hid_t group, const char *path, const char *name, const json_t *value,
                        struct error *error)
{
    if (json_is_boolean(value))
        return hdf5_attribute_bool(group, path, name, json_is_true(value), error);
    if (json_is_integer(value))
        return hdf5_attribute_int(group, path, name, json_integer_value(value), error);
    return hdf5_attribute_double(group, path, name,
                                 json_is_null(value) ? NAN : json_real_value(value), error);
}

/* The scalars of `object` and of the objects in it; each name starts with `prefix`. */
static int write_scalars(hid_t group, const char *path, const char *prefix, json_t *object,
                         struct error *error)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        char name[ATTRIBUTE_NAME_BYTES];
        (void)snprintf(name, sizeof(name), "%s%s%s", prefix, *prefix ? "." : "", key);
        int status = 0;
        if (json_is_object(value))
            status = write_scalars(group, path, name, value, error);
        else if (!json_is_array(value))
            status = write_scalar(group, path, name, value, error);
        if (status < 0)
            return status;
    }
    return 0;
}

/* Group /summary, without time stamps. */
static hid_t group_create(hid_t file)
{
    hid_t group = H5I_INVALID_HID;
    hid_t properties = H5Pcreate(H5P_GROUP_CREATE);
    if (properties >= 0 && H5Pset_obj_track_times(properties, false) >= 0)
        group = H5Gcreate2(file, "summary", H5P_DEFAULT, properties, H5P_DEFAULT);
    if (properties >= 0)
        H5Pclose(properties);
    return group;
}

int summary_hdf5_write(hid_t file, const char *path, const struct summary *summary,
                       struct error *error)
{
    json_t *object = summary_json_reproducible(summary);
    if (!object)
        return error_out_of_memory(error, "the summary");
    hid_t group = group_create(file);
    int status = group < 0 ? hdf5_error_set(error, "write", path) : 0;
    if (status == 0)
        status = write_scalars(group, path, "", object, error);
    if (status == 0)
        status = write_tables(group, path, summary, error);
    if (group >= 0)
        H5Gclose(group);
    json_decref(object);
    return status;
}
