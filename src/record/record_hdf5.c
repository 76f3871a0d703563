#include "record_hdf5.h"

#include "hdf5_attribute.h"
#include "hdf5_file.h"
#include "hdf5_table.h"
#include "rows.h"
#include "summary_hdf5.h"

#include <assert.h>
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Rows a chunk: as many as let deflate, which looks 32 KiB back, find a step's end again in the
   next one's beginning, eight columns of bytes away. Measured: half as many steps are 3% larger and
   twice as many 60%; other tables differ little. Not 4,096: columns would lie whole pages apart and
   take each other's lines of the cache, which was a twentieth of a run's time. Four times as many
   spans are as large, and runs with deep pipelines take a sixth less for fewer and larger writes.
 */
#define CHUNK_ROWS 4032
#define SPAN_CHUNK_ROWS (4 * CHUNK_ROWS)

/* X(column, C type, units) */
#define REQUEST_COLUMNS(X)               \
    X(id, int64_t, "1")                  \
    X(arrival_s, double, "s")            \
    X(input_tokens, uint32_t, "tokens")  \
    X(output_tokens, uint32_t, "tokens") \
    X(replica, uint32_t, "1")            \
    X(scheduled_s, double, "s")          \
    X(first_token_s, double, "s")        \
    X(done_s, double, "s")               \
    X(preemptions, uint32_t, "1")        \
    X(cached_tokens, uint32_t, "tokens")

#define STEP_COLUMNS(X)                   \
    X(replica, uint32_t, "1")             \
    X(step, int64_t, "1")                 \
    X(scheduled_s, double, "s")           \
    X(done_s, double, "s")                \
    X(prefill_tokens, uint32_t, "tokens") \
    X(decode_tokens, uint32_t, "tokens")  \
    X(decode_context_tokens, int64_t, "tokens")

/* And R(column, C type, units) of what stays for many rows. */
#define SPAN_COLUMNS(X, R)        \
    X(start_ps, int64_t, "ps")    \
    X(duration_ps, int64_t, "ps") \
    R(replica, uint32_t, "1")     \
    X(stage, uint32_t, "1")       \
    X(kind, uint8_t, "1")         \
    R(step, int64_t, "1")         \
    R(layer, int32_t, "1")        \
    X(bytes, int64_t, "bytes")

#define LINK_COLUMNS(X)        \
    X(link, uint32_t, "1")     \
    X(start_s, double, "s")    \
    X(duration_s, double, "s") \
    X(bytes, double, "bytes")  \
    X(busy_s, double, "s")

/* A table's block of rows. */
static_assert(CHUNK_ROWS % HDF5_BLOCK_ROWS == 0, "a chunk's blocks are all full");
#define ARRAY(column, c_type, unit) c_type column[HDF5_BLOCK_ROWS];
#define NO_ARRAY(column, c_type, unit)
struct request_columns {
    REQUEST_COLUMNS(ARRAY)
};
struct step_columns {
    STEP_COLUMNS(ARRAY)
};
struct span_columns {
    SPAN_COLUMNS(ARRAY, NO_ARRAY)
};
struct link_columns {
    LINK_COLUMNS(ARRAY)
};
#undef ARRAY
#undef NO_ARRAY

#define NUMBER(column, c_type, unit) SPANS_##column,
enum { SPAN_COLUMNS(NUMBER, NUMBER) };
#undef NUMBER

static const char *const span_kind_names[SPAN_KIND_COUNT] = {SPAN_KINDS(LIST_TEXT)};

#define COLUMN_OF(column, c_type, unit, runs) \
    {                                         \
        .name = #column,                      \
        .units = (unit),                      \
        .type = HDF5_TYPE_OF((c_type)0),      \
        .is_runs = (runs),                    \
        .enum_names = span_kind_names,        \
        .enum_count = SPAN_KIND_COUNT,        \
    },
#define COLUMN(column, c_type, unit) COLUMN_OF(column, c_type, unit, false)
#define RUNS(column, c_type, unit) COLUMN_OF(column, c_type, unit, true)
static const struct hdf5_column request_columns[] = {REQUEST_COLUMNS(COLUMN)};
static const struct hdf5_column step_columns[] = {STEP_COLUMNS(COLUMN)};
static const struct hdf5_column span_columns[] = {SPAN_COLUMNS(COLUMN, RUNS)};
static const struct hdf5_column link_columns[] = {LINK_COLUMNS(COLUMN)};
#undef COLUMN_OF
#undef COLUMN
#undef RUNS

