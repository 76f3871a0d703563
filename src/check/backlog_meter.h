/*
 * backlog_meter: the output tokens a second of a run whose requests all wait from its start.
 *
 * Over the whole run they would measure how long its longest request takes after
 * all others are done: the better a layout serves many at once, the more of its
 * run is that. So they are counted while the middle half of the requests start:
 * by then every replica is full, and none has run out of requests that wait, if a
 * run has four times as many as its replicas serve at once. A request's tokens
 * count as they are made, the first on its own and the others evenly after it, for
 * those that are done early on are the short ones.
 */
#ifndef TANDEM_BACKLOG_METER_H
#define TANDEM_BACKLOG_METER_H

#include "recorder.h"

#include <stddef.h>

/* Of the requests that are served at once, that a run needs. */
#define BACKLOG_TIMES 4

struct backlog_meter {
    struct request_record *requests; /* in order of completion */
    size_t count;
};

void backlog_meter_init(struct backlog_meter *meter);
void backlog_meter_release(struct backlog_meter *meter);

/* What the simulation is to call. ERROR_MEMORY. */
struct recorder backlog_meter_recorder(struct backlog_meter *meter);

/* After the run, whose requests it puts in order of their starts. Over the whole run where the
   middle half start in one moment; 0 where none was served. */
double backlog_meter_tokens_per_s(struct backlog_meter *meter);

#endif
