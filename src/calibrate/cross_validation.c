#include "cross_validation.h"

#include <stdlib.h>
#include <string.h>

/*
 * One class of samples, kernels' or collectives'. `try_table` builds a table of
 * the kept samples and writes the signed relative error of each one asked.
 */
struct study {
    size_t item_bytes;
    bool (*same_shape)(const void *a, const void *b);
    int (*try_table)(const void *context, const void *kept, size_t kept_count, const void *asked,
                     size_t asked_count, double *errors, struct error *error);
    const void *context;
    enum left_out left_out;
    size_t folds_max;

    const char *items; /* (count, item_bytes) */
    size_t count;
    char *kept;     /* room for all */
    char *asked;    /* room for all */
    double *errors; /* room for all */
    size_t error_count;
};

static const void *item_at(const struct study *study, size_t index)
{
    return study->items + index * study->item_bytes;
}

/* Whether sample `index` goes when sample `at` is left out. */
static bool goes_with(const struct study *study, size_t index, size_t at)
{
    if (study->left_out == LEFT_OUT_SAMPLE)
        return index == at;
    return study->same_shape(item_at(study, index), item_at(study, at));
}

/* Whether sample `at` stands for a fold: every sample does, or the first of each shape. */
static bool begins_fold(const struct study *study, size_t at)
{
    for (size_t i = 0; study->left_out == LEFT_OUT_SHAPE && i < at; i++)
        if (goes_with(study, i, at))
            return false;
    return true;
}

static int try_fold(struct study *study, size_t at, struct error *error)
{
    size_t kept_count = 0, asked_count = 0;
    for (size_t i = 0; i < study->count; i++) {
        bool goes = goes_with(study, i, at);
        char *to = goes ? study->asked + asked_count++ * study->item_bytes
                        : study->kept + kept_count++ * study->item_bytes;
        memcpy(to, item_at(study, i), study->item_bytes);
    }
    if (kept_count == 0)
        return 0;
    int status = study->try_table(study->context, study->kept, kept_count, study->asked,
                                  asked_count, study->errors + study->error_count, error);
    study->error_count += status < 0 ? 0 : asked_count;
    return status;
}

/* Tries `folds_max` of the folds, evenly spread. */
static int try_folds(struct study *study, struct error *error)
{
    size_t fold_count = 0;
    for (size_t at = 0; at < study->count; at++)
        fold_count += begins_fold(study, at);
    size_t tried_max = study->folds_max < fold_count ? study->folds_max : fold_count;
    size_t fold = 0, tried = 0;
    for (size_t at = 0; at < study->count && tried < tried_max; at++) {
        if (!begins_fold(study, at) || fold++ * tried_max < tried * fold_count)
            continue;
        tried++;
        int status = try_fold(study, at, error);
        if (status < 0)
            return status;
    }
    return 0;
}

