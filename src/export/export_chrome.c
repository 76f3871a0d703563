#include "export_chrome.h"

#include "export_event.h"
#include "export_table.h"

#include <stdlib.h>
#include <string.h>

#define NAME_BYTES_MAX 64
#define KINDS_MAX (UINT8_MAX + 1)

/* The tracks of a stage, from the top. */
enum track { TRACK_WORK, TRACK_IDLE, TRACK_LINK, TRACKS_PER_STAGE };

struct stage_row {
    uint32_t replica;
    uint32_t stage;
    uint32_t layers;
};

struct step_row {
    double scheduled_s;
    double done_s;
    uint32_t replica;
    uint32_t prefill_tokens;
    uint32_t decode_tokens;
};

struct span_row {
    int64_t start_ps;
    int64_t duration_ps;
    int64_t step;
    int64_t bytes;
    uint32_t replica;
    uint32_t stage;
    int32_t layer;
    uint8_t kind;
};

static const struct hdf5_column stage_columns[] = {
    {HDF5_COLUMN(stage_row, replica, NULL)},
    {HDF5_COLUMN(stage_row, stage, NULL)},
    {HDF5_COLUMN(stage_row, layers, NULL)},
};
static const struct export_row stage_row = {stage_columns, ARRAY_LENGTH(stage_columns),
                                            sizeof(struct stage_row)};

static const struct hdf5_column step_columns[] = {
    {HDF5_COLUMN(step_row, scheduled_s, NULL)},   {HDF5_COLUMN(step_row, done_s, NULL)},
    {HDF5_COLUMN(step_row, replica, NULL)},       {HDF5_COLUMN(step_row, prefill_tokens, NULL)},
    {HDF5_COLUMN(step_row, decode_tokens, NULL)},
};
static const struct export_row step_row = {step_columns, ARRAY_LENGTH(step_columns),
                                           sizeof(struct step_row)};

static const struct hdf5_column span_columns[] = {
    {HDF5_COLUMN(span_row, start_ps, NULL)}, {HDF5_COLUMN(span_row, duration_ps, NULL)},
    {HDF5_COLUMN(span_row, step, NULL)},     {HDF5_COLUMN(span_row, bytes, NULL)},
    {HDF5_COLUMN(span_row, replica, NULL)},  {HDF5_COLUMN(span_row, stage, NULL)},
    {HDF5_COLUMN(span_row, layer, NULL)},    {HDF5_COLUMN(span_row, kind, NULL)},
};
static const struct export_row span_row = {span_columns, ARRAY_LENGTH(span_columns),
                                           sizeof(struct span_row)};

/* How a kind of span is shown. */
struct look {
    const char *kind; /* in the file; NULL: all others, which are kernels */
    const char *category;
    const char *colour; /* one that chrome://tracing reserves; NULL: it picks by name */
    enum track track;
};

static const struct look looks[] = {
    {"stage", "step", "thread_state_running", TRACK_WORK},
    {"send", "send", "rail_load", TRACK_LINK},
    {"all_reduce", "collective", "rail_animation", TRACK_WORK},
    {"reduce_scatter", "collective", "rail_animation", TRACK_WORK},
    {"all_gather", "collective", "rail_animation", TRACK_WORK},
    {"dispatch", "collective", "rail_animation", TRACK_WORK},
    {"combine", "collective", "rail_animation", TRACK_WORK},
    {"launch", "launch", "thread_state_runnable", TRACK_WORK},
    {"idle_no_work", "idle", "grey", TRACK_IDLE},
    {"idle_fill_drain", "idle", "yellow", TRACK_IDLE},
    {"idle_imbalance", "idle", "bad", TRACK_IDLE},
    {"idle_transfer", "idle", "thread_state_iowait", TRACK_IDLE},
    {"idle_host", "idle", "thread_state_runnable", TRACK_IDLE},
    {"idle_down", "idle", "terrible", TRACK_IDLE},
    {NULL, "compute", NULL, TRACK_WORK},
};

/* A value of the file's enum. */
struct kind {
    char name[NAME_BYTES_MAX]; /* empty: the file has no such value */
    const struct look *look;
};

struct chrome {
    struct event_writer events;
    const struct output_file *out;
    struct export_file file;
    struct export_window window;
    struct stage_row *stages; /* by replica, then stage */
    uint32_t stage_count;     /* of all replicas */
    uint32_t replica_count;
    uint32_t *first_stages; /* (replicas + 1): where each one's stages begin */
    uint64_t transfers;     /* of KV, written so far */
    struct span_row *sends; /* (stages): the latest that was written; step -1: none */
    sim_ps *batch_ends;     /* (replicas): of the batch that the counter shows; -1: it shows none */
    struct kind kinds[KINDS_MAX];
};

