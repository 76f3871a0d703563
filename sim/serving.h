/*
 * serving: how the serving engine batches, as the scenario's `engine` says it.
 */
#ifndef TANDEM_SERVING_H
#define TANDEM_SERVING_H

#include "host.h"

/* X(NAME, YAML name); batcher.h says what each does and where it comes from */
#define BATCHER_POLICIES(X)           \
    X(STATIC, "static")               \
    X(CONTINUOUS, "continuous")       \
    X(PREFILL_FIRST, "prefill_first") \
    X(CHUNKED_PREFILL, "chunked_prefill")

enum batcher_policy {
#define X(name, text) BATCHER_##name,
    BATCHER_POLICIES(X)
#undef X
};

/* X(NAME, YAML name) */
#define STEP_SHARES(X)      \
    X(BALANCED, "balanced") \
    X(GREEDY, "greedy")

enum step_share {
#define X(name, text) STEP_SHARE_##name,
    STEP_SHARES(X)
#undef X
};

/* X(NAME, YAML name): when a request's KV blocks are taken */
#define KV_ADMISSIONS(X)                                                           \
    X(ON_DEMAND, "on_demand") /* the prompt's on admission, then block by block */ \
    X(RESERVED, "reserved")   /* input and output on admission: nothing is ever preempted */

enum kv_admission {
#define X(name, text) KV_ADMISSION_##name,
    KV_ADMISSIONS(X)
#undef X
};

struct serving {
    enum batcher_policy policy;
    uint32_t max_step_tokens; /* token budget of one step */
    uint32_t max_sequences;   /* requests running at once in a replica */
    uint32_t steps_in_flight; /* 1 or more */
    enum step_share step_share;
    uint32_t kv_block_tokens;
    enum kv_admission kv_admission;
    bool prefix_caching;       /* prefix_cache.h */
    double memory_utilization; /* of a GPU's memory, in (0, 1] */
    double reserve_bytes;      /* CUDA context, NCCL buffers, fragmentation */
    uint64_t kv_tokens;        /* cap on a replica's KV capacity; 0: what memory gives */
    struct host host;
};

/* Whether a step is picked while the one before computes. With several in flight, each is picked
   while others compute in any case. */
static inline bool serving_schedules_ahead(const struct serving *serving)
{
    return serving->host.async_scheduling && serving->steps_in_flight == 1;
}

#endif
