#include "sample_csv.h"

#include "csv_sheet.h"
#include "dtype_name.h"

#include <stdlib.h>

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
    X(EXPERTS, "experts")   \
    X(TOP_K, "top_k")       \
    X(REACHED, "reached")   \
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

static int read_dtype(const struct csv_sheet *sheet, enum dtype *dtype, struct error *error)
{
    const char *field = sheet->fields[COLUMN_DTYPE];
    *dtype = *field == '\0' ? DTYPE_BF16 : dtype_named(field);
    return *dtype < DTYPE_COUNT ? 0
                                : csv_sheet_fault(sheet, field, error, "unknown dtype '%s'", field);
}

/* Which columns a sample's x, y, n, k and beside are in; OP stands for none. */
struct kernel_columns {
    enum column x;
    enum column y;
    enum column n;
    enum column k;
    enum column beside;
    bool has_heads;
    bool has_experts;
    bool has_ranks;
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
    [KERNEL_SAMPLE] = {.x = COLUMN_M, .n = COLUMN_N},
    [KERNEL_ATTENTION_BESIDE] = {.x = COLUMN_BATCH,
                                 .y = COLUMN_CTX,
                                 .beside = COLUMN_Q_LEN,
                                 .has_heads = true},
    [KERNEL_EXPERTS] =
        {.x = COLUMN_M, .y = COLUMN_REACHED, .n = COLUMN_N, .k = COLUMN_K, .has_experts = true},
    [KERNEL_EXPERTS_PARALLEL] = {.x = COLUMN_M,
                                 .y = COLUMN_REACHED,
                                 .n = COLUMN_N,
                                 .k = COLUMN_K,
                                 .has_experts = true,
                                 .has_ranks = true},
};

static bool is_prefill(enum kernel_op op)
{
    return op == KERNEL_ATTENTION_PREFILL || op == KERNEL_ATTENTION_PREFILL_FA2;
}

/* The rows, and their experts, of the GPU's own. */
static int settle_experts(const struct csv_sheet *sheet, struct kernel_sample *sample,
                          struct error *error)
{
    struct kernel_shape *shape = &sample->shape;
    if (shape->ranks < 1 || shape->ranks > shape->experts)
        return csv_sheet_fault(sheet, sheet->fields[COLUMN_RANKS], error,
                               "'ranks' must be from 1 to 'experts'");
    double rows = sample->x * shape->top_k;
    if (sample->y > fmin(shape->experts / shape->ranks, rows))
        return csv_sheet_fault(sheet, sheet->fields[COLUMN_REACHED], error,
                               "'reached' is more than 'experts' by 'ranks', or than 'm' times "
                               "'top_k'");
    sample->x = rows / shape->ranks;
    return 0;
}

/* From the file's columns to what the table calls x, y and n. */
static int settle_kernel(const struct csv_sheet *sheet, struct kernel_sample *sample,
                         struct error *error)
{
    struct kernel_shape *shape = &sample->shape;
    if (is_prefill(shape->op) && sample->y < sample->x)
        return csv_sheet_fault(sheet, sheet->fields[COLUMN_CTX], error,
                               "'ctx' counts the chunk's own tokens, so it is at least 'q_len'");
    if (is_prefill(shape->op))
        sample->y -= sample->x;
    if (shape->op == KERNEL_ROPE_KV)
        shape->n = (shape->heads + 2 * shape->kv_heads) * HEAD_DIM;
    sample->seconds *= 1e-6;
    return kernel_op_is_experts(shape->op) ? settle_experts(sheet, sample, error) : 0;
}

/* A row's reader: fills in the sample that `item` points to. */
typedef int row_reader(const struct csv_sheet *sheet, void *item, struct error *error);

static int read_kernel(const struct csv_sheet *sheet, void *item, struct error *error)
{
    struct kernel_sample *sample = item;
    struct kernel_shape *shape = &sample->shape;
    *sample = (struct kernel_sample){.y = 1, .shape = {.n = 1, .ranks = 1}};
    const char *op = sheet->fields[COLUMN_OP];
    shape->op = kernel_op_named(op);
    if (shape->op == KERNEL_OP_COUNT)
        return csv_sheet_fault(sheet, op, error, "unknown op '%s'", op);
    const struct kernel_columns *columns = &columns_of[shape->op];
    const struct {
        enum column column;
        double *number;
    } readings[] = {
        {columns->x, &sample->x},
        {columns->y, &sample->y},
        {columns->n, &shape->n},
        {columns->k, &shape->k},
        {columns->beside, &shape->beside},
        {columns->has_heads ? COLUMN_HEADS : COLUMN_OP, &shape->heads},
        {columns->has_heads ? COLUMN_KV_HEADS : COLUMN_OP, &shape->kv_heads},
        {columns->has_experts ? COLUMN_EXPERTS : COLUMN_OP, &shape->experts},
        {columns->has_experts ? COLUMN_TOP_K : COLUMN_OP, &shape->top_k},
        {columns->has_ranks ? COLUMN_RANKS : COLUMN_OP, &shape->ranks},
        {COLUMN_TIME_US, &sample->seconds},
    };
    int status = read_dtype(sheet, &shape->dtype, error);
    for (size_t i = 0; status == 0 && i < ARRAY_LENGTH(readings); i++)
        if (readings[i].column != COLUMN_OP)
            status = csv_sheet_positive(sheet, readings[i].column, readings[i].number, error);
    return status < 0 ? status : settle_kernel(sheet, sample, error);
}

