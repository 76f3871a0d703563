/*
 * csv_sheet: a CSV file whose first line names its columns, row by row.
 *
 * Columns come in any order; empty lines and comments (# ...) are passed over.
 * Fields hold no commas and no quotes. Mistakes are ERROR_CONFIG, shown as
 * diagnostic.h does where they stand.
 *
 *     csv_sheet_init(&sheet, file, "kernels.csv", names, COLUMN_COUNT, CSV_KNOWN_ONLY, &error)
 *     while ((status = csv_sheet_next(&sheet, &error)) > 0)
 *         csv_sheet_number(&sheet, COLUMN_M, &m, &error) ...
 *     csv_sheet_release(&sheet)
 */
#ifndef TANDEM_CSV_SHEET_H
#define TANDEM_CSV_SHEET_H

#include "error.h"
#include "line_reader.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define CSV_COLUMNS_MAX 64

/* What becomes of columns that nobody asked for. */
enum csv_others { CSV_KNOWN_ONLY, CSV_OTHERS_IGNORED };

struct csv_sheet {
    struct line_reader lines;
    const char *const *names; /* of the columns asked for */
    uint32_t name_count;
    uint32_t columns[CSV_COLUMNS_MAX]; /* of each of the file's, which name; name_count: none */
    uint32_t column_count;
    char *line; /* at hand, cut into fields */
    size_t line_bytes;
    const char *fields[CSV_COLUMNS_MAX]; /* its fields, by name; its end where it has none */
};

/* Reads the header of `file`, which stays the caller's; it, `name` and `names` must outlive the
   sheet. On failure there is nothing to release. */
int csv_sheet_init(struct csv_sheet *sheet, FILE *file, const char *name, const char *const *names,
                   uint32_t name_count, enum csv_others others, struct error *error);
void csv_sheet_release(struct csv_sheet *sheet);

/* Whether the file has a column of that name. */
bool csv_sheet_has(const struct csv_sheet *sheet, uint32_t column);

/* Splits the next row into fields: 1, 0 at the file's end, or negative. */
int csv_sheet_next(struct csv_sheet *sheet, struct error *error);

/* The row's number in `column`, which must be finite. */
int csv_sheet_number(const struct csv_sheet *sheet, uint32_t column, double *number,
                     struct error *error);

/* The same for one that must be above 0. */
int csv_sheet_positive(const struct csv_sheet *sheet, uint32_t column, double *number,
                       struct error *error);

/* The same for a count: a whole number from 1 on. */
int csv_sheet_count(const struct csv_sheet *sheet, uint32_t column, double *number,
                    struct error *error);

/* Whether the row has a 1 there; it must be 0 or 1. */
int csv_sheet_switch(const struct csv_sheet *sheet, uint32_t column, bool *is_on,
                     struct error *error);

/* The column, in characters from 1 on, at which a field of the row at hand begins. */
uint32_t csv_sheet_place(const struct csv_sheet *sheet, const char *field);

/* Says what is wrong with the row at hand, in one of its fields or, NULL, as a whole, which is in
   one piece again; returns -ERROR_CONFIG. */
int csv_sheet_fault(const struct csv_sheet *sheet, const char *field, struct error *error,
                    const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
