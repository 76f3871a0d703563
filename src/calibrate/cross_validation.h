/*
 * cross_validation: how far the tables are from measurements that they were not
 * given.
 *
 * Samples are left out of a table, which then predicts them through the same
 * grids that a simulation uses. Either one sample at a time (what lies between
 * measured points of a shape) or one shape at a time with all its samples (what
 * a model that was never measured would see). A collective's shape is its
 * number of ranks.
 *
 * What is left out has no say in how smooth its table is: samples or shapes are
 * dealt out to groups, and each is predicted with the smoothness of all that is
 * not of its group (smoothness.h).
 */
#ifndef TANDEM_CROSS_VALIDATION_H
#define TANDEM_CROSS_VALIDATION_H

#include "collective_table.h"
#include "kernel_table.h"

enum left_out { LEFT_OUT_SAMPLE, LEFT_OUT_SHAPE };

/* Relative errors |predicted / measured - 1| of what was left out. */
struct left_out_error {
    uint32_t samples;
    double mean;
    double p50;
    double p90;
    double max;
    double bias; /* mean of the signed errors: positive where predictions are too slow */
};

/*
 * Leaves out samples that are all of one op and dtype, or shapes of them: each, or
 * of many some, evenly spread. A shape that is the only one is not left out.
 * 0 or -ERROR_MEMORY.
 */
int cross_validation_kernels(const struct gpu *gpu, const struct kernel_sample *samples,
                             size_t count, enum left_out left_out, struct left_out_error *result,
                             struct error *error);

/* The same for collectives of one kind. */
int cross_validation_collectives(const struct collective_sample *samples, size_t count,
                                 enum left_out left_out, struct left_out_error *result,
                                 struct error *error);

#endif
