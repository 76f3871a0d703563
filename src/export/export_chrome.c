#include "export_chrome.h"

#include "chrome_tracks.h"

#include <stdlib.h>
#include <string.h>

#define NAME_BYTES_MAX 64
#define KINDS_MAX (UINT8_MAX + 1)

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
    enum chrome_track track;
};

static const struct look looks[] = {
    {"stage", "step", "thread_state_running", CHROME_TRACK_WORK},
    {"send", "send", "rail_load", CHROME_TRACK_LINK},
    {"all_reduce", "collective", "rail_animation", CHROME_TRACK_WORK},
    {"reduce_scatter", "collective", "rail_animation", CHROME_TRACK_WORK},
    {"all_gather", "collective", "rail_animation", CHROME_TRACK_WORK},
    {"dispatch", "collective", "rail_animation", CHROME_TRACK_WORK},
    {"combine", "collective", "rail_animation", CHROME_TRACK_WORK},
    {"launch", "launch", "thread_state_runnable", CHROME_TRACK_WORK},
    {"idle_no_work", "idle", "grey", CHROME_TRACK_IDLE},
    {"idle_fill_drain", "idle", "yellow", CHROME_TRACK_IDLE},
    {"idle_imbalance", "idle", "bad", CHROME_TRACK_IDLE},
    {"idle_transfer", "idle", "thread_state_iowait", CHROME_TRACK_IDLE},
    {"idle_host", "idle", "thread_state_runnable", CHROME_TRACK_IDLE},
    {"idle_down", "idle", "terrible", CHROME_TRACK_IDLE},
    {NULL, "compute", NULL, CHROME_TRACK_WORK},
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
    struct chrome_tracks tracks;
    uint64_t transfers;     /* of KV, written so far */
    struct span_row *sends; /* (stages): the latest that was written; step -1: none */
    sim_ps *batch_ends;     /* (replicas): of the batch that the counter shows; -1: it shows none */
    struct kind kinds[KINDS_MAX];
};

/* Room for what is kept of each stage and each replica. */
static int allocate(struct chrome *chrome, struct error *error)
{
    size_t stages = chrome->tracks.stage_count;
    size_t replicas = chrome->tracks.replica_count;
    chrome->sends = calloc(stages, sizeof(*chrome->sends));
    chrome->batch_ends = calloc(replicas, sizeof(*chrome->batch_ends));
    if (!chrome->sends || !chrome->batch_ends)
        return error_out_of_memory(error, "the stages");
    for (size_t i = 0; i < stages; i++)
        chrome->sends[i].step = -1;
    for (size_t i = 0; i < replicas; i++)
        chrome->batch_ends[i] = -1;
    return 0;
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
    uint64_t hop = chrome_tracks_index(&chrome->tracks, send->replica, send->stage);
    unsigned long long id = (uint64_t)send->step * chrome->tracks.stage_count + hop;
    chrome_track_begin(&chrome->events, "s", send->replica, send->stage, CHROME_TRACK_LINK);
    event_at(&chrome->events, send->start_ps);
    (void)fprintf(chrome->out->stream, ",\"id\":%llu,\"cat\":\"send\",\"name\":\"hidden states\"",
                  id);
    event_end(&chrome->events);
    chrome_track_begin(&chrome->events, "f", step->replica, step->stage, CHROME_TRACK_WORK);
    event_at(&chrome->events, step->start_ps);
    (void)fprintf(chrome->out->stream,
                  ",\"bp\":\"e\",\"id\":%llu,\"cat\":\"send\",\"name\":\"hidden states\"", id);
    event_end(&chrome->events);
}

