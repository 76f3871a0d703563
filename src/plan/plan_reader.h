/*
 * plan_reader: a plan's file, whose keys plan.h lists.
 */
#ifndef TANDEM_PLAN_READER_H
#define TANDEM_PLAN_READER_H

#include "plan.h"

/*
 * Reads the plan at `path`, whose scenarios are made with `inputs`; what those
 * point at is kept. ERROR_CONFIG: `error` and plan->diagnostics say what is wrong;
 * ERROR_IO, ERROR_MEMORY. Release `plan` in any case.
 */
int plan_reader_load(struct plan *plan, const char *path, const struct config_inputs *inputs,
                     struct error *error);
void plan_release(struct plan *plan);

#endif
