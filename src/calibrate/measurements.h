/*
 * measurements: what was measured of one kind of GPU, gathered from files of
 * several formats, each number with its place for errors.
 */
#ifndef TANDEM_MEASUREMENTS_H
#define TANDEM_MEASUREMENTS_H

#include "arena.h"
#include "collective_table.h"
#include "kernel_table.h"

struct measurements {
    struct kernel_sample *kernels;
    const char **kernel_places; /* "kernels.csv:12:30" */
    size_t kernel_count;
    struct collective_sample *collectives;
    const char **collective_places;
    size_t collective_count;
    size_t unsaid_fabrics; /* collectives whose file does not say which fabric they went over */
    size_t passed_over;    /* rows that no table has a place for */
    struct arena *arena;
};

/* Everything that is added lives in `arena`, which must outlive it. */
void measurements_init(struct measurements *measurements, struct arena *arena);

/* Adds one sample; its place is copied. 0 or -ERROR_MEMORY. */
int measurements_add_kernel(struct measurements *measurements, const struct kernel_sample *sample,
                            const char *place, struct error *error);
int measurements_add_collective(struct measurements *measurements,
                                const struct collective_sample *sample, const char *place,
                                struct error *error);

#endif
