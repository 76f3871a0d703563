/*
 * measurement_file: files of measurements, told apart by what is in them:
 * kernels.csv, experts.csv and collectives.csv (sample_csv.h), nccl-tests' output
 * (nccl_tests.h).
 */
#ifndef TANDEM_MEASUREMENT_FILE_H
#define TANDEM_MEASUREMENT_FILE_H

#include "measurements.h"

/*
 * Adds all of a file, whichever it is. nccl-tests does not say what its bytes
 * travelled over: `fabric` does. ERROR_CONFIG with file and line, ERROR_IO,
 * ERROR_MEMORY.
 */
int measurement_file_add(struct measurements *measurements, const char *path,
                         enum collective_fabric fabric, struct error *error);

#endif
