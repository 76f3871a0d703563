/*
 * measured: the tables of what was measured of a kind of GPU.
 */
#ifndef TANDEM_MEASURED_H
#define TANDEM_MEASURED_H

#include "collective_table.h"
#include "kernel_table.h"

/* Either may be NULL: nothing was measured. */
struct measured {
    const struct kernel_table *kernels;
    const struct collective_table *collectives;
};

#endif
