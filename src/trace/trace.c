#include "trace.h"

#include "line_reader.h"
#include "request.h"
#include "spelling.h"
#include "trace_csv.h"
#include "trace_mooncake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct trace {
    FILE *file;
    char *name;
    struct line_reader lines;
    enum trace_format format;
    struct trace_csv csv; /* all formats but Mooncake's */
    double rate_scale;
    bool has_origin;
    struct trace_time origin; /* what t = 0 is in the file's own time */
    sim_ps last;
    uint64_t rows;
    uint64_t skipped;
    struct trace_mooncake mooncake;
    bool tells_blocks;
    uint64_t input_tokens; /* of the requests so far, and what of them is reusable */
    uint64_t reusable_tokens;
    char *line; /* at hand */
    size_t line_bytes;
    bool is_pending; /* Mooncake has no header: that line is its first row, read for its format */
};

static const char *const format_names[] = {TRACE_FORMATS(LIST_TEXT)};

const char *trace_format_name(enum trace_format format)
{
    return format_names[format];
}

bool trace_format_from_name(const char *name, enum trace_format *format)
{
    size_t index = spelling_index(name, format_names, ARRAY_LENGTH(format_names));
    if (index == ARRAY_LENGTH(format_names))
        return false;
    *format = (enum trace_format)index;
    return true;
}

/* The formats that are tables. */
static const enum trace_format tables[] = {TRACE_TANDEM, TRACE_AZURE, TRACE_BURSTGPT};

/* NULL where the format is no table. */
static const struct trace_csv_dialect *dialect_of(enum trace_format format)
{
    switch (format) {
    case TRACE_TANDEM:
        return &trace_csv_tandem;
    case TRACE_AZURE:
        return &trace_csv_azure;
    case TRACE_BURSTGPT:
        return &trace_csv_burstgpt;
    case TRACE_AUTO:
    case TRACE_MOONCAKE:
        break;
    }
    return NULL;
}

static struct trace_place place_of(const struct trace *trace)
{
    struct text line = {trace->line, trace->line + trace->line_bytes};
    return (struct trace_place){trace->name, trace->lines.line_number, line};
}

/* Brings the next line that is not empty to hand, the pending one first; as line_reader_next(). */
static int next_line(struct trace *trace, struct error *error)
{
    int status = 1;
    bool is_new = !trace->is_pending;
    trace->is_pending = false;
    while (is_new && status > 0) {
        status = line_reader_next(&trace->lines, &trace->line, &trace->line_bytes, error);
        is_new = trace->line_bytes == 0;
    }
    return status;
}

/* A column of the line at hand whose name is nearly one that some format has, in `field`, and that
   name; NULL where there is none. */
static const char *misspelt_column(const struct trace *trace, struct text *field)
{
    const char *names[3 * ARRAY_LENGTH(tables)];
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(tables); i++) {
        const struct trace_csv_dialect *dialect = dialect_of(tables[i]);
        names[count++] = dialect->time_column;
        names[count++] = dialect->input_column;
        names[count++] = dialect->output_column;
    }
    for (const char *at = trace->line; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        char word[SPELLING_WORD_BYTES];
        size_t bytes = strcspn(at, ",");
        (void)snprintf(word, sizeof(word), "%.*s", (int)bytes, at);
        const char *meant = bytes < sizeof(word) ? spelling_nearest(word, names, count) : NULL;
        *field = (struct text){at, at + bytes};
        if (meant && strcmp(meant, word) != 0)
            return meant;
    }
    return NULL;
}

/* The line at hand is no header as expected: for its quotation marks, or for a name that is nearly
   a column's. */
static int header_error(const struct trace *trace, const char *expected, struct error *error)
{
    struct trace_place place = place_of(trace);
    struct text field;
    const char *quote = memchr(trace->line, '"', trace->line_bytes);
    if (quote)
        return trace_row_error(place, "a header without quotation marks",
                               (struct text){quote, place.line.end}, error);
    const char *meant = misspelt_column(trace, &field);
    if (meant)
        return trace_row_fault(place, field.begin, error,
                               "unknown column '%.*s'; did you mean '%s'?",
                               (int)(field.end - field.begin), field.begin, meant);
    return trace_row_error(place, expected, place.line, error);
}

/* Settles on the format of a file that begins with the line at hand. */
static int guess_format(struct trace *trace, struct error *error)
{
    if (trace->line[0] == '{') {
        trace->format = TRACE_MOONCAKE;
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LENGTH(tables); i++) {
        if (trace_csv_match(&trace->csv, dialect_of(tables[i]), trace->line)) {
            trace->format = tables[i];
            return 0;
        }
    }
    return header_error(trace,
                        "a header with arrival_s,input_tokens,output_tokens (tandem), "
                        "TIMESTAMP,ContextTokens,GeneratedTokens (azure) or Timestamp,Request "
                        "tokens,Response tokens (burstgpt), or a JSON object (mooncake)",
                        error);
}

static int read_header(struct trace *trace, struct error *error)
{
    int status = next_line(trace, error);
    if (status < 0)
        return status;
    if (status == 0)
        return error_set(error, ERROR_TRACE, "%s: expected a trace, found an empty file",
                         trace->name);
    const struct trace_csv_dialect *dialect = dialect_of(trace->format);
    if (trace->format == TRACE_AUTO)
        status = guess_format(trace, error);
    else if (dialect && !trace_csv_match(&trace->csv, dialect, trace->line))
        status = header_error(trace, dialect->header, error);
    else
        status = 0;
    if (status == 0 && trace->format != TRACE_MOONCAKE)
        status = trace_csv_check(&trace->csv, place_of(trace), error);
    trace->is_pending = trace->format == TRACE_MOONCAKE;
    return status;
}

