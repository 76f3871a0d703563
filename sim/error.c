#include "error.h"

#include <stdio.h>

int error_set(struct error *error, enum error_code code, const char *format, ...)
{
    error->code = code;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(error->text, sizeof(error->text), format, arguments);
    va_end(arguments);
    return -(int)code;
}

int error_out_of_memory(struct error *error, const char *what)
{
    return error_set(error, ERROR_MEMORY, "out of memory: %s", what);
}

int error_exit_code(enum error_code code)
{
    switch (code) {
    case ERROR_NONE:
        return 0;
#define X(name, exit_code, meaning) \
    case ERROR_##name:              \
        return exit_code;
        ERROR_CODES(X)
#undef X
    }
    return 1;
}
