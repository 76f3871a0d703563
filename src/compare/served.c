#include "served.h"

#include "array_room.h"
#include "base.h"
#include "csv_sheet.h"
#include "export_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* X(NAME, name): the columns of a measured CSV. */
#define COLUMNS(X)                  \
    X(CASE, "case")                 \
    X(ARRIVAL, "arrival_s")         \
    X(QUEUED, "queued_s")           \
    X(FIRST_TOKEN, "first_token_s") \
    X(DONE, "done_s")               \
    X(INPUT_TOKENS, "input_tokens") \
    X(OUTPUT_TOKENS, "output_tokens")

enum column {
#define X(name, text) COLUMN_##name,
    COLUMNS(X)
#undef X
        COLUMN_COUNT
};

static const char *const column_names[COLUMN_COUNT] = {COLUMNS(LIST_TEXT)};

/* A measured file being read. */
struct reading {
    struct served *served;
    struct csv_sheet sheet;
    struct arena *arena;
    const char *only_case; /* NULL: all */
    enum served_start start;
};

static int check_columns(const struct reading *reading, struct error *error)
{
    for (uint32_t column = COLUMN_ARRIVAL; column < COLUMN_COUNT; column++) {
        bool is_needed = column != COLUMN_QUEUED || reading->start == SERVED_FROM_QUEUED;
        if (is_needed && !csv_sheet_has(&reading->sheet, column))
            return csv_sheet_fault(&reading->sheet, NULL, error, "there is no column '%s'",
                                   column_names[column]);
    }
    if (reading->only_case && !csv_sheet_has(&reading->sheet, COLUMN_CASE))
        return csv_sheet_fault(&reading->sheet, NULL, error,
                               "there is no column 'case' to find '%s' in", reading->only_case);
    return 0;
}

static int read_request(const struct reading *reading, struct served_request *request,
                        struct error *error)
{
    const struct csv_sheet *sheet = &reading->sheet;
    enum column start = reading->start == SERVED_FROM_QUEUED ? COLUMN_QUEUED : COLUMN_ARRIVAL;
    *request = (struct served_request){.place = sheet->lines.line_number};
    const struct {
        enum column column;
        double *number;
    } readings[] = {
        {COLUMN_ARRIVAL, &request->arrival_s},
        {start, &request->start_s},
        {COLUMN_FIRST_TOKEN, &request->first_token_s},
        {COLUMN_DONE, &request->done_s},
        {COLUMN_INPUT_TOKENS, &request->input_tokens},
        {COLUMN_OUTPUT_TOKENS, &request->output_tokens},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(readings); i++) {
        int status = csv_sheet_number(sheet, readings[i].column, readings[i].number, error);
        if (status < 0)
            return status;
    }
    if (request->start_s < request->arrival_s || request->first_token_s < request->start_s ||
        request->done_s < request->first_token_s)
        return csv_sheet_fault(sheet, NULL, error,
                               "a request arrives, has its first token and is done "
                               "in that order: are all times on one clock?");
    if (request->output_tokens < 1)
        return csv_sheet_fault(sheet, sheet->fields[COLUMN_OUTPUT_TOKENS], error,
                               "a request that was served has an output token");
    return 0;
}

/* The case that the row at hand belongs to, a new one where its name is another. */
static int find_case(struct reading *reading, struct served_case **found, struct error *error)
{
    struct served *served = reading->served;
    const char *name = reading->sheet.fields[COLUMN_CASE];
    for (size_t i = 0; i < served->case_count; i++) {
        if (strcmp(served->cases[i].name, name) != 0)
            continue;
        *found = &served->cases[i];
        return i + 1 == served->case_count
                   ? 0
                   : csv_sheet_fault(&reading->sheet, name, error,
                                     "case '%s' goes on here, after another", name);
    }
    served->cases = array_room_in_arena(reading->arena, served->cases, served->case_count,
                                        sizeof(*served->cases));
    name = arena_strdup(reading->arena, name);
    if (!served->cases || !name)
        return error_out_of_memory(error, "measured requests");
    *found = &served->cases[served->case_count++];
    **found = (struct served_case){.name = name, .first = served->count};
    return 0;
}

