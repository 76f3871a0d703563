/*
 * metered_run: a configuration's simulation from end to end, and whether it kept up with its load.
 *
 * One that fails of its own has a result too, in JSON:
 *
 *     status   "failed"
 *     error    why
 */
#ifndef TANDEM_METERED_RUN_H
#define TANDEM_METERED_RUN_H

#include "config_scenario.h"
#include "load_meter.h"
#include "summary.h"

#include <jansson.h>

struct metered_run {
    struct summary summary;
    struct load_reading reading;
    struct arena arena; /* the summary's */
};

/* Runs `config` and tells `recorder`, which may be zeroed, of all that happens.
   metered_run_release() it in any case. */
int metered_run_play(struct metered_run *run, const struct config *config, struct recorder recorder,
                     struct error *error);

void metered_run_release(struct metered_run *run);

/* The result of a run that failed; the caller, who knows which errors are the run's own,
   json_decref()s it. NULL when memory is out, `error` then says so. */
json_t *metered_run_failure(struct error *error);

#endif