static int damaged(const struct chrome *chrome, const char *what, struct error *error)
{
    return error_set(error, ERROR_IO, "cannot read %s: %s", chrome->file.path, what);
}

/* Room for what is kept of each stage. */
static int allocate_stages(struct chrome *chrome, size_t count, struct error *error)
{
    chrome->stages = calloc(count, sizeof(*chrome->stages));
    chrome->sends = calloc(count, sizeof(*chrome->sends));
    chrome->batch_ends = calloc(count, sizeof(*chrome->batch_ends));
    chrome->first_stages = calloc(count + 1, sizeof(*chrome->first_stages));
    if (!chrome->first_stages || !chrome->stages || !chrome->sends || !chrome->batch_ends)
        return error_out_of_memory(error, "the stages");
    for (size_t i = 0; i < count; i++) {
        chrome->sends[i].step = -1;
        chrome->batch_ends[i] = -1;
    }
    return 0;
}

/* Finds where each replica's stages begin, and whether they stand in order. */
static int check_stages(struct chrome *chrome, struct error *error)
{
    for (uint32_t i = 0; i < chrome->stage_count; i++) {
        const struct stage_row *row = &chrome->stages[i];
        if (row->stage == 0)
            chrome->first_stages[chrome->replica_count++] = i;
        if (chrome->replica_count == 0 || row->replica != chrome->replica_count - 1 ||
            row->stage != i - chrome->first_stages[row->replica])
            return damaged(chrome, "its stages are out of order", error);
    }
    chrome->first_stages[chrome->replica_count] = chrome->stage_count;
    return chrome->stage_count > 0 ? 0 : damaged(chrome, "it has no stages", error);
}

static int read_stages(struct chrome *chrome, struct error *error)
{
    struct export_table table;
    int count = 0;
    int status = export_table_open(&table, &chrome->file, "summary/stages", &stage_row, error);
    if (status < 0)
        return status;
    status = allocate_stages(chrome, (size_t)table.row_count + 1, error);
    while (status == 0 && (count = export_table_read(&table, error)) > 0) {
        memcpy(chrome->stages + chrome->stage_count, table.buffer, (size_t)count * table.row_bytes);
        chrome->stage_count += (uint32_t)count;
    }
    export_table_release(&table);
    if (status == 0)
        status = count;
    return status < 0 ? status : check_stages(chrome, error);
}

static uint32_t stages_of(const struct chrome *chrome, uint32_t replica)
{
    return chrome->first_stages[replica + 1] - chrome->first_stages[replica];
}

static uint32_t track_number(uint32_t stage, enum track track)
{
    return stage * TRACKS_PER_STAGE + (uint32_t)track + 1;
}

/* Begins an event on a track of a stage; viewers keep process 0 for the system's idle time. */
static void begin_on_track(struct chrome *chrome, const char *phase, uint32_t replica,
                           uint32_t stage, enum track track)
{
    event_begin(&chrome->events, phase, replica + 1, track_number(stage, track));
}

/* Names a track and puts it in its place. */
static void write_track(struct chrome *chrome, const struct stage_row *row, enum track track)
{
    char name[NAME_BYTES_MAX] = "";
    FILE *stream = chrome->out->stream;
    if (track == TRACK_WORK)
        (void)snprintf(name, sizeof(name), "stage %u: %u layers", row->stage, row->layers);
    else if (track == TRACK_IDLE)
        (void)snprintf(name, sizeof(name), "stage %u idle", row->stage);
    else
        (void)snprintf(name, sizeof(name), "link %u to %u", row->stage, row->stage + 1);
    begin_on_track(chrome, "M", row->replica, row->stage, track);
    (void)fprintf(stream, ",\"name\":\"thread_name\",\"args\":{\"name\":\"%s\"}", name);
    event_end(&chrome->events);
    begin_on_track(chrome, "M", row->replica, row->stage, track);
    (void)fprintf(stream, ",\"name\":\"thread_sort_index\",\"args\":{\"sort_index\":%u}",
                  track_number(row->stage, track));
    event_end(&chrome->events);
}

static void write_tracks(struct chrome *chrome)
{
    for (uint32_t i = 0; i < chrome->stage_count; i++) {
        const struct stage_row *row = &chrome->stages[i];
        if (row->stage == 0) {
            begin_on_track(chrome, "M", row->replica, 0, TRACK_WORK);
            (void)fprintf(chrome->out->stream,
                          ",\"name\":\"process_name\",\"args\":{\"name\":\"replica %u\"}",
                          row->replica);
            event_end(&chrome->events);
        }
        write_track(chrome, row, TRACK_WORK);
        write_track(chrome, row, TRACK_IDLE);
        if (row->stage + 1 < stages_of(chrome, row->replica))
            write_track(chrome, row, TRACK_LINK);
    }
}