static const struct hdf5_column link_name_columns[] = {
    {.name = "name", .units = "1", .type = HDF5_TEXT, .text_bytes = NAME_BYTES},
};

struct record_hdf5 {
    struct hdf5_file file;
    struct background writer;
    enum timeline timeline;
    struct hdf5_table requests;
    struct hdf5_table steps;
    struct hdf5_table spans;
    struct hdf5_table links;
};

static int write_request(void *context, const struct request_record *record, struct error *error)
{
    struct record_hdf5 *file = context;
    struct request_columns *to = file->requests.block;
    size_t row = file->requests.row;
    to->id[row] = (int64_t)record->id;
    to->arrival_s[row] = sim_s_from_ps(record->arrival);
    to->input_tokens[row] = record->input_tokens;
    to->output_tokens[row] = record->output_tokens;
    to->replica[row] = record->replica;
    to->scheduled_s[row] = sim_s_from_ps(record->scheduled);
    to->first_token_s[row] = sim_s_from_ps(record->first_token);
    to->done_s[row] = sim_s_from_ps(record->done);
    to->preemptions[row] = record->preemptions;
    to->cached_tokens[row] = record->cached_tokens;
    return hdf5_table_add(&file->requests, 1, error);
}

static int write_step(void *context, const struct step_record *record, struct error *error)
{
    struct record_hdf5 *file = context;
    struct step_columns *to = file->steps.block;
    size_t row = file->steps.row;
    to->replica[row] = record->replica;
    to->step[row] = (int64_t)record->step;
    to->scheduled_s[row] = sim_s_from_ps(record->scheduled);
    to->done_s[row] = sim_s_from_ps(record->done);
    to->prefill_tokens[row] = record->prefill_tokens;
    to->decode_tokens[row] = record->decode_tokens;
    to->decode_context_tokens[row] = (int64_t)record->decode_context_tokens;
    return hdf5_table_add(&file->steps, 1, error);
}

/* Lets spans from the next on be of a step and a layer; the file's -1 for none is all bits. */
static_assert(SPAN_NO_STEP == (uint64_t)-1 && SPAN_NO_LAYER == (uint32_t)-1, "none is -1");
static inline void put_owner(struct hdf5_table *table, uint32_t replica, uint64_t step,
                             uint32_t layer)
{
    hdf5_table_put_run(table, SPANS_replica, replica);
    hdf5_table_put_run(table, SPANS_step, step);
    hdf5_table_put_run(table, SPANS_layer, layer);
}

static inline void put_span(const struct hdf5_table *table, enum span_kind kind, uint32_t stage,
                            sim_ps start, sim_ps duration, uint64_t bytes)
{
    struct span_columns *to = table->block;
    size_t row = table->row;
    to->start_ps[row] = start;
    to->duration_ps[row] = duration;
    to->stage[row] = stage;
    to->kind[row] = (uint8_t)kind;
    to->bytes[row] = (int64_t)bytes;
}

static int write_span(void *context, const struct span_record *record, struct error *error)
{
    struct hdf5_table *table = &((struct record_hdf5 *)context)->spans;
    put_span(table, record->kind, record->stage, record->start, record->duration, record->bytes);
    put_owner(table, record->replica, record->step, record->layer);
    return hdf5_table_add(table, 1, error);
}

/* Writes a step and its spans, whose owner is put once a chunk. */
static int write_lap(void *context, const struct lap_record *lap, struct error *error)
{
    const struct rows step_only = {.context = context, .step = write_step};
    struct hdf5_table *table = &((struct record_hdf5 *)context)->spans;
    struct lap_span spans[LAP_SPANS_MAX];
    uint32_t count = lap_spans(lap, spans);
    int status = rows_tell_step_of_lap(&step_only, lap, error);
    for (uint32_t i = 0; i < count && status == 0; i++) {
        if (i == 0 || table->row == 0)
            put_owner(table, lap->replica, lap->step, SPAN_NO_LAYER);
        put_span(table, spans[i].kind, 0, spans[i].start, spans[i].end - spans[i].start, 0);
        status = hdf5_table_add(table, 1, error);
    }
    return status;
}

