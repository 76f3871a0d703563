#include "sweep_table.h"

#include "json_build.h"
#include "quantity.h"
#include "sweep_flat.h"

#include <stdio.h>
#include <string.h>

static const char *const truths[] = {"FALSE", "TRUE"};

/* What all texts of a column are: numbers of one kind, or just texts. */
struct reading {
    bool is_number;
    bool has_units;
    enum quantity_kind kind;
};

static bool read_number(const char *text, double *value)
{
    const char *end = quantity_parse_number(text, value);
    return end && *end == '\0' && isfinite(*value);
}

static bool read_text(const struct reading *reading, const char *text, double *value)
{
    struct error error;
    return reading->has_units ? quantity_parse(text, reading->kind, value, &error) == 0
                              : read_number(text, value);
}

/* Whether some text of the column is such a number, and all are but those of keys that are not
   set. */
static bool reads_all(const struct reading *reading, json_t *const *rows, size_t count,
                      const char *name)
{
    bool reads_some = false;
    for (size_t i = 0; i < count; i++) {
        double value;
        const char *text = json_string_value(json_object_get(rows[i], name));
        if (*text == '\0')
            continue;
        if (!read_text(reading, text, &value))
            return false;
        reads_some = true;
    }
    return reads_some;
}

static struct reading reading_of(json_t *const *rows, size_t count, const char *name)
{
    struct reading reading = {.is_number = true};
    if (reads_all(&reading, rows, count, name))
        return reading;
    reading.has_units = true;
    for (int kind = 0; kind < QUANTITY_KIND_COUNT; kind++) {
        reading.kind = (enum quantity_kind)kind;
        if (reads_all(&reading, rows, count, name))
            return reading;
    }
    return (struct reading){.is_number = false};
}

/* The SI units in which quantity.h gives each kind. */
static const char *units_of(const struct reading *reading)
{
    static const char *const units[QUANTITY_KIND_COUNT] = {
        [QUANTITY_BYTES] = "bytes",         [QUANTITY_BYTES_PER_S] = "bytes/s",
        [QUANTITY_SECONDS] = "s",           [QUANTITY_PER_S] = "1/s",
        [QUANTITY_FLOPS_PER_S] = "FLOP/s",  [QUANTITY_WATTS] = "W",
        [QUANTITY_USD_PER_HOUR] = "USD/h",  [QUANTITY_USD] = "USD",
        [QUANTITY_USD_PER_KWH] = "USD/kWh",
    };
    return reading->is_number && reading->has_units ? units[reading->kind] : "1";
}

static size_t longest(json_t *const *rows, size_t count, const char *name)
{
    size_t bytes = 1;
    for (size_t i = 0; i < count; i++) {
        size_t length = json_string_length(json_object_get(rows[i], name));
        bytes = length > bytes ? length : bytes;
    }
    return bytes;
}

/* A column and how its values are to be read. */
struct plan {
    struct hdf5_column *column;
    struct reading reading;
};

static size_t width_of(const struct hdf5_column *column)
{
    switch (column->type) {
    case HDF5_TEXT:
        return column->text_bytes;
    case HDF5_UINT8_ENUM:
        return 1;
    default:
        return 8;
    }
}

/* What `name` is, which the first row's `value` shows; `is_parameter`: its texts may be numbers. */
static void plan_column(struct plan *plan, const char *name, const json_t *value, bool is_parameter,
                        json_t *const *rows, size_t count)
{
    struct hdf5_column *column = plan->column;
    *column = (struct hdf5_column){.name = name, .units = sweep_flat_units(name)};
    if (json_is_string(value)) {
        if (is_parameter)
            plan->reading = reading_of(rows, count, name);
        column->units = units_of(&plan->reading);
        column->type = plan->reading.is_number ? HDF5_FLOAT64 : HDF5_TEXT;
        column->text_bytes = plan->reading.is_number ? 0 : longest(rows, count, name);
    } else if (json_is_boolean(value)) {
        column->type = HDF5_UINT8_ENUM;
        column->enum_names = truths;
        column->enum_count = ARRAY_LENGTH(truths);
    } else {
        column->type = json_is_integer(value) ? HDF5_INT64 : HDF5_FLOAT64;
    }
}

