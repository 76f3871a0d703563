/*
 * plan_traffic: what is to be served: the scenario's requests under the plan's growth.
 */
#ifndef TANDEM_PLAN_TRAFFIC_H
#define TANDEM_PLAN_TRAFFIC_H

#include "config_scenario.h"

struct plan_traffic {
    double requests_per_s; /* as asked, or of the trace; NaN in a closed loop */
    uint32_t concurrency;  /* requests in flight; 0: there is no closed loop */
    double input_tokens;   /* mean of a request */
    double output_tokens;
    double
        computed_tokens; /* mean of a prompt, less what a prefix cache without bounds would save */
    double computed_tokens_high; /* the same at the SLO's percentile */
};

/* Reads the first requests of each of `draws` draws of `config`: under its seed, the next, and so
   on. ERROR_CONFIG where there are none; as workload_source.h. */
int plan_traffic_read(struct plan_traffic *traffic, const struct config *config, uint32_t draws,
                      struct error *error);

#endif
