/*
 * diagnostic: what is wrong with the user's files, shown as a compiler would.
 *
 * A loader goes on after a mistake and collects them all, in order of source,
 * line and column:
 *
 *     scenario.yaml:7:3: unknown key 'tensor_paralel' in 'layout'; did you mean 'tensor_parallel'?
 *         7 |   tensor_paralel: 4
 *           |   ^
 *
 * Nothing here allocates. Positions point at sources, which must live as long
 * as the diagnostics are rendered.
 */
#ifndef TANDEM_DIAGNOSTIC_H
#define TANDEM_DIAGNOSTIC_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define DIAGNOSTICS_MAX 50
#define DIAGNOSTIC_TEXT_BYTES 384

/* Where text came from: a file, or an option on the command line. */
struct source {
    const char *name;      /* a file's path; or the option as it was typed */
    const char *directory; /* what its relative paths start from, "" or with a slash at its end */
    const char *text;      /* for excerpts; NULL: positions in it mean nothing to the user */
    size_t bytes;
    uint32_t lines_before; /* of the file, that `text` leaves out */
    uint32_t ordinal;      /* diagnostics come in this order */
};

/* Lines and columns count from 1, columns in characters. Line 0: the source as a whole. */
struct position {
    const struct source *source;
    uint32_t line;
    uint32_t column;
};

struct diagnostic {
    struct position position;
    char text[DIAGNOSTIC_TEXT_BYTES];
};

struct diagnostics {
    size_t count; /* of all that were added */
    size_t kept;  /* the first DIAGNOSTICS_MAX of them, in order */
    bool is_out_of_memory;
    struct diagnostic items[DIAGNOSTICS_MAX];
};

/* Where the byte at `offset` of the source's text stands; the source as a whole where it has none.
 */
struct position diagnostic_position(const struct source *source, size_t offset);

/* Puts where it stands around the text of an error: the position before it, an excerpt behind it.
   Returns the error. */
int diagnostic_locate(struct position position, struct error *error);

/* A line of a file that is read line by line; without its end. */
struct source_line {
    const char *file;
    uint64_t number; /* from 1 */
    const char *text;
    size_t bytes;
};

/* The column, in characters from 1 on, of the line's byte at `offset`. */
uint32_t diagnostic_column(const struct source_line *line, size_t offset);

/* As diagnostic_locate(), of the line's byte at `offset`. */
int diagnostic_locate_in_line(const struct source_line *line, size_t offset, struct error *error);

void diagnostics_init(struct diagnostics *diagnostics);

/* Adds a mistake, once: the same text at the same place again is passed over. */
void diagnostics_add(struct diagnostics *diagnostics, struct position position, const char *format,
                     ...) __attribute__((format(printf, 3, 4)));

/* Notes that an allocation failed, which then outweighs every mistake. */
void diagnostics_add_out_of_memory(struct diagnostics *diagnostics);

bool diagnostics_is_empty(const struct diagnostics *diagnostics);

/*
 * 0 where there are none. Otherwise fills in `error` with as many whole ones as
 * fit and the count of the others, and returns -ERROR_CONFIG, or
 * -ERROR_MEMORY where memory was out.
 */
int diagnostics_to_error(const struct diagnostics *diagnostics, struct error *error);

/* Writes all that were kept and the count of the others; negative where the stream failed. */
int diagnostics_write(const struct diagnostics *diagnostics, FILE *stream);

/* The bytes, at most `bytes_max`, that can be printed of `text` without cutting a character. */
int diagnostic_clip(const char *text, int bytes_max);

#endif
