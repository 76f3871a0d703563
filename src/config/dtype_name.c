#include "dtype_name.h"

#include <string.h>

const char *const dtype_names[DTYPE_COUNT] = {
#define X(name, text, bits) text,
    DTYPES(X)
#undef X
};

enum dtype dtype_named(const char *name)
{
    int dtype = 0;
    while (dtype < DTYPE_COUNT && strcmp(name, dtype_names[dtype]) != 0)
        dtype++;
    return (enum dtype)dtype;
}
