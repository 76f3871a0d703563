/*
 * sweep_table: the points of a sweep as rows of columns.
 *
 *     index series curve            which point
 *     PARAMETERS                    a column for each key that an axis sets: numbers in SI units
 *                                   where every point's value is a number of one kind, else text
 *     status error warnings file    warnings: their codes
 *     gpus usd_per_hour offered_requests_per_s saturated refusing   sweep_point.h
 *     lasting_tokens_per_s          output tokens without the run's end: lasting_rate.h
 *     balance backlog_growth backlog_growth_half requests_to_tell   whether it kept up, or ran too
 *                                   short to tell: balance.h, but NaN in place of INFINITY
 *     SUMMARY                       what `tandem run --json` prints, by dotted names (ttft_s.p99);
 *                                   of stages the mean, of links the largest, of memory
 *                                   the stage with the least room for KV
 *
 * Numbers of a point that failed are NaN.
 */
#ifndef TANDEM_SWEEP_TABLE_H
#define TANDEM_SWEEP_TABLE_H

#include "hdf5_table.h"
#include "sweep_results.h"

#define SWEEP_TABLE_UNITS_BYTES 16

struct sweep_table {
    struct hdf5_column *columns;
    size_t column_count;
    size_t row_bytes;
    size_t row_count;
    char *rows;
    struct arena arena; /* all of them */
};

/* Builds the table of `results`, whose records are in order. ERROR_MEMORY; release it in any case.
 */
int sweep_table_build(struct sweep_table *table, const struct sweep_results *results,
                      struct error *error);
void sweep_table_release(struct sweep_table *table);

#endif
