/*
 * cost_sum: times added up by how they are known, and how far off they may be.
 *
 * In whole femtoseconds: sums are the same in whatever order they are made.
 */
#ifndef TANDEM_COST_SUM_H
#define TANDEM_COST_SUM_H

#include "cost_grid.h"

__extension__ typedef __int128 cost_sum_fs;

#define COST_SUM_FS_PER_S 1e15

struct cost_sum {
    cost_sum_fs by_provenance[COST_PROVENANCE_COUNT];
    cost_sum_fs error; /* each cost's time times its relative error */
};

static inline void cost_sum_add(struct cost_sum *sum, struct cost cost, uint64_t times)
{
    double fs = cost.seconds * COST_SUM_FS_PER_S;
    cost_sum_fs time = (int64_t)(fs + 0.5);
    cost_sum_fs error = (int64_t)(fs * cost.error + 0.5);
    sum->by_provenance[cost.provenance] += time * times;
    sum->error += error * times;
}

/* Adds `from`, `times` over. */
static inline void cost_sum_merge(struct cost_sum *sum, const struct cost_sum *from, uint64_t times)
{
    for (size_t i = 0; i < COST_PROVENANCE_COUNT; i++)
        sum->by_provenance[i] += from->by_provenance[i] * times;
    sum->error += from->error * times;
}

#endif
