/*
 * dtype_name: number formats by their names, as files write them.
 */
#ifndef TANDEM_DTYPE_NAME_H
#define TANDEM_DTYPE_NAME_H

#include "dtype.h"

extern const char *const dtype_names[DTYPE_COUNT];

/* The one of that name; DTYPE_COUNT where there is none. */
enum dtype dtype_named(const char *name);

#endif
