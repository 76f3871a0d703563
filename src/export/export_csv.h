/*
 * export_csv: a table of a run's or a sweep's HDF5 file as CSV.
 *
 *     arrival_s,input_tokens,...     the header: columns end with their unit
 *     0.12,512,...                   numbers that read back to the same bits
 *
 * Any compound table will do, by its path in the file: requests, steps, spans,
 * links, points, summary/stages. Enums are written by name, texts quoted where
 * they must be (RFC 4180), NaN as nothing. Written as it is read, in constant
 * memory.
 */
#ifndef TANDEM_EXPORT_CSV_H
#define TANDEM_EXPORT_CSV_H

#include "export_window.h"
#include "output_file.h"

/*
 * Writes table `name` of the file at `path`. Where `window` bounds anything, the
 * rows that it touches; ERROR_USAGE for a table whose rows have no time. ERROR_IO,
 * ERROR_MEMORY.
 */
int export_csv_write(const struct output_file *out, const char *path, const char *name,
                     const struct export_window *window, struct error *error);

#endif
