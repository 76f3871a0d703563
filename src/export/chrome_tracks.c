#include "chrome_tracks.h"

#include <stdlib.h>

#define NAME_BYTES_MAX 64
#define TRACKS_PER_STAGE (CHROME_TRACK_LINK + 1)

static const struct hdf5_column stage_columns[] = {
    {HDF5_COLUMN(chrome_stage, replica, NULL)},
    {HDF5_COLUMN(chrome_stage, stage, NULL)},
    {HDF5_COLUMN(chrome_stage, layers, NULL)},
};
static const struct export_row stage_row = {stage_columns, ARRAY_LENGTH(stage_columns),
                                            sizeof(struct chrome_stage)};

static int add_stage(void *context, const void *row, struct error *error)
{
    struct chrome_tracks *tracks = context;
    (void)error;
    tracks->stages[tracks->stage_count++] = *(const struct chrome_stage *)row;
    return 0;
}

static int read_stages(struct chrome_tracks *tracks, const struct export_file *file,
                       struct error *error)
{
    struct export_table table;
    int status = export_table_open(&table, file, "summary/stages", &stage_row, error);
    if (status < 0)
        return status;
    size_t count = (size_t)table.row_count + 1;
    tracks->stages = calloc(count, sizeof(*tracks->stages));
    tracks->first_stages = calloc(count, sizeof(*tracks->first_stages));
    status = tracks->stages && tracks->first_stages
                 ? export_table_each(&table, add_stage, tracks, error)
                 : error_out_of_memory(error, "the stages");
    export_table_release(&table);
    return status;
}

/* Finds where each replica's stages begin, and whether they stand in order. */
static int find_replicas(struct chrome_tracks *tracks, const struct export_file *file,
                         struct error *error)
{
    for (uint32_t i = 0; i < tracks->stage_count; i++) {
        const struct chrome_stage *row = &tracks->stages[i];
        if (row->stage == 0)
            tracks->first_stages[tracks->replica_count++] = i;
        if (tracks->replica_count == 0 || row->replica != tracks->replica_count - 1 ||
            row->stage != i - tracks->first_stages[row->replica])
            return export_file_damaged(file, "its stages are out of order", error);
    }
    tracks->first_stages[tracks->replica_count] = tracks->stage_count;
    return tracks->stage_count > 0 ? 0 : export_file_damaged(file, "it has no stages", error);
}

int chrome_tracks_read(struct chrome_tracks *tracks, const struct export_file *file,
                       struct error *error)
{
    *tracks = (struct chrome_tracks){.stages = NULL};
    int status = read_stages(tracks, file, error);
    return status < 0 ? status : find_replicas(tracks, file, error);
}

void chrome_tracks_release(struct chrome_tracks *tracks)
{
    free(tracks->stages);
    free(tracks->first_stages);
    *tracks = (struct chrome_tracks){.stages = NULL};
}

static uint32_t track_number(uint32_t stage, enum chrome_track track)
{
    return stage * TRACKS_PER_STAGE + (uint32_t)track + 1;
}

/* Viewers keep process 0 for the system's idle time. */
void chrome_track_begin(struct event_writer *events, const char *phase, uint32_t replica,
                        uint32_t stage, enum chrome_track track)
{
    event_begin(events, phase, replica + 1, track_number(stage, track));
}

/* Names a track and puts it in its place. */
static void write_track(struct event_writer *events, const struct chrome_stage *row,
                        enum chrome_track track)
{
    char name[NAME_BYTES_MAX] = "";
    if (track == CHROME_TRACK_WORK)
        (void)snprintf(name, sizeof(name), "stage %u: %u layers", row->stage, row->layers);
    else if (track == CHROME_TRACK_IDLE)
        (void)snprintf(name, sizeof(name), "stage %u idle", row->stage);
    else
        (void)snprintf(name, sizeof(name), "link %u to %u", row->stage, row->stage + 1);
    chrome_track_begin(events, "M", row->replica, row->stage, track);
    (void)fprintf(events->stream, ",\"name\":\"thread_name\",\"args\":{\"name\":\"%s\"}", name);
    event_end(events);
    chrome_track_begin(events, "M", row->replica, row->stage, track);
    (void)fprintf(events->stream, ",\"name\":\"thread_sort_index\",\"args\":{\"sort_index\":%u}",
                  track_number(row->stage, track));
    event_end(events);
}

void chrome_tracks_write(const struct chrome_tracks *tracks, struct event_writer *events)
{
    for (uint32_t i = 0; i < tracks->stage_count; i++) {
        const struct chrome_stage *row = &tracks->stages[i];
        if (row->stage == 0) {
            chrome_track_begin(events, "M", row->replica, 0, CHROME_TRACK_WORK);
            (void)fprintf(events->stream,
                          ",\"name\":\"process_name\",\"args\":{\"name\":\"replica %u\"}",
                          row->replica);
            event_end(events);
        }
        write_track(events, row, CHROME_TRACK_WORK);
        write_track(events, row, CHROME_TRACK_IDLE);
        if (chrome_tracks_has(tracks, row->replica, row->stage + 1))
            write_track(events, row, CHROME_TRACK_LINK);
    }
}
