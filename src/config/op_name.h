/*
 * op_name: kernels and collectives by their names, as files write them.
 */
#ifndef TANDEM_OP_NAME_H
#define TANDEM_OP_NAME_H

#include "collective_table.h"
#include "kernel_table.h"

extern const char *const kernel_op_names[KERNEL_OP_COUNT];
extern const char *const collective_op_names[COLLECTIVE_OP_COUNT];

/* The one of that name; KERNEL_OP_COUNT or COLLECTIVE_OP_COUNT where there is none. */
enum kernel_op kernel_op_named(const char *name);
enum collective_op collective_op_named(const char *name);

#endif
