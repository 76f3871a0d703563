/*
 * sample_twice: the measurement that is there twice, among many.
 *
 * Of two times of the same kernel nobody knows which is meant, and a table that
 * goes through both would bend there. One pass, through a table of hashes: a run looks
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

/* Looks through an array of one kind of sample: 1 with the pair whose later one comes first, 0
   where all differ, or -ERROR_MEMORY. */
typedef int sample_twice(const void *samples, size_t count, struct sample_pair *pair,
                         struct error *error);

sample_twice sample_twice_kernel;     /* of struct kernel_sample */
sample_twice sample_twice_collective; /* of struct collective_sample */

#endif
