/*
 * calibrate_config: the files that measurements are held against: a GPU's
 * datasheet, and the model that a profile is of.
 *
 * Errors: ERROR_CONFIG with positions, ERROR_IO where there are no configs to
 * look references up in, ERROR_MEMORY. What is read is in the arena.
 */
#ifndef TANDEM_CALIBRATE_CONFIG_H
#define TANDEM_CALIBRATE_CONFIG_H

#include "arena.h"
#include "error.h"
#include "model.h"

/* What is known of a GPU besides what was measured. */
struct calibrate_gpu {
    struct gpu gpu;
    const char *text;  /* of its file */
    bool names_tables; /* it says `measured: .` */
};

/* Tables that it names must be those beside it. */
int calibrate_gpu_read(struct calibrate_gpu *gpu, const char *path, struct arena *arena,
                       struct error *error);

int calibrate_model_read(struct model *model, const char *path, struct arena *arena,
                         struct error *error);

#endif
