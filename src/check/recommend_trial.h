/*
 * recommend_trial: what simulation says of the layouts that rules of thumb choose among.
 *
 * Candidates are the rules' own layouts and every TP x PP of powers of two, up to
 * 64 GPUs, that fits; each as often as the cluster holds it; of a mixture with its
 * experts split, and where a group's GPUs can share them whole, so too. Each serves the
 * workload's first requests twice: as they arrive, for its latency, and all at
 * t = 0, for its throughput while they wait (backlog_meter.h). Of the latter there
 * are four times as many as any candidate serves at once, within the bounds below,
 * over and over where the workload has fewer: where the upper one is less than
 * that, candidates that serve many at once seem slower than they are. Stages are
 * balanced, one step a stage is in flight, nothing is warm-up and no request comes
 * too late; all else is the scenario's, max_sequences of a replica too: so a run of
 * the scenario with a candidate's layout says the same, and the scenario's own
 * layout says nothing of the others'.
 *
 * A candidate that max_sequences holds back with KV to spare, as the run's warning
 * sequences_full has it, is marked; and tried for its throughput once more with as
 * many sequences as KV would hold of those requests, at most
 * RECOMMEND_MORE_SEQUENCES_TIMES as many.
 */
#ifndef TANDEM_RECOMMEND_TRIAL_H
#define TANDEM_RECOMMEND_TRIAL_H

#include "config_workload.h"
#include "recommend.h"
#include "scenario.h"

/* Of the workload, for latency and for throughput. */
#define RECOMMEND_LATENCY_REQUESTS 500
#define RECOMMEND_THROUGHPUT_REQUESTS_MIN 4000
#define RECOMMEND_THROUGHPUT_REQUESTS_MAX 250000

/* Times the scenario's max_sequences. */
#define RECOMMEND_MORE_SEQUENCES_TIMES 4

/* 28 pairs of powers of two whose product is at most 64, and the rules' layouts; either with split
   experts and with whole ones. */
#define RECOMMEND_TRIALS_MAX (2 * (28 + RECOMMEND_GOAL_COUNT))

struct recommend_trial {
    uint32_t tensor_parallel;
    uint32_t pipeline_parallel;
    uint32_t replicas;
    bool expert_parallel; /* each GPU of several holds whole experts */
    uint64_t completed;   /* of both trials */
    uint64_t rejected;
    uint64_t lost;
    double value[RECOMMEND_GOAL_COUNT]; /* latency: median E2E, seconds; throughput: output tokens
                                           a second while requests wait. NaN or 0 where no request
                                           can be served */
    bool is_held_back[RECOMMEND_GOAL_COUNT]; /* by max_sequences, with KV to spare */
    uint32_t more_sequences;                 /* that it was tried with, too; 0: it was not */
    double more_tokens_per_s;                /* its throughput with these */
};

struct recommend_trials {
    uint64_t requests[RECOMMEND_GOAL_COUNT]; /* for latency fewer than the above where the workload
                                                has no more */
    uint32_t sequences;                      /* at most at once, in a replica of each */
    struct sharding
        sharding;           /* the scenario's: all of it is each candidate's but expert_parallel */
    bool has_whole_experts; /* in some of them */
    uint32_t count;
    struct recommend_trial of[RECOMMEND_TRIALS_MAX]; /* wide groups first, and split experts */
};

/*
 * Tries `rules`, of which those that are NULL are passed over, and the others.
 * Fails as the workload's source and the simulation do, and when memory is out.
 */
int recommend_trials_run(struct recommend_trials *trials, const struct scenario *scenario,
                         const struct workload_spec *workload,
                         const struct recommendation *const rules[RECOMMEND_GOAL_COUNT],
                         struct error *error);

/* The layout's with split experts; NULL where there is none. */
const struct recommend_trial *recommend_trials_find(const struct recommend_trials *trials,
                                                    uint32_t tensor_parallel, uint32_t stages);

/* The best for `goal`: of those that complete most, the first of equals. NULL: none serves any. */
const struct recommend_trial *recommend_trials_best(const struct recommend_trials *trials,
                                                    enum recommend_goal goal);

/* Its throughput, with more sequences where those help; and the best by that. */
double recommend_trial_roomy_tokens_per_s(const struct recommend_trial *trial);
const struct recommend_trial *recommend_trials_roomy_best(const struct recommend_trials *trials);

/* Whether `rule` is as good as `best`: it completes no fewer, and its value is within 1%. */
bool recommend_trial_agrees(const struct recommend_trial *rule, const struct recommend_trial *best,
                            enum recommend_goal goal);

#endif
