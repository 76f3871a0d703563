/*
 * sweep_hdf5: a sweep's results as one HDF5 file, and back.
 *
 *     /          attributes: NX_class, default, version, name, load, sweep and
 *                scenario (the first point's), both as text; of a part also shard "K/N"
 *     /points    one row a point: sweep_table.h
 *     /curves    NeXus groups that H5Web and NeXpy draw: sweep_nexus.h
 *     /records   the points as JSON lines, a byte an element: all of their results, the
 *                arrays of stages, memory and links too (sweep_results.h)
 *
 * Written to PATH.partial and renamed when it is whole and on disk. Same
 * results, same bytes.
 */
#ifndef TANDEM_SWEEP_HDF5_H
#define TANDEM_SWEEP_HDF5_H

#include "sweep_results.h"

/* Writes `results`, whose records are in order. ERROR_IO, ERROR_MEMORY. */
int sweep_hdf5_write(const char *path, const struct sweep_results *results, struct error *error);

/*
 * Reads a file that sweep_hdf5_write() made; texts go to `arena`, and the
 * records are the caller's to json_decref() in any case. ERROR_IO where it
 * cannot be read, ERROR_CONFIG where it is no such file, ERROR_MEMORY.
 */
int sweep_hdf5_read(const char *path, struct sweep_results *results, struct arena *arena,
                    struct error *error);

#endif
