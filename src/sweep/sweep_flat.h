/*
 * sweep_flat: a point's record as one flat JSON object: column to value.
 *
 * Names and order are sweep_table.h's. Values are texts, true or false, whole
 * numbers and reals; null is NaN.
 */
#ifndef TANDEM_SWEEP_FLAT_H
#define TANDEM_SWEEP_FLAT_H

#include <jansson.h>
#include <stddef.h>

/*
 * The object of `record`, which is row `index`. Its keys are the same for every
 * record of a sweep. NULL when memory is out.
 */
json_t *sweep_flat_new(const json_t *record, size_t index);

/* The units that a summary's name tells: "s" of "ttft_s.p99", "1" where it tells none. */
const char *sweep_flat_units(const char *name);

#endif
