#include "export_csv.h"

#include "export_table.h"

#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 1024

/* A column as it lies in a row. */
struct csv_column {
    char *name; /* of HDF5's heap */
    hid_t type;
    H5T_class_t class;
    size_t offset;
    size_t bytes; /* of a text */
    bool is_signed;
};

/* The columns whose values a window is held against. */
struct time_columns {
    const char *table;
    const char *start;
    const char *end;
    bool is_duration; /* `end` is how long after the start */
};

static const struct time_columns times[] = {
    {"requests", "arrival_s", "done_s", false},
    {"steps", "scheduled_s", "done_s", false},
    {"spans", "start_ps", "duration_ps", true},
    {"links", "start_s", "duration_s", true},
};

struct csv {
    const struct output_file *out;
    struct export_table table;
    struct csv_column *columns;
    unsigned column_count;
    const struct time_columns *times; /* NULL: all rows are written */
    const struct csv_column *start;
    const struct csv_column *end;
    struct export_window window;
};

static int64_t integer_of(const struct csv_column *column, const char *row)
{
    int64_t value;
    memcpy(&value, row + column->offset, sizeof(value));
    return value;
}

static double real_of(const struct csv_column *column, const char *row)
{
    double value;
    memcpy(&value, row + column->offset, sizeof(value));
    return value;
}

/* The fewest of 15 to 17 digits that read back to `value`; nothing for NaN, which is no value. */
static void write_real(FILE *stream, double value)
{
    char text[32];
    if (isnan(value))
        return;
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    (void)fputs(text, stream);
}

static void write_text(FILE *stream, const char *text, size_t bytes)
{
    size_t length = strnlen(text, bytes);
    bool is_plain = true;
    for (size_t i = 0; i < length && is_plain; i++)
        is_plain = strchr(",\"\r\n", text[i]) == NULL;
    if (is_plain) {
        (void)fwrite(text, 1, length, stream);
        return;
    }
    (void)fputc('"', stream);
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '"')
            (void)fputc('"', stream);
        (void)fputc(text[i], stream);
    }
    (void)fputc('"', stream);
}

static void write_cell(FILE *stream, const struct csv_column *column, const char *row)
{
    const char *cell = row + column->offset;
    char name[256];
    switch (column->class) {
    case H5T_FLOAT:
        write_real(stream, real_of(column, row));
        break;
    case H5T_INTEGER:
        if (column->is_signed)
            (void)fprintf(stream, "%lld", (long long)integer_of(column, row));
        else
            (void)fprintf(stream, "%llu", (unsigned long long)integer_of(column, row));
        break;
    case H5T_ENUM:
        if (H5Tenum_nameof(column->type, cell, name, sizeof(name)) >= 0)
            write_text(stream, name, sizeof(name));
        break;
    default: /* a string: open_columns() lets nothing else through */
        write_text(stream, cell, column->bytes);
    }
}

/* A moment or a duration on the simulator's clock. */
static sim_ps time_of(const struct csv_column *column, const char *row)
{
    return column->class == H5T_FLOAT ? export_window_ps(real_of(column, row))
                                      : integer_of(column, row);
}

static bool is_in_window(const struct csv *csv, const char *row)
{
    if (!csv->times)
        return true;
    sim_ps start = time_of(csv->start, row);
    sim_ps end = time_of(csv->end, row) + (csv->times->is_duration ? start : 0);
    return export_window_touches(&csv->window, start, end);
}

/* Fills in one column; false where CSV has no form for it. */
static bool open_column(struct csv_column *column, hid_t row_type, unsigned index)
{
    column->type = H5Tget_member_type(row_type, index);
    column->name = H5Tget_member_name(row_type, index);
    if (column->type < 0 || !column->name)
        return false;
    column->class = H5Tget_class(column->type);
    column->offset = H5Tget_member_offset(row_type, index);
    column->bytes = H5Tget_size(column->type);
    switch (column->class) {
    case H5T_INTEGER:
        column->is_signed = H5Tget_sign(column->type) == H5T_SGN_2;
        return true;
    case H5T_FLOAT:
    case H5T_ENUM:
        return true;
    case H5T_STRING:
        return H5Tis_variable_str(column->type) == 0;
    default:
        return false;
    }
}

