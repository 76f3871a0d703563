/*
 * line_reader: a file's lines, one at a time, in a buffer that does not grow
 * with the file.
 */
#ifndef TANDEM_LINE_READER_H
#define TANDEM_LINE_READER_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Longer lines are an error: a binary file, not a trace. */
#define LINE_BYTES_MAX ((size_t)1024 * 1024)

struct line_reader {
    FILE *file;
    const char *name;     /* of the file, for errors */
    uint64_t line_number; /* of the line last read, from 1 */
    char *buffer;
    size_t start; /* what is read and not yet handed out: [start, end) */
    size_t end;
    bool at_end_of_file;
};

/* Reads from `file`, which stays the caller's, as does `name`. 0 or -ERROR_MEMORY. */
int line_reader_init(struct line_reader *reader, FILE *file, const char *name, struct error *error);
void line_reader_release(struct line_reader *reader);

/*
 * 1: `*line` is the next line, NUL-terminated, `*length` bytes without its LF or CRLF, good until
 * the next call; a byte-order mark before the first is left out. 0: the file is at its end.
 * Negative: ERROR_IO, or ERROR_TRACE for a line beyond LINE_BYTES_MAX, or a file that is
 * compressed.
 */
int line_reader_next(struct line_reader *reader, char **line, size_t *length, struct error *error);

/* What a file that begins so was compressed with: "gzip"; NULL: it was not. */
const char *line_reader_packing(const char *text, size_t bytes);

/* Says that the file is compressed; -ERROR_TRACE. */
int line_reader_fail_packed(const char *name, const char *packing, struct error *error);

#endif
