#include "cross_validation.h"

#include "smoothness.h"

#include <stdlib.h>
#include <string.h>

#define GROUPS 4 /* each costs a search for its smoothness, and is missing in it */

/*
 * One class of samples, kernels' or collectives'. A fold is what is left out at
 * once, one sample or one shape; folds are dealt out to groups in turn.
 * `find_kind` (NULL: none is to be found) says how smooth the kept samples are,
 * `try_table` builds a table of them and writes the signed relative error of each
 * one asked.
 */
struct study {
    size_t item_bytes;
    bool (*same_shape)(const void *a, const void *b);
    int (*find_kind)(const struct study *study, const void *kept, size_t kept_count,
                     struct surface_kind *kind, struct error *error);
    int (*try_table)(const struct study *study, const void *kept, size_t kept_count,
                     const struct surface_kind *kind, const void *asked, size_t asked_count,
                     double *errors, struct error *error);
    const struct gpu *gpu;
    enum left_out left_out;
    size_t folds_max;

    const char *items; /* (count, item_bytes), all of one class */
    size_t count;
    size_t *folds;  /* of each item */
    char *kept;     /* room for all */
    char *asked;    /* room for all */
    double *errors; /* room for all */
    size_t kept_count;
    size_t asked_count;
    size_t error_count;
    struct surface_kind kinds[GROUPS];
};

static const void *item_at(const struct study *study, size_t index)
{
    return study->items + index * study->item_bytes;
}

/* Numbers the items' folds; their count. */
static size_t number_folds(struct study *study)
{
    size_t count = 0;
    for (size_t i = 0; i < study->count; i++) {
        size_t like = study->left_out == LEFT_OUT_SAMPLE ? i : 0;
        while (like < i && !study->same_shape(item_at(study, like), item_at(study, i)))
            like++;
        study->folds[i] = like < i ? study->folds[like] : count++;
    }
    return count;
}

/* Parts the items into what is asked and what is kept: by fold, or fold modulo `modulus`. */
static void part(struct study *study, size_t fold, size_t modulus)
{
    study->kept_count = study->asked_count = 0;
    for (size_t i = 0; i < study->count; i++) {
        bool is_asked = study->folds[i] % modulus == fold;
        char *to = is_asked ? study->asked + study->asked_count++ * study->item_bytes
                            : study->kept + study->kept_count++ * study->item_bytes;
        memcpy(to, item_at(study, i), study->item_bytes);
    }
}

static int find_kinds(struct study *study, size_t fold_count, struct error *error)
{
    int status = 0;
    if (!study->find_kind)
        return 0;
    for (size_t group = 0; group < GROUPS && group < fold_count && status == 0; group++) {
        part(study, group, GROUPS);
        status =
            study->find_kind(study, study->kept, study->kept_count, &study->kinds[group], error);
    }
    return status;
}

static int try_fold(struct study *study, size_t fold, struct error *error)
{
    part(study, fold, SIZE_MAX);
    if (study->kept_count == 0)
        return 0;
    int status = study->try_table(study, study->kept, study->kept_count,
                                  &study->kinds[fold % GROUPS], study->asked, study->asked_count,
                                  study->errors + study->error_count, error);
    study->error_count += status < 0 ? 0 : study->asked_count;
    return status;
}

/* Tries `folds_max` of the folds, evenly spread. */
static int try_folds(struct study *study, struct error *error)
{
    size_t fold_count = number_folds(study);
    size_t tried_max = study->folds_max < fold_count ? study->folds_max : fold_count;
    size_t tried = 0;
    int status = find_kinds(study, fold_count, error);
    for (size_t fold = 0; fold < fold_count && status == 0; fold++)
        if (fold * tried_max >= tried * fold_count) {
            tried++;
            status = try_fold(study, fold, error);
        }
    return status;
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
    study->folds = calloc(room, sizeof(*study->folds));
    study->kept = calloc(room, study->item_bytes);
    study->asked = calloc(room, study->item_bytes);
    study->errors = calloc(room, sizeof(*study->errors));
    int status = study->folds && study->kept && study->asked && study->errors
                     ? try_folds(study, error)
                     : error_out_of_memory(error, "cross-validation");
    if (status == 0)
        *result = summarise(study->errors, study->error_count);
    free(study->folds);
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

static int find_kernels_kind(const struct study *study, const void *kept, size_t kept_count,
                             struct surface_kind *kind, struct error *error)
{
    const struct kernel_shape *shape = &((const struct kernel_sample *)study->items)->shape;
    return smoothness_of_kernels(study->gpu, kept, kept_count, shape->op, shape->dtype, kind,
                                 error);
}

static int try_kernels(const struct study *study, const void *kept, size_t kept_count,
                       const struct surface_kind *kind, const void *asked, size_t asked_count,
                       double *errors, struct error *error)
{
    const struct kernel_sample *samples = asked;
    struct kernel_table table;
    int status = kernel_table_init(&table, study->gpu, kept, kept_count, error);
    if (status < 0)
        return status;
    if (kind->dimensions > 0)
        kernel_table_set_kind(&table, samples->shape.op, samples->shape.dtype, kind);
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
                          .find_kind = find_kernels_kind,
                          .try_table = try_kernels,
                          .gpu = gpu,
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

static int try_collectives(const struct study *study, const void *kept, size_t kept_count,
                           const struct surface_kind *kind, const void *asked, size_t asked_count,
                           double *errors, struct error *error)
{
    (void)study; /* collectives are all as smooth as is usual */
    (void)kind;
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