static int read_collective(const struct csv_sheet *sheet, void *item, struct error *error)
{
    struct collective_sample *sample = item;
    const char *op = sheet->fields[COLUMN_OP];
    *sample = (struct collective_sample){.kind.op = collective_op_named(op)};
    if (sample->kind.op == COLLECTIVE_OP_COUNT)
        return csv_sheet_fault(sheet, op, error, "unknown op '%s'", op);
    bool is_peer = false;
    int status = csv_sheet_switch(sheet, COLUMN_P2P, &is_peer, error);
    if (status == 0)
        status = csv_sheet_switch(sheet, COLUMN_GRAPH, &sample->kind.graph, error);
    if (status == 0)
        status = csv_sheet_positive(sheet, COLUMN_RANKS, &sample->ranks, error);
    if (status == 0)
        status = csv_sheet_positive(sheet, COLUMN_BYTES, &sample->bytes, error);
    if (status == 0)
        status = csv_sheet_positive(sheet, COLUMN_TIME_US, &sample->seconds, error);
    if (status == 0 && sample->ranks < 2)
        status = csv_sheet_fault(sheet, sheet->fields[COLUMN_RANKS], error,
                                 "a collective takes at least 2 ranks");
    sample->kind.fabric = is_peer ? COLLECTIVE_FABRIC_PEER : COLLECTIVE_FABRIC_HOST;
    sample->seconds *= 1e-6;
    return status;
}

/* What files' rows become. */
struct rows {
    char *items; /* (room, item_bytes) */
    size_t item_bytes;
    uint64_t *lines; /* that the items of this file stood on */
    size_t count;
    size_t room;
};

/* Room for one more row in arrays that double when they are full. */
static int make_room(struct rows *rows, struct error *error)
{
    if (rows->count < rows->room)
        return 0;
    size_t room = rows->count < 32 ? 64 : 2 * rows->count;
    char *items = realloc(rows->items, room * rows->item_bytes);
    rows->items = items ? items : rows->items;
    uint64_t *lines = items ? realloc(rows->lines, room * sizeof(*lines)) : NULL;
    rows->lines = lines ? lines : rows->lines;
    rows->room = lines ? room : rows->room;
    return lines ? 0 : error_out_of_memory(error, "measured costs");
}

static void rows_release(struct rows *rows)
{
    free(rows->items);
    free(rows->lines);
    *rows = (struct rows){.items = NULL};
}

static int read_rows(FILE *file, const char *name, row_reader *read_row, struct rows *rows,
                     struct error *error)
{
    struct csv_sheet sheet;
    int status =
        csv_sheet_init(&sheet, file, name, column_names, COLUMN_COUNT, CSV_KNOWN_ONLY, error);
    if (status < 0)
        return status;
    while ((status = csv_sheet_next(&sheet, error)) > 0) {
        status = make_room(rows, error);
        if (status == 0)
            status = read_row(&sheet, rows->items + rows->count * rows->item_bytes, error);
        if (status < 0)
            break;
        rows->lines[rows->count++] = sheet.lines.line_number;
    }
    csv_sheet_release(&sheet);
    if (status < 0)
        rows_release(rows);
    return status;
}

/* Hands the lines over, or frees them where nobody wants them. */
static void give_lines(struct rows *rows, uint64_t **lines)
{
    if (lines)
        *lines = rows->lines;
    else
        free(rows->lines);
}

int sample_csv_kernels(FILE *file, const char *name, struct kernel_sample **samples,
                       uint64_t **lines, size_t *count, struct error *error)
{
    struct rows rows = {
        .items = (char *)*samples, .item_bytes = sizeof(**samples), .count = *count};
    int status = read_rows(file, name, read_kernel, &rows, error);
    *samples = (struct kernel_sample *)(void *)rows.items;
    *count = rows.count;
    give_lines(&rows, lines);
    return status;
}