/* Learns the names of the enum that `table`'s column `kind` is. */
static void read_kinds(struct chrome *chrome, const struct export_table *table)
{
    int column = H5Tget_member_index(table->row_type, "kind");
    hid_t type = H5Tget_member_type(table->row_type, (unsigned)column);
    for (size_t k = 0; k < KINDS_MAX; k++) {
        struct kind *kind = &chrome->kinds[k];
        uint8_t value = (uint8_t)k;
        if (H5Tenum_nameof(type, &value, kind->name, sizeof(kind->name)) < 0)
            kind->name[0] = '\0';
        kind->look = looks;
        while (kind->look->kind && strcmp(kind->look->kind, kind->name) != 0)
            kind->look++;
    }
    H5Tclose(type);
}

/* The two ends of an arrow; the viewer binds each to the span around it. */
static void write_arrow(struct chrome *chrome, const struct span_row *send,
                        const struct span_row *step)
{
    uint64_t hop = chrome->first_stages[send->replica] + send->stage;
    unsigned long long id = (uint64_t)send->step * chrome->stage_count + hop;
    begin_on_track(chrome, "s", send->replica, send->stage, TRACK_LINK);
    event_at(&chrome->events, send->start_ps);
    (void)fprintf(chrome->out->stream, ",\"id\":%llu,\"cat\":\"send\",\"name\":\"hidden states\"",
                  id);
    event_end(&chrome->events);
    begin_on_track(chrome, "f", step->replica, step->stage, TRACK_WORK);
    event_at(&chrome->events, step->start_ps);
    (void)fprintf(chrome->out->stream,
                  ",\"bp\":\"e\",\"id\":%llu,\"cat\":\"send\",\"name\":\"hidden states\"", id);
    event_end(&chrome->events);
}

/* Draws the arrows as a step's spans go by: a send is written before the step that it feeds. */
static void follow_step(struct chrome *chrome, const struct span_row *span, enum track track,
                        bool is_step)
{
    size_t index = (size_t)chrome->first_stages[span->replica] + span->stage;
    if (track == TRACK_LINK)
        chrome->sends[index] = *span;
    else if (is_step && span->stage > 0 && chrome->sends[index - 1].step == span->step)
        write_arrow(chrome, &chrome->sends[index - 1], span);
}

/* KV on its way: transfers of one stage overlap, so each has a track while it lasts. */
static void write_transfer(struct chrome *chrome, const struct span_row *span)
{
    static const char *const phases[] = {"b", "e"};
    const sim_ps at[] = {span->start_ps, span->start_ps + span->duration_ps};
    uint64_t id = chrome->transfers++;
    for (size_t i = 0; i < ARRAY_LENGTH(phases); i++) {
        begin_on_track(chrome, phases[i], span->replica, span->stage, TRACK_LINK);
        event_at(&chrome->events, at[i]);
        (void)fprintf(chrome->out->stream,
                      ",\"id\":%llu,\"cat\":\"kv\",\"name\":\"KV of stage %u\","
                      "\"args\":{\"bytes\":%lld}",
                      (unsigned long long)id, span->stage, (long long)span->bytes);
        event_end(&chrome->events);
    }
}

static void write_span(struct chrome *chrome, const struct span_row *span)
{
    FILE *stream = chrome->out->stream;
    const struct kind *kind = &chrome->kinds[span->kind];
    const struct look *look = kind->look;
    bool is_step = look == looks;
    char step_name[NAME_BYTES_MAX];
    (void)snprintf(step_name, sizeof(step_name), "step %lld", (long long)span->step);

    begin_on_track(chrome, "X", span->replica, span->stage, look->track);
    event_span(&chrome->events, span->start_ps, span->duration_ps);
    event_name(&chrome->events, is_step ? step_name : kind->name);
    (void)fprintf(stream, ",\"cat\":\"%s\"", look->category);
    if (look->colour)
        (void)fprintf(stream, ",\"cname\":\"%s\"", look->colour);
    (void)fprintf(stream, ",\"args\":{\"step\":%lld", (long long)span->step);
    if (span->layer >= 0)
        (void)fprintf(stream, ",\"layer\":%d", span->layer);
    if (span->bytes > 0)
        (void)fprintf(stream, ",\"bytes\":%lld", (long long)span->bytes);
    (void)fputc('}', stream);
    event_end(&chrome->events);
    follow_step(chrome, span, look->track, is_step);
}

