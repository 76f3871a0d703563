#include "op_name.h"

#include "spelling.h"

const char *const kernel_op_names[KERNEL_OP_COUNT] = {
#define X(name, text) text,
    KERNEL_OPS(X)
#undef X
};

const char *const collective_op_names[COLLECTIVE_OP_COUNT] = {
#define X(name, text) text,
    COLLECTIVE_OPS(X)
#undef X
};

enum kernel_op kernel_op_named(const char *name)
{
    return (enum kernel_op)spelling_index(name, kernel_op_names, KERNEL_OP_COUNT);
}

enum collective_op collective_op_named(const char *name)
{
    return (enum collective_op)spelling_index(name, collective_op_names, COLLECTIVE_OP_COUNT);
}
