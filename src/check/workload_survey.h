/*
 * workload_survey: which of a workload's requests are not served as they are.
 *
 * The requests are those of a run of the scenario, drawn or read through once, and
 * the run's own rules refuse them, or cut their outputs; nothing is simulated. Where
 * the longest that the distributions allow is served whole, none is drawn.
 */
#ifndef TANDEM_WORKLOAD_SURVEY_H
#define TANDEM_WORKLOAD_SURVEY_H

#include "config_workload.h"
#include "scenario.h"
#include "warning.h"

/* Of a workload that has more, the first ones are looked at. */
#define WORKLOAD_SURVEY_REQUESTS_MAX 1000000

struct workload_survey {
    uint64_t requests;     /* that a run counts, of those looked at */
    uint64_t too_long;     /* their prompts leave no room in the model's context */
    uint64_t cut;          /* their outputs end where that does */
    uint64_t refused;      /* no replica can ever serve them */
    uint32_t input_tokens; /* of the longest of those */
    uint32_t output_tokens;
    bool is_cut; /* there may be more */
    bool ignores_prefixes;
    struct warning prefixes; /* where it does */
};

/*
 * Surveys `workload` under `scenario`, which fits. All zeroes where it cannot be read twice (a
 * pipe). Errors as simulation_new() and the workload's source have them.
 */
int workload_survey_run(struct workload_survey *survey, const struct scenario *scenario,
                        const struct workload_spec *workload, struct error *error);

#endif
