#include "output_file.h"

#include <errno.h>
#include <string.h>

static int cannot_write(const struct output_file *file, struct error *error)
{
    return error_set(error, ERROR_IO, "cannot write %s: %s",
                     file->output.path ? file->output.path : "standard output", strerror(errno));
}

int output_file_open(struct output_file *file, const char *path, struct error *error)
{
    bool is_stdout = !path || strcmp(path, "-") == 0;
    *file = (struct output_file){.stream = is_stdout ? stdout : NULL};
    if (is_stdout)
        return 0;
    int status = output_path_init(&file->output, path, error);
    if (status < 0)
        return status;
    file->stream = fopen(file->output.partial, "we");
    return file->stream ? 0 : cannot_write(file, error);
}

int output_file_check(const struct output_file *file, struct error *error)
{
    return ferror(file->stream) ? cannot_write(file, error) : 0;
}

int output_file_finish(struct output_file *file, struct error *error)
{
    if (fflush(file->stream) != 0 || ferror(file->stream))
        return cannot_write(file, error);
    return file->output.path ? output_path_keep(&file->output, error) : 0;
}

void output_file_close(struct output_file *file)
{
    if (file->stream && file->stream != stdout)
        (void)fclose(file->stream);
    output_path_release(&file->output);
    file->stream = NULL;
}