/* Draws the arrows as a step's spans go by: a send is written before the step that it feeds. */
static void follow_step(struct chrome *chrome, const struct span_row *span, enum chrome_track track,
                        bool is_step)
{
    size_t index = chrome_tracks_index(&chrome->tracks, span->replica, span->stage);
    if (track == CHROME_TRACK_LINK)
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
        chrome_track_begin(&chrome->events, phases[i], span->replica, span->stage,
                           CHROME_TRACK_LINK);
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

    chrome_track_begin(&chrome->events, "X", span->replica, span->stage, look->track);
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

static int add_span(void *context, const void *row, struct error *error)
{
    struct chrome *chrome = context;
    const struct span_row *span = row;
    if (!chrome_tracks_has(&chrome->tracks, span->replica, span->stage) || span->start_ps < 0 ||
        span->duration_ps < 0 || span->duration_ps > SIM_PS_MAX - span->start_ps)
        return export_file_damaged(&chrome->file, "a span lies outside the run", error);
    if (!export_window_touches(&chrome->window, span->start_ps, span->start_ps + span->duration_ps))
        return 0;
    if (strcmp(chrome->kinds[span->kind].name, "kv_transfer") == 0)
        write_transfer(chrome, span);
    else
        write_span(chrome, span);
    return output_file_check(chrome->out, error);
}

static int write_spans(struct chrome *chrome, struct error *error)
{
    struct export_table table;
    int status = export_table_open(&table, &chrome->file, "spans", &span_row, error);
    if (status < 0)
        return status;
    read_kinds(chrome, &table);
    status = export_table_each(&table, add_span, chrome, error);
    export_table_release(&table);
    return status;
}

static void write_counter(struct chrome *chrome, uint32_t replica, sim_ps at,
                          uint32_t prefill_tokens, uint32_t decode_tokens)
{
    chrome_track_begin(&chrome->events, "C", replica, 0, CHROME_TRACK_WORK);
    event_at(&chrome->events, at);
    (void)fprintf(chrome->out->stream,
                  ",\"name\":\"batch tokens\",\"args\":{\"prefill\":%u,\"decode\":%u}",
                  prefill_tokens, decode_tokens);
    event_end(&chrome->events);
}

/* Shows the batch from when it is scheduled; and nothing from when the one before it was done, if
   that was earlier. */
static int add_step(void *context, const void *row, struct error *error)
{
    struct chrome *chrome = context;
    const struct step_row *step = row;
    if (step->replica >= chrome->tracks.replica_count)
        return export_file_damaged(&chrome->file, "a step lies outside the run", error);
    sim_ps scheduled = export_window_ps(step->scheduled_s);
    sim_ps done = export_window_ps(step->done_s);
    sim_ps *batch_end = &chrome->batch_ends[step->replica];
    if (!export_window_touches(&chrome->window, scheduled, done))
        return 0;
    if (*batch_end >= 0 && *batch_end < scheduled)
        write_counter(chrome, step->replica, *batch_end, 0, 0);
    write_counter(chrome, step->replica, scheduled, step->prefill_tokens, step->decode_tokens);
    *batch_end = done;
    return output_file_check(chrome->out, error);
}

static int write_counters(struct chrome *chrome, struct error *error)
{
    struct export_table table;
    int status = export_table_open(&table, &chrome->file, "steps", &step_row, error);
    if (status < 0)
        return status;
    status = export_table_each(&table, add_step, chrome, error);
    export_table_release(&table);
    for (uint32_t r = 0; r < chrome->tracks.replica_count; r++)
        if (chrome->batch_ends[r] >= 0)
            write_counter(chrome, r, chrome->batch_ends[r], 0, 0);
    return status;
}

static int write_document(struct chrome *chrome, struct error *error)
{
    const struct export_kind *kind = export_file_kind(chrome->file.id);
    if (kind)
        return error_set(error, ERROR_IO,
                         "cannot read %s: a %s has no timeline; ask for --format csv --table %s",
                         chrome->file.path, kind->name, kind->table);
    if (!export_table_exists(&chrome->file, "spans"))
        return export_file_damaged(
            &chrome->file, "it has no timeline; run with --timeline steps or layers", error);
    int status = chrome_tracks_read(&chrome->tracks, &chrome->file, error);
    if (status == 0)
        status = allocate(chrome, error);
    if (status < 0)
        return status;
    event_document_begin(&chrome->events, chrome->out->stream);
    chrome_tracks_write(&chrome->tracks, &chrome->events);
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
    free(chrome.sends);
    chrome_tracks_release(&chrome.tracks);
    export_file_close(&chrome.file);
    return status;
}
