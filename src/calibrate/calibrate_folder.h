/*
 * calibrate_folder: a GPU's folder, as configs/gpus has them: gpu.yaml, the
 * tables beside it, and how far those are off.
 */
#ifndef TANDEM_CALIBRATE_FOLDER_H
#define TANDEM_CALIBRATE_FOLDER_H

#include "calibrate_config.h"
#include "calibrate_report.h"
#include "measurements.h"

#include <stdio.h>

/*
 * Writes `folder`, which is made where it is not there: gpu.yaml, pointing at the
 * tables, and a table of what was measured of kernels and of collectives, each
 * with `source` in its head. Files are complete or as they were. ERROR_IO,
 * ERROR_MEMORY.
 */
int calibrate_folder_write(const char *folder, const struct calibrate_gpu *gpu,
                           const struct measurements *measurements, const char *source,
                           struct error *error);

/* Notes which tables the folder has already: those that writing `measurements` replaces, and those
   of other measurements that stay beside them. */
void calibrate_folder_print_former(const char *folder, const struct measurements *measurements,
                                   FILE *stream);

/* Writes the folder's residuals.csv. ERROR_IO. */
int calibrate_folder_write_residuals(const char *folder, const struct calibrate_report *report,
                                     struct error *error);

#endif
