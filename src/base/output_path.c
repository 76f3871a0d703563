#include "output_path.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int check_folder(const char *path, struct error *error)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    if (!folder)
        return error_out_of_memory(error, "the output's path");
    int status = 0;
    if (access(folder, W_OK) < 0)
        status = error_set(error, ERROR_IO, "cannot write %s: %s", path, strerror(errno));
    free(folder);
    return status;
}

int output_path_check(const char *path, struct error *error)
{
    struct stat there;
    if (stat(path, &there) == 0 && !S_ISREG(there.st_mode))
        return error_set(error, ERROR_IO, "cannot write %s: it is not a regular file", path);
    return check_folder(path, error);
}
