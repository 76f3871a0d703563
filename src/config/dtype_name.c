#include "dtype_name.h"

#include "spelling.h"

const char *const dtype_names[DTYPE_COUNT] = {
#define X(name, text, bits) text,
    DTYPES(X)
#undef X
};

enum dtype dtype_named(const char *name)
{
    return (enum dtype)spelling_index(name, dtype_names, DTYPE_COUNT);
}
