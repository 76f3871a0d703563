#include "trace_row.h"

#include "diagnostic.h"

#include <stdarg.h>
#include <stdio.h>

#define FOUND_BYTES_MAX 40
#define FAULT_BYTES 512

int trace_row_fault(struct trace_place place, const char *at, struct error *error,
                    const char *format, ...)
{
    char text[FAULT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    struct source_line line = {place.file, place.number, place.line.begin,
                               (size_t)(place.line.end - place.line.begin)};
    (void)error_set(error, ERROR_TRACE, "%s", text);
    return diagnostic_locate_in_line(&line, (size_t)(at - place.line.begin), error);
}

int trace_row_error(struct trace_place place, const char *expected, struct text found,
                    struct error *error)
{
    char shown[FOUND_BYTES_MAX];
    int length = 0;
    for (const char *c = found.begin; c < found.end && length < FOUND_BYTES_MAX; c++)
        shown[length++] = *c >= ' ' && *c <= '~' ? *c : '?';
    const char *ellipsis = found.end - found.begin > FOUND_BYTES_MAX ? "..." : "";
    return trace_row_fault(place, found.begin, error, "expected %s, found '%.*s%s'", expected,
                           length, shown, ellipsis);
}