static int open_columns(struct csv *csv, struct error *error)
{
    hid_t row_type = csv->table.row_type;
    int count = H5Tget_nmembers(row_type);
    if (count < 1 || count > COLUMNS_MAX)
        return error_set(error, ERROR_IO, "cannot read %s: '%s' has %d columns", csv->table.path,
                         csv->table.name, count);
    csv->columns = calloc((size_t)count, sizeof(*csv->columns));
    if (!csv->columns)
        return error_out_of_memory(error, "a table's columns");
    for (unsigned index = 0; index < (unsigned)count; index++) {
        csv->column_count = index + 1;
        if (!open_column(&csv->columns[index], row_type, index))
            return error_set(error, ERROR_IO, "%s: column %u of '%s' has no form in CSV",
                             csv->table.path, index, csv->table.name);
    }
    return 0;
}

static const struct csv_column *find_column(const struct csv *csv, const char *name)
{
    for (unsigned i = 0; i < csv->column_count; i++)
        if (strcmp(csv->columns[i].name, name) == 0)
            return &csv->columns[i];
    return NULL;
}

/* Finds what rows are held against, if `window` bounds anything. */
static int set_window(struct csv *csv, const struct export_window *window, struct error *error)
{
    csv->window = *window;
    if (window->start == 0 && window->end == SIM_PS_MAX)
        return 0;
    for (size_t i = 0; i < ARRAY_LENGTH(times); i++)
        if (strcmp(csv->table.name, times[i].table) == 0)
            csv->times = &times[i];
    if (!csv->times)
        return error_set(error, ERROR_USAGE, "the rows of table '%s' have no time for --window",
                         csv->table.name);
    csv->start = find_column(csv, csv->times->start);
    csv->end = find_column(csv, csv->times->end);
    if (csv->start && csv->end)
        return 0;
    return error_set(error, ERROR_IO, "%s: table '%s' lacks '%s' or '%s'", csv->table.path,
                     csv->table.name, csv->times->start, csv->times->end);
}

static void write_header(const struct csv *csv)
{
    for (unsigned i = 0; i < csv->column_count; i++) {
        (void)fputs(i > 0 ? "," : "", csv->out->stream);
        write_text(csv->out->stream, csv->columns[i].name, SIZE_MAX);
    }
    (void)fputc('\n', csv->out->stream);
}

static int write_row(void *context, const void *row, struct error *error)
{
    const struct csv *csv = context;
    if (!is_in_window(csv, row))
        return 0;
    for (unsigned i = 0; i < csv->column_count; i++) {
        if (i > 0)
            (void)fputc(',', csv->out->stream);
        write_cell(csv->out->stream, &csv->columns[i], row);
    }
    (void)fputc('\n', csv->out->stream);
    return output_file_check(csv->out, error);
}

static void release(struct csv *csv)
{
    for (unsigned i = 0; csv->columns && i < csv->column_count; i++) {
        (void)H5free_memory(csv->columns[i].name);
        if (csv->columns[i].type >= 0)
            H5Tclose(csv->columns[i].type);
    }
    free(csv->columns);
    export_table_release(&csv->table);
}

int export_csv_write(const struct output_file *out, const char *path, const char *name,
                     const struct export_window *window, struct error *error)
{
    struct csv csv = {.out = out};
    struct export_file file;
    int status = export_file_open(&file, path, error);
    if (status < 0)
        return status;
    status = export_table_open(&csv.table, &file, name, NULL, error);
    if (status == 0)
        status = open_columns(&csv, error);
    if (status == 0)
        status = set_window(&csv, window, error);
    if (status == 0) {
        write_header(&csv);
        status = export_table_each(&csv.table, write_row, &csv, error);
    }
    release(&csv);
    export_file_close(&file);
    return status;
}
