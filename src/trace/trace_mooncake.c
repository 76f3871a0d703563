#include "trace_mooncake.h"

#include "array_room.h"
#include "base.h"
#include "request.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* The three keys of a line, and what they should hold. */
static const struct {
    const char *key;
    const char *expected;
} members[] = {
    {"timestamp", "\"timestamp\" as milliseconds from 0"},
    {"input_length", "\"input_length\" as a whole number from 0 to 10000000"},
    {"output_length", "\"output_length\" as a whole number from 0 to 10000000"},
};

/* Reads the members into `row`; how many are as they should be, from the first on. */
static size_t read_row(const json_t *object, struct trace_row *row)
{
    if (!json_ms(json_object_get(object, members[0].key), &row->time))
        return 0;
    if (!json_tokens(object, members[1].key, &row->input_tokens))
        return 1;
    return 2 + json_tokens(object, members[2].key, &row->output_tokens);
}

/* The blocks of the line's prompt up to the first that is not a whole number, and what of it
   earlier ones began with, up to the first block that is new; all are remembered. 0 or
   -ERROR_MEMORY. */
static int read_blocks(const json_t *object, struct trace_mooncake *mooncake, struct trace_row *row,
                       struct error *error)
{
    const json_t *ids = json_object_get(object, "hash_ids");
    size_t count = json_array_size(ids); /* 0 where it is no array */
    uint64_t reusable_tokens = 0;
    int came_before = 1;
    row->block_count = 0;
    for (size_t i = 0; i < count; i++) {
        const json_t *id = json_array_get(ids, i);
        if (!json_is_integer(id) || json_integer_value(id) < 0)
            break;
        uint64_t block = (uint64_t)json_integer_value(id);
        int seen = trace_prefixes_add(&mooncake->prefixes, block, error);
        if (seen < 0)
            return seen;
        came_before &= seen;
        reusable_tokens += came_before ? REQUEST_PIECE_TOKENS : 0;
        uint64_t *blocks = array_room_on_heap(mooncake->blocks, row->block_count, sizeof(*blocks));
        if (!blocks)
            return error_out_of_memory(error, "a trace's blocks");
        mooncake->blocks = blocks;
        blocks[row->block_count++] = block;
    }
    row->blocks = mooncake->blocks;
    row->reusable_tokens = (uint32_t)u64_min(reusable_tokens, row->input_tokens);
    return 0;
}

/* Where the line has the value of `key`; all of it where it has none. */
static struct text value_of(struct text line, const char *key)
{
    char quoted[32];
    int bytes = snprintf(quoted, sizeof(quoted), "\"%s\"", key);
    const char *at = strstr(line.begin, quoted); /* lines end in a NUL (line_reader.h) */
    if (!at)
        return line;
    for (at += bytes; at < line.end && strchr(" \t:", *at);)
        at++;
    const char *end = at;
    while (end < line.end && !strchr(",}", *end))
        end++;
    return (struct text){at, end};
}

/* What jansson could not read, from where it stopped on; of a key that is there twice, the second.
 */
static int syntax_error(struct trace_place place, const json_error_t *json_error,
                        struct error *error)
{
    const char *at = place.line.begin + json_error->position;
    at = at > place.line.end ? place.line.end : at;
    if (json_error_code(json_error) != json_error_duplicate_key)
        return trace_row_fault(place, at, error, "expected a JSON object: %s", json_error->text);
    at -= at > place.line.begin; /* its closing quotation mark */
    while (at > place.line.begin && at[-1] != '"')
        at--;
    return trace_row_error(place, "each key once", (struct text){at, at + strcspn(at, "\"")},
                           error);
}

void trace_mooncake_release(struct trace_mooncake *mooncake)
{
    trace_prefixes_release(&mooncake->prefixes);
    free(mooncake->blocks);
    *mooncake = (struct trace_mooncake){.blocks = NULL};
}

int trace_mooncake_row(struct trace_mooncake *mooncake, struct trace_place place,
                       struct trace_row *row, struct error *error)
{
    json_error_t json_error;
    size_t bytes = (size_t)(place.line.end - place.line.begin);
    json_t *object = json_loadb(place.line.begin, bytes, JSON_REJECT_DUPLICATES, &json_error);
    if (!object && json_error_code(&json_error) == json_error_out_of_memory)
        return error_out_of_memory(error, "a line of JSON");
    if (!object)
        return syntax_error(place, &json_error, error);
    bool is_object = json_is_object(object);
    size_t good = is_object ? read_row(object, row) : 0;
    int status = 0;
    if (good == ARRAY_LENGTH(members))
        status = read_blocks(object, mooncake, row, error);
    json_decref(object);
    if (status < 0)
        return status;
    if (!is_object)
        return trace_row_error(place, "a JSON object", place.line, error);
    if (good < ARRAY_LENGTH(members))
        return trace_row_error(place, members[good].expected,
                               value_of(place.line, members[good].key), error);
    row->time_field = value_of(place.line, members[0].key);
    return 0;
}
