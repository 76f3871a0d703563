#include "sample_csv.h"

#include "line_reader.h"

#include <stdlib.h>
#include <string.h>

#define HEAD_DIM 128

/* X(NAME, name): the columns of both files. */
#define COLUMNS(X)          \
    X(OP, "op")             \
    X(DTYPE, "dtype")       \
    X(M, "m")               \
    X(N, "n")               \
    X(K, "k")               \
    X(BATCH, "batch")       \
    X(HEADS, "heads")       \
    X(KV_HEADS, "kv_heads") \
    X(Q_LEN, "q_len")       \
    X(CTX, "ctx")           \
    X(RANKS, "ranks")       \
    X(BYTES, "bytes")       \
    X(P2P, "p2p")           \
    X(GRAPH, "graph")       \
    X(TIME_US, "time_us")

enum column {
#define X(name, text) COLUMN_##name,
    COLUMNS(X)
#undef X
        COLUMN_COUNT
};

static const char *const column_names[COLUMN_COUNT] = {
#define X(name, text) text,
    COLUMNS(X)
#undef X
};

static const char *const dtype_names[DTYPE_COUNT] = {
#define X(name, text, bits) text,
    DTYPES(X)
#undef X
};

/* A file with its header read, and the row at hand. */
struct sheet {
    struct line_reader lines;
    enum column columns[COLUMN_COUNT]; /* of each of the file's columns, from the left */
    uint32_t column_count;
    const char *fields[COLUMN_COUNT]; /* of the row, by column; "" where it has none */
};

/* Says what is wrong with the line at hand. */
__attribute__((format(printf, 3, 4))) static int fault(const struct sheet *sheet,
                                                       struct error *error, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return error_set(error, ERROR_CONFIG, "%s:%llu: %s", sheet->lines.name,
                     (unsigned long long)sheet->lines.line_number, text);
}

/* Cuts `*rest` at its first comma; returns what stands before, NULL where nothing is left. */
static char *take_field(char **rest)
{
    char *field = *rest;
    char *comma = field ? strchr(field, ',') : NULL;
    if (comma)
        *comma = '\0';
    *rest = comma ? comma + 1 : NULL;
    return field;
}

/* The next line that is neither empty nor a comment: 1, 0 at the end, or negative. */
static int next_line(struct sheet *sheet, char **line, struct error *error)
{
    size_t length;
    int status;
    do
        status = line_reader_next(&sheet->lines, line, &length, error);
    while (status > 0 && (length == 0 || **line == '#'));
    return status;
}

static int read_column(struct sheet *sheet, const char *name, struct error *error)
{
    uint32_t column = 0;
    while (column < COLUMN_COUNT && strcmp(column_names[column], name) != 0)
        column++;
    if (column == COLUMN_COUNT)
        return fault(sheet, error, "unknown column '%s'", name);
    for (uint32_t i = 0; i < sheet->column_count; i++)
        if (sheet->columns[i] == column)
            return fault(sheet, error, "column '%s' stands twice", name);
    sheet->columns[sheet->column_count++] = (enum column)column;
    return 0;
}

static int sheet_init(struct sheet *sheet, FILE *file, const char *name, struct error *error)
{
    *sheet = (struct sheet){0};
    int status = line_reader_init(&sheet->lines, file, name, error);
    if (status < 0)
        return status;
    char *rest;
    status = next_line(sheet, &rest, error);
    if (status == 0)
        status = fault(sheet, error, "the file has no header");
    for (char *field; status >= 0 && (field = take_field(&rest));)
        status = read_column(sheet, field, error);
    if (status < 0)
        line_reader_release(&sheet->lines);
    return status < 0 ? status : 0;
}

/* Splits the next row into fields: 1, 0 at the file's end, or negative. */
static int sheet_next(struct sheet *sheet, struct error *error)
{
    char *rest;
    int status = next_line(sheet, &rest, error);
    if (status <= 0)
        return status;
    for (uint32_t column = 0; column < COLUMN_COUNT; column++)
        sheet->fields[column] = "";
    uint32_t count = 0;
    for (char *field; (field = take_field(&rest)); count++)
        if (count < sheet->column_count)
            sheet->fields[sheet->columns[count]] = field;
    if (count != sheet->column_count)
        return fault(sheet, error, "%u fields where the header has %u", count, sheet->column_count);
    return 1;
}

