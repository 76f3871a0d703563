/*
 * plan_candidate: one kind of GPU cut in one way; how many replicas of it to buy
 * is the search's to find.
 */
#ifndef TANDEM_PLAN_CANDIDATE_H
#define TANDEM_PLAN_CANDIDATE_H

#include "plan_judge.h"

enum plan_state {
    PLAN_OPEN,      /* there is a number of replicas to try */
    PLAN_FOUND,     /* `verdict` is of the fewest replicas that meet the SLO */
    PLAN_RULED_OUT, /* `why` */
};

struct plan_candidate {
    struct plan_option option; /* with the replicas to try next, or that were found */
    char cluster_name[NAME_BYTES];
    uint32_t gpus_per_node;
    uint32_t replicas_max; /* that the limits allow */
    double usd_per_gpu_hour;
    double power_w; /* of a GPU; 0: unknown */
    bool is_most_tried;
    enum plan_state state;
    struct plan_verdict verdict; /* of the last trial */
    char why[PLAN_REASON_BYTES];
};

/* What is to be served: the scenario's requests under the plan's growth. */
struct plan_traffic {
    double requests_per_s; /* NaN in a closed loop */
    double input_tokens;   /* mean of a request */
    double output_tokens;
};

/* Reads the traffic's first requests. */
int plan_traffic_read(struct plan_traffic *traffic, const struct config *config,
                      struct error *error);

/*
 * Fills in a candidate: PLAN_OPEN with the fewest replicas that the bounds allow,
 * or PLAN_RULED_OUT. ERROR_CONFIG where its scenario is wrong, ERROR_MEMORY.
 */
int plan_candidate_init(struct plan_candidate *candidate, const struct plan *plan, size_t cluster,
                        uint32_t tensor_parallel, uint32_t pipeline_parallel,
                        const struct plan_traffic *traffic, struct error *error);

/* Fills in the scenario's own cluster and layout, whatever the bounds say. Errors as above. */
int plan_candidate_init_own(struct plan_candidate *candidate, const struct plan *plan,
                            struct error *error);

/* Sets the replicas, and the nodes that they need. */
void plan_candidate_resize(struct plan_candidate *candidate, uint32_t replicas);

/* The replicas that `nodes` hold. */
uint32_t plan_candidate_capacity(const struct plan_candidate *candidate, uint32_t nodes);

/* GPUs in use, GPUs paid for, and what these cost and draw at board power. */
uint32_t plan_candidate_gpus(const struct plan_candidate *candidate);
uint32_t plan_candidate_billed_gpus(const struct plan_candidate *candidate,
                                    enum plan_billing billing);
double plan_candidate_usd_per_hour(const struct plan_candidate *candidate,
                                   enum plan_billing billing);

#endif
