#include "warning.h"

#include <stdarg.h>
#include <stdio.h>

bool warning_set(struct warning *warning, const char *code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)snprintf(warning->code, sizeof(warning->code), "%s", code);
    (void)vsnprintf(warning->text, sizeof(warning->text), format, arguments);
    va_end(arguments);
    return true;
}
