#include "llmservingsim.h"

#include "csv_sheet.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PATH_BYTES 4096
#define PLACE_BYTES (PATH_BYTES + 32)

/* A profile being read: whose, and what a GPU has of it. */
struct profile {
    struct measurements *measurements;
    const struct model *model;
    double heads; /* in units of KERNEL_TABLE_HEAD_DIM values, as kernel_shape's */
    double kv_heads;
    double ffn;
    double vocab;
};

/* A file of the profile: its name, its columns, and what to make of a row. */
struct part {
    const char *file;
    const char *const *columns;
    uint32_t column_count;
    int (*read_row)(struct profile *profile, const struct csv_sheet *sheet, const char *place,
                    struct error *error);
};

/* The row's kernel: false where no table has a place for it. */
static bool shape_of_layer(const struct profile *profile, const char *layer,
                           struct kernel_shape *shape)
{
    double hidden = profile->model->hidden;
    double attended = profile->heads * KERNEL_TABLE_HEAD_DIM;
    double qkv = (profile->heads + 2 * profile->kv_heads) * KERNEL_TABLE_HEAD_DIM;
    enum dtype weights = profile->model->weights;
    const struct {
        const char *layer;
        struct kernel_shape shape;
    } layers[] = {
        {"layernorm", {.op = KERNEL_NORM, .n = hidden}},
        {"act_fn", {.op = KERNEL_ACTIVATION, .n = profile->ffn}},
        {"embedding", {.op = KERNEL_COPY, .n = 1}},
        {"rotary_emb",
         {.op = KERNEL_ROPE_KV, .n = qkv, .heads = profile->heads, .kv_heads = profile->kv_heads}},
        {"qkv_proj", {.op = KERNEL_GEMM, .dtype = weights, .n = qkv, .k = hidden}},
        {"o_proj", {.op = KERNEL_GEMM, .dtype = weights, .n = hidden, .k = attended}},
        {"gate_up_proj", {.op = KERNEL_GEMM, .dtype = weights, .n = 2 * profile->ffn, .k = hidden}},
        {"down_proj", {.op = KERNEL_GEMM, .dtype = weights, .n = hidden, .k = profile->ffn}},
        {"sampler", {.op = KERNEL_SAMPLE, .n = profile->model->vocab}},
        {"lm_head", {.op = KERNEL_GEMM, .n = profile->vocab, .k = hidden}},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(layers); i++)
        if (strcmp(layers[i].layer, layer) == 0) {
            *shape = layers[i].shape;
            return true;
        }
    return false;
}

enum layer_column { LAYER, LAYER_ROWS, LAYER_TIME_US };

static const char *const dense_columns[] = {"layer", "tokens", "time_us"};
static const char *const sequence_columns[] = {"layer", "sequences", "time_us"};

static int read_layer(struct profile *profile, const struct csv_sheet *sheet, const char *place,
                      struct error *error)
{
    struct kernel_sample sample = {.y = 1};
    if (!shape_of_layer(profile, sheet->fields[LAYER], &sample.shape)) {
        profile->measurements->passed_over++;
        return 0;
    }
    int status = csv_sheet_positive(sheet, LAYER_ROWS, &sample.x, error);
    if (status == 0)
        status = csv_sheet_positive(sheet, LAYER_TIME_US, &sample.seconds, error);
    if (status < 0)
        return status;
    sample.seconds *= 1e-6;
    if (sample.shape.op == KERNEL_COPY) /* whose rows are bytes, each of one: 16 bits a value */
        sample.x *= 2.0 * profile->model->hidden;
    return measurements_add_kernel(profile->measurements, &sample, place, error);
}

enum attention_column { CHUNK, KV_PREFILL, DECODES, KV_DECODE, ATTENTION_TIME_US };

static const char *const attention_columns[] = {"prefill_chunk", "kv_prefill", "n_decode",
                                                "kv_decode", "time_us"};

/* The row's numbers, the last of them a time in microseconds. */
static int read_numbers(const struct csv_sheet *sheet, uint32_t count, double *numbers,
                        struct error *error)
{
    for (uint32_t i = 0; i < count; i++) {
        int status = i + 1 == count ? csv_sheet_positive(sheet, i, &numbers[i], error)
                                    : csv_sheet_number(sheet, i, &numbers[i], error);
        if (status < 0)
            return status;
    }
    return 0;
}

static struct kernel_sample attention_sample(const struct profile *profile, enum kernel_op op,
                                             double x, double y, double seconds)
{
    return (struct kernel_sample){.shape = {.op = op,
                                            .dtype = profile->model->kv,
                                            .n = 1,
                                            .heads = profile->heads,
                                            .kv_heads = profile->kv_heads},
                                  .x = x,
                                  .y = y,
                                  .seconds = seconds};
}

/* Chunks alone, and decodes alone. */
static int read_attention(struct profile *profile, const struct csv_sheet *sheet, const char *place,
                          struct error *error)
{
    double numbers[ARRAY_LENGTH(attention_columns)];
    int status = read_numbers(sheet, ARRAY_LENGTH(numbers), numbers, error);
    if (status < 0)
        return status;
    bool is_decode = numbers[CHUNK] == 0 && numbers[DECODES] > 0 && numbers[KV_DECODE] > 0;
    bool is_prefill = numbers[CHUNK] > 0 && numbers[DECODES] == 0 && numbers[KV_PREFILL] >= 0;
    if (!is_decode && !is_prefill)
        return 0;
    double seconds = numbers[ATTENTION_TIME_US] * 1e-6;
    struct kernel_sample sample =
        is_decode ? attention_sample(profile, KERNEL_ATTENTION_DECODE, numbers[DECODES],
                                     numbers[KV_DECODE], seconds)
                  : attention_sample(profile, KERNEL_ATTENTION_PREFILL, numbers[CHUNK],
                                     numbers[KV_PREFILL], seconds);
    return measurements_add_kernel(profile->measurements, &sample, place, error);
}

