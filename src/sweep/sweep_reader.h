/*
 * sweep_reader: a sweep's file, as sweep.h describes it.
 */
#ifndef TANDEM_SWEEP_READER_H
#define TANDEM_SWEEP_READER_H

#include "sweep.h"

/*
 * Reads the sweep at `path`. Whether the scenarios that it makes are right is
 * config_load_scenario_variant()'s to say, point by point. ERROR_CONFIG: `error`
 * and sweep->diagnostics say what is wrong; ERROR_IO, ERROR_MEMORY. Release
 * `sweep` in any case.
 */
int sweep_reader_load(struct sweep *sweep, const char *path, const char *const *search,
                      struct error *error);

#endif
