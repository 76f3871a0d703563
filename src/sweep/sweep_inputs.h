/*
 * sweep_inputs: the files that points were run on, by what is in them: traces, token counts, what
 * was measured of a GPU. A path alone does not tell whether two shares of a sweep read the same.
 * Their names are those of config_portable.h: wherever tandem lies, they are the same.
 */
#ifndef TANDEM_SWEEP_INPUTS_H
#define TANDEM_SWEEP_INPUTS_H

#include "config_scenario.h"

#include <jansson.h>

/*
 * The files that `config` names, as an object of name to a hash of what is in them (sweep_hash.h),
 * in hexadecimal; those that cannot be read, or whose path is no UTF-8, are left out. `known` is an
 * object that keeps them for the next point. NULL when memory is out.
 */
json_t *sweep_inputs_of(const struct config *config, json_t *known);

/*
 * Adds the inputs of `records`, of which `source` is the file, to `seen`, an object that starts
 * empty. ERROR_CONFIG where a file was another one for these records than for some that were seen;
 * ERROR_MEMORY.
 */
int sweep_inputs_compare(json_t *seen, const json_t *records, const char *source,
                         struct error *error);

/* Whether what `seen` has is there still, unchanged. ERROR_CONFIG; ERROR_MEMORY. */
int sweep_inputs_check(json_t *seen, struct error *error);

#endif
