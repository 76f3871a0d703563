#include "trace_row.h"

#define FOUND_BYTES_MAX 40

int trace_row_error(struct trace_place place, const char *expected, struct text found,
                    struct error *error)
{
    char shown[FOUND_BYTES_MAX];
    int length = 0;
    for (const char *c = found.begin; c < found.end && length < FOUND_BYTES_MAX; c++)
        shown[length++] = *c >= ' ' && *c <= '~' ? *c : '?';
    const char *ellipsis = found.end - found.begin > FOUND_BYTES_MAX ? "..." : "";
    return error_set(error, ERROR_TRACE, "%s:%llu:%td: expected %s, found '%.*s%s'", place.file,
                     (unsigned long long)place.number, found.begin - place.line.begin + 1, expected,
                     length, shown, ellipsis);
}
