/*
 * nccl_tests: collectives as NVIDIA's nccl-tests print them, as text or as JSON
 * (--json_file), of one host.
 *
 * Its out-of-place times are taken. It launches a collective many times in a
 * row and divides, so that launches hide behind the GPU's work: the times stand
 * for collectives of a replayed graph. The operation is in the output of newer
 * versions; of older ones it must be in the file's name, as in
 * all_reduce_perf.txt.
 * Source: github.com/NVIDIA/nccl-tests, src/util.cu and doc/PERFORMANCE.md.
 */
#ifndef TANDEM_NCCL_TESTS_H
#define TANDEM_NCCL_TESTS_H

#include "measurements.h"

#include <stdio.h>

/* Adds all of `file`, called `path`. ERROR_CONFIG with file and line, ERROR_IO, ERROR_MEMORY. */
int nccl_tests_read(struct measurements *measurements, FILE *file, const char *path,
                    enum collective_fabric fabric, struct error *error);

#endif
