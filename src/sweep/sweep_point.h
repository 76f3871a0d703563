/*
 * sweep_point: one point of a sweep, from its scenario to its result.
 *
 * The result is a JSON object:
 *
 *     status   "done"
 *     is_trace whether its requests are a trace's, or drawn
 *     gpus     that it takes, all pools together
 *     usd_per_hour              to rent them; null where the price of one is unknown
 *     offered_requests_per_s    see load_meter.h; with those that were rejected
 *     saturated, balance        whether it was, and all that is known (balance_json.h)
 *     refusing                  it rejected or lost more requests than the SLO's percentile leaves
 *                               over, that of its default where there is no SLO
 *     has_slo                   whether a latency is bound
 *     summary  what `tandem run --json` prints, but for its wall-clock numbers
 *
 * or, where there is something wrong with the point, as metered_run.h has it.
 *
 * The same scenario gives the same object.
 */
#ifndef TANDEM_SWEEP_POINT_H
#define TANDEM_SWEEP_POINT_H

#include "config_scenario.h"

#include <jansson.h>

#define SWEEP_FINGERPRINT_BYTES 17

/*
 * Runs `config`; with a `file_path` its records go there (record_hdf5.h).
 * NULL where not the point failed, but the program: ERROR_MEMORY, ERROR_IO. The
 * caller json_decref()s the result.
 */
json_t *sweep_point_run(const struct config *config, const char *file_path, struct error *error);

/* The result of a point that fails of its own `error`; NULL where that is the program's, as above.
 */
json_t *sweep_point_failure(struct error *error);

/*
 * A hash of all that the result depends on: the program's version, the
 * scenario's full text, what that only names (token counts; trace and measured
 * tables by path, size and time of last change) and the file that its records
 * go to, NULL for none. In hexadecimal.
 */
void sweep_point_fingerprint(const struct config *config, const char *file_path,
                             char fingerprint[SWEEP_FINGERPRINT_BYTES]);

#endif