static int add_row(struct reading *reading, struct error *error)
{
    struct served *served = reading->served;
    struct served_case *of = NULL;
    if (reading->only_case && strcmp(reading->sheet.fields[COLUMN_CASE], reading->only_case) != 0)
        return 0;
    served->requests = array_room_in_arena(reading->arena, served->requests, served->count,
                                           sizeof(*served->requests));
    if (!served->requests)
        return error_out_of_memory(error, "measured requests");
    int status = read_request(reading, &served->requests[served->count], error);
    if (status == 0)
        status = find_case(reading, &of, error);
    if (status < 0)
        return status;
    const struct served_request *request = &served->requests[served->count];
    if (of->count > 0 && request->arrival_s < request[-1].arrival_s)
        return csv_sheet_fault(&reading->sheet, NULL, error,
                               "requests must stand in the order of their arrivals");
    served->count++;
    of->count++;
    return 0;
}

static int read_rows(struct reading *reading, struct error *error)
{
    int status = check_columns(reading, error);
    if (status < 0)
        return status;
    while ((status = csv_sheet_next(&reading->sheet, error)) > 0) {
        status = add_row(reading, error);
        if (status < 0)
            return status;
    }
    if (status == 0 && reading->served->count == 0)
        return error_set(error, ERROR_CONFIG, "%s: there are no requests%s%s",
                         reading->served->path, reading->only_case ? " of case " : "",
                         reading->only_case ? reading->only_case : "");
    return status;
}

int served_read_measured(struct served *served, const char *path, const char *only_case,
                         enum served_start start, struct arena *arena, struct error *error)
{
    struct reading reading = {
        .served = served, .arena = arena, .only_case = only_case, .start = start};
    *served = (struct served){.path = path};
    FILE *file = fopen(path, "r");
    if (!file)
        return error_set(error, ERROR_IO, "cannot read %s: %s", path, strerror(errno));
    int status = csv_sheet_init(&reading.sheet, file, path, column_names, COLUMN_COUNT,
                                CSV_OTHERS_IGNORED, error);
    if (status == 0) {
        status = read_rows(&reading, error);
        csv_sheet_release(&reading.sheet);
    }
    (void)fclose(file);
    return status;
}

/* A row of a run's requests. */
struct run_row {
    int64_t id;
    double arrival_s;
    double first_token_s;
    double done_s;
    uint32_t input_tokens;
    uint32_t output_tokens;
};

static const struct hdf5_column run_columns[] = {
    {HDF5_COLUMN(run_row, id, NULL)},
    {HDF5_COLUMN(run_row, arrival_s, NULL)},
    {HDF5_COLUMN(run_row, first_token_s, NULL)},
    {HDF5_COLUMN(run_row, done_s, NULL)},
    {HDF5_COLUMN(run_row, input_tokens, NULL)},
    {HDF5_COLUMN(run_row, output_tokens, NULL)},
};
static const struct export_row run_row = {run_columns, ARRAY_LENGTH(run_columns),
                                          sizeof(struct run_row)};

static int compare_places(const void *left, const void *right)
{
    uint64_t a = ((const struct served_request *)left)->place;
    uint64_t b = ((const struct served_request *)right)->place;
    return (a > b) - (a < b);
}

static int add_request(void *context, const void *row, struct error *error)
{
    struct served *served = context;
    const struct run_row *request = row;
    (void)error;
    served->requests[served->count++] =
        (struct served_request){.arrival_s = request->arrival_s,
                                .start_s = request->arrival_s,
                                .first_token_s = request->first_token_s,
                                .done_s = request->done_s,
                                .input_tokens = request->input_tokens,
                                .output_tokens = request->output_tokens,
                                .place = (uint64_t)request->id};
    return 0;
}

/* Runs write requests as they end; here they are in the order of their arrivals. */
static int read_run_rows(struct served *served, struct export_table *table, struct arena *arena,
                         struct error *error)
{
    served->requests = arena_calloc(arena, (size_t)table->row_count + 1, sizeof(*served->requests));
    served->cases = arena_calloc(arena, 1, sizeof(*served->cases));
    if (!served->requests || !served->cases)
        return error_out_of_memory(error, "a run's requests");
    int status = export_table_each(table, add_request, served, error);
    qsort(served->requests, served->count, sizeof(*served->requests), compare_places);
    served->cases[0] = (struct served_case){.name = "", .count = served->count};
    served->case_count = 1;
    return status;
}

int served_read_run(struct served *served, const char *path, struct arena *arena,
                    struct error *error)
{
    struct export_file file;
    struct export_table table = {0};
    *served = (struct served){.path = path};
    int status = export_file_open(&file, path, error);
    if (status < 0)
        return status;
    status = export_table_open(&table, &file, "requests", &run_row, error);
    if (status == 0)
        status = read_run_rows(served, &table, arena, error);
    export_table_release(&table);
    export_file_close(&file);
    return status;
}
