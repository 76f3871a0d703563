/*
 * trace_writer: writes tandem's own trace format, arrival_s,input_tokens,output_tokens.
 *
 * A named file appears whole or not at all: it is written as PATH.partial and
 * renamed when it is complete. Times go to the nanosecond.
 */
#ifndef TANDEM_TRACE_WRITER_H
#define TANDEM_TRACE_WRITER_H

#include "output_file.h"
#include "workload.h"

struct trace_writer {
    struct output_file file;
};

/* Starts a trace at `path`, or on standard output where it is NULL. 0, ERROR_IO or ERROR_MEMORY. */
int trace_writer_open(struct trace_writer *writer, const char *path, struct error *error);

/* 0 or -ERROR_IO. */
int trace_writer_add(struct trace_writer *writer, const struct arrival *arrival,
                     struct error *error);

/* Completes the file and gives it its name. 0 or -ERROR_IO; on failure nothing is left. */
int trace_writer_finish(struct trace_writer *writer, struct error *error);

/* Gives up what trace_writer_open() began and trace_writer_finish() did not end. */
void trace_writer_abandon(struct trace_writer *writer);

#endif
