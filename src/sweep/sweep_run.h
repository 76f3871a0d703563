/*
 * sweep_run: runs the points of a sweep, in worker processes, to its results.
 *
 * Which points there are never depends on the order in which workers finish, so
 * the results are the same whatever their number. Each result goes to the
 * journal (sweep_journal.h) before the next is looked at.
 */
#ifndef TANDEM_SWEEP_RUN_H
#define TANDEM_SWEEP_RUN_H

#include "interrupt.h"
#include "sweep_journal.h"
#include "sweep_results.h"

struct sweep_run_options {
    struct config_inputs inputs; /* of all points: `--set`s change them before any axis does */
    size_t workers;
    const char *point_files; /* a folder for each point's own file; NULL: none */
    uint32_t shard;          /* the share to run: 1 to shard_count */
    uint32_t shard_count;
    json_t *file_hashes; /* keeps those of points' files for the next one: sweep_inputs.h */
    bool is_quiet;
    const struct interrupt *interrupt;
};

/* Fills in what `results` say was asked, but no records; texts live in `sweep`. ERROR_CONFIG,
   ERROR_MEMORY. */
int sweep_run_header(struct sweep *sweep, const struct sweep_run_options *options,
                     struct sweep_results *results, struct error *error);

/*
 * Fills in `results`, whose texts live in `sweep`; json_decref() its records in
 * any case. Every listed point's scenario is checked before any runs: ERROR_CONFIG.
 * A point that fails of what it is is a result too. ERROR_USAGE where the journal
 * has points, but none of this sweep. ERROR_RUN when interrupted or
 * a worker died, ERROR_IO, ERROR_MEMORY: then the journal goes on from there.
 */
int sweep_run(struct sweep *sweep, const struct sweep_run_options *options,
              struct sweep_journal *journal, struct sweep_results *results, struct error *error);

#endif
