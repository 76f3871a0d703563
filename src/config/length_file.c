#include "length_file.h"

#include "array_room.h"
#include "line_reader.h"
#include "trace_row.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A point of the inverse distribution function. */
struct quantile {
    double share;
    double tokens;
};

/* The file's lines as they are read: counts, or the points of a quantile file. */
struct length_list {
    bool has_shares;
    struct quantile *points; /* share is unused in a list of counts */
    size_t count;
};

static int line_error(const struct line_reader *lines, const char *expected, const char *line,
                      size_t length, struct error *error)
{
    struct trace_place place = {lines->name, lines->line_number, {line, line + length}};
    (void)trace_row_error(place, expected, place.line, error);
    error->code = ERROR_CONFIG;
    return -ERROR_CONFIG;
}

/* The next line that is neither empty nor a comment; as line_reader_next(). */
static int next_line(struct line_reader *lines, char **line, size_t *length, struct error *error)
{
    int status;
    do {
        status = line_reader_next(lines, line, length, error);
    } while (status > 0 && (*length == 0 || **line == '#'));
    return status;
}

static int append(struct length_list *list, struct quantile point, struct error *error)
{
    struct quantile *points = array_room_on_heap(list->points, list->count, sizeof(*points));
    if (!points)
        return error_out_of_memory(error, "a list of lengths");
    points[list->count++] = point;
    list->points = points;
    return 0;
}

/* Whether `point` may follow what is in the list: quantiles run from 0 and never fall. */
static bool is_in_order(const struct length_list *list, struct quantile point)
{
    if (list->count == 0)
        return point.share == 0;
    struct quantile last = list->points[list->count - 1];
    return point.share > last.share && point.share <= 1 && point.tokens >= last.tokens;
}

/* Reads `0.5,1020`, or `1020` where the file has no quantiles. */
static bool parse_point(const char *line, size_t length, bool has_share, struct quantile *point)
{
    struct text tokens = {line, line + length};
    *point = (struct quantile){.share = 0};
    if (has_share) {
        const char *comma = memchr(line, ',', length);
        struct trace_time share;
        if (!comma || !text_seconds((struct text){line, comma}, &share))
            return false;
        point->share = (double)share.s + (double)share.ps / 1e12;
        tokens.begin = comma + 1;
    }
    uint32_t count;
    if (!text_tokens(tokens, &count) || count == 0)
        return false;
    point->tokens = count;
    return true;
}

static int read_header(struct length_list *list, struct line_reader *lines, struct error *error)
{
    char *line;
    size_t length;
    int status = next_line(lines, &line, &length, error);
    if (status < 0)
        return status;
    if (status == 0)
        return error_set(error, ERROR_CONFIG, "%s: expected counts of tokens, found an empty file",
                         lines->name);
    list->has_shares = strcmp(line, "quantile,tokens") == 0;
    if (!list->has_shares && strcmp(line, "tokens") != 0)
        return line_error(lines, "the header 'tokens' or 'quantile,tokens'", line, length, error);
    return 0;
}

static int read_list(struct length_list *list, struct line_reader *lines, struct error *error)
{
    int status = read_header(list, lines, error);
    if (status < 0)
        return status;
    char *line;
    size_t length;
    while ((status = next_line(lines, &line, &length, error)) > 0) {
        struct quantile point;
        if (!parse_point(line, length, list->has_shares, &point))
            return line_error(lines,
                              list->has_shares ? "a quantile, a comma and a count of tokens"
                                               : "a count of tokens",
                              line, length, error);
        if (list->has_shares && !is_in_order(list, point))
            return line_error(lines, "quantiles from 0 to 1 and tokens, both ascending", line,
                              length, error);
        status = append(list, point, error);
        if (status < 0)
            return status;
    }
    if (status == 0 && list->count == 0)
        return error_set(error, ERROR_CONFIG, "%s: expected counts of tokens, found none",
                         lines->name);
    if (status == 0 && list->has_shares && list->points[list->count - 1].share < 1)
        return error_set(error, ERROR_CONFIG, "%s: expected quantiles up to 1, found %g at the end",
                         lines->name, list->points[list->count - 1].share);
    return status;
}

/* The value in the middle of each of `count` equal shares of the distribution. */
static void spread(const struct length_list *list, uint32_t *values, size_t count)
{
    const struct quantile *right = list->points + 1;
    for (size_t i = 0; i < count; i++) {
        double share = ((double)i + 0.5) / (double)count;
        while (right->share < share)
            right++;
        const struct quantile *left = right - 1;
        double along = (share - left->share) / (right->share - left->share);
        values[i] = (uint32_t)(left->tokens + along * (right->tokens - left->tokens) + 0.5);
    }
}

static int list_values(const struct length_list *list, uint32_t **values, size_t *count,
                       struct error *error)
{
    *count = list->has_shares ? LENGTH_FILE_QUANTILE_VALUES : list->count;
    *values = malloc(*count * sizeof(**values));
    if (!*values)
        return error_out_of_memory(error, "a list of lengths");
    if (list->has_shares) {
        spread(list, *values, *count);
        return 0;
    }
    for (size_t i = 0; i < list->count; i++)
        (*values)[i] = (uint32_t)list->points[i].tokens;
    return 0;
}

int length_file_read(const char *path, uint32_t **values, size_t *count, struct error *error)
{
    FILE *file = fopen(path, "rbe");
    if (!file)
        return error_set(error, ERROR_IO, "%s: cannot be opened: %s", path, strerror(errno));
    struct line_reader lines;
    struct length_list list = {.points = NULL};
    int status = line_reader_init(&lines, file, path, error);
    if (status == 0)
        status = read_list(&list, &lines, error);
    if (status == 0)
        status = list_values(&list, values, count, error);
    free(list.points);
    line_reader_release(&lines);
    (void)fclose(file);
    return status;
}
