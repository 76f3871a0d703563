#include "residual_csv.h"

#include "csv_sheet.h"
#include "dtype_name.h"
#include "op_name.h"

#include <stdlib.h>
#include <string.h>

/* Octaves: beyond these a surface is all peaks, or flat. */
#define LENGTH_MIN 0.01
#define LENGTH_MAX 1000.0

enum column {
    OP,
    DTYPE,
    P2P,
    GRAPH,
    POINTS,
    POINT_ERROR,
    SHAPE_ERROR,
    NOISE,
    LENGTHS,
    FINE_SHARE,
    FINE_LENGTHS,
    COLUMN_COUNT
};

static const char *const column_names[COLUMN_COUNT] = {
    "op",          "dtype", "p2p",     "graph",      "points",      "point_error",
    "shape_error", "noise", "lengths", "fine_share", "fine_lengths"};

/* An error, or NaN where its field is empty. */
static int read_error(const struct csv_sheet *sheet, enum column column, double *value,
                      struct error *error)
{
    *value = (double)NAN;
    if (*sheet->fields[column] == '\0')
        return 0;
    int status = csv_sheet_number(sheet, column, value, error);
    if (status == 0 && *value < 0)
        status = csv_sheet_fault(sheet, sheet->fields[column], error, "'%s' must not be negative",
                                 column_names[column]);
    return status;
}

static int read_kernel(const struct csv_sheet *sheet, struct residual *residual,
                       struct error *error)
{
    const char *dtype = sheet->fields[DTYPE];
    residual->dtype = dtype_named(dtype);
    if (residual->dtype < DTYPE_COUNT)
        return 0;
    return csv_sheet_fault(sheet, dtype, error, "unknown dtype '%s'", dtype);
}

static int read_collective(const struct csv_sheet *sheet, struct residual *residual,
                           struct error *error)
{
    bool is_peer;
    const char *op = sheet->fields[OP];
    if (!collective_named(op, &residual->kind))
        return csv_sheet_fault(sheet, op, error, "unknown op '%s'", op);
    int status = csv_sheet_switch(sheet, P2P, &is_peer, error);
    if (status < 0)
        return status;
    residual->kind.fabric = is_peer ? COLLECTIVE_FABRIC_PEER : COLLECTIVE_FABRIC_HOST;
    return csv_sheet_switch(sheet, GRAPH, &residual->kind.graph, error);
}

/* As many lengths as the surface has dimensions. */
static int read_lengths(const struct csv_sheet *sheet, enum column column, uint32_t count,
                        double *lengths, struct error *error)
{
    const char *field = sheet->fields[column];
    const char *at = field;
    bool is_good = strspn(at, "0123456789. ") == strlen(at);
    for (uint32_t d = 0; d < count && is_good; d++) {
        char *end;
        lengths[d] = strtod(at, &end);
        is_good = end > at && lengths[d] >= LENGTH_MIN && lengths[d] <= LENGTH_MAX;
        at = end;
    }
    if (is_good && *at == '\0')
        return 0;
    return csv_sheet_fault(sheet, field, error, "'%s' must hold %u numbers from %g to %g, not '%s'",
                           column_names[column], count, LENGTH_MIN, LENGTH_MAX, field);
}

/* How smooth a kernel's surface is, where the row says so. */
static int read_smoothness(const struct csv_sheet *sheet, struct residual *residual,
                           struct error *error)
{
    struct surface_kind *kind = &residual->smoothness;
    if (*sheet->fields[NOISE] == '\0' && *sheet->fields[LENGTHS] == '\0')
        return 0;
    if (residual->is_collective)
        return csv_sheet_fault(sheet, NULL, error, "only kernels have 'noise' and 'lengths'");
    *kind = *kernel_table_usual_kind(residual->op);
    int status = csv_sheet_positive(sheet, NOISE, &kind->noise, error);
    if (status == 0)
        status = read_lengths(sheet, LENGTHS, kind->dimensions, kind->length_octaves, error);
    if (status == 0)
        status = csv_sheet_positive(sheet, FINE_SHARE, &kind->fine_share, error);
    if (status == 0 && kind->fine_share > 1)
        status = csv_sheet_fault(sheet, sheet->fields[FINE_SHARE], error,
                                 "'fine_share' must not be above 1");
    if (status < 0)
        return status;
    return read_lengths(sheet, FINE_LENGTHS, kind->dimensions, kind->fine_length_octaves, error);
}