struct trace *trace_open_file(FILE *file, const char *name, struct trace_options options,
                              struct error *error)
{
    struct trace *trace = calloc(1, sizeof(*trace));
    char *name_copy = strdup(name);
    if (!trace || !name_copy) {
        error_out_of_memory(error, "a trace");
        (void)fclose(file);
        free(name_copy);
        free(trace);
        return NULL;
    }
    trace->file = file;
    trace->name = name_copy;
    trace->format = options.format;
    trace->rate_scale = options.rate_scale;
    int status = 0;
    if (!isfinite(options.rate_scale) || options.rate_scale <= 0)
        status = error_set(error, ERROR_CONFIG, "rate_scale must be above 0, not %g",
                           options.rate_scale);
    if (status == 0)
        status = line_reader_init(&trace->lines, file, trace->name, error);
    if (status == 0)
        status = read_header(trace, error);
    if (status == 0)
        return trace;
    trace_close(trace);
    return NULL;
}

struct trace *trace_open(const char *path, struct trace_options options, struct error *error)
{
    FILE *file = fopen(path, "rbe");
    if (!file) {
        error_set(error, ERROR_IO, "%s: cannot be opened: %s", path, strerror(errno));
        return NULL;
    }
    return trace_open_file(file, path, options, error);
}

void trace_close(struct trace *trace)
{
    if (!trace)
        return;
    line_reader_release(&trace->lines);
    trace_mooncake_release(&trace->mooncake);
    (void)fclose(trace->file);
    free(trace->name);
    free(trace);
}

/* The time of a row on the simulation's clock. */
static int arrival_time(struct trace *trace, const struct trace_row *row, sim_ps *at,
                        struct error *error)
{
    struct trace_time time = row->time;
    if (!trace->has_origin) {
        trace->has_origin = true;
        if (trace->format == TRACE_AZURE)
            trace->origin = time;
    }
    int64_t s = time.s - trace->origin.s;
    int64_t ps = time.ps - trace->origin.ps;
    double arrival_s = ((double)s + (double)ps / (double)SIM_PS_PER_S) / trace->rate_scale;
    struct trace_place place = place_of(trace);
    if (arrival_s > ARRIVAL_S_MAX)
        return trace_row_fault(place, row->time_field.begin, error,
                               "expected an arrival within the %.0f days that the clock holds, "
                               "found one after %.4g days",
                               ARRIVAL_S_MAX / SIM_DAY_S, arrival_s / SIM_DAY_S);
    /* Scaled from the start rather than gap by gap, so that rounding does not add up; unscaled
       times stay exact. */
    bool is_exact = trace->rate_scale == 1.0 && s >= 0;
    *at = is_exact ? s * SIM_PS_PER_S + ps : sim_ps_from_s(fmax(arrival_s, -1));
    if (*at < trace->last)
        return trace_row_fault(place, row->time_field.begin, error,
                               "expected times in ascending order, found one %.6f s before the "
                               "line above",
                               sim_s_from_ps(trace->last) - arrival_s);
    trace->last = *at;
    return 0;
}

/* Reads the next row, one without tokens included; 1, 0 or negative. */
static int next_row(struct trace *trace, struct trace_row *row, struct error *error)
{
    int status = next_line(trace, error);
    if (status <= 0)
        return status;
    if (trace->format == TRACE_MOONCAKE)
        status = trace_mooncake_row(&trace->mooncake, place_of(trace), row, error);
    else
        status = trace_csv_row(&trace->csv, place_of(trace), row, error);
    return status < 0 ? status : 1;
}

/* All of an arrival but its time. */
static void fill_in(struct arrival *arrival, const struct trace_row *row)
{
    uint32_t pieces = u32_ceil_div(row->input_tokens, REQUEST_PIECE_TOKENS);
    arrival->input_tokens = row->input_tokens;
    arrival->output_tokens = row->output_tokens;
    arrival->pieces = row->blocks;
    arrival->piece_count = u32_min(pieces, row->block_count);
    arrival->shared_tokens =
        u32_min(row->input_tokens, arrival->piece_count * REQUEST_PIECE_TOKENS);
    arrival->reusable_tokens = row->reusable_tokens;
}

static int trace_next(void *context, struct arrival *arrival, struct error *error)
{
    struct trace *trace = context;
    struct trace_row row = {.reusable_tokens = 0};
    int status;
    while ((status = next_row(trace, &row, error)) > 0) {
        status = arrival_time(trace, &row, &arrival->at, error);
        if (status < 0)
            return status;
        if (row.input_tokens > 0 && row.output_tokens > 0) {
            fill_in(arrival, &row);
            trace->rows++;
            trace->tells_blocks |= row.block_count > 0;
            trace->input_tokens += row.input_tokens;
            trace->reusable_tokens += row.reusable_tokens;
            return 1;
        }
        trace->skipped++;
    }
    if (status == 0 && trace->rows == 0)
        return error_set(error, ERROR_TRACE, "%s: expected requests, found none", trace->name);
    return status;
}

struct arrival_source trace_source(struct trace *trace)
{
    return (struct arrival_source){
        .context = trace,
        .next = trace_next,
        .tells_prefixes = trace->format == TRACE_MOONCAKE,
    };
}

enum trace_format trace_format(const struct trace *trace)
{
    return trace->format;
}

uint64_t trace_skipped(const struct trace *trace)
{
    return trace->skipped;
}

double trace_reusable_share(const struct trace *trace)
{
    return trace->tells_blocks ? (double)trace->reusable_tokens / (double)trace->input_tokens : NAN;
}
