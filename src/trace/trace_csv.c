#include "trace_csv.h"

#include <stdio.h>
#include <string.h>

/* Room for a description of a field or line. */
#define EXPECTED_BYTES 160

const struct trace_csv_dialect trace_csv_tandem = {
    .header = "arrival_s,input_tokens,output_tokens",
    .time_column = "arrival_s",
    .input_column = "input_tokens",
    .output_column = "output_tokens",
    .time = text_seconds,
    .time_form = "arrival_s as seconds from 0",
    .tokens_min = 1,
};

const struct trace_csv_dialect trace_csv_azure = {
    .header = "TIMESTAMP,ContextTokens,GeneratedTokens",
    .time_column = "TIMESTAMP",
    .input_column = "ContextTokens",
    .output_column = "GeneratedTokens",
    .time = text_timestamp,
    .time_form = "TIMESTAMP as 2023-11-16 18:15:46.6805900 or 2024-05-10 00:00:00.009930+00:00",
};

const struct trace_csv_dialect trace_csv_burstgpt = {
    .header = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type",
    .time_column = "Timestamp",
    .input_column = "Request tokens",
    .output_column = "Response tokens",
    .time = text_seconds,
    .time_form = "Timestamp as seconds from 0",
};

/* Takes the next field off the front of `rest`; false where none is left. */
static bool take_field(struct text *rest, struct text *field)
{
    if (!rest->begin)
        return false;
    const char *comma = memchr(rest->begin, ',', (size_t)(rest->end - rest->begin));
    *field = (struct text){rest->begin, comma ? comma : rest->end};
    rest->begin = comma ? comma + 1 : NULL;
    return true;
}

static bool text_equals(struct text text, const char *string)
{
    size_t bytes = (size_t)(text.end - text.begin);
    return bytes == strlen(string) && memcmp(text.begin, string, bytes) == 0;
}

bool trace_csv_match(struct trace_csv *csv, const struct trace_csv_dialect *dialect,
                     const char *header)
{
    struct text rest = {header, header + strlen(header)};
    struct text field;
    bool has_time = false;
    bool has_input = false;
    bool has_output = false;
    *csv = (struct trace_csv){.dialect = dialect};
    for (; take_field(&rest, &field); csv->columns++) {
        if (!has_time && text_equals(field, dialect->time_column)) {
            csv->time_index = csv->columns;
            has_time = true;
        } else if (!has_input && text_equals(field, dialect->input_column)) {
            csv->input_index = csv->columns;
            has_input = true;
        } else if (!has_output && text_equals(field, dialect->output_column)) {
            csv->output_index = csv->columns;
            has_output = true;
        }
    }
    return has_time && has_input && has_output;
}

int trace_csv_check(const struct trace_csv *csv, struct trace_place place, struct error *error)
{
    const struct trace_csv_dialect *dialect = csv->dialect;
    struct text rest = place.line;
    struct text field;
    for (size_t index = 0; take_field(&rest, &field); index++) {
        bool is_first =
            index == csv->time_index || index == csv->input_index || index == csv->output_index;
        bool is_known = text_equals(field, dialect->time_column) ||
                        text_equals(field, dialect->input_column) ||
                        text_equals(field, dialect->output_column);
        if (is_known && !is_first)
            return trace_row_error(place, "each column once", field, error);
    }
    return 0;
}

/* Reads `field`, the count of tokens of `column`. */
static int read_tokens(const struct trace_csv *csv, struct trace_place place, const char *column,
                       struct text field, uint32_t *tokens, struct error *error)
{
    char expected[EXPECTED_BYTES];
    uint32_t min = csv->dialect->tokens_min;
    if (text_tokens(field, tokens) && *tokens >= min)
        return 0;
    (void)snprintf(expected, sizeof(expected), "%s as a whole number from %u to %d", column, min,
                   TRACE_TOKENS_MAX);
    return trace_row_error(place, expected, field, error);
}

/* Fails for a line with `count` fields where the header has others: at the first that is too many,
   or where they end. */
static int fields_error(const struct trace_csv *csv, struct trace_place place, size_t count,
                        struct error *error)
{
    struct text rest = place.line;
    struct text field;
    for (size_t index = 0; index < csv->columns; index++)
        (void)take_field(&rest, &field);
    return trace_row_fault(place, rest.begin ? rest.begin : rest.end, error,
                           "expected the %zu fields of the header (%s), found %zu", csv->columns,
                           csv->dialect->header, count);
}

int trace_csv_row(const struct trace_csv *csv, struct trace_place place, struct trace_row *row,
                  struct error *error)
{
    const struct trace_csv_dialect *dialect = csv->dialect;
    struct text rest = place.line;
    struct text field;
    size_t index = 0;
    int status = 0;
    for (; status == 0 && take_field(&rest, &field); index++) {
        if (index == csv->time_index) {
            row->time_field = field;
            if (!dialect->time(field, &row->time))
                status = trace_row_error(place, dialect->time_form, field, error);
        } else if (index == csv->input_index) {
            status =
                read_tokens(csv, place, dialect->input_column, field, &row->input_tokens, error);
        } else if (index == csv->output_index) {
            status =
                read_tokens(csv, place, dialect->output_column, field, &row->output_tokens, error);
        }
    }
    if (status < 0)
        return status;
    return index == csv->columns ? 0 : fields_error(csv, place, index, error);
}