/* The time of a chunk alone, without a history; 0 where none was read. */
static double alone_s_of(const struct profile *profile, double chunk)
{
    for (size_t i = 0; i < profile->measurements->kernel_count; i++) {
        const struct kernel_sample *sample = &profile->measurements->kernels[i];
        if (sample->shape.op == KERNEL_ATTENTION_PREFILL && sample->x == chunk && sample->y == 0 &&
            sample->shape.heads == profile->heads)
            return sample->seconds;
    }
    return 0;
}

/* A difference of two times is taken where it is this share of the larger, and not noise. */
#define DIFFERENCE_SHARE_MIN 0.1

/* Decodes beside a chunk: what both take, less the chunk alone. Its history adds nothing beyond
   what it adds to the chunk alone, so one without any stands for all. */
static int read_beside(struct profile *profile, const struct csv_sheet *sheet, const char *place,
                       struct error *error)
{
    double numbers[ARRAY_LENGTH(attention_columns)];
    int status = read_numbers(sheet, ARRAY_LENGTH(numbers), numbers, error);
    if (status < 0)
        return status;
    if (numbers[CHUNK] == 0 || numbers[DECODES] == 0 || numbers[KV_DECODE] == 0)
        return 0;
    double alone_s = alone_s_of(profile, numbers[CHUNK]);
    double both_s = numbers[ATTENTION_TIME_US] * 1e-6;
    double seconds = both_s - alone_s;
    if (numbers[KV_PREFILL] > 0 || alone_s == 0 || seconds < DIFFERENCE_SHARE_MIN * both_s) {
        profile->measurements->passed_over++;
        return 0;
    }
    struct kernel_sample sample = attention_sample(profile, KERNEL_ATTENTION_BESIDE,
                                                   numbers[DECODES], numbers[KV_DECODE], seconds);
    sample.shape.beside = numbers[CHUNK];
    return measurements_add_kernel(profile->measurements, &sample, place, error);
}

/* The last looks up what the one before it read. */
static const struct part parts[] = {
    {"dense.csv", dense_columns, ARRAY_LENGTH(dense_columns), read_layer},
    {"per_sequence.csv", sequence_columns, ARRAY_LENGTH(sequence_columns), read_layer},
    {"attention.csv", attention_columns, ARRAY_LENGTH(attention_columns), read_attention},
    {"attention.csv", attention_columns, ARRAY_LENGTH(attention_columns), read_beside},
};

static int read_rows(struct profile *profile, const struct part *part, struct csv_sheet *sheet,
                     struct error *error)
{
    char place[PLACE_BYTES];
    int status;
    for (uint32_t column = 0; column < part->column_count; column++)
        if (!csv_sheet_has(sheet, column))
            return csv_sheet_fault(sheet, NULL, error, "there is no column '%s'",
                                   part->columns[column]);
    while ((status = csv_sheet_next(sheet, error)) > 0) {
        (void)snprintf(place, sizeof(place), "%s:%llu", sheet->lines.name,
                       (unsigned long long)sheet->lines.line_number);
        status = part->read_row(profile, sheet, place, error);
        if (status < 0)
            break;
    }
    return status;
}

static int read_part(struct profile *profile, const char *folder, const struct part *part,
                     struct error *error)
{
    char path[PATH_BYTES];
    struct csv_sheet sheet;
    int length = snprintf(path, sizeof(path), "%s/%s", folder, part->file);
    if (length < 0 || length >= PATH_BYTES)
        return error_set(error, ERROR_IO, "%s: the path is too long", folder);
    FILE *file = fopen(path, "r");
    if (!file)
        return error_set(error, ERROR_IO, "cannot read %s: %s", path, strerror(errno));
    int status = csv_sheet_init(&sheet, file, path, part->columns, part->column_count,
                                CSV_OTHERS_IGNORED, error);
    if (status == 0) {
        status = read_rows(profile, part, &sheet, error);
        csv_sheet_release(&sheet);
    }
    (void)fclose(file);
    return status;
}

int llmservingsim_read(struct measurements *measurements, const char *folder,
                       const struct model *model, uint32_t tensor_parallel, struct error *error)
{
    double head_units = model->head_dim / KERNEL_TABLE_HEAD_DIM;
    struct profile profile = {
        .measurements = measurements,
        .model = model,
        .heads = (double)model->heads / tensor_parallel * head_units,
        .kv_heads = model_kv_heads_per_gpu(model, tensor_parallel) * head_units,
        .ffn = (double)model->ffn / tensor_parallel,
        .vocab = (double)model->vocab / tensor_parallel,
    };
    for (size_t i = 0; i < ARRAY_LENGTH(parts); i++) {
        int status = read_part(&profile, folder, &parts[i], error);
        if (status < 0)
            return status;
    }
    return 0;
}
