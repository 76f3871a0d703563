#include "error.h"

#include <stdio.h>
#include <string.h>

static int set(struct error *error, enum error_code code, const char *key, const char *format,
               va_list arguments)
{
    error->code = code;
    (void)snprintf(error->key, sizeof(error->key), "%s", key);
    (void)vsnprintf(error->text, sizeof(error->text), format, arguments);
    return -(int)code;
}

int error_set(struct error *error, enum error_code code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int status = set(error, code, "", format, arguments);
    va_end(arguments);
    return status;
}

int error_set_key(struct error *error, const char *key, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int status = set(error, ERROR_CONFIG, key, format, arguments);
    va_end(arguments);
    return status;
}

int error_append(struct error *error, const char *format, ...)
{
    size_t bytes = strlen(error->text);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(error->text + bytes, sizeof(error->text) - bytes, format, arguments);
    va_end(arguments);
    return -(int)error->code;
}

int error_prepend(struct error *error, const char *format, ...)
{
    struct error whole = {.text = ""};
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(whole.text, sizeof(whole.text), format, arguments);
    va_end(arguments);
    (void)error_append(&whole, "%s", error->text);
    memcpy(error->text, whole.text, sizeof(error->text));
    return -(int)error->code;
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
