#include "sample_csv.h"

#include "array_room.h"
#include "csv_sheet.h"
#include "dtype_name.h"
#include "op_name.h"
#include "sample_twice.h"
#include "spelling.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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

static const char *const column_names[COLUMN_COUNT] = {COLUMNS(LIST_TEXT)};

static int read_dtype(const struct csv_sheet *sheet, enum dtype *dtype, struct error *error)
{
    const char *field = sheet->fields[COLUMN_DTYPE];
    *dtype = *field == '\0' ? DTYPE_BF16 : dtype_named(field);
    return *dtype < DTYPE_COUNT ? 0
                                : csv_sheet_fault(sheet, field, error, "unknown dtype '%s'", field);
}

static int unknown_op(const struct csv_sheet *sheet, const char *field, const char *const *names,
                      size_t count, struct error *error)
{
    return csv_sheet_fault(sheet, field, error, "unknown op '%s'%s", field,
                           spelling_hint(field, names, count).text);
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
    [KERNEL_ATTENTION_PREFILL_FA3] = {.x = COLUMN_Q_LEN, .y = COLUMN_CTX, .has_heads = true},
    [KERNEL_ATTENTION_DECODE_FA3] = {.x = COLUMN_BATCH, .y = COLUMN_CTX, .has_heads = true},
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
    if (shape->heads > 0 && fmod(shape->heads, shape->kv_heads) != 0)
        return csv_sheet_fault(sheet, sheet->fields[COLUMN_KV_HEADS], error,
                               "'kv_heads' must divide 'heads'");
    if (kernel_op_is_prefill(shape->op) && sample->y < sample->x)
        return csv_sheet_fault(sheet, sheet->fields[COLUMN_CTX], error,
                               "'ctx' counts the chunk's own tokens, so it is at least 'q_len'");
    if (kernel_op_is_prefill(shape->op))
        sample->y -= sample->x;
    if (shape->op == KERNEL_ROPE_KV)
        shape->n = (shape->heads + 2 * shape->kv_heads) * KERNEL_TABLE_HEAD_DIM;
    sample->seconds *= 1e-6;
    return kernel_op_is_experts(shape->op) ? settle_experts(sheet, sample, error) : 0;
}

/* Refuses numbers that mean nothing for the row's op; `uses` are the columns that do. */
static int check_others(const struct csv_sheet *sheet, const bool uses[COLUMN_COUNT],
                        struct error *error)
{
    for (uint32_t column = COLUMN_M; column < COLUMN_TIME_US; column++) {
        const char *field = sheet->fields[column];
        if (!uses[column] && *field != '\0' && strcmp(field, "1") != 0)
            return csv_sheet_fault(sheet, field, error, "'%s' has no '%s': leave it empty",
                                   sheet->fields[COLUMN_OP], column_names[column]);
    }
    return 0;
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
        return unknown_op(sheet, op, kernel_op_names, KERNEL_OP_COUNT, error);
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
    };
    bool uses[COLUMN_COUNT] = {false};
    int status = read_dtype(sheet, &shape->dtype, error);
    for (size_t i = 0; status == 0 && i < ARRAY_LENGTH(readings); i++) {
        if (readings[i].column == COLUMN_OP)
            continue;
        uses[readings[i].column] = true;
        status = csv_sheet_count(sheet, readings[i].column, readings[i].number, error);
    }
    if (status == 0)
        status = check_others(sheet, uses, error);
    if (status == 0)
        status = csv_sheet_positive(sheet, COLUMN_TIME_US, &sample->seconds, error);
    return status < 0 ? status : settle_kernel(sheet, sample, error);
}

static int read_collective(const struct csv_sheet *sheet, void *item, struct error *error)
{
    struct collective_sample *sample = item;
    const char *op = sheet->fields[COLUMN_OP];
    *sample = (struct collective_sample){.ranks = 0};
    if (!collective_named(op, &sample->kind))
        return unknown_op(sheet, op, collective_names, COLLECTIVE_NAME_COUNT, error);
    bool is_peer = false;
    const bool uses[COLUMN_COUNT] = {
        [COLUMN_RANKS] = true, [COLUMN_BYTES] = true, [COLUMN_P2P] = true, [COLUMN_GRAPH] = true};
    int status = check_others(sheet, uses, error);
    if (status == 0)
        status = csv_sheet_switch(sheet, COLUMN_P2P, &is_peer, error);
    if (status == 0)
        status = csv_sheet_switch(sheet, COLUMN_GRAPH, &sample->kind.graph, error);
    if (status == 0)
        status = csv_sheet_count(sheet, COLUMN_RANKS, &sample->ranks, error);
    if (status == 0)
        status = csv_sheet_count(sheet, COLUMN_BYTES, &sample->bytes, error);
    if (status == 0)
        status = csv_sheet_positive(sheet, COLUMN_TIME_US, &sample->seconds, error);
    if (status == 0 && sample->ranks < 2)
        status = csv_sheet_fault(sheet, sheet->fields[COLUMN_RANKS], error,
                                 "a collective takes at least 2 ranks");
    sample->kind.fabric = is_peer ? COLLECTIVE_FABRIC_PEER : COLLECTIVE_FABRIC_HOST;
    sample->seconds *= 1e-6;
    return status;
}