static int write_spans(struct chrome *chrome, struct error *error)
{
    struct export_table table;
    int count = 0;
    int status = export_table_open(&table, &chrome->file, "spans", &span_row, error);
    if (status < 0)
        return status;
    read_kinds(chrome, &table);
    while (status == 0 && (count = export_table_read(&table, error)) > 0) {
        const struct span_row *spans = (const void *)table.buffer;
        for (int i = 0; i < count && status == 0; i++) {
            const struct span_row *span = &spans[i];
            if (span->replica >= chrome->replica_count ||
                span->stage >= stages_of(chrome, span->replica) || span->start_ps < 0 ||
                span->duration_ps < 0 || span->duration_ps > SIM_PS_MAX - span->start_ps)
                status = damaged(chrome, "a span lies outside the run", error);
            else if (!export_window_touches(&chrome->window, span->start_ps,
                                            span->start_ps + span->duration_ps))
                continue;
            else if (strcmp(chrome->kinds[span->kind].name, "kv_transfer") == 0)
                write_transfer(chrome, span);
            else
                write_span(chrome, span);
        }
        if (status == 0)
            status = output_file_check(chrome->out, error);
    }
    export_table_release(&table);
    return status < 0 ? status : count;
}

static void write_counter(struct chrome *chrome, uint32_t replica, sim_ps at,
                          uint32_t prefill_tokens, uint32_t decode_tokens)
{
    begin_on_track(chrome, "C", replica, 0, TRACK_WORK);
    event_at(&chrome->events, at);
    (void)fprintf(chrome->out->stream,
                  ",\"name\":\"batch tokens\",\"args\":{\"prefill\":%u,\"decode\":%u}",
                  prefill_tokens, decode_tokens);
    event_end(&chrome->events);
}

/* Shows the batch from when it is scheduled; and nothing from when the one before it was done, if
   that was earlier. */
static void count_step(struct chrome *chrome, const struct step_row *step)
{
    sim_ps scheduled = export_window_ps(step->scheduled_s);
    sim_ps done = export_window_ps(step->done_s);
    sim_ps *batch_end = &chrome->batch_ends[step->replica];
    if (!export_window_touches(&chrome->window, scheduled, done))
        return;
    if (*batch_end >= 0 && *batch_end < scheduled)
        write_counter(chrome, step->replica, *batch_end, 0, 0);
    write_counter(chrome, step->replica, scheduled, step->prefill_tokens, step->decode_tokens);
    *batch_end = done;
}

static int write_counters(struct chrome *chrome, struct error *error)
{
    struct export_table table;
    int count = 0;
    uint32_t replicas = chrome->replica_count;
    int status = export_table_open(&table, &chrome->file, "steps", &step_row, error);
    if (status < 0)
        return status;
    while (status == 0 && (count = export_table_read(&table, error)) > 0) {
        const struct step_row *steps = (const void *)table.buffer;
        for (int i = 0; i < count && status == 0; i++) {
            if (steps[i].replica >= replicas)
                status = damaged(chrome, "a step lies outside the run", error);
            else
                count_step(chrome, &steps[i]);
        }
        if (status == 0)
            status = output_file_check(chrome->out, error);
    }
    export_table_release(&table);
    for (uint32_t r = 0; r < replicas; r++)
        if (chrome->batch_ends[r] >= 0)
            write_counter(chrome, r, chrome->batch_ends[r], 0, 0);
    return status < 0 ? status : count;
}

static int write_document(struct chrome *chrome, struct error *error)
{
    const struct export_kind *kind = export_file_kind(chrome->file.id);
    if (kind)
        return error_set(error, ERROR_IO,
                         "cannot read %s: a %s has no timeline; ask for --format csv --table %s",
                         chrome->file.path, kind->name, kind->table);
    if (!export_table_exists(&chrome->file, "spans"))
        return damaged(chrome, "it has no timeline; run with --timeline steps or layers", error);
    int status = read_stages(chrome, error);
    if (status < 0)
        return status;
    event_document_begin(&chrome->events, chrome->out->stream);
    write_tracks(chrome);
    status = write_spans(chrome, error);
    if (status == 0)
        status = write_counters(chrome, error);
    event_document_end(&chrome->events);
    return status;
}

int export_chrome_write(const struct output_file *out, const char *path,
                        const struct export_window *window, struct error *error)
{
    struct chrome chrome = {.out = out, .window = *window};
    int status = export_file_open(&chrome.file, path, error);
    if (status < 0)
        return status;
    status = write_document(&chrome, error);
    free(chrome.batch_ends);
    free(chrome.first_stages);
    free(chrome.sends);
    free(chrome.stages);
    export_file_close(&chrome.file);
    return status;
}
