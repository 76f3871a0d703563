/*
 * calibrate_report: how far tables made of measurements are from those that
 * they were not given, class by class.
 */
#ifndef TANDEM_CALIBRATE_REPORT_H
#define TANDEM_CALIBRATE_REPORT_H

#include "cross_validation.h"
#include "measurements.h"
#include "residual_csv.h"

#include <stdio.h>

#define CALIBRATE_CLASSES_MAX (KERNEL_OP_COUNT * DTYPE_COUNT + COLLECTIVE_CLASS_COUNT)

/* The samples of one kernel and dtype, or of one kind of collective. */
struct calibrate_class {
    const char *op;
    char detail[32];      /* "bf16"; "peer, graph" */
    struct residual what; /* and how smooth; its errors unset */
    size_t samples;
    struct left_out_error sample; /* left out one by one */
    struct left_out_error shape;  /* whole shapes left out; of 0 samples where there is but one */
};

struct calibrate_report {
    struct calibrate_class classes[CALIBRATE_CLASSES_MAX];
    uint32_t count;
};

/* Who hears of each part of the work that is done, in samples of all; `tell` may be NULL. */
struct calibrate_watch {
    void (*tell)(void *context, size_t done, size_t all);
    void *context;
};

/* Fills in `report` with each class that has samples. Takes seconds a class. 0 or -ERROR_MEMORY. */
int calibrate_report_make(struct calibrate_report *report, const struct gpu *gpu,
                          const struct measurements *measurements, struct calibrate_watch watch,
                          struct error *error);

/* The classes' mean errors, as residuals.csv keeps them; their count. */
size_t calibrate_report_residuals(const struct calibrate_report *report,
                                  struct residual residuals[CALIBRATE_CLASSES_MAX]);

void calibrate_report_print(const struct calibrate_report *report, FILE *stream);

/* {classes[]{op,detail,samples, sample_error|shape_error{samples,mean,p50,p90,max,bias}}}: errors
   are relative. ERROR_MEMORY, ERROR_IO. */
int calibrate_report_print_json(const struct calibrate_report *report, FILE *stream,
                                struct error *error);

#endif
