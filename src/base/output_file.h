/*
 * output_file: where a text goes: standard output, or a file that is whole under
 * its name or not there.
 *
 * Writers print to `stream` and need not look at what fprintf gives back:
 * output_file_finish() asks the stream once, at the end. Errors are ERROR_IO and
 * ERROR_MEMORY.
 */
#ifndef TANDEM_OUTPUT_FILE_H
#define TANDEM_OUTPUT_FILE_H

#include "output_path.h"

#include <stdio.h>

struct output_file {
    FILE *stream;
    struct output_path output; /* zeroed: standard output */
};

/* Opens PATH.partial, or standard output where `path` is NULL. Close it whatever comes back. */
int output_file_open(struct output_file *file, const char *path, struct error *error);

/* Whether something could not be written: long texts ask now and then. */
int output_file_check(const struct output_file *file, struct error *error);

/* Flushes, and gives the file its name. */
int output_file_finish(struct output_file *file, struct error *error);

/* Removes PATH.partial unless the file was finished. */
void output_file_close(struct output_file *file);

#endif