static int compare_doubles(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

static struct left_out_error summarise(double *errors, size_t count)
{
    struct left_out_error result = {.samples = (uint32_t)count};
    if (count == 0)
        return result;
    for (size_t i = 0; i < count; i++) {
        result.bias += errors[i] / (double)count;
        errors[i] = fabs(errors[i]);
        result.mean += errors[i] / (double)count;
    }
    qsort(errors, count, sizeof(*errors), compare_doubles);
    result.p50 = errors[count / 2];
    result.p90 = errors[count - 1 - count / 10];
    result.max = errors[count - 1];
    return result;
}

static int study_run(struct study *study, struct left_out_error *result, struct error *error)
{
    size_t room = study->count + 1;
    study->kept = calloc(room, study->item_bytes);
    study->asked = calloc(room, study->item_bytes);
    study->errors = calloc(room, sizeof(*study->errors));
    int status = study->kept && study->asked && study->errors
                     ? try_folds(study, error)
                     : error_out_of_memory(error, "cross-validation");
    if (status == 0)
        *result = summarise(study->errors, study->error_count);
    free(study->kept);
    free(study->asked);
    free(study->errors);
    return status;
}

static bool same_kernel_shape(const void *left, const void *right)
{
    const struct kernel_shape *a = &((const struct kernel_sample *)left)->shape;
    const struct kernel_shape *b = &((const struct kernel_sample *)right)->shape;
    return a->n == b->n && a->k == b->k && a->heads == b->heads && a->kv_heads == b->kv_heads;
}

static int try_kernel(const struct kernel_table *table, const struct kernel_sample *sample,
                      double *relative, struct error *error)
{
    struct arena arena;
    struct cost_grid grid;
    arena_init(&arena);
    int status =
        kernel_table_prepare(table, &sample->shape, sample->x, sample->y, &arena, &grid, error);
    if (status == 0)
        *relative = cost_grid_at(&grid, sample->x, sample->y).seconds / sample->seconds - 1;
    arena_release(&arena);
    return status;
}

static int try_kernels(const void *context, const void *kept, size_t kept_count, const void *asked,
                       size_t asked_count, double *errors, struct error *error)
{
    const struct kernel_sample *samples = asked;
    struct kernel_table table;
    int status = kernel_table_init(&table, context, kept, kept_count, error);
    if (status < 0)
        return status;
    for (size_t i = 0; status == 0 && i < asked_count; i++)
        status = try_kernel(&table, &samples[i], &errors[i], error);
    kernel_table_release(&table);
    return status;
}

int cross_validation_kernels(const struct gpu *gpu, const struct kernel_sample *samples,
                             size_t count, enum kernel_op op, enum dtype dtype,
                             enum left_out left_out, size_t folds_max,
                             struct left_out_error *result, struct error *error)
{
    struct kernel_sample *class = calloc(count + 1, sizeof(*class));
    if (!class)
        return error_out_of_memory(error, "cross-validation");
    struct study study = {.item_bytes = sizeof(*class),
                          .same_shape = same_kernel_shape,
                          .try_table = try_kernels,
                          .context = gpu,
                          .left_out = left_out,
                          .folds_max = folds_max,
                          .items = (const char *)class};
    for (size_t i = 0; i < count; i++)
        if (samples[i].shape.op == op && samples[i].shape.dtype == dtype)
            class[study.count++] = samples[i];
    int status = study_run(&study, result, error);
    free(class);
    return status;
}

static bool same_ranks(const void *left, const void *right)
{
    const struct collective_sample *a = left;
    const struct collective_sample *b = right;
    return a->ranks == b->ranks;
}

static int try_collective(const struct collective_table *table,
                          const struct collective_sample *sample, double *relative,
                          struct error *error)
{
    struct arena arena;
    struct cost_grid grid;
    arena_init(&arena);
    int status = collective_table_prepare(table, &sample->kind, sample->ranks, sample->bytes,
                                          &arena, &grid, error);
    if (status == 0)
        *relative = cost_grid_at(&grid, sample->bytes, 1).seconds / sample->seconds - 1;
    arena_release(&arena);
    return status;
}

static int try_collectives(const void *context, const void *kept, size_t kept_count,
                           const void *asked, size_t asked_count, double *errors,
                           struct error *error)
{
    (void)context;
    const struct collective_sample *samples = asked;
    struct collective_table table;
    int status = collective_table_init(&table, kept, kept_count, error);
    if (status < 0)
        return status;
    for (size_t i = 0; status == 0 && i < asked_count; i++)
        status = try_collective(&table, &samples[i], &errors[i], error);
    collective_table_release(&table);
    return status;
}

int cross_validation_collectives(const struct collective_sample *samples, size_t count,
                                 const struct collective_kind *kind, enum left_out left_out,
                                 size_t folds_max, struct left_out_error *result,
                                 struct error *error)
{
    struct collective_sample *class = calloc(count + 1, sizeof(*class));
    if (!class)
        return error_out_of_memory(error, "cross-validation");
    struct study study = {.item_bytes = sizeof(*class),
                          .same_shape = same_ranks,
                          .try_table = try_collectives,
                          .left_out = left_out,
                          .folds_max = folds_max,
                          .items = (const char *)class};
    for (size_t i = 0; i < count; i++)
        if (samples[i].kind.op == kind->op && samples[i].kind.fabric == kind->fabric &&
            samples[i].kind.graph == kind->graph)
            class[study.count++] = samples[i];
    int status = study_run(&study, result, error);
    free(class);
    return status;
}
