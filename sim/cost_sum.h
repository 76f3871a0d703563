/*
 * cost_sum: seconds added up by how they are known, and how far off they may be.
 */
#ifndef TANDEM_COST_SUM_H
#define TANDEM_COST_SUM_H

#include "cost_grid.h"

struct cost_sum {
    double by_provenance[COST_PROVENANCE_COUNT];
    double error_s; /* each cost's seconds times its relative error */
};

static inline void cost_sum_add(struct cost_sum *sum, struct cost cost, double times)
{
    sum->by_provenance[cost.provenance] += cost.seconds * times;
    sum->error_s += cost.seconds * cost.error * times;
}

/* Adds `from`, `times` over. */
static inline void cost_sum_merge(struct cost_sum *sum, const struct cost_sum *from, double times)
{
    for (size_t i = 0; i < COST_PROVENANCE_COUNT; i++)
        sum->by_provenance[i] += from->by_provenance[i] * times;
    sum->error_s += from->error_s * times;
}

#endif
