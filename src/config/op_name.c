#include "op_name.h"

#include "spelling.h"

const char *const kernel_op_names[KERNEL_OP_COUNT] = {KERNEL_OPS(LIST_TEXT)};

const char *const collective_names[COLLECTIVE_NAME_COUNT] = {
#define X(name, text, bus_factor) text,
    COLLECTIVE_OPERATIONS(X)
#undef X
        [OPERATION_COUNT] = "custom_all_reduce",
};

enum kernel_op kernel_op_named(const char *name)
{
    return (enum kernel_op)spelling_index(name, kernel_op_names, KERNEL_OP_COUNT);
}

const char *collective_name(const struct collective_kind *kind)
{
    return collective_names[kind->is_custom ? OPERATION_COUNT : kind->operation];
}

bool collective_named(const char *name, struct collective_kind *kind)
{
    size_t index = spelling_index(name, collective_names, COLLECTIVE_NAME_COUNT);
    if (index == COLLECTIVE_NAME_COUNT)
        return false;
    kind->is_custom = index == OPERATION_COUNT;
    kind->operation = kind->is_custom ? OPERATION_ALL_REDUCE : (enum collective_operation)index;
    return true;
}
