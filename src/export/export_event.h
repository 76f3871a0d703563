/*
 * export_event: events of Google's Trace Event Format, one line each, on a stream.
 *
 * An event is begun, may get members of its own by fprintf(",\"key\":..."), and
 * is ended. Times are cut to nanoseconds, Perfetto's unit, by the one rule that
 * keeps order: spans that touch or nest at picoseconds do so in the output.
 */
#ifndef TANDEM_EXPORT_EVENT_H
#define TANDEM_EXPORT_EVENT_H

#include "base.h"

#include <stdio.h>

struct event_writer {
    FILE *stream;
    bool has_events;
};

/* Begins and ends the document. */
void event_document_begin(struct event_writer *writer, FILE *stream);
void event_document_end(struct event_writer *writer);

/* Begins an event of a phase, "X" or "M", that belongs to a track of a process. */
void event_begin(struct event_writer *writer, const char *phase, uint32_t process, uint32_t track);
void event_end(struct event_writer *writer);

/* Members: its moment; its moment and duration; its name, any text. */
void event_at(struct event_writer *writer, sim_ps at);
void event_span(struct event_writer *writer, sim_ps start, sim_ps duration);
void event_name(struct event_writer *writer, const char *name);

#endif
