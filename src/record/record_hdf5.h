/*
 * record_hdf5: a run's records and its summary as one HDF5 file.
 *
 *     /                attributes: version, scenario (the full text), seed
 *     /requests        id arrival_s input_tokens output_tokens replica
 *                      scheduled_s first_token_s done_s preemptions
 *     /steps           replica step scheduled_s done_s prefill_tokens
 *                      decode_tokens decode_context_tokens
 *     /spans           start_ps duration_ps replica stage kind step layer bytes
 *     /links           link start_s duration_s bytes busy_s
 *     /link_names      name: row i names link i of /links
 *     /summary         see summary_hdf5.h
 *
 * Timeline `none` writes /requests and /summary; `steps` and `layers` write
 * all. Each table is a compound dataset with an attribute `units`
 * (hdf5_table.h): pandas.DataFrame(f["requests"][:]) works. `kind` is an HDF5
 * enum of SPAN_KINDS; step and layer are -1 where none applies. A replica's rows
 * are in order of time; those of several come in blocks (diary.h).
 *
 * The file is written as the run goes, in constant memory, to PATH.partial and
 * renamed to PATH once it is whole and on disk: under its own name it is
 * complete or absent. It holds no wall-clock time: same records, same bytes.
 */
#ifndef TANDEM_RECORD_HDF5_H
#define TANDEM_RECORD_HDF5_H

#include "recorder.h"
#include "scenario.h"
#include "summary.h"
#include "topology.h"

struct record_hdf5;

/* What the file says about the run before it starts. */
struct record_hdf5_header {
    const char *version;
    const char *scenario_text;
    uint64_t seed;
    enum timeline timeline;
    const struct topology *topology; /* names the links; not needed for timeline `none` */
};

/* Opens PATH.partial; NULL with `error` filled in (ERROR_IO, ERROR_MEMORY). */
struct record_hdf5 *record_hdf5_new(const char *path, const struct record_hdf5_header *header,
                                    struct error *error);

/* The same for a run of `scenario`, which was read from `scenario_text`, by this version. */
struct record_hdf5 *record_hdf5_open(const char *path, const struct scenario *scenario,
                                     const char *scenario_text, struct error *error);

/* What a simulation with that timeline calls to fill the file. */
struct recorder record_hdf5_recorder(struct record_hdf5 *file);

/*
 * Writes the summary, syncs the file to disk and gives it its name. Call it
 * once, after the last record; free the file whatever comes back.
 */
int record_hdf5_finish(struct record_hdf5 *file, const struct summary *summary,
                       struct error *error);

/* Removes PATH.partial unless the file was finished. NULL is fine. */
void record_hdf5_free(struct record_hdf5 *file);

#endif
