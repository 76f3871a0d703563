#include "trace_mooncake.h"

#include <jansson.h>

static bool json_tokens(const json_t *object, const char *key, uint32_t *tokens)
{
    const json_t *value = json_object_get(object, key);
    json_int_t count = json_integer_value(value);
    if (!json_is_integer(value) || count < 0 || count > TRACE_TOKENS_MAX)
        return false;
    *tokens = (uint32_t)count;
    return true;
}

/* Milliseconds, whole or not, as a time. */
static bool json_ms(const json_t *value, struct trace_time *time)
{
    double ms = json_number_value(value);
    if (!json_is_number(value) || !(ms >= 0 && ms <= (double)TRACE_SECONDS_MAX))
        return false;
    *time = trace_time_from_s(ms / 1000);
    return true;
}

/* What is wrong with `object`, or NULL once `row` holds it. */
static const char *read_row(const json_t *object, struct trace_row *row)
{
    if (!json_is_object(object))
        return "a JSON object";
    if (!json_ms(json_object_get(object, "timestamp"), &row->time))
        return "\"timestamp\" as milliseconds from 0";
    if (!json_tokens(object, "input_length", &row->input_tokens))
        return "\"input_length\" as a whole number from 0 to 10000000";
    if (!json_tokens(object, "output_length", &row->output_tokens))
        return "\"output_length\" as a whole number from 0 to 10000000";
    return NULL;
}

int trace_mooncake_row(struct trace_place place, struct trace_row *row, struct error *error)
{
    json_error_t json_error;
    size_t bytes = (size_t)(place.line.end - place.line.begin);
    json_t *object = json_loadb(place.line.begin, bytes, 0, &json_error);
    if (!object && json_error_code(&json_error) == json_error_out_of_memory)
        return error_out_of_memory(error, "a line of JSON");
    row->time_field = place.line;
    const char *expected = object ? read_row(object, row) : "a JSON object";
    json_decref(object);
    if (!expected)
        return 0;
    return trace_row_error(place, expected, place.line, error);
}
