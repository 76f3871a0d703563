/*
 * hdf5_error: HDF5's error stack as one sentence in a struct error.
 */
#ifndef TANDEM_HDF5_ERROR_H
#define TANDEM_HDF5_ERROR_H

#include "error.h"

/*
 * Readies HDF5 for a program that handles its errors, for its stack is not
 * printed to stderr, and locks its files (output_path), for it locks none. Call
 * it before any other HDF5 function; again does no harm.
 */
void hdf5_error_init(void);

/*
 * Fills in ERROR_IO: `action` ("write"), `path`, and the innermost reason on
 * HDF5's stack, of one that the operating system gave its words alone:
 * "cannot write run.h5.partial: No space left on device". Call it at once: the
 * next HDF5 function, a close too, clears the stack, as this does.
 */
int hdf5_error_set(struct error *error, const char *action, const char *path);

#endif
