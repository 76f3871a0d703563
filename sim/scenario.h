/*
 * scenario: everything that a simulation needs to know, constant while it runs.
 */
#ifndef TANDEM_SCENARIO_H
#define TANDEM_SCENARIO_H

#include "cluster.h"
#include "layout.h"
#include "link_sharing.h"
#include "measured.h"
#include "model.h"
#include "serving.h"
#include "workload.h"

/* X(NAME, YAML name) */
#define TIMELINES(X)                                                             \
    X(NONE, "none")     /* requests only */                                      \
    X(STEPS, "steps")   /* and steps, each stage's work, sends and idle times */ \
    X(LAYERS, "layers") /* and every kernel and collective */

enum timeline {
#define X(name, text) TIMELINE_##name,
    TIMELINES(X)
#undef X
};

/* X(NAME, YAML name): what becomes of a failed replica's requests */
#define ON_LOSSES(X)                                                        \
    X(RETRY, "retry") /* the router gives them to others, from the start */ \
    X(LOSE, "lose")

enum on_loss {
#define X(name, text) ON_LOSS_##name,
    ON_LOSSES(X)
#undef X
};

enum fault_target { FAULT_GPU, FAULT_LINK, FAULT_NODE };

/* Hardware that slows down or fails, for a time. */
struct fault {
    sim_ps from;
    sim_ps until;    /* SIM_PS_MAX: for good */
    double slowdown; /* times slower, more than 1; 0: it is down */
    enum fault_target target;
    uint32_t index;   /* of the cluster's GPU, or its node */
    const char *link; /* the link's name, as topology.h gives it */
};

/* Whether it takes its target down, rather than slow it. */
static inline bool fault_is_outage(const struct fault *fault)
{
    return fault->slowdown <= 0;
}

struct slo {
    double ttft_s;     /* 0: no bound */
    double tpot_s;     /* 0: no bound */
    double percentile; /* in (0, 100] */
};

struct run {
    uint64_t seed;
    sim_ps warmup;   /* requests that arrive earlier are simulated and not counted */
    sim_ps duration; /* requests that arrive later are not simulated; SIM_PS_MAX: all are */
    enum link_policy links;
    enum on_loss on_loss;
    double cost_scale; /* kernels and collectives take this many times as long; 0 counts as 1 */
    bool exact;        /* every step and layer as its own event: no shortcuts */
};

struct output {
    enum timeline timeline;
    sim_ps window_start; /* bounds what `layers` records; 0 and SIM_PS_MAX: everything */
    sim_ps window_end;
};

/* X(NAME, YAML name): how KV gets to the replica that decodes */
#define KV_TRANSFERS(X)                                                                       \
    X(WHOLE, "whole")         /* all of it, when the prompt is prefilled and there is room */ \
    X(LAYERWISE, "layerwise") /* layer by layer as it is computed, where there is room ahead */

enum kv_transfer {
#define X(name, text) KV_TRANSFER_##name,
    KV_TRANSFERS(X)
#undef X
};

struct scenario {
    struct model model;
    struct cluster cluster;
    struct measured measured; /* of the cluster's GPU; must outlive what uses the scenario */
    struct layout_spec layout;
    struct serving serving;
    struct slo slo;
    struct run run;
    struct output output;
    const struct fault *faults;
    uint32_t fault_count;
    const struct scenario *decode; /* what this one prefills, replicas with a layout, engine and
                                      GPUs of their own decode, on the GPUs after this one's; NULL:
                                      replicas do both. Its slo, run and output are not looked at */
    enum kv_transfer kv_transfer;  /* where there is `decode` */
};

/* All the GPUs that it takes, those that decode too. */
static inline uint64_t scenario_gpu_count(const struct scenario *scenario)
{
    const struct scenario *decode = scenario->decode;
    return layout_gpu_count(&scenario->layout) + (decode ? layout_gpu_count(&decode->layout) : 0);
}

#endif
