/*
 * served: requests that were served, by a simulation or on real GPUs, in the
 * order in which they arrived.
 *
 * Times are seconds; those of one case share a clock. A measured CSV has the
 * columns
 *
 *     arrival_s,input_tokens,output_tokens,first_token_s,done_s   and may have
 *     case        rows of a case stand together; cases have clocks of their own
 *     queued_s    when the engine had taken the request in
 *
 * and any others, which are passed over.
 */
#ifndef TANDEM_SERVED_H
#define TANDEM_SERVED_H

#include "arena.h"
#include "error.h"

#include <stdint.h>
#include <stdio.h>

struct served_request {
    double arrival_s;
    double start_s; /* from which its first token is waited for: the arrival, or queued_s */
    double first_token_s;
    double done_s;
    double input_tokens;
    double output_tokens;
    uint64_t place; /* the CSV's line, the run's id: for errors */
};

/* Requests that share a clock. */
struct served_case {
    const char *name; /* "" where the file has no cases */
    size_t first;     /* of its requests */
    size_t count;
};

struct served {
    struct served_request *requests; /* (count) */
    size_t count;
    struct served_case *cases; /* (case_count), in the file's order */
    size_t case_count;
    const char *path; /* for errors */
};

enum served_start { SERVED_FROM_ARRIVAL, SERVED_FROM_QUEUED };

/*
 * Reads what was measured, called `path`; all of it, or one case alone. Errors:
 * ERROR_CONFIG with file and line, also for a case that is not there; ERROR_IO,
 * ERROR_MEMORY. Everything but `path`, which must outlive it, is in the arena.
 */
int served_read_measured(struct served *served, const char *path, const char *only_case,
                         enum served_start start, struct arena *arena, struct error *error);

/* The same of table /requests of a run's HDF5 file, as one case. */
int served_read_run(struct served *served, const char *path, struct arena *arena,
                    struct error *error);

#endif
