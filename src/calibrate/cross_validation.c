#include "cross_validation.h"

#include "smoothness.h"

#include <stdlib.h>
#include <string.h>

#define GROUPS 4       /* each costs a search for its smoothness, and is missing in it */
#define FOLDS_MAX 1000 /* the mean error of more moves by a tenth of a percentage point */

/*
 * One class of samples, kernels' or collectives'. A fold is what is left out at
 * once, one sample or one shape; folds are dealt out to groups in turn.
 * `find_kind` (NULL: none is to be found) says how smooth what is kept is,
 * `try_table` builds a table of it and writes the signed relative error of each
 * sample that is asked.
 */
struct study {
    size_t item_bytes;
    bool (*same_shape)(const void *a, const void *b);
    int (*find_kind)(const struct study *study, struct surface_kind *kind, struct error *error);
    int (*try_table)(const struct study *study, const struct surface_kind *kind, double *errors,
                     struct error *error);
    const struct gpu *gpu;
    enum left_out left_out;
    const void *items; /* (count, item_bytes) */
    size_t count;

    size_t *folds;  /* of each item */
    void *kept;     /* room for all */
    void *asked;    /* room for all */
    double *errors; /* room for all */
    size_t kept_count;
    size_t asked_count;
    size_t error_count;
    struct surface_kind kinds[GROUPS];
};

static const void *item_at(const struct study *study, size_t index)
{
    return (const char *)study->items + index * study->item_bytes;
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
        char *part = is_asked ? study->asked : study->kept;
        size_t place = is_asked ? study->asked_count++ : study->kept_count++;
        memcpy(part + place * study->item_bytes, item_at(study, i), study->item_bytes);
    }
}

static int find_kinds(struct study *study, size_t fold_count, struct error *error)
{
    int status = 0;
    if (!study->find_kind)
        return 0;
    for (size_t group = 0; group < GROUPS && group < fold_count && status == 0; group++) {
        part(study, group, GROUPS);
        status = study->find_kind(study, &study->kinds[group], error);
    }
    return status;
}

static int try_fold(struct study *study, size_t fold, struct error *error)
{
    part(study, fold, SIZE_MAX);
    if (study->kept_count == 0)
        return 0;
    int status = study->try_table(study, &study->kinds[fold % GROUPS],
                                  study->errors + study->error_count, error);
    study->error_count += status < 0 ? 0 : study->asked_count;
    return status;
}

/* Tries FOLDS_MAX of the folds, evenly spread. */
static int try_folds(struct study *study, struct error *error)
{
    size_t fold_count = number_folds(study);
    size_t tried_max = fold_count < FOLDS_MAX ? fold_count : FOLDS_MAX;
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

static int find_kernels_kind(const struct study *study, struct surface_kind *kind,
                             struct error *error)
{
    if (study->kept_count > 0)
        return smoothness_of_kernels(study->gpu, study->kept, study->kept_count, kind, error);
    *kind = (struct surface_kind){.dimensions = 0};
    return 0;
}

static int try_kernels(const struct study *study, const struct surface_kind *kind, double *errors,
                       struct error *error)
{
    const struct kernel_sample *asked = study->asked;
    struct kernel_table table;
    int status = kernel_table_init(&table, study->gpu, study->kept, study->kept_count, error);
    if (status < 0)
        return status;
    if (kind->dimensions > 0)
        kernel_table_set_kind(&table, asked->shape.op, asked->shape.dtype, kind);
    for (size_t i = 0; status == 0 && i < study->asked_count; i++)
        status = try_kernel(&table, &asked[i], &errors[i], error);
    kernel_table_release(&table);
    return status;
}

int cross_validation_kernels(const struct gpu *gpu, const struct kernel_sample *samples,
                             size_t count, enum left_out left_out, struct left_out_error *result,
                             struct error *error)
{
    struct study study = {.item_bytes = sizeof(*samples),
                          .same_shape = same_kernel_shape,
                          .find_kind = find_kernels_kind,
                          .try_table = try_kernels,
                          .gpu = gpu,
                          .left_out = left_out,
                          .items = samples,
                          .count = count};
    return study_run(&study, result, error);
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

static int try_collectives(const struct study *study, const struct surface_kind *kind,
                           double *errors, struct error *error)
{
    (void)kind; /* collectives are all as smooth as is usual */
    const struct collective_sample *asked = study->asked;
    struct collective_table table;
    int status = collective_table_init(&table, study->kept, study->kept_count, error);
    if (status < 0)
        return status;
    for (size_t i = 0; status == 0 && i < study->asked_count; i++)
        status = try_collective(&table, &asked[i], &errors[i], error);
    collective_table_release(&table);
    return status;
}

int cross_validation_collectives(const struct collective_sample *samples, size_t count,
                                 enum left_out left_out, struct left_out_error *result,
                                 struct error *error)
{
    struct study study = {.item_bytes = sizeof(*samples),
                          .same_shape = same_ranks,
                          .try_table = try_collectives,
                          .left_out = left_out,
                          .items = samples,
                          .count = count};
    return study_run(&study, result, error);
}
