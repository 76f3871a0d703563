#include "output_path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int cannot_write(const char *path, struct error *error)
{
    return error_set(error, ERROR_IO, "cannot write %s: %s", path, strerror(errno));
}

static int check_folder(const char *path, struct error *error)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    if (!folder)
        return error_out_of_memory(error, "the output's path");
    int status = access(folder, W_OK) < 0 ? cannot_write(path, error) : 0;
    free(folder);
    return status;
}

int output_path_check(const char *path, struct error *error)
{
    struct stat there;
    if (*path == '\0')
        return error_set(error, ERROR_IO, "cannot write a file without a name");
    if (stat(path, &there) == 0 && !S_ISREG(there.st_mode))
        return error_set(error, ERROR_IO, "cannot write %s: it is not a regular file", path);
    return check_folder(path, error);
}

int output_path_init(struct output_path *output, const char *path, struct error *error)
{
    static const char suffix[] = ".partial";
    *output = (struct output_path){.path = NULL};
    int status = output_path_check(path, error);
    if (status < 0)
        return status;
    output->path = strdup(path);
    output->partial = malloc(strlen(path) + sizeof(suffix));
    if (output->path && output->partial) {
        (void)stpcpy(stpcpy(output->partial, path), suffix);
        return 0;
    }
    output_path_release(output);
    return error_out_of_memory(error, "the output's path");
}

static int sync_to_disk(const char *path, struct error *error)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return cannot_write(path, error);
    int status = fsync(descriptor) < 0 ? cannot_write(path, error) : 0;
    (void)close(descriptor);
    return status;
}

int output_path_keep(struct output_path *output, struct error *error)
{
    int status = sync_to_disk(output->partial, error);
    if (status < 0)
        return status;
    if (rename(output->partial, output->path) < 0)
        return error_set(error, ERROR_IO, "cannot rename the output to %s: %s", output->path,
                         strerror(errno));
    output->is_partial = false;
    return 0;
}

void output_path_release(struct output_path *output)
{
    if (output->is_partial)
        (void)unlink(output->partial);
    free(output->partial);
    free(output->path);
    *output = (struct output_path){.path = NULL};
}
