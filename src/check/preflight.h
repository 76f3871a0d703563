/*
 * preflight: what a scenario comes to before anything runs.
 *
 * The resolved layout and memory (deployment.h), what the links between its
 * GPUs cost, the warnings; and, the one thing that takes some running, the
 * layouts that rules of thumb would pick beside what simulation says of them.
 */
#ifndef TANDEM_PREFLIGHT_H
#define TANDEM_PREFLIGHT_H

#include "deployment.h"
#include "layout_warnings.h"
#include "recommend_trial.h"

/* One collective of a layer of a tensor-parallel group. */
struct preflight_exchange {
    enum exchange exchange;
    uint32_t tokens;
    double bytes; /* its buffer */
    double seconds;
    const char *by; /* how it is known: by the GPU's measured tables, or a model's algorithm */
};

/* One layer's kernels with the experts, of the step of so many tokens, on one GPU. */
struct preflight_experts {
    uint32_t tokens;
    double busiest_s; /* for which all wait */
    double mean_s;    /* were all experts equally busy */
};

/* The layout's and the workload's: requests that will be rejected, or do not fit the model's
   context, and prefixes that are computed anew. */
#define PREFLIGHT_WARNINGS_MAX (LAYOUT_WARNINGS_MAX + 3)

/* A decode of one request, the fullest decode step, the largest step. */
#define PREFLIGHT_SIZES 3
#define PREFLIGHT_EXCHANGES_MAX (PREFLIGHT_SIZES * EXCHANGES_OF_LAYER_MAX)

/* The KV of one prompt on its way from the first stage that prefills to the first that decodes. */
struct preflight_kv_hop {
    uint32_t from_gpu;
    uint32_t to_gpu;
    struct alpha_beta path; /* all pairs of GPUs at once */
    double token_bytes;     /* of each pair: one token's KV of the stage's layers */
};

struct preflight {
    struct deployment deployment;
    struct collective_group group; /* replica 0's, stage 0 */
    uint32_t ways;                 /* that its collectives go, a bit (1 << way) each */
    uint32_t exchange_count;
    struct preflight_exchange exchanges[PREFLIGHT_EXCHANGES_MAX]; /* of replica 0, stage 0 */
    struct preflight_experts experts[PREFLIGHT_SIZES]; /* tokens 0: GPUs hold no whole experts */
    struct alpha_beta hop; /* replica 0, stage 0 to 1, all GPUs at once; zero without a pipeline */
    double hop_bytes;      /* from each GPU, of the largest step */
    uint32_t warning_count;
    struct warning warnings[PREFLIGHT_WARNINGS_MAX];
    struct preflight *decode;       /* of the pool that decodes; NULL: there is one pool */
    struct preflight_kv_hop kv_hop; /* from this pool to that */
};

/* For each goal a rule's layout, or why there is none; and what simulation says. */
struct preflight_recommendations {
    struct recommendation of[RECOMMEND_GOAL_COUNT];
    bool has[RECOMMEND_GOAL_COUNT];
    struct error errors[RECOMMEND_GOAL_COUNT];
    struct recommend_trials trials;
    const struct recommend_trial *rule[RECOMMEND_GOAL_COUNT]; /* of the trials; NULL: not tried */
    const struct recommend_trial *best[RECOMMEND_GOAL_COUNT]; /* NULL: none serves any request */
};

/*
 * Resolves `scenario`, which must outlive it, in `arena`. Errors as
 * deployment_resolve(): where the layout does not fit, `preflight` holds enough for
 * preflight_recommend() all the same.
 */
int preflight_resolve(struct preflight *preflight, const struct scenario *scenario,
                      struct arena *arena, struct error *error);

/* Adds warnings to `preflight`, of a scenario that fits, where requests of `workload` are too long
   for it or its model, or begin as others did: the run's. Errors as workload_survey_run(). */
int preflight_survey(struct preflight *preflight, const struct workload_spec *workload,
                     struct error *error);

/* Errors as recommend_trials_run(), `error` else left alone; a goal that no rule has a layout for
 * is none. */
int preflight_recommend(struct preflight_recommendations *recommendations,
                        const struct preflight *preflight, const struct workload_spec *workload,
                        struct error *error);

/* Whether max_sequences, not a layout, bounds what the verdict on a goal's rule is about: the
   rule's figure or the best's. */
bool preflight_is_held_back(const struct preflight_recommendations *recommendations,
                            enum recommend_goal goal);

#endif