static int read_number(const struct sheet *sheet, enum column column, double *number,
                       struct error *error)
{
    const char *field = sheet->fields[column];
    char *end;
    *number = strtod(field, &end);
    if (end != field && *end == '\0' && *number > 0 && *number < 1e15)
        return 0;
    return fault(sheet, error, "'%s' must be a positive number, not '%s'", column_names[column],
                 field);
}

static int read_switch(const struct sheet *sheet, enum column column, bool *is_on,
                       struct error *error)
{
    const char *field = sheet->fields[column];
    *is_on = strcmp(field, "1") == 0;
    if (*is_on || strcmp(field, "0") == 0)
        return 0;
    return fault(sheet, error, "'%s' must be 0 or 1, not '%s'", column_names[column], field);
}

static int read_dtype(const struct sheet *sheet, enum dtype *dtype, struct error *error)
{
    const char *field = sheet->fields[COLUMN_DTYPE];
    *dtype = DTYPE_BF16;
    if (*field == '\0')
        return 0;
    for (uint32_t i = 0; i < DTYPE_COUNT; i++)
        if (strcmp(field, dtype_names[i]) == 0) {
            *dtype = (enum dtype)i;
            return 0;
        }
    return fault(sheet, error, "unknown dtype '%s'", field);
}

/* Which columns a sample's x, y, n and k are in; OP stands for none. */
struct kernel_columns {
    enum column x;
    enum column y;
    enum column n;
    enum column k;
    bool has_heads;
};

static const struct kernel_columns columns_of[KERNEL_OP_COUNT] = {
    [KERNEL_GEMM] = {.x = COLUMN_M, .n = COLUMN_N, .k = COLUMN_K},
    [KERNEL_ATTENTION_DECODE] = {.x = COLUMN_BATCH, .y = COLUMN_CTX, .has_heads = true},
    [KERNEL_ATTENTION_PREFILL] = {.x = COLUMN_Q_LEN, .y = COLUMN_CTX, .has_heads = true},
    [KERNEL_ATTENTION_PREFILL_FA2] = {.x = COLUMN_Q_LEN, .y = COLUMN_CTX, .has_heads = true},
    [KERNEL_NORM] = {.x = COLUMN_M, .n = COLUMN_N},
    [KERNEL_ACTIVATION] = {.x = COLUMN_M, .n = COLUMN_N},
    [KERNEL_ROPE_KV] = {.x = COLUMN_M, .has_heads = true},
    [KERNEL_COPY] = {.x = COLUMN_M},
};

/* From the file's columns to what the table calls x, y and n. */
static int settle_kernel(const struct sheet *sheet, struct kernel_sample *sample,
                         struct error *error)
{
    struct kernel_shape *shape = &sample->shape;
    bool is_prefill =
        shape->op == KERNEL_ATTENTION_PREFILL || shape->op == KERNEL_ATTENTION_PREFILL_FA2;
    if (is_prefill && sample->y < sample->x)
        return fault(sheet, error,
                     "'ctx' counts the chunk's own tokens, so it is at least 'q_len'");
    if (is_prefill)
        sample->y -= sample->x;
    if (shape->op == KERNEL_ROPE_KV)
        shape->n = (shape->heads + 2 * shape->kv_heads) * HEAD_DIM;
    sample->seconds *= 1e-6;
    return 0;
}

/* A row's reader: fills in the sample that `item` points to. */
typedef int row_reader(const struct sheet *sheet, void *item, struct error *error);