int sample_csv_collectives(FILE *file, const char *name, struct collective_sample **samples,
                           uint64_t **lines, size_t *count, struct error *error)
{
    struct rows rows = {
        .items = (char *)*samples, .item_bytes = sizeof(**samples), .count = *count};
    int status = read_rows(file, name, read_collective, &rows, error);
    *samples = (struct collective_sample *)(void *)rows.items;
    *count = rows.count;
    give_lines(&rows, lines);
    return status;
}

/* What stands in a column of a kernel's row; NaN: nothing. */
static double kernel_field(const struct kernel_sample *sample, enum column column)
{
    const struct kernel_columns *columns = &columns_of[sample->shape.op];
    if (column == columns->x)
        return columns->has_experts ? sample->x * sample->shape.ranks / sample->shape.top_k
                                    : sample->x;
    if (column == columns->y)
        return is_prefill(sample->shape.op) ? sample->x + sample->y : sample->y;
    if (column == columns->n)
        return sample->shape.n;
    if (column == columns->k)
        return sample->shape.k;
    if (column == columns->beside)
        return sample->shape.beside;
    if (columns->has_heads && column == COLUMN_HEADS)
        return sample->shape.heads;
    if (columns->has_heads && column == COLUMN_KV_HEADS)
        return sample->shape.kv_heads;
    if (columns->has_experts && column == COLUMN_EXPERTS)
        return sample->shape.experts;
    if (columns->has_experts && column == COLUMN_TOP_K)
        return sample->shape.top_k;
    if (columns->has_ranks && column == COLUMN_RANKS)
        return sample->shape.ranks;
    return (double)NAN;
}

/* The numbers of a table's rows, between its dtype and its time. */
struct numbers {
    const enum column *columns;
    size_t count;
};

static void write_header(FILE *file, struct numbers numbers)
{
    (void)fprintf(file, "%s,%s", column_names[COLUMN_OP], column_names[COLUMN_DTYPE]);
    for (size_t i = 0; i < numbers.count; i++)
        (void)fprintf(file, ",%s", column_names[numbers.columns[i]]);
    (void)fprintf(file, ",%s\n", column_names[COLUMN_TIME_US]);
}

static void write_kernel(FILE *file, struct numbers numbers, const struct kernel_sample *sample)
{
    (void)fprintf(file, "%s,%s", kernel_op_name(sample->shape.op),
                  dtype_names[sample->shape.dtype]);
    for (size_t i = 0; i < numbers.count; i++) {
        double field = kernel_field(sample, numbers.columns[i]);
        if (isnan(field))
            (void)fputc(',', file);
        else
            (void)fprintf(file, ",%.15g", field);
    }
    (void)fprintf(file, ",%.7g\n", sample->seconds * 1e6);
}

static void write_rows(FILE *file, struct numbers numbers, bool of_experts,
                       const struct kernel_sample *samples, size_t count)
{
    write_header(file, numbers);
    for (size_t i = 0; i < count; i++)
        if (kernel_op_is_experts(samples[i].shape.op) == of_experts)
            write_kernel(file, numbers, &samples[i]);
}

void sample_csv_write_kernels(FILE *file, const struct kernel_sample *samples, size_t count)
{
    static const enum column columns[] = {COLUMN_M,     COLUMN_N,        COLUMN_K,     COLUMN_BATCH,
                                          COLUMN_HEADS, COLUMN_KV_HEADS, COLUMN_Q_LEN, COLUMN_CTX};
    write_rows(file, (struct numbers){columns, ARRAY_LENGTH(columns)}, false, samples, count);
}

void sample_csv_write_experts(FILE *file, const struct kernel_sample *samples, size_t count)
{
    static const enum column columns[] = {COLUMN_M,     COLUMN_N,     COLUMN_K,      COLUMN_EXPERTS,
                                          COLUMN_TOP_K, COLUMN_RANKS, COLUMN_REACHED};
    write_rows(file, (struct numbers){columns, ARRAY_LENGTH(columns)}, true, samples, count);
}

void sample_csv_write_collectives(FILE *file, const struct collective_sample *samples, size_t count)
{
    (void)fputs(column_names[COLUMN_OP], file);
    for (uint32_t column = COLUMN_RANKS; column <= COLUMN_TIME_US; column++)
        (void)fprintf(file, ",%s", column_names[column]);
    (void)fputc('\n', file);
    for (size_t i = 0; i < count; i++)
        (void)fprintf(file, "%s,%.15g,%.15g,%d,%d,%.7g\n", collective_op_name(samples[i].kind.op),
                      samples[i].ranks, samples[i].bytes,
                      samples[i].kind.fabric == COLLECTIVE_FABRIC_PEER, samples[i].kind.graph,
                      samples[i].seconds * 1e6);
}
