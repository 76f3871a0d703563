/*
 * sample_twice: the measurement that is there twice, among many.
 *
 * Of two times of the same kernel nobody knows which is meant, and a table that
 * goes through both would bend there. Takes n log n comparisons: a run looks
 * through its GPU's ten thousand.
 */
#ifndef TANDEM_SAMPLE_TWICE_H
#define TANDEM_SAMPLE_TWICE_H

#include "collective_table.h"
#include "kernel_table.h"

/* Two places in an array. */
struct sample_pair {
    size_t earlier;
    size_t later;
};

/* 1 with the pair whose later one comes first, 0 where all differ, or -ERROR_MEMORY. */
int sample_twice_kernel(const struct kernel_sample *samples, size_t count, struct sample_pair *pair,
                        struct error *error);
int sample_twice_collective(const struct collective_sample *samples, size_t count,
                            struct sample_pair *pair, struct error *error);

#endif
