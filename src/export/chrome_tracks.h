/*
 * chrome_tracks: where a run's timeline in trace-event JSON is drawn: a process for
 * each replica, and in it the tracks of each of its stages, named and in order.
 *
 * Read from /summary/stages of the run's file, which must list the stages of each
 * replica from 0, in the replicas' order.
 */
#ifndef TANDEM_CHROME_TRACKS_H
#define TANDEM_CHROME_TRACKS_H

#include "export_event.h"
#include "export_table.h"

/* The tracks of a stage, from the top. */
enum chrome_track { CHROME_TRACK_WORK, CHROME_TRACK_IDLE, CHROME_TRACK_LINK };

struct chrome_stage {
    uint32_t replica;
    uint32_t stage;
    uint32_t layers;
};

struct chrome_tracks {
    struct chrome_stage *stages; /* by replica, then stage */
    uint32_t stage_count;        /* of all replicas */
    uint32_t replica_count;
    uint32_t *first_stages; /* (replicas + 1): where each one's stages begin */
};

/* ERROR_IO, also for stages out of order, and ERROR_MEMORY. Release it whatever comes back. */
int chrome_tracks_read(struct chrome_tracks *tracks, const struct export_file *file,
                       struct error *error);
void chrome_tracks_release(struct chrome_tracks *tracks);

/* Names them all. */
void chrome_tracks_write(const struct chrome_tracks *tracks, struct event_writer *events);

/* Begins an event on a track of a stage. */
void chrome_track_begin(struct event_writer *events, const char *phase, uint32_t replica,
                        uint32_t stage, enum chrome_track track);

static inline bool chrome_tracks_has(const struct chrome_tracks *tracks, uint32_t replica,
                                     uint32_t stage)
{
    return replica < tracks->replica_count &&
           stage < tracks->first_stages[replica + 1] - tracks->first_stages[replica];
}

/* A stage's place among all replicas'. */
static inline size_t chrome_tracks_index(const struct chrome_tracks *tracks, uint32_t replica,
                                         uint32_t stage)
{
    return (size_t)tracks->first_stages[replica] + stage;
}

#endif
