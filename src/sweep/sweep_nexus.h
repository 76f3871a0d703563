/*
 * sweep_nexus: the curves of a sweep as NeXus groups.
 *
 *     /curves                     NXentry; attribute default
 *     /curves/NAME/ttft           NXdata of one series against its load: p95, and p50 and p99
 *                  tpot, e2e      the same
 *                  throughput     requests/s, and goodput
 *                  tokens         output tokens/s
 *     /curves/pareto              NXdata: output tokens/s per GPU against those per user (1 over
 *                                 the median TPOT), of the points that no other beats in both
 *
 * A series is drawn where the sweep has a load axis and it has two points that
 * were run. NAME is its name as far as HDF5 takes it and no other group has it; the
 * attribute `series` is its number in /points. Each of its groups holds the datasets `saturated`
 * and `too_short` (0 or 1; balance.h), and attributes tell where the wall is: `saturated_from` the
 * lowest load that saturated it, `sustained_to` the highest below that it kept up
 * with, `within_slo_to` the highest of those within the SLO (sweep_wall.h); NaN: none.
 * Latencies at saturated loads are NaN: they measure how long one looked.
 *
 * Source: NeXus manual, NXdata: attributes signal, auxiliary_signals, axes, units.
 */
#ifndef TANDEM_SWEEP_NEXUS_H
#define TANDEM_SWEEP_NEXUS_H

#include "sweep_results.h"

#include <hdf5.h>

/* Writes /curves into `file`; `path` names it in errors. ERROR_IO, ERROR_MEMORY. */
int sweep_nexus_write(hid_t file, const char *path, const struct sweep_results *results,
                      struct error *error);

#endif