/* The columns that the rows have, laid side by side; NULL when memory is out. */
static struct plan *plan_columns(struct sweep_table *table, json_t *const *rows,
                                 const json_t *parameters)
{
    size_t room = json_object_size(rows[0]);
    struct plan *plans = arena_calloc(&table->arena, room, sizeof(*plans));
    table->columns = arena_calloc(&table->arena, room, sizeof(*table->columns));
    if (!plans || !table->columns)
        return NULL;
    const char *key;
    json_t *value;
    json_object_foreach(rows[0], key, value)
    {
        struct plan *plan = &plans[table->column_count];
        const char *name = arena_strdup(&table->arena, key);
        if (!name)
            return NULL;
        plan->column = &table->columns[table->column_count++];
        bool is_parameter = json_object_get(parameters, key) && strcmp(key, "variant") != 0;
        plan_column(plan, name, value, is_parameter, rows, table->row_count);
        plan->column->offset = table->row_bytes;
        table->row_bytes += width_of(plan->column);
    }
    return plans;
}

static void fill_cell(const struct plan *plan, const json_t *value, char *cell)
{
    double number = json_build_number(value);
    int64_t count = json_integer_value(value);
    switch (plan->column->type) {
    case HDF5_TEXT:
        memcpy(cell, json_string_value(value), json_string_length(value));
        break;
    case HDF5_UINT8_ENUM:
        *cell = json_is_true(value);
        break;
    case HDF5_INT64:
        memcpy(cell, &count, sizeof(count));
        break;
    default:
        if (plan->reading.is_number && json_string_length(value) > 0)
            (void)read_text(&plan->reading, json_string_value(value), &number);
        memcpy(cell, &number, sizeof(number));
        break;
    }
}

static int fill_table(struct sweep_table *table, json_t *const *rows, const json_t *parameters,
                      struct error *error)
{
    const struct plan *plans = plan_columns(table, rows, parameters);
    if (plans)
        table->rows = arena_calloc(&table->arena, table->row_count, table->row_bytes);
    if (!plans || !table->rows)
        return error_out_of_memory(error, "the table of points");
    for (size_t i = 0; i < table->row_count; i++) {
        for (size_t k = 0; k < table->column_count; k++)
            fill_cell(&plans[k], json_object_get(rows[i], plans[k].column->name),
                      table->rows + i * table->row_bytes + plans[k].column->offset);
    }
    return 0;
}

/* Builds the table from flat rows, which it makes in `rows`, zeroed, for the caller to release. */
static int build_rows(struct sweep_table *table, const json_t *records, json_t **rows,
                      struct error *error)
{
    for (size_t i = 0; i < table->row_count; i++) {
        rows[i] = sweep_flat_new(json_array_get(records, i), i);
        if (!rows[i])
            return error_out_of_memory(error, "the table of points");
    }
    const json_t *first = json_array_get(records, 0);
    return fill_table(table, rows, json_object_get(first, "parameters"), error);
}

int sweep_table_build(struct sweep_table *table, const struct sweep_results *results,
                      struct error *error)
{
    *table = (struct sweep_table){.row_count = json_array_size(results->records)};
    arena_init(&table->arena);
    if (table->row_count == 0)
        return 0;
    json_t **rows = arena_calloc(&table->arena, table->row_count, sizeof(json_t *));
    if (!rows)
        return error_out_of_memory(error, "the table of points");
    int status = build_rows(table, results->records, rows, error);
    for (size_t i = 0; i < table->row_count; i++)
        json_decref(rows[i]);
    return status;
}

void sweep_table_release(struct sweep_table *table)
{
    arena_release(&table->arena);
    *table = (struct sweep_table){.rows = NULL};
}
