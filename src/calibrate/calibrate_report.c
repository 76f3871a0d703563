#include "calibrate_report.h"

#include "dtype_name.h"
#include "json_build.h"
#include "op_name.h"
#include "smoothness.h"

#include <stdlib.h>

#define PARTS 3

/* A report on its way. */
struct making {
    struct calibrate_report *report;
    const struct gpu *gpu;
    const struct measurements *measurements;
    struct calibrate_watch watch;
    size_t looked_at; /* samples of classes before this one */
};

/* Notes that `part` parts of a class are done, of PARTS. */
static void tell(const struct making *making, const struct calibrate_class *class, size_t part)
{
    const struct measurements *measurements = making->measurements;
    if (making->watch.tell)
        making->watch.tell(making->watch.context, making->looked_at + class->samples * part / PARTS,
                           measurements->kernel_count + measurements->collective_count);
}

static int study_kernels(const struct making *making, struct calibrate_class *class,
                         const struct kernel_sample *samples, struct error *error)
{
    size_t count = class->samples;
    int status = smoothness_of_kernels(making->gpu, samples, count, &class->what.smoothness, error);
    tell(making, class, 1);
    if (status == 0)
        status = cross_validation_kernels(making->gpu, samples, count, LEFT_OUT_SAMPLE,
                                          &class->sample, error);
    tell(making, class, 2);
    if (status == 0)
        status = cross_validation_kernels(making->gpu, samples, count, LEFT_OUT_SHAPE,
                                          &class->shape, error);
    tell(making, class, PARTS);
    return status;
}

static int study_collectives(const struct making *making, struct calibrate_class *class,
                             const struct collective_sample *samples, struct error *error)
{
    int status = cross_validation_collectives(samples, class->samples, LEFT_OUT_SAMPLE,
                                              &class->sample, error);
    if (status == 0)
        status = cross_validation_collectives(samples, class->samples, LEFT_OUT_SHAPE,
                                              &class->shape, error);
    tell(making, class, PARTS);
    return status;
}

/* The class comes into the report where there are samples of it. */
static int add_kernels(struct making *making, enum kernel_op op, enum dtype dtype,
                       struct error *error)
{
    const struct measurements *all = making->measurements;
    struct calibrate_class *class = &making->report->classes[making->report->count];
    struct kernel_sample *samples = calloc(all->kernel_count + 1, sizeof(*samples));
    if (!samples)
        return error_out_of_memory(error, "cross-validation");
    *class =
        (struct calibrate_class){.op = kernel_op_names[op], .what = {.op = op, .dtype = dtype}};
    (void)snprintf(class->detail, sizeof(class->detail), "%s", dtype_names[dtype]);
    for (size_t i = 0; i < all->kernel_count; i++)
        if (all->kernels[i].shape.op == op && all->kernels[i].shape.dtype == dtype)
            samples[class->samples++] = all->kernels[i];
    int status = class->samples > 0 ? study_kernels(making, class, samples, error) : 0;
    making->report->count += class->samples > 0;
    making->looked_at += class->samples;
    free(samples);
    return status;
}

static int add_collectives(struct making *making, uint32_t of, struct error *error)
{
    const struct collective_kind kind = collective_kind_of(of);
    const struct measurements *all = making->measurements;
    struct calibrate_class *class = &making->report->classes[making->report->count];
    struct collective_sample *samples = calloc(all->collective_count + 1, sizeof(*samples));
    if (!samples)
        return error_out_of_memory(error, "cross-validation");
    *class = (struct calibrate_class){.op = collective_name(&kind),
                                      .what = {.is_collective = true, .kind = kind}};
    (void)snprintf(class->detail, sizeof(class->detail), "%s, %s",
                   kind.fabric == COLLECTIVE_FABRIC_PEER ? "peer" : "host",
                   kind.graph ? "graph" : "eager");
    for (size_t i = 0; i < all->collective_count; i++)
        if (collective_class_of(&all->collectives[i].kind) == of)
            samples[class->samples++] = all->collectives[i];
    int status = class->samples > 0 ? study_collectives(making, class, samples, error) : 0;
    making->report->count += class->samples > 0;
    making->looked_at += class->samples;
    free(samples);
    return status;
}

int calibrate_report_make(struct calibrate_report *report, const struct gpu *gpu,
                          const struct measurements *measurements, struct calibrate_watch watch,
                          struct error *error)
{
    struct making making = {report, gpu, measurements, watch, 0};
    int status = 0;
    report->count = 0;
    for (uint32_t i = 0; i < KERNEL_OP_COUNT * DTYPE_COUNT && status == 0; i++)
        status = add_kernels(&making, i / DTYPE_COUNT, i % DTYPE_COUNT, error);
    for (uint32_t i = 0; i < COLLECTIVE_CLASS_COUNT && status == 0; i++)
        status = add_collectives(&making, i, error);
    return status;
}

size_t calibrate_report_residuals(const struct calibrate_report *report,
                                  struct residual residuals[CALIBRATE_CLASSES_MAX])
{
    for (uint32_t i = 0; i < report->count; i++) {
        const struct calibrate_class *class = &report->classes[i];
        residuals[i] = class->what;
        residuals[i].points = class->samples;
        residuals[i].point_error = class->sample.samples > 0 ? class->sample.mean : (double)NAN;
        residuals[i].shape_error = class->shape.samples > 0 ? class->shape.mean : (double)NAN;
    }
    return report->count;
}

static void print_error(const struct left_out_error *left_out, FILE *stream)
{
    if (left_out->samples == 0)
        (void)fprintf(stream, " %8s %8s", "-", "-");
    else
        (void)fprintf(stream, " %7.1f%% %7.1f%%", 100 * left_out->mean, 100 * left_out->p90);
}

void calibrate_report_print(const struct calibrate_report *report, FILE *stream)
{
    (void)fprintf(stream,
                  "Errors of points that the tables were not given\n\n"
                  "%-39s %17s %17s\n%-18s %-12s %7s %8s %8s %8s %8s\n",
                  "", "point left out", "shape left out", "class", "of", "points", "mean", "p90",
                  "mean", "p90");
    for (uint32_t i = 0; i < report->count; i++) {
        const struct calibrate_class *class = &report->classes[i];
        (void)fprintf(stream, "%-18s %-12s %7zu", class->op, class->detail, class->samples);
        print_error(&class->sample, stream);
        print_error(&class->shape, stream);
        (void)fputc('\n', stream);
    }
}

/* null where nothing could be left out. */
static json_t *error_new(const struct left_out_error *left_out)
{
    if (left_out->samples == 0)
        return json_null();
    return json_build_object((const struct json_member[]){
        {"samples", json_build_count(left_out->samples)},
        {"mean", json_build_real(left_out->mean)},
        {"p50", json_build_real(left_out->p50)},
        {"p90", json_build_real(left_out->p90)},
        {"max", json_build_real(left_out->max)},
        {"bias", json_build_real(left_out->bias)},
        {0},
    });
}

int calibrate_report_print_json(const struct calibrate_report *report, FILE *stream,
                                struct error *error)
{
    json_t *classes = json_array();
    for (uint32_t i = 0; i < report->count; i++) {
        const struct calibrate_class *class = &report->classes[i];
        json_t *object = json_build_object((const struct json_member[]){
            {"op", json_string(class->op)},
            {"detail", json_string(class->detail)},
            {"samples", json_build_count(class->samples)},
            {"sample_error", error_new(&class->sample)},
            {"shape_error", error_new(&class->shape)},
            {0},
        });
        classes = json_build_append(classes, object);
    }
    return json_build_print(json_pack("{so}", "classes", classes), stream, error);
}
