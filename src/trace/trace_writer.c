#include "trace_writer.h"

#include "output_path.h"
#include "trace_csv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PARTIAL_SUFFIX ".partial"
#define PS_PER_NS 1000
#define NS_PER_S 1000000000

static int writer_error(const struct trace_writer *writer, struct error *error)
{
    const char *name = writer->path ? writer->path : "standard output";
    return error_set(error, ERROR_IO, "cannot write %s: %s", name, strerror(errno));
}

static int open_partial(struct trace_writer *writer, const char *path, struct error *error)
{
    int status = output_path_check(path, error);
    if (status < 0)
        return status;
    size_t bytes = strlen(path) + sizeof(PARTIAL_SUFFIX);
    writer->path = strdup(path);
    writer->partial_path = malloc(bytes);
    if (!writer->path || !writer->partial_path)
        return error_out_of_memory(error, "a file's name");
    (void)snprintf(writer->partial_path, bytes, "%s%s", path, PARTIAL_SUFFIX);
    writer->file = fopen(writer->partial_path, "wbe");
    return writer->file ? 0 : writer_error(writer, error);
}

int trace_writer_open(struct trace_writer *writer, const char *path, struct error *error)
{
    *writer = (struct trace_writer){.file = path ? NULL : stdout};
    int status = path ? open_partial(writer, path, error) : 0;
    if (status == 0 && fprintf(writer->file, "%s\n", trace_csv_tandem.header) < 0)
        status = writer_error(writer, error);
    if (status < 0)
        trace_writer_abandon(writer);
    return status;
}

int trace_writer_add(struct trace_writer *writer, const struct arrival *arrival,
                     struct error *error)
{
    int64_t ns = (arrival->at + PS_PER_NS / 2) / PS_PER_NS;
    if (fprintf(writer->file, "%lld.%09lld,%u,%u\n", (long long)(ns / NS_PER_S),
                (long long)(ns % NS_PER_S), arrival->input_tokens, arrival->output_tokens) < 0)
        return writer_error(writer, error);
    return 0;
}

int trace_writer_finish(struct trace_writer *writer, struct error *error)
{
    int status = 0;
    if (fflush(writer->file) != 0 || (writer->path && fsync(fileno(writer->file)) != 0) ||
        (writer->path && rename(writer->partial_path, writer->path) != 0))
        status = writer_error(writer, error);
    if (status == 0 && writer->path) {
        /* It has its name now: there is nothing left to remove. */
        free(writer->partial_path);
        writer->partial_path = NULL;
    }
    trace_writer_abandon(writer);
    return status;
}

void trace_writer_abandon(struct trace_writer *writer)
{
    if (writer->path && writer->file) {
        (void)fclose(writer->file);
        if (writer->partial_path)
            (void)unlink(writer->partial_path);
    }
    free(writer->partial_path);
    free(writer->path);
    *writer = (struct trace_writer){.file = NULL};
}
