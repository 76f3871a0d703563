/*
 * sweep_pareto: the points that no other beats both in tokens a user sees and in
 * tokens a GPU makes.
 */
#ifndef TANDEM_SWEEP_PARETO_H
#define TANDEM_SWEEP_PARETO_H

#include <jansson.h>
#include <stddef.h>

struct sweep_pareto_point {
    size_t index;    /* of the record */
    double per_user; /* output tokens/s: 1 over the median TPOT */
    double per_gpu;  /* output tokens/s that last, over the layout's GPUs */
};

/*
 * Fills in `front`, which has room for all `records`, by ascending per_user;
 * returns its length. Points that failed, refuse requests or are not known to keep up
 * are left out: they do not serve what they are asked to.
 */
size_t sweep_pareto_front(const json_t *records, struct sweep_pareto_point *front);

#endif
