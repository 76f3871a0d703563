#include "measurement_file.h"

#include "line_reader.h"
#include "nccl_tests.h"
#include "sample_csv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PLACE_BYTES 4200
#define SNIFFED_BYTES 65536

enum file_kind { FILE_KERNELS, FILE_COLLECTIVES, FILE_NCCL_TESTS };

static const char *place_of(char text[PLACE_BYTES], const char *path, struct sample_place place)
{
    (void)snprintf(text, PLACE_BYTES, "%s:%llu:%u", path, (unsigned long long)place.line,
                   place.column);
    return text;
}

static int add_kernels(struct measurements *measurements, FILE *file, const char *path,
                       struct error *error)
{
    char place[PLACE_BYTES];
    struct kernel_sample *samples = NULL;
    struct sample_place *places = NULL;
    size_t count = 0;
    int status = sample_csv_kernels(file, path, &samples, &places, &count, error);
    for (size_t i = 0; i < count && status == 0; i++)
        status = measurements_add_kernel(measurements, &samples[i],
                                         place_of(place, path, places[i]), error);
    free(samples);
    free(places);
    return status;
}

static int add_collectives(struct measurements *measurements, FILE *file, const char *path,
                           struct error *error)
{
    char place[PLACE_BYTES];
    struct collective_sample *samples = NULL;
    struct sample_place *places = NULL;
    size_t count = 0;
    int status = sample_csv_collectives(file, path, &samples, &places, &count, error);
    for (size_t i = 0; i < count && status == 0; i++)
        status = measurements_add_collective(measurements, &samples[i],
                                             place_of(place, path, places[i]), error);
    free(samples);
    free(places);
    return status;
}

/* By the first line that is not a comment: a header with commas is one of tandem's tables. */
static enum file_kind kind_of_text(char *text)
{
    char *rest;
    for (char *line = strtok_r(text, "\r\n", &rest); line; line = strtok_r(NULL, "\r\n", &rest)) {
        if (*line == '#')
            continue;
        if (!strchr(line, ','))
            return FILE_NCCL_TESTS;
        return strstr(line, "bytes") ? FILE_COLLECTIVES : FILE_KERNELS;
    }
    return FILE_KERNELS;
}

/* What `file` is; rewinds it. ERROR_IO, ERROR_MEMORY. */
static int sniff(FILE *file, const char *path, enum file_kind *kind, struct error *error)
{
    char *text = malloc(SNIFFED_BYTES + 1);
    if (!text)
        return error_out_of_memory(error, "the beginning of a file");
    size_t bytes = fread(text, 1, SNIFFED_BYTES, file);
    bool is_read = !ferror(file) && fseek(file, 0, SEEK_SET) == 0;
    text[bytes] = '\0';
    *kind = text[strspn(text, " \t\r\n")] == '{' ? FILE_NCCL_TESTS : kind_of_text(text);
    const char *packing = line_reader_packing(text, bytes);
    free(text);
    if (packing)
        return line_reader_fail_packed(path, packing, error);
    return is_read ? 0 : error_set(error, ERROR_IO, "cannot read %s: %s", path, strerror(errno));
}

int measurement_file_add(struct measurements *measurements, const char *path,
                         enum collective_fabric fabric, struct error *error)
{
    enum file_kind kind = FILE_KERNELS;
    FILE *file = fopen(path, "r");
    if (!file)
        return error_set(error, ERROR_IO, "cannot read %s: %s", path, strerror(errno));
    int status = sniff(file, path, &kind, error);
    if (status == 0 && kind == FILE_KERNELS)
        status = add_kernels(measurements, file, path, error);
    else if (status == 0 && kind == FILE_COLLECTIVES)
        status = add_collectives(measurements, file, path, error);
    else if (status == 0)
        status = nccl_tests_read(measurements, file, path, fabric, error);
    (void)fclose(file);
    return status;
}
