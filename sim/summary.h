/*
 * summary: what a run comes to: what `--json` prints and /summary holds.
 *
 * Plain data; the arrays live in the arena that the run was given. Ratios of
 * nothing (no request completed) are NaN.
 */
#ifndef TANDEM_SUMMARY_H
#define TANDEM_SUMMARY_H

#include "base.h"
#include "cost_grid.h"
#include "gpu.h"
#include "layout.h"
#include "warning.h"

/* Seconds. */
struct distribution {
    uint64_t count;
    double mean;
    double p50;
    double p90;
    double p95;
    double p99;
    double max;
};

/* A stage's time over the run, from the first arrival on; the eight shares sum to 1. */
struct stage_summary {
    uint32_t replica;
    uint32_t stage;
    uint32_t layers;
    double busy_compute; /* kernels; a step whose launches are slower than its kernels included */
    double busy_collective;
    double idle_no_work;
    double idle_fill_drain;
    double idle_imbalance;
    double idle_transfer;
    double idle_host;
    double idle_down;    /* it has failed */
    double launch_bound; /* the part of busy_compute in which kernels waited for their launch */
    double power_capped; /* and what it would be shorter by without a power limit */
};

#define SUMMARY_ROLE_BYTES 8

/* Replicas of one kind. */
struct pool_summary {
    char role[SUMMARY_ROLE_BYTES]; /* "both", "prefill" or "decode" */
    uint32_t tensor_parallel;
    uint32_t pipeline_parallel;
    uint32_t replicas;
    uint32_t first_replica;
    char policy[NAME_BYTES]; /* of batching, as scenarios write it */
    uint32_t max_step_tokens;
    uint32_t max_sequences;
    uint64_t kv_capacity_tokens; /* of one replica */
    double kv_peak_fraction;
    double crowded; /* share of the time with work in which requests waited for a place among
                       max_sequences; for the warnings */
};

/* KV that went from replicas that prefill to replicas that decode. */
struct kv_transfer_summary {
    uint64_t count;
    double bytes;
    struct distribution wait; /* from a request's first token until it could decode on */
};

/* One GPU of a stage. */
struct memory_summary {
    uint32_t pool;
    uint32_t stage;
    double weights_bytes;
    double activation_bytes;
    double reserve_bytes;
    double kv_bytes;
};

struct link_summary {
    char name[NAME_BYTES];
    uint32_t link;  /* its row among the cluster's links */
    uint32_t users; /* replicas whose collectives or sends cross it; KV between pools is one more */
    double bytes;
    double utilization; /* bytes over what it could have carried from the first arrival on, as slow
                           as it was, or down */
    double waited_s; /* while stages had nothing to do but wait for its bytes, summed over them */
    double twice_saves; /* by an estimate, what twice its bandwidth would save the stages that it
                           bounds, as a share of their working time: half of bytes over rate, their
                           own bytes and those of others with whom they share it */
};

/* Links that nobody waited for and that nobody shares are listed until there are so many. */
#define SUMMARY_LINKS 16

/* Requests, tokens and latencies are of what arrived after the warm-up; stages, links, KV and costs
   of the whole run. */
struct summary {
    uint64_t arrived; /* once a run is over: completed, rejected or lost */
    uint64_t completed;
    uint64_t
        rejected; /* no replica can ever hold them, or the model's context no output of theirs */
    uint64_t too_long; /* of those, the latter; for the warnings, as the next */
    uint64_t cut;      /* whose output ends where the model's context does */
    uint64_t preemptions;
    uint64_t retried;  /* requests that started over because a replica failed */
    uint64_t lost;     /* requests that ended with it */
    uint64_t warmup;   /* requests that arrived in the warm-up: they count nowhere else */
    double duration_s; /* from the first arrival of a request that was let in until the last of them
                          had its last token, was lost or came, whichever was last */
    double requests_per_s;
    double input_tokens_per_s;
    double cached_input_share; /* of those tokens, that were found in prefix caches; NaN: none was
                                  looked for */
    double output_tokens_per_s;
    double goodput_requests_per_s;
    double good_share; /* of those that arrived: whose TTFT and TPOT are both within the SLO; NaN:
                          none did */
    bool meets_slo;    /* that share is no less than the SLO's percentile */
    struct distribution ttft;
    struct distribution tpot;
    struct distribution itl;
    struct distribution e2e;
    struct distribution queue;
    struct stage_summary *stages;
    uint32_t stage_count; /* replicas x stages, of all pools */
    uint32_t nodes;       /* of the cluster, whether it uses them or not */
    uint32_t gpus_per_node;
    uint32_t max_context; /* of the model; 0: any */
    struct pool_summary pools[POOLS_MAX];
    uint32_t pool_count;
    struct kv_transfer_summary kv_transfer; /* where there are two pools */
    struct memory_summary *memory;
    uint32_t memory_count;
    uint64_t kv_capacity_tokens; /* of one replica that decodes */
    double kv_peak_fraction;
    struct link_summary *links; /* those waited for, longest first; then by utilization */
    uint32_t link_count;
    uint32_t links_left_out;             /* that carried something, too */
    double known[COST_PROVENANCE_COUNT]; /* shares of the time of kernels and collectives, by how
                                            their costs are known; NaN without any */
    double cost_error;                   /* of that time, relative, were all costs off one way */
    struct warning *warnings;
    uint32_t warning_count;
    uint64_t events;
    uint64_t steps;
    double wall_s;
    double requests_per_wall_s;
};

#endif
