#include "csv_sheet.h"

#include "diagnostic.h"
#include "spelling.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Larger numbers are damage: nothing measured has as many bytes, tokens or seconds. */
#define NUMBER_MAX 1e15

/* That a double surely holds. */
#define DIGITS_MAX 15

static struct source_line line_of(const struct csv_sheet *sheet)
{
    return (struct source_line){sheet->lines.name, sheet->lines.line_number, sheet->line,
                                sheet->line_bytes};
}

uint32_t csv_sheet_place(const struct csv_sheet *sheet, const char *field)
{
    struct source_line line = line_of(sheet);
    return diagnostic_column(&line, (size_t)(field - sheet->line));
}

/* Puts the commas back at which the line was cut: it is to be shown. */
static void mend_line(const struct csv_sheet *sheet)
{
    for (size_t i = 0; i < sheet->line_bytes; i++)
        if (sheet->line[i] == '\0')
            sheet->line[i] = ',';
}

int csv_sheet_fault(const struct csv_sheet *sheet, const char *field, struct error *error,
                    const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    struct source_line line = line_of(sheet);
    mend_line(sheet);
    (void)error_set(error, ERROR_CONFIG, "%s", text);
    return diagnostic_locate_in_line(&line, field ? (size_t)(field - sheet->line) : 0, error);
}

/* Cuts `*rest` at its first comma; returns what stands before, NULL where nothing is left. */
static char *take_field(char **rest)
{
    char *field = *rest;
    char *comma = field ? strchr(field, ',') : NULL;
    if (comma)
        *comma = '\0';
    *rest = comma ? comma + 1 : NULL;
    return field;
}

/* The next line that is neither empty nor a comment: 1, 0 at the end, or negative. */
static int next_line(struct csv_sheet *sheet, char **line, size_t *length, struct error *error)
{
    int status;
    do
        status = line_reader_next(&sheet->lines, line, length, error);
    while (status > 0 && (*length == 0 || **line == '#'));
    if (status > 0) {
        sheet->line = *line;
        sheet->line_bytes = *length;
    }
    return status;
}

static int read_column(struct csv_sheet *sheet, const char *name, enum csv_others others,
                       struct error *error)
{
    uint32_t column = (uint32_t)spelling_index(name, sheet->names, sheet->name_count);
    if (column == sheet->name_count && others == CSV_KNOWN_ONLY)
        return csv_sheet_fault(sheet, name, error, "unknown column '%s'%s", name,
                               spelling_hint(name, sheet->names, sheet->name_count).text);
    if (column < sheet->name_count && csv_sheet_has(sheet, column))
        return csv_sheet_fault(sheet, name, error, "column '%s' stands twice", name);
    if (sheet->column_count == CSV_COLUMNS_MAX)
        return csv_sheet_fault(sheet, name, error, "more than %d columns", CSV_COLUMNS_MAX);
    sheet->columns[sheet->column_count++] = column;
    return 0;
}

int csv_sheet_init(struct csv_sheet *sheet, FILE *file, const char *name, const char *const *names,
                   uint32_t name_count, enum csv_others others, struct error *error)
{
    assert(name_count <= CSV_COLUMNS_MAX);
    *sheet = (struct csv_sheet){.names = names, .name_count = name_count};
    int status = line_reader_init(&sheet->lines, file, name, error);
    if (status < 0)
        return status;
    char *rest;
    size_t length;
    status = next_line(sheet, &rest, &length, error);
    if (status == 0)
        status = error_set(error, ERROR_CONFIG, "%s: the file has no header", name);
    for (char *field; status >= 0 && (field = take_field(&rest));)
        status = read_column(sheet, field, others, error);
    if (status < 0)
        csv_sheet_release(sheet);
    return status < 0 ? status : 0;
}

void csv_sheet_release(struct csv_sheet *sheet)
{
    line_reader_release(&sheet->lines);
}

bool csv_sheet_has(const struct csv_sheet *sheet, uint32_t column)
{
    for (uint32_t i = 0; i < sheet->column_count; i++)
        if (sheet->columns[i] == column)
            return true;
    return false;
}

int csv_sheet_next(struct csv_sheet *sheet, struct error *error)
{
    char *rest;
    size_t length;
    int status = next_line(sheet, &rest, &length, error);
    if (status <= 0)
        return status;
    for (uint32_t column = 0; column < sheet->name_count; column++)
        sheet->fields[column] = rest + length;
    uint32_t count = 0;
    const char *fault = rest + length; /* where fields are missing, or the first that is too many */
    for (char *field; (field = take_field(&rest)); count++) {
        if (count < sheet->column_count && sheet->columns[count] < sheet->name_count)
            sheet->fields[sheet->columns[count]] = field;
        else if (count == sheet->column_count)
            fault = field;
    }
    if (count != sheet->column_count)
        return csv_sheet_fault(sheet, fault, error, "%u fields where the header has %u", count,
                               sheet->column_count);
    return 1;
}

/* Digits and a point among them, as most fields are. Up to 15 of them and the power of ten that
   divides them are exact, so that the quotient is the number that strtod() finds at five times the
   cost (Clinger, How to Read Floating Point Numbers Accurately, PLDI 1990). */
static bool parse_plain(const char *field, double *number)
{
    static const double powers[DIGITS_MAX + 1] = {1,   1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                  1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    uint64_t whole = 0;
    size_t digits = 0;
    size_t decimals = 0;
    bool has_point = false;
    for (; *field != '\0'; field++) {
        if (*field == '.' && !has_point) {
            has_point = true;
            continue;
        }
        if (*field < '0' || *field > '9' || digits == DIGITS_MAX)
            return false;
        whole = 10 * whole + (uint64_t)(*field - '0');
        digits++;
        decimals += has_point;
    }
    *number = (double)whole / powers[decimals];
    return digits > 0;
}

/* Whether `field` is a number and nothing else. */
static bool parse_number(const char *field, double *number)
{
    if (parse_plain(field, number))
        return true;
    char *end;
    *number = strtod(field, &end);
    return end != field && *end == '\0' && fabs(*number) < NUMBER_MAX;
}

int csv_sheet_number(const struct csv_sheet *sheet, uint32_t column, double *number,
                     struct error *error)
{
    const char *field = sheet->fields[column];
    if (parse_number(field, number))
        return 0;
    return csv_sheet_fault(sheet, field, error, "'%s' must be a number, not '%s'",
                           sheet->names[column], field);
}

int csv_sheet_switch(const struct csv_sheet *sheet, uint32_t column, bool *is_on,
                     struct error *error)
{
    const char *field = sheet->fields[column];
    *is_on = strcmp(field, "1") == 0;
    if (*is_on || strcmp(field, "0") == 0)
        return 0;
    return csv_sheet_fault(sheet, field, error, "'%s' must be 0 or 1, not '%s'",
                           sheet->names[column], field);
}

int csv_sheet_positive(const struct csv_sheet *sheet, uint32_t column, double *number,
                       struct error *error)
{
    const char *field = sheet->fields[column];
    if (parse_number(field, number) && *number > 0)
        return 0;
    return csv_sheet_fault(sheet, field, error, "'%s' must be a positive number, not '%s'",
                           sheet->names[column], field);
}

int csv_sheet_count(const struct csv_sheet *sheet, uint32_t column, double *number,
                    struct error *error)
{
    const char *field = sheet->fields[column];
    if (parse_number(field, number) && *number >= 1 && *number == floor(*number))
        return 0;
    return csv_sheet_fault(sheet, field, error, "'%s' must be a whole number from 1, not '%s'",
                           sheet->names[column], field);
}
