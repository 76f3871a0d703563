/*
 * op_name: kernels and collectives by their names, as files write them.
 */
#ifndef TANDEM_OP_NAME_H
#define TANDEM_OP_NAME_H

#include "collective_table.h"
#include "kernel_table.h"

extern const char *const kernel_op_names[KERNEL_OP_COUNT];

/* NCCL's operations, and vLLM's own all-reduce. */
#define COLLECTIVE_NAME_COUNT (OPERATION_COUNT + 1)
extern const char *const collective_names[COLLECTIVE_NAME_COUNT];

/* The one of that name; KERNEL_OP_COUNT where there is none. */
enum kernel_op kernel_op_named(const char *name);

/* A kind's name, which tells its operation and whether that is custom. */
const char *collective_name(const struct collective_kind *kind);

/* Gives a kind what the name tells; false where there is none of that name. */
bool collective_named(const char *name, struct collective_kind *kind);

#endif
