#include "json_build.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* 17 significant digits read back to the same double. */
#define REAL_DIGITS 17

json_t *json_build_real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

double json_build_number(const json_t *value)
{
    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

json_t *json_build_count(uint64_t value)
{
    return json_integer((json_int_t)value);
}

json_t *json_build_object(const struct json_member *members)
{
    json_t *object = json_object();
    bool is_whole = object != NULL;
    /* Every value is handed over or dropped, also after a failure: _new() takes them always. */
    for (; members->key; members++)
        is_whole &= json_object_set_new(object, members->key, members->value) == 0;
    if (is_whole)
        return object;
    json_decref(object);
    return NULL;
}

json_t *json_build_append(json_t *array, json_t *item)
{
    if (json_array_append_new(array, item) == 0)
        return array;
    json_decref(array);
    return NULL;
}

int json_build_print(json_t *object, FILE *stream, struct error *error)
{
    if (!object)
        return error_out_of_memory(error, "the JSON result");
    errno = 0;
    int written = json_dumpf(object, stream, JSON_INDENT(2) | JSON_REAL_PRECISION(REAL_DIGITS));
    json_decref(object);
    if (written == 0 && fputc('\n', stream) != EOF && fflush(stream) == 0)
        return 0;
    if (errno == ENOMEM)
        return error_out_of_memory(error, "the JSON result");
    return error_set(error, ERROR_IO, "cannot write the result: %s", strerror(errno));
}
