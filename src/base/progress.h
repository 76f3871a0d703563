/*
 * progress: one line on a terminal that says how far long work is.
 *
 *     [==========>             ]  45%  8,700 requests  52,100/s  0.20 s left
 *
 * It appears after half a second, is redrawn at most ten times a second, and
 * leaves no trace. Does nothing unless it is shown.
 */
#ifndef TANDEM_PROGRESS_H
#define TANDEM_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct progress {
    FILE *stream;     /* NULL: not shown */
    const char *what; /* is counted: "requests" */
    double started_s;
    double drawn_s;
    bool is_drawn;
};

/* Seconds on a clock that never goes back. */
double progress_clock_s(void);

/* Starts the clock; `what` is kept. Shows on `stream` where that is a terminal and not `is_quiet`.
 */
void progress_start(struct progress *progress, FILE *stream, const char *what, bool is_quiet);

static inline bool progress_is_shown(const struct progress *progress)
{
    return progress->stream != NULL;
}

/* `done` of what is counted, the share `share` (0 to 1) of all the work; NaN where nobody knows. */
void progress_update(struct progress *progress, uint64_t done, double share);

/* Takes the line away. */
void progress_end(struct progress *progress);

#endif
