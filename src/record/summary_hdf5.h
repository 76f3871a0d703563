/*
 * summary_hdf5: a run's summary as the group /summary of an HDF5 file.
 *
 * What `--json` prints of how it went (summary_json.h): its scalars as attributes of the
 * group, those of nested objects under dotted names, so that
 *
 *     dict(f["summary"].attrs)["ttft_s.p99"]
 *
 * is one flat row; its arrays as tables (hdf5_table.h) /summary/stages, memory,
 * pools, links and warnings. NaN stays NaN. The wall-clock numbers are left out,
 * so that the same run gives the same bytes.
 */
#ifndef TANDEM_SUMMARY_HDF5_H
#define TANDEM_SUMMARY_HDF5_H

#include "error.h"
#include "summary.h"

#include <hdf5.h>

/* Writes /summary into `file`; `path` names it in errors (ERROR_IO, ERROR_MEMORY). */
int summary_hdf5_write(hid_t file, const char *path, const struct summary *summary,
                       struct error *error);

#endif
