/*
 * export_file: where an export goes: standard output, or a file that is complete
 * or absent under its name.
 *
 * Writers print to `stream` and need not look at what fprintf gives back:
 * export_file_finish() asks the stream once, at the end.
 */
#ifndef TANDEM_EXPORT_FILE_H
#define TANDEM_EXPORT_FILE_H

#include "error.h"

#include <stdio.h>

struct export_file {
    FILE *stream;
    const char *path;   /* NULL: standard output */
    char *partial_path; /* NULL: there is nothing to rename or remove */
};

/* Opens PATH.partial, or standard output where `path`, which must outlive it, is NULL.
   ERROR_IO, ERROR_MEMORY. */
int export_file_open(struct export_file *file, const char *path, struct error *error);

/* Whether something could not be written: long exports ask now and then. ERROR_IO. */
int export_file_check(const struct export_file *file, struct error *error);

/* Flushes, and gives the file its name. Close it whatever comes back. */
int export_file_finish(struct export_file *file, struct error *error);

/* Removes PATH.partial unless the file was finished. */
void export_file_close(struct export_file *file);

#endif
