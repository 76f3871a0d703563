#include "sweep_pareto.h"

#include "sweep_results.h"

#include <math.h>
#include <stdlib.h>

static bool read_point(const json_t *record, size_t index, struct sweep_pareto_point *point)
{
    double tpot_s = sweep_record_summary(record, "tpot_s.p50");
    double tokens_per_s = sweep_record_lasting(record, "output_tokens_per_s");
    double gpus = json_number_value(json_object_get(record, "gpus"));
    struct balance balance = sweep_record_balance(record);
    if (!sweep_record_is_done(record) || sweep_record_is_refusing(record) ||
        balance_answer(&balance) != BALANCE_KEPT_UP || !(tpot_s > 0) || !(gpus > 0))
        return false;
    *point = (struct sweep_pareto_point){index, 1 / tpot_s, tokens_per_s / gpus};
    return isfinite(point->per_gpu);
}

/* The fastest for a user first; of equals, the one that comes first. */
static int compare_points(const void *a, const void *b)
{
    const struct sweep_pareto_point *left = a;
    const struct sweep_pareto_point *right = b;
    if (left->per_user != right->per_user)
        return left->per_user > right->per_user ? -1 : 1;
    if (left->per_gpu != right->per_gpu)
        return left->per_gpu > right->per_gpu ? -1 : 1;
    return (left->index > right->index) - (left->index < right->index);
}

size_t sweep_pareto_front(const json_t *records, struct sweep_pareto_point *front)
{
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(records); i++)
        count += read_point(json_array_get(records, i), i, &front[count]);
    qsort(front, count, sizeof(*front), compare_points);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || front[i].per_gpu > front[kept - 1].per_gpu)
            front[kept++] = front[i];
    }
    for (size_t i = 0; i < kept / 2; i++) {
        struct sweep_pareto_point swapped = front[i];
        front[i] = front[kept - 1 - i];
        front[kept - 1 - i] = swapped;
    }
    return kept;
}
