#include "line_reader.h"

#include "base.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The longest line, its LF, and a NUL for a last line that has none. */
#define BUFFER_BYTES (LINE_BYTES_MAX + 2)
/* One read: small enough to stay in the cache while its lines are parsed. */
#define READ_BYTES ((size_t)64 * 1024)

int line_reader_init(struct line_reader *reader, FILE *file, const char *name, struct error *error)
{
    *reader = (struct line_reader){.file = file, .name = name};
    reader->buffer = malloc(BUFFER_BYTES);
    return reader->buffer ? 0 : error_out_of_memory(error, "a line buffer");
}

void line_reader_release(struct line_reader *reader)
{
    free(reader->buffer);
    reader->buffer = NULL;
}

const char *line_reader_packing(const char *text, size_t bytes)
{
    static const struct {
        const char *begins;
        const char *name;
    } known[] = {{"\x1f\x8b", "gzip"},
                 {"\x28\xb5\x2f\xfd", "zstd"},
                 {"\xfd"
                  "7zXZ",
                  "xz"},
                 {"BZh", "bzip2"},
                 {"PK\x03\x04", "zip"}};
    for (size_t i = 0; i < ARRAY_LENGTH(known); i++)
        if (bytes >= strlen(known[i].begins) &&
            memcmp(text, known[i].begins, strlen(known[i].begins)) == 0)
            return known[i].name;
    return NULL;
}

int line_reader_fail_packed(const char *name, const char *packing, struct error *error)
{
    return error_set(error, ERROR_TRACE, "%s: the file is compressed (%s): unpack it first", name,
                     packing);
}

/* Reads on behind what is left, which moves to the buffer's front first. */
static int fill(struct line_reader *reader, struct error *error)
{
    size_t kept = reader->end - reader->start;
    if (kept > LINE_BYTES_MAX)
        return error_set(error, ERROR_TRACE, "%s:%llu:%zu: the line is longer than %zu bytes",
                         reader->name, (unsigned long long)reader->line_number + 1,
                         LINE_BYTES_MAX + 1, LINE_BYTES_MAX);
    memmove(reader->buffer, reader->buffer + reader->start, kept);
    size_t room = BUFFER_BYTES - 1 - kept;
    size_t wanted = room < READ_BYTES ? room : READ_BYTES;
    size_t got = fread(reader->buffer + kept, 1, wanted, reader->file);
    if (got < wanted && ferror(reader->file))
        return error_set(error, ERROR_IO, "%s: cannot be read: %s", reader->name, strerror(errno));
    reader->at_end_of_file = got < wanted;
    bool is_start = kept == 0 && reader->line_number == 0;
    const char *packing = is_start ? line_reader_packing(reader->buffer, got) : NULL;
    if (packing)
        return line_reader_fail_packed(reader->name, packing, error);
    reader->start = 0;
    reader->end = kept + got;
    return 0;
}

/* The LF that ends the line at `start`, reading on until there is one; NULL at the file's end. */
static int find_line_feed(struct line_reader *reader, char **line_feed, struct error *error)
{
    size_t searched = 0;
    for (;;) {
        size_t waiting = reader->end - reader->start;
        char *from = reader->buffer + reader->start + searched;
        *line_feed = memchr(from, '\n', waiting - searched);
        if (*line_feed || reader->at_end_of_file)
            return 0;
        searched = waiting;
        int status = fill(reader, error);
        if (status < 0)
            return status;
    }
}

int line_reader_next(struct line_reader *reader, char **line, size_t *length, struct error *error)
{
    char *line_feed;
    int status = find_line_feed(reader, &line_feed, error);
    if (status < 0)
        return status;
    if (!line_feed && reader->start == reader->end)
        return 0;
    char *begin = reader->buffer + reader->start;
    char *end = line_feed ? line_feed : reader->buffer + reader->end;
    reader->start = (size_t)(end - reader->buffer) + (line_feed != NULL);
    if (end > begin && end[-1] == '\r')
        end--;
    *end = '\0';
    if (reader->line_number++ == 0 && strncmp(begin, "\xef\xbb\xbf", 3) == 0)
        begin += 3;
    *line = begin;
    *length = (size_t)(end - begin);
    return 1;
}