static int read_kernel(const struct sheet *sheet, void *item, struct error *error)
{
    struct kernel_sample *sample = item;
    struct kernel_shape *shape = &sample->shape;
    *sample = (struct kernel_sample){.y = 1, .shape = {.n = 1}};
    shape->op = kernel_op_named(sheet->fields[COLUMN_OP]);
    if (shape->op == KERNEL_OP_COUNT)
        return fault(sheet, error, "unknown op '%s'", sheet->fields[COLUMN_OP]);
    const struct kernel_columns *columns = &columns_of[shape->op];
    const struct {
        enum column column;
        double *number;
    } readings[] = {
        {columns->x, &sample->x},
        {columns->y, &sample->y},
        {columns->n, &shape->n},
        {columns->k, &shape->k},
        {columns->has_heads ? COLUMN_HEADS : COLUMN_OP, &shape->heads},
        {columns->has_heads ? COLUMN_KV_HEADS : COLUMN_OP, &shape->kv_heads},
        {COLUMN_TIME_US, &sample->seconds},
    };
    int status = read_dtype(sheet, &shape->dtype, error);
    for (size_t i = 0; status == 0 && i < ARRAY_LENGTH(readings); i++)
        if (readings[i].column != COLUMN_OP)
            status = read_number(sheet, readings[i].column, readings[i].number, error);
    return status < 0 ? status : settle_kernel(sheet, sample, error);
}

static int read_collective(const struct sheet *sheet, void *item, struct error *error)
{
    struct collective_sample *sample = item;
    *sample = (struct collective_sample){.kind.op = collective_op_named(sheet->fields[COLUMN_OP])};
    if (sample->kind.op == COLLECTIVE_OP_COUNT)
        return fault(sheet, error, "unknown op '%s'", sheet->fields[COLUMN_OP]);
    bool is_peer = false;
    int status = read_switch(sheet, COLUMN_P2P, &is_peer, error);
    if (status == 0)
        status = read_switch(sheet, COLUMN_GRAPH, &sample->kind.graph, error);
    if (status == 0)
        status = read_number(sheet, COLUMN_RANKS, &sample->ranks, error);
    if (status == 0)
        status = read_number(sheet, COLUMN_BYTES, &sample->bytes, error);
    if (status == 0)
        status = read_number(sheet, COLUMN_TIME_US, &sample->seconds, error);
    if (status == 0 && sample->ranks < 2)
        status = fault(sheet, error, "a collective takes at least 2 ranks");
    sample->kind.fabric = is_peer ? COLLECTIVE_FABRIC_PEER : COLLECTIVE_FABRIC_HOST;
    sample->seconds *= 1e-6;
    return status;
}

/* Room for one more item of `bytes` in an array of `count`, which doubles when it is full. */
static int make_room(void **items, size_t count, size_t bytes, struct error *error)
{
    bool is_full = count == 0 || (count >= 64 && (count & (count - 1)) == 0);
    if (!is_full)
        return 0;
    void *grown = realloc(*items, (count < 64 ? 64 : 2 * count) * bytes);
    if (!grown)
        return error_out_of_memory(error, "measured costs");
    *items = grown;
    return 0;
}

/* Reads every row of a file into an array of items of `bytes` each. */
static int read_rows(FILE *file, const char *name, row_reader *read_row, size_t bytes, void **items,
                     size_t *count, struct error *error)
{
    struct sheet sheet;
    *items = NULL;
    *count = 0;
    int status = sheet_init(&sheet, file, name, error);
    if (status < 0)
        return status;
    while ((status = sheet_next(&sheet, error)) > 0) {
        status = make_room(items, *count, bytes, error);
        if (status == 0)
            status = read_row(&sheet, (char *)*items + *count * bytes, error);
        if (status < 0)
            break;
        ++*count;
    }
    line_reader_release(&sheet.lines);
    if (status < 0) {
        free(*items);
        *items = NULL;
    }
    return status;
}

int sample_csv_kernels(FILE *file, const char *name, struct kernel_sample **samples, size_t *count,
                       struct error *error)
{
    void *items;
    int status = read_rows(file, name, read_kernel, sizeof(**samples), &items, count, error);
    *samples = items;
    return status;
}

int sample_csv_collectives(FILE *file, const char *name, struct collective_sample **samples,
                           size_t *count, struct error *error)
{
    void *items;
    int status = read_rows(file, name, read_collective, sizeof(**samples), &items, count, error);
    *samples = items;
    return status;
}
