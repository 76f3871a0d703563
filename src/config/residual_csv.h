/*
 * residual_csv: what the points of a GPU's tables say of these, class by class, as
 * residuals.csv beside them keeps it: how far the tables are from points that
 * they were not given and, of kernels, how smooth they are.
 *
 *     op,dtype,p2p,graph,points,point_error,shape_error,noise,lengths,fine_share,fine_lengths
 *
 * Kernels have a dtype, collectives p2p and graph, as in kernels.csv and
 * collectives.csv. Errors are means of |predicted / measured - 1|, of points left
 * out one at a time and of whole shapes left out; empty where nothing could be.
 * The last four are a kernel's surface_kind, lengths in octaves with blanks between
 * them; all are empty where it is as smooth as is usual. Mistakes are ERROR_CONFIG,
 * with file, line and column.
 */
#ifndef TANDEM_RESIDUAL_CSV_H
#define TANDEM_RESIDUAL_CSV_H

#include "collective_table.h"
#include "kernel_table.h"

#include <stdio.h>

struct residual {
    bool is_collective;
    enum kernel_op op; /* of a kernel, */
    enum dtype dtype;
    struct collective_kind kind; /* of a collective */
    size_t points;
    double point_error;             /* NaN: unknown */
    double shape_error;             /* NaN: unknown */
    struct surface_kind smoothness; /* of a kernel; of 0 dimensions: the usual */
};

/* Reads all of `file`, called `name` in errors; the caller frees the rows, also after an error. */
int residual_csv_read(FILE *file, const char *name, struct residual **residuals, size_t *count,
                      struct error *error);

/* Tells tables that were made of the same folder how smooth and how far off they are. */
void residual_csv_apply(const struct residual *residuals, size_t count,
                        struct kernel_table *kernels, struct collective_table *collectives);

/* Writes header and rows. Whether `file` took them is the caller's to ask. */
void residual_csv_write(FILE *file, const struct residual *residuals, size_t count);

#endif
