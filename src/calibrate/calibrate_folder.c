#include "calibrate_folder.h"

#include "gpu_samples.h"
#include "output_file.h"
#include "sample_csv.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES 4096

/* A file of the folder, as it is written. */
typedef void file_writer(const void *what, const char *source, FILE *stream);

/* The head of a table: what it is, and its source, of however many lines. */
static void write_head(const char *title, const char *source, FILE *stream)
{
    (void)fprintf(stream, "# %s\n# Source: ", title);
    for (; *source; source++) {
        (void)fputc(*source, stream);
        if (*source == '\n')
            (void)fputs("# ", stream);
    }
    (void)fputc('\n', stream);
}

static void write_gpu(const void *what, const char *source, FILE *stream)
{
    const struct calibrate_gpu *gpu = what;
    size_t bytes = strlen(gpu->text);
    (void)source;
    (void)fputs(gpu->text, stream);
    if (bytes > 0 && gpu->text[bytes - 1] != '\n')
        (void)fputc('\n', stream);
    if (!gpu->names_tables)
        (void)fputs("measured: .  # the tables beside this file, which name their sources\n",
                    stream);
}

static void write_kernels(const void *what, const char *source, FILE *stream)
{
    const struct measurements *measurements = what;
    write_head("Kernel times, written by tandem calibrate.", source, stream);
    sample_csv_write_kernels(stream, measurements->kernels, measurements->kernel_count);
}

static void write_experts(const void *what, const char *source, FILE *stream)
{
    const struct measurements *measurements = what;
    write_head("Experts' times, written by tandem calibrate.", source, stream);
    sample_csv_write_experts(stream, measurements->kernels, measurements->kernel_count);
}

static void write_collectives(const void *what, const char *source, FILE *stream)
{
    const struct measurements *measurements = what;
    write_head("Collectives; p2p 1: over peer memory, 0: through host memory. Written by tandem "
               "calibrate.",
               source, stream);
    sample_csv_write_collectives(stream, measurements->collectives, measurements->collective_count);
}

static void write_residuals(const void *what, const char *source, FILE *stream)
{
    const struct calibrate_report *report = what;
    struct residual residuals[CALIBRATE_CLASSES_MAX];
    size_t count = calibrate_report_residuals(report, residuals);
    (void)source;
    (void)fputs(
        "# Mean errors of points that the tables beside this file were not given, left out one at\n"
        "# a time and as whole shapes; how smooth kernels' tables are, by such errors (lengths in\n"
        "# octaves). Source: tandem calibrate --residuals, of those tables.\n",
        stream);
    residual_csv_write(stream, residuals, count);
}

static int write_file(const char *folder, const char *name, file_writer *writer, const void *what,
                      const char *source, struct error *error)
{
    char path[PATH_BYTES];
    struct output_file out;
    int length = snprintf(path, sizeof(path), "%s/%s", folder, name);
    if (length < 0 || length >= PATH_BYTES)
        return error_set(error, ERROR_IO, "%s: the path is too long", folder);
    int status = output_file_open(&out, path, error);
    if (status == 0) {
        writer(what, source, out.stream);
        status = output_file_finish(&out, error);
    }
    output_file_close(&out);
    return status;
}

/* A table of the folder, and how many rows there are for it: with none it is left alone. */
struct table {
    const char *name;
    file_writer *writer;
    size_t rows;
};

#define TABLES 3

static void list_tables(const struct measurements *measurements, struct table tables[TABLES])
{
    size_t experts = 0;
    for (size_t i = 0; i < measurements->kernel_count; i++)
        experts += kernel_op_is_experts(measurements->kernels[i].shape.op);
    tables[0] = (struct table){"kernels.csv", write_kernels, measurements->kernel_count - experts};
    tables[1] = (struct table){"experts.csv", write_experts, experts};
    tables[2] =
        (struct table){"collectives.csv", write_collectives, measurements->collective_count};
}

void calibrate_folder_print_former(const char *folder, const struct measurements *measurements,
                                   FILE *stream)
{
    struct table tables[TABLES];
    char path[PATH_BYTES];
    list_tables(measurements, tables);
    for (const char *const *name = gpu_samples_tables; *name; name++) {
        bool is_written = false;
        for (size_t i = 0; i < TABLES; i++)
            is_written |= tables[i].rows > 0 && strcmp(tables[i].name, *name + 1) == 0;
        (void)snprintf(path, sizeof(path), "%s%s", folder, *name);
        if (access(path, F_OK) == 0)
            (void)fprintf(stream, "note: %s %s\n", path,
                          is_written ? "is replaced" : "stays, and counts beside what is written");
    }
}

int calibrate_folder_write(const char *folder, const struct calibrate_gpu *gpu,
                           const struct measurements *measurements, const char *source,
                           struct error *error)
{
    struct table tables[TABLES];
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return error_set(error, ERROR_IO, "cannot make %s: %s", folder, strerror(errno));
    int status = 0;
    list_tables(measurements, tables);
    for (size_t i = 0; i < TABLES && status == 0; i++)
        if (tables[i].rows > 0)
            status =
                write_file(folder, tables[i].name, tables[i].writer, measurements, source, error);
    if (status == 0)
        status = write_file(folder, "gpu.yaml", write_gpu, gpu, source, error);
    return status;
}

int calibrate_folder_write_residuals(const char *folder, const struct calibrate_report *report,
                                     struct error *error)
{
    return write_file(folder, "residuals.csv", write_residuals, report, NULL, error);
}