static int read_row(const struct csv_sheet *sheet, struct residual *residual, struct error *error)
{
    double points;
    *residual = (struct residual){.op = kernel_op_named(sheet->fields[OP])};
    residual->is_collective = residual->op == KERNEL_OP_COUNT;
    int status = residual->is_collective ? read_collective(sheet, residual, error)
                                         : read_kernel(sheet, residual, error);
    if (status == 0)
        status = csv_sheet_positive(sheet, POINTS, &points, error);
    if (status < 0)
        return status;
    residual->points = (size_t)points;
    status = read_error(sheet, POINT_ERROR, &residual->point_error, error);
    if (status == 0)
        status = read_error(sheet, SHAPE_ERROR, &residual->shape_error, error);
    return status < 0 ? status : read_smoothness(sheet, residual, error);
}

/* Reads the row that the sheet is at onto the end of the rows. */
static int append_row(const struct csv_sheet *sheet, struct residual **residuals, size_t *count,
                      struct error *error)
{
    struct residual *larger = realloc(*residuals, (*count + 1) * sizeof(**residuals));
    if (!larger)
        return error_out_of_memory(error, "residuals");
    *residuals = larger;
    int status = read_row(sheet, &larger[*count], error);
    *count += status == 0;
    return status;
}

int residual_csv_read(FILE *file, const char *name, struct residual **residuals, size_t *count,
                      struct error *error)
{
    struct csv_sheet sheet;
    int status =
        csv_sheet_init(&sheet, file, name, column_names, COLUMN_COUNT, CSV_KNOWN_ONLY, error);
    if (status < 0)
        return status;
    while (status == 0 && (status = csv_sheet_next(&sheet, error)) > 0)
        status = append_row(&sheet, residuals, count, error);
    csv_sheet_release(&sheet);
    return status;
}

static void apply_to_kernels(const struct residual *residual, struct kernel_table *kernels)
{
    if (residual->smoothness.dimensions > 0)
        kernel_table_set_kind(kernels, residual->op, residual->dtype, &residual->smoothness);
    kernel_table_set_errors(kernels, residual->op, residual->dtype,
                            cost_errors_of(residual->point_error, residual->shape_error));
}

void residual_csv_apply(const struct residual *residuals, size_t count,
                        struct kernel_table *kernels, struct collective_table *collectives)
{
    for (const struct residual *residual = residuals; residual < residuals + count; residual++) {
        if (residual->is_collective) /* groups nearly always have a measured number of ranks */
            collective_table_set_errors(collectives, &residual->kind,
                                        cost_errors_of(residual->point_error, (double)NAN));
        else
            apply_to_kernels(residual, kernels);
    }
}

static void write_error(FILE *file, double value)
{
    (void)(isfinite(value) ? fprintf(file, ",%.4f", value) : fputc(',', file));
}

/* 9 digits: what is read again is what was written, for it came of doubling and halving. */
static void write_lengths(FILE *file, const double *lengths, uint32_t count)
{
    for (uint32_t d = 0; d < count; d++)
        (void)fprintf(file, "%s%.9g", d > 0 ? " " : ",", lengths[d]);
}

static void write_smoothness(FILE *file, const struct surface_kind *kind)
{
    if (kind->dimensions == 0) {
        (void)fputs(",,,,", file);
        return;
    }
    (void)fprintf(file, ",%.9g", kind->noise);
    write_lengths(file, kind->length_octaves, kind->dimensions);
    (void)fprintf(file, ",%.9g", kind->fine_share);
    write_lengths(file, kind->fine_length_octaves, kind->dimensions);
}

void residual_csv_write(FILE *file, const struct residual *residuals, size_t count)
{
    for (uint32_t i = 0; i < COLUMN_COUNT; i++)
        (void)fprintf(file, "%s%s", i > 0 ? "," : "", column_names[i]);
    (void)fputc('\n', file);
    for (size_t i = 0; i < count; i++) {
        const struct residual *residual = &residuals[i];
        if (residual->is_collective)
            (void)fprintf(file, "%s,,%d,%d,%zu", collective_name(&residual->kind),
                          residual->kind.fabric == COLLECTIVE_FABRIC_PEER, residual->kind.graph,
                          residual->points);
        else
            (void)fprintf(file, "%s,%s,,,%zu", kernel_op_names[residual->op],
                          dtype_names[residual->dtype], residual->points);
        write_error(file, residual->point_error);
        write_error(file, residual->shape_error);
        write_smoothness(file, &residual->smoothness);
        (void)fputc('\n', file);
    }
}