#define COPY_SPANS(to, from) memcpy((to) + row, (from) + first, count * sizeof(*(to)))

/* Writes `count` spans of a block from `first` on, for which there is room. */
static void put_spans(struct hdf5_table *table, const struct spans_record *record, uint32_t first,
                      uint32_t count)
{
    struct span_columns *to = table->block;
    const struct span_block *block = record->block;
    size_t row = table->row;
    COPY_SPANS(to->start_ps, block->start);
    COPY_SPANS(to->duration_ps, block->duration);
    COPY_SPANS(to->stage, block->stage);
    COPY_SPANS(to->kind, block->kind);
    COPY_SPANS(to->bytes, block->bytes);
    put_owner(table, record->replica, record->step, SPAN_NO_LAYER);
}

static int write_spans(void *context, const struct spans_record *record, struct error *error)
{
    struct hdf5_table *table = &((struct record_hdf5 *)context)->spans;
    uint32_t end = record->first + record->count;
    int status = 0;
    for (uint32_t first = record->first, count; first < end && status == 0; first += count) {
        count = (uint32_t)u64_min(end - first, hdf5_table_room(table));
        put_spans(table, record, first, count);
        status = hdf5_table_add(table, count, error);
    }
    return status;
}

static int write_link(void *context, const struct link_record *record, struct error *error)
{
    struct record_hdf5 *file = context;
    struct link_columns *to = file->links.block;
    size_t row = file->links.row;
    to->link[row] = record->link;
    to->start_s[row] = sim_s_from_ps(record->start);
    to->duration_s[row] = sim_s_from_ps(record->duration);
    to->bytes[row] = record->bytes;
    to->busy_s[row] = sim_s_from_ps(record->busy);
    return hdf5_table_add(&file->links, 1, error);
}

static int write_records(void *context, const union record *records, size_t count,
                         struct error *error)
{
    struct rows rows = {
        .context = context,
        .request = write_request,
        .step = write_step,
        .span = write_span,
        .spans = write_spans,
        .lap = write_lap,
        .link = write_link,
    };
    return rows_record(&rows, records, count, error);
}

static int write_header(struct record_hdf5 *file, const struct record_hdf5_header *header,
                        struct error *error)
{
    const char *path = file->file.output.partial;
    int status = hdf5_attribute_text(file->file.id, path, "version", header->version, error);
    if (status == 0)
        status = hdf5_attribute_text(file->file.id, path, "scenario", header->scenario_text, error);
    if (status == 0)
        status = hdf5_attribute_uint(file->file.id, path, "seed", header->seed, error);
    return status;
}

static int create_tables(struct record_hdf5 *file, struct error *error)
{
    const struct {
        struct hdf5_table *table;
        const char *name;
        const struct hdf5_column *columns;
        size_t column_count;
        size_t chunk_rows;
        enum timeline from;
    } tables[] = {
        {&file->requests, "requests", request_columns, ARRAY_LENGTH(request_columns), CHUNK_ROWS,
         TIMELINE_NONE},
        {&file->steps, "steps", step_columns, ARRAY_LENGTH(step_columns), CHUNK_ROWS,
         TIMELINE_STEPS},
        {&file->spans, "spans", span_columns, ARRAY_LENGTH(span_columns), SPAN_CHUNK_ROWS,
         TIMELINE_STEPS},
        {&file->links, "links", link_columns, ARRAY_LENGTH(link_columns), CHUNK_ROWS,
         TIMELINE_STEPS},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(tables); i++) {
        if (file->timeline < tables[i].from)
            continue;
        int status = hdf5_table_create(tables[i].table, file->file.id, file->file.output.partial,
                                       tables[i].name, tables[i].columns, tables[i].column_count,
                                       tables[i].chunk_rows, error);
        if (status == 0)
            status = hdf5_table_set_writer(tables[i].table, &file->writer, error);
        if (status < 0)
            return status;
    }
    return 0;
}

static int write_link_names(struct record_hdf5 *file, const struct topology *topology,
                            struct error *error)
{
    struct hdf5_table names;
    int status = hdf5_table_create(&names, file->file.id, file->file.output.partial, "link_names",
                                   link_name_columns, ARRAY_LENGTH(link_name_columns),
                                   u32_max(1, topology->link_count), error);
    for (uint32_t i = 0; i < topology->link_count && status == 0; i++) {
        char name[NAME_BYTES] = {0};
        (void)snprintf(name, sizeof(name), "%s", topology->links[i].name);
        status = hdf5_table_append(&names, name, error);
    }
    if (status == 0)
        status = hdf5_table_finish(&names, error);
    hdf5_table_release(&names);
    return status;
}

