#include "export_file.h"

#include "output_path.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char partial_suffix[] = ".partial";

static int write_error(const struct export_file *file, struct error *error)
{
    return error_set(error, ERROR_IO, "cannot write %s: %s",
                     file->path ? file->path : "standard output", strerror(errno));
}

int export_file_open(struct export_file *file, const char *path, struct error *error)
{
    *file = (struct export_file){.stream = stdout, .path = path};
    if (!path)
        return 0;
    int status = output_path_check(path, error);
    if (status < 0)
        return status;
    file->partial_path = malloc(strlen(path) + sizeof(partial_suffix));
    if (!file->partial_path)
        return error_out_of_memory(error, "the output's path");
    (void)stpcpy(stpcpy(file->partial_path, path), partial_suffix);
    file->stream = fopen(file->partial_path, "we");
    if (file->stream)
        return 0;
    status = write_error(file, error);
    free(file->partial_path);
    file->partial_path = NULL;
    return status;
}

int export_file_check(const struct export_file *file, struct error *error)
{
    return ferror(file->stream) ? write_error(file, error) : 0;
}

int export_file_finish(struct export_file *file, struct error *error)
{
    if (fflush(file->stream) != 0 || ferror(file->stream))
        return write_error(file, error);
    if (!file->path)
        return 0;
    if (fsync(fileno(file->stream)) != 0 || rename(file->partial_path, file->path) != 0)
        return write_error(file, error);
    free(file->partial_path);
    file->partial_path = NULL;
    return 0;
}

void export_file_close(struct export_file *file)
{
    if (file->stream && file->stream != stdout)
        (void)fclose(file->stream);
    if (file->partial_path)
        (void)unlink(file->partial_path);
    free(file->partial_path);
    *file = (struct export_file){0};
}