/* What a file's rows become. */
struct rows {
    char *items; /* (count, item_bytes) */
    size_t item_bytes;
    struct sample_place *places;
    size_t count;
};

static int make_room(struct rows *rows, struct error *error)
{
    char *items = array_room_on_heap(rows->items, rows->count, rows->item_bytes);
    rows->items = items ? items : rows->items;
    struct sample_place *places =
        items ? array_room_on_heap(rows->places, rows->count, sizeof(*places)) : NULL;
    rows->places = places ? places : rows->places;
    return places ? 0 : error_out_of_memory(error, "measured costs");
}

static void rows_release(const struct rows *rows)
{
    free(rows->items);
    free(rows->places);
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
        rows->places[rows->count++] = (struct sample_place){
            sheet.lines.line_number, csv_sheet_place(&sheet, sheet.fields[COLUMN_TIME_US])};
    }
    csv_sheet_release(&sheet);
    return status;
}

/* How one kind of sample is read, and found twice (sample_twice.h). */
struct reading {
    size_t item_bytes;
    row_reader *read_row;
    sample_twice *twice;
};

static int check_twice(const struct rows *rows, const char *name, const struct reading *reading,
                       struct error *error)
{
    struct sample_pair pair = {0};
    int found = reading->twice(rows->items, rows->count, &pair, error);
    if (found <= 0)
        return found;
    struct sample_place place = rows->places[pair.later];
    return error_set(error, ERROR_CONFIG, "%s:%llu:%u: the same was measured in line %llu", name,
                     (unsigned long long)place.line, place.column,
                     (unsigned long long)rows->places[pair.earlier].line);
}

/* The samples `all`, of which there are `*count`, with the rows behind them; NULL where memory is
   out. Hands the rows' places over where somebody wants them. */
static void *add_rows(void *all, size_t *count, struct rows *rows, struct sample_place **places,
                      struct error *error)
{
    size_t before = *count * rows->item_bytes;
    size_t bytes = rows->count * rows->item_bytes;
    char *larger = realloc(all, before + bytes + 1);
    if (!larger) {
        (void)error_out_of_memory(error, "measured costs");
        return NULL;
    }
    if (bytes > 0)
        memcpy(larger + before, rows->items, bytes);
    *count += rows->count;
    if (places) {
        *places = rows->places;
        rows->places = NULL;
    }
    return larger;
}

/* The samples `all` with those of `file`; NULL where that fails: then `all` is as it was. */
static void *read_samples(FILE *file, const char *name, const struct reading *reading, void *all,
                          struct sample_place **places, size_t *count, struct error *error)
{
    struct rows rows = {.item_bytes = reading->item_bytes};
    int status = read_rows(file, name, reading->read_row, &rows, error);
    if (status == 0)
        status = check_twice(&rows, name, reading, error);
    void *larger = status == 0 ? add_rows(all, count, &rows, places, error) : NULL;
    rows_release(&rows);
    return larger;
}

int sample_csv_kernels(FILE *file, const char *name, struct kernel_sample **samples,
                       struct sample_place **places, size_t *count, struct error *error)
{
    static const struct reading reading = {sizeof(**samples), read_kernel, sample_twice_kernel};
    void *all = read_samples(file, name, &reading, *samples, places, count, error);
    *samples = all ? all : *samples;
    return all ? 0 : -(int)error->code;
}

int sample_csv_collectives(FILE *file, const char *name, struct collective_sample **samples,
                           struct sample_place **places, size_t *count, struct error *error)
{
    static const struct reading reading = {sizeof(**samples), read_collective,
                                           sample_twice_collective};
    void *all = read_samples(file, name, &reading, *samples, places, count, error);
    *samples = all ? all : *samples;
    return all ? 0 : -(int)error->code;
}

/* What stands in a column of a kernel's row; NaN: nothing. */
static double kernel_field(const struct kernel_sample *sample, enum column column)
{
    const struct kernel_columns *columns = &columns_of[sample->shape.op];
    if (column == columns->x)
        return columns->has_experts ? sample->x * sample->shape.ranks / sample->shape.top_k
                                    : sample->x;
    if (column == columns->y)
        return kernel_op_is_prefill(sample->shape.op) ? sample->x + sample->y : sample->y;
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
    (void)fprintf(file, "%s,%s", kernel_op_names[sample->shape.op],
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
        (void)fprintf(file, "%s,%.15g,%.15g,%d,%d,%.7g\n", collective_name(&samples[i].kind),
                      samples[i].ranks, samples[i].bytes,
                      samples[i].kind.fabric == COLLECTIVE_FABRIC_PEER, samples[i].kind.graph,
                      samples[i].seconds * 1e6);
}
