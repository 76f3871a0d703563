/*
 * bands: how far a run's headline numbers may be off for what is not known of
 * its costs.
 *
 * Each cost has an error by how it is known, of its class of kernels where the
 * GPU's folder says how far that was off on points left out (residual_csv.h);
 * weighed by the time that each accounts for, they give the error of a step's
 * time, were all off the same way. The run is then repeated with all kernels and
 * collectives that much faster, and slower: near saturation a small error in a
 * step grows in the queue, which no formula would show.
 */
#ifndef TANDEM_BANDS_H
#define TANDEM_BANDS_H

#include "scenario.h"
#include "summary.h"
#include "workload_source.h"

#include <jansson.h>
#include <stdio.h>

struct bands {
    double cost_error;   /* of a step's time, relative */
    struct summary fast; /* all costs less by as much */
    struct summary slow; /* more */
};

/*
 * Repeats the run that `summary` is of twice; arrays go to `arena`. `scenario`
 * and `workload` are the run's.
 */
int bands_run(struct bands *bands, const struct scenario *scenario,
              const struct workload_spec *workload, const struct summary *summary,
              struct arena *arena, struct error *error);

/* {cost_error, ttft_s|tpot_s|e2e_s{p50,p95}, output_tokens_per_s}: pairs, low and high. */
json_t *bands_json(const struct bands *bands, const struct summary *summary);

/* "TTFT p50 24.5 ms, 23.7 ms to 25.4 ms" and so on. */
void bands_text_print(const struct bands *bands, const struct summary *summary, FILE *stream);

#endif
