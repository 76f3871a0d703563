/*
 * sweep_hdf5: a sweep's results as one HDF5 file, and back.
 *
 *     /          attributes: NX_class, default, version, name, load, sweep and
 *                scenario (the first point's), both as text; of a part also shard "K/N"
 *     /header    the attributes' texts from version on, then how many points there are, each with a
 *                NUL after it, a byte an element; of a sweep that is whole, shard is "1/1"
 *     /points    one row a point: sweep_table.h
 *     /curves    NeXus groups that H5Web and NeXpy draw: sweep_nexus.h
 *     /records   the points as JSON lines, a byte an element: all of their results, the
 *                arrays of stages, memory and links too (sweep_results.h)
 *
 * What is read back is bytes alone: of a damaged file, HDF5 1.10 may crash where
 * it reads texts of variable length, as attributes have them.
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
 * cannot be read or lacks points, ERROR_CONFIG where it is no such file, ERROR_MEMORY.
 */
int sweep_hdf5_read(const char *path, struct sweep_results *results, struct arena *arena,
                    struct error *error);

#endif
