/*
 * length_file: token counts from a file, for an empirical distribution.
 *
 * The first line says which of two kinds it is; `#` starts a comment line.
 *   tokens            then one observed count a line
 *   quantile,tokens   then points of the inverse distribution function, quantiles from 0 to 1
 *                     and ascending: between two points it is a straight line
 */
#ifndef TANDEM_LENGTH_FILE_H
#define TANDEM_LENGTH_FILE_H

#include "error.h"

#include <stddef.h>
#include <stdint.h>

/* How many equally likely counts a quantile file is spread into: p99.9 is ten of them. */
#define LENGTH_FILE_QUANTILE_VALUES 10000

/*
 * Reads the counts into `*values`, `*count` of them, each equally likely; the caller frees them.
 * 0, or with nothing to free ERROR_IO, ERROR_CONFIG (`chat.csv:3: ...`) or ERROR_MEMORY.
 */
int length_file_read(const char *path, uint32_t **values, size_t *count, struct error *error);

#endif
