#include "diagnostic.h"

#include <stdarg.h>
#include <string.h>

#define RENDERED_BYTES 2048
#define EXCERPT_COLUMNS 96
#define MORE_BYTES 48

/* One diagnostic as text; what does not fit is cut. */
struct rendered {
    size_t length;
    char text[RENDERED_BYTES];
};

void diagnostics_init(struct diagnostics *diagnostics)
{
    diagnostics->count = 0;
    diagnostics->kept = 0;
    diagnostics->is_out_of_memory = false;
}

static bool is_continuation(char byte)
{
    return ((unsigned char)byte & 0xC0) == 0x80;
}

int diagnostic_clip(const char *text, int bytes_max)
{
    int bytes = (int)strnlen(text, (size_t)bytes_max);
    if (text[bytes] == '\0')
        return bytes;
    while (bytes > 0 && is_continuation(text[bytes]))
        bytes--;
    return bytes;
}

static bool is_control(char byte)
{
    return (unsigned char)byte < 0x20 || byte == 0x7F;
}

/* Whether a control character of two bytes, U+0080 to U+009F, starts here. */
static bool is_c1(const char *text)
{
    return (unsigned char)text[0] == 0xC2 && (unsigned char)text[1] >= 0x80 &&
           (unsigned char)text[1] < 0xA0;
}

/* What the user's file says goes to a terminal: nothing in it may steer that. */
static void make_printable(char *text)
{
    for (; *text; text++) {
        bool is_long = is_c1(text);
        if (is_long)
            *text++ = '?';
        if (is_long || is_control(*text))
            *text = '?';
    }
}

static int compare_positions(const struct position *a, const struct position *b)
{
    if (a->source->ordinal != b->source->ordinal)
        return a->source->ordinal < b->source->ordinal ? -1 : 1;
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    if (a->column != b->column)
        return a->column < b->column ? -1 : 1;
    return 0;
}

/* Inserts in order, after its equals; the last one falls out of a full list. */
static void insert(struct diagnostics *diagnostics, const struct diagnostic *added)
{
    struct diagnostic *items = diagnostics->items;
    size_t place = diagnostics->kept;
    while (place > 0 && compare_positions(&items[place - 1].position, &added->position) > 0)
        place--;
    for (size_t i = place; i > 0; i--) {
        if (compare_positions(&items[i - 1].position, &added->position) != 0)
            break;
        if (strcmp(items[i - 1].text, added->text) == 0)
            return;
    }
    diagnostics->count++;
    if (place == DIAGNOSTICS_MAX)
        return;
    if (diagnostics->kept < DIAGNOSTICS_MAX)
        diagnostics->kept++;
    memmove(&items[place + 1], &items[place], (diagnostics->kept - place - 1) * sizeof(items[0]));
    items[place] = *added;
}

void diagnostics_add(struct diagnostics *diagnostics, struct position position, const char *format,
                     ...)
{
    struct diagnostic added = {.position = position};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(added.text, sizeof(added.text), format, arguments);
    va_end(arguments);
    added.text[diagnostic_clip(added.text, DIAGNOSTIC_TEXT_BYTES - 1)] = '\0';
    make_printable(added.text);
    insert(diagnostics, &added);
}

void diagnostics_add_out_of_memory(struct diagnostics *diagnostics)
{
    diagnostics->is_out_of_memory = true;
}

bool diagnostics_is_empty(const struct diagnostics *diagnostics)
{
    return diagnostics->count == 0 && !diagnostics->is_out_of_memory;
}

