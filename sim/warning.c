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

bool warning_set_context(struct warning *warning, uint32_t max_context, uint64_t requests,
                         uint64_t too_long, uint64_t cut)
{
    if (too_long + cut == 0)
        return false;
    return warning_set(warning, "context_exceeded",
                       "the model's context is %u tokens (max_context): of %llu requests %llu are "
                       "rejected, for their prompts leave no room for output, and the output of "
                       "%llu is cut there",
                       max_context, (unsigned long long)requests, (unsigned long long)too_long,
                       (unsigned long long)cut);
}