struct record_hdf5 *record_hdf5_new(const char *path, const struct record_hdf5_header *header,
                                    struct error *error)
{
    struct record_hdf5 *file = calloc(1, sizeof(*file));
    if (!file) {
        (void)error_out_of_memory(error, "the output file");
        return NULL;
    }
    file->timeline = header->timeline;
    if (hdf5_file_open(&file->file, path, error) < 0)
        goto failed;
    if (write_header(file, header, error) < 0 || create_tables(file, error) < 0)
        goto failed;
    if (file->timeline >= TIMELINE_STEPS && write_link_names(file, header->topology, error) < 0)
        goto failed;
    if (background_start(&file->writer, hdf5_table_write_behind, error) < 0)
        goto failed;
    return file;

failed:
    record_hdf5_free(file);
    return NULL;
}

struct record_hdf5 *record_hdf5_open(const char *path, const struct scenario *scenario,
                                     const char *scenario_text, struct error *error)
{
    struct record_hdf5 *file = NULL;
    struct topology topology;
    struct arena arena;
    arena_init(&arena);
    if (topology_build(&topology, &scenario->cluster, &arena, error) == 0) {
        struct record_hdf5_header header = {
            .version = TANDEM_VERSION,
            .scenario_text = scenario_text,
            .seed = scenario->run.seed,
            .timeline = scenario->output.timeline,
            .topology = &topology,
        };
        file = record_hdf5_new(path, &header, error);
    }
    arena_release(&arena);
    return file;
}

/* The table's block is a recorder's. */
#define ASSERT_PLACE(column, member)                                                            \
    static_assert(offsetof(struct span_columns, column) == offsetof(struct span_block, member), \
                  "a block of spans is the table's")
static_assert(HDF5_BLOCK_ROWS == SPAN_BLOCK, "a block of spans is the table's");
ASSERT_PLACE(start_ps, start);
ASSERT_PLACE(duration_ps, duration);
ASSERT_PLACE(stage, stage);
ASSERT_PLACE(kind, kind);
ASSERT_PLACE(bytes, bytes);

static void begin_spans(void *context, uint32_t replica, uint64_t step)
{
    put_owner(&((struct record_hdf5 *)context)->spans, replica, step, SPAN_NO_LAYER);
}

static int turn_spans(void *context, uint32_t replica, uint64_t step, struct error *error)
{
    int status = hdf5_table_turn(&((struct record_hdf5 *)context)->spans, error);
    begin_spans(context, replica, step);
    return status;
}

struct recorder record_hdf5_recorder(struct record_hdf5 *file)
{
    return (struct recorder){
        .context = file,
        .record = write_records,
        .desk =
            {
                .context = file,
                .block = file->spans.block,
                .row = &file->spans.row,
                .begin = begin_spans,
                .turn = turn_spans,
            },
    };
}

/* Completes and closes the tables; the first error counts, all are closed. */
static int close_tables(struct record_hdf5 *file, struct error *error)
{
    struct hdf5_table *tables[] = {&file->requests, &file->steps, &file->spans, &file->links};
    int status = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(tables); i++) {
        if (status == 0)
            status = hdf5_table_finish(tables[i], error);
    }
    background_stop(&file->writer);
    for (size_t i = 0; i < ARRAY_LENGTH(tables); i++)
        hdf5_table_release(tables[i]);
    return status;
}

int record_hdf5_finish(struct record_hdf5 *file, const struct summary *summary, struct error *error)
{
    int status = close_tables(file, error);
    if (status == 0)
        status = summary_hdf5_write(file->file.id, file->file.output.partial, summary, error);
    return status < 0 ? status : hdf5_file_finish(&file->file, error);
}

void record_hdf5_free(struct record_hdf5 *file)
{
    if (!file)
        return;
    background_stop(&file->writer);
    hdf5_table_release(&file->requests);
    hdf5_table_release(&file->steps);
    hdf5_table_release(&file->spans);
    hdf5_table_release(&file->links);
    hdf5_file_release(&file->file);
    free(file);
}