static void append(struct rendered *rendered, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void append(struct rendered *rendered, const char *format, ...)
{
    size_t room = RENDERED_BYTES - rendered->length;
    va_list arguments;
    va_start(arguments, format);
    int bytes = vsnprintf(rendered->text + rendered->length, room, format, arguments);
    va_end(arguments);
    if (bytes > 0)
        rendered->length += (size_t)bytes < room ? (size_t)bytes : room - 1;
}

/* Bytes of the line break at `at`, 0 where there is none: YAML 1.1's breaks, as libyaml counts. */
static size_t break_bytes(const char *at, const char *end)
{
    size_t room = (size_t)(end - at);
    if (room >= 2 && memcmp(at, "\r\n", 2) == 0)
        return 2;
    if (room >= 1 && (*at == '\n' || *at == '\r'))
        return 1;
    if (room >= 2 && memcmp(at, "\xC2\x85", 2) == 0)
        return 2;
    if (room >= 3 && (memcmp(at, "\xE2\x80\xA8", 3) == 0 || memcmp(at, "\xE2\x80\xA9", 3) == 0))
        return 3;
    return 0;
}

struct position diagnostic_position(const struct source *source, size_t offset)
{
    struct position position = {.source = source};
    if (!source->text)
        return position;
    const char *end = source->text + (offset < source->bytes ? offset : source->bytes);
    position.line = 1 + source->lines_before;
    position.column = 1;
    for (const char *at = source->text; at < end;) {
        size_t bytes = break_bytes(at, end);
        position.line += bytes > 0;
        position.column = bytes > 0 ? 1 : position.column + !is_continuation(*at);
        at += bytes > 0 ? bytes : 1;
    }
    return position;
}

/* The start of the position's line; NULL where the source has no such line. */
static const char *find_line(const struct position *position, const char *end)
{
    const char *at = position->source->text;
    for (uint32_t line = 1 + position->source->lines_before; line < position->line; line++) {
        while (at < end && break_bytes(at, end) == 0)
            at++;
        if (at == end)
            return NULL;
        at += break_bytes(at, end);
    }
    return at;
}

/* Bytes of the UTF-8 character at `at`, 0 where there is none. */
static size_t character_bytes(const char *at, const char *end)
{
    unsigned char lead = (unsigned char)*at;
    size_t bytes = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (lead > 0xF4 || bytes > (size_t)(end - at))
        return 0;
    for (size_t i = 1; i < bytes; i++)
        if (!is_continuation(at[i]))
            return 0;
    return bytes;
}

static void append_excerpt(struct rendered *rendered, const struct position *position)
{
    const char *end = position->source->text + position->source->bytes;
    const char *at = find_line(position, end);
    if (!at)
        return;
    /* A long line shows the part around the column. */
    uint32_t skipped =
        position->column > EXCERPT_COLUMNS - 16 ? position->column - EXCERPT_COLUMNS / 2 : 0;
    append(rendered, "%5u | ", position->line);
    uint32_t column = 1;
    for (; at < end && break_bytes(at, end) == 0 && column <= skipped + EXCERPT_COLUMNS; column++) {
        size_t bytes = character_bytes(at, end);
        bool is_shown = bytes > 0 && !is_control(*at) && !(bytes == 2 && is_c1(at));
        if (column > skipped && is_shown)
            append(rendered, "%.*s", (int)bytes, at);
        else if (column > skipped)
            append(rendered, "%c", *at == '\t' ? ' ' : '?');
        at += bytes > 0 ? bytes : 1;
    }
    append(rendered, "\n      | %*s^\n", (int)(position->column - skipped) - 1, "");
}

static void render(struct rendered *rendered, const struct position *position, const char *text)
{
    bool has_place = position->source->text && position->line > 0;
    rendered->length = 0;
    append(rendered, "%.*s", diagnostic_clip(position->source->name, RENDERED_BYTES / 2),
           position->source->name);
    make_printable(rendered->text);
    if (has_place)
        append(rendered, ":%u:%u", position->line, position->column);
    append(rendered, ": %s\n", text);
    if (has_place)
        append_excerpt(rendered, position);
}

int diagnostic_locate(struct position position, struct error *error)
{
    struct rendered rendered;
    make_printable(error->text);
    render(&rendered, &position, error->text);
    rendered.text[rendered.length - 1] = '\0'; /* its last line break */
    return error_set(error, error->code, "%s", rendered.text);
}

uint32_t diagnostic_column(const struct source_line *line, size_t offset)
{
    uint32_t column = 1;
    size_t bytes = offset < line->bytes ? offset : line->bytes;
    for (size_t i = 0; i < bytes; i++)
        column += !is_continuation(line->text[i]);
    return column;
}

int diagnostic_locate_in_line(const struct source_line *line, size_t offset, struct error *error)
{
    struct source source = {
        .name = line->file,
        .text = line->text,
        .bytes = line->bytes,
        .lines_before = (uint32_t)line->number - 1,
    };
    struct position position = {&source, (uint32_t)line->number, diagnostic_column(line, offset)};
    return diagnostic_locate(position, error);
}

int diagnostics_to_error(const struct diagnostics *diagnostics, struct error *error)
{
    if (diagnostics->is_out_of_memory)
        return error_out_of_memory(error, "the configuration");
    if (diagnostics->count == 0)
        return 0;
    char text[ERROR_TEXT_BYTES];
    size_t length = 0;
    size_t shown = 0;
    for (; shown < diagnostics->kept; shown++) {
        struct rendered rendered;
        render(&rendered, &diagnostics->items[shown].position, diagnostics->items[shown].text);
        if (length + rendered.length + MORE_BYTES > sizeof(text))
            break;
        memcpy(text + length, rendered.text, rendered.length);
        length += rendered.length;
    }
    if (shown < diagnostics->count)
        snprintf(text + length, sizeof(text) - length, "and %zu more", diagnostics->count - shown);
    else
        text[length - 1] = '\0';
    return error_set(error, ERROR_CONFIG, "%s", text);
}

int diagnostics_write(const struct diagnostics *diagnostics, FILE *stream)
{
    for (size_t i = 0; i < diagnostics->kept; i++) {
        struct rendered rendered;
        render(&rendered, &diagnostics->items[i].position, diagnostics->items[i].text);
        fwrite(rendered.text, 1, rendered.length, stream);
    }
    if (diagnostics->kept < diagnostics->count)
        fprintf(stream, "and %zu more\n", diagnostics->count - diagnostics->kept);
    return ferror(stream) ? -1 : 0;
}
