/*
 * recorder: what a simulation tells the world while it runs.
 *
 * A table of functions that the program fills in; any may be NULL. Requests come
 * in the order in which they end; steps and their spans in the order in which a
 * replica's end, and where there are several replicas in blocks of each one's,
 * which diary.h says more of. A function that returns negative (with `error`
 * filled in) ends the run.
 */
#ifndef TANDEM_RECORDER_H
#define TANDEM_RECORDER_H

#include "base.h"
#include "error.h"

struct request_record {
    uint64_t id; /* order of arrival, from 0 */
    sim_ps arrival;
    sim_ps scheduled; /* first time in a step */
    sim_ps first_token;
    sim_ps done;
    uint32_t input_tokens;
    uint32_t output_tokens;
    uint32_t replica;
    uint32_t preemptions;
};

struct step_record {
    uint64_t step; /* counts up within a replica, from 0 */
    sim_ps scheduled;
    sim_ps done; /* its tokens are back at the scheduler */
    uint64_t decode_context_tokens;
    uint32_t replica;
    uint32_t prefill_tokens;
    uint32_t decode_tokens;
    uint32_t prefill_chunks;
};

/*
 * X(NAME, name in HDF5). stage: a step on a stage, all its kernels and
 * collectives; send: a step's hidden states on their way to the next stage;
 * kv_transfer: KV on its way to the replica that decodes, from this stage;
 * the idle causes: why a stage did nothing; then, with timeline layers, one
 * span for each kernel and collective of each layer.
 */
#define SPAN_KINDS(X)                                              \
    X(STAGE, "stage")                                              \
    X(SEND, "send")                                                \
    X(KV_TRANSFER, "kv_transfer")                                  \
    X(IDLE_NO_WORK, "idle_no_work")                                \
    X(IDLE_FILL_DRAIN, "idle_fill_drain")                          \
    X(IDLE_IMBALANCE, "idle_imbalance")                            \
    X(IDLE_TRANSFER, "idle_transfer")                              \
    X(IDLE_HOST, "idle_host")                                      \
    X(IDLE_DOWN, "idle_down")                                      \
    X(EMBEDDING, "embedding")                                      \
    X(NORM, "norm")                                                \
    X(QKV, "qkv")                                                  \
    X(ROPE_KV, "rope_kv")                                          \
    X(ATTENTION_PREFILL, "attention_prefill")                      \
    X(ATTENTION_DECODE, "attention_decode")                        \
    X(OUTPUT, "output")                                            \
    X(ROUTER, "router")                                            \
    X(GATE_UP, "gate_up")                                          \
    X(ACTIVATION, "activation")                                    \
    X(DOWN, "down")                                                \
    X(ALL_REDUCE, "all_reduce")                                    \
    X(REDUCE_SCATTER, "reduce_scatter")                            \
    X(ALL_GATHER, "all_gather")                                    \
    X(DISPATCH, "dispatch") /* tokens to their experts' GPUs */    \
    X(COMBINE, "combine")   /* and what those make of them back */ \
    X(FINAL_NORM, "final_norm")                                    \
    X(LM_HEAD, "lm_head")                                          \
    X(SAMPLE, "sample")                                            \
    X(LAUNCH, "launch") /* the GPU waits for the host's launches inside a step */

enum span_kind {
#define X(name, text) SPAN_##name,
    SPAN_KINDS(X)
#undef X
        SPAN_KIND_COUNT
};

#define SPAN_NO_STEP UINT64_MAX
#define SPAN_NO_LAYER UINT32_MAX

struct span_record {
    sim_ps start;
    sim_ps duration;
    uint64_t step;  /* SPAN_NO_STEP for idle at a run's end */
    uint64_t bytes; /* moved by sends and collectives, by each GPU of the group; else 0 */
    uint32_t replica;
    uint32_t stage;
    uint32_t layer; /* counts through the model; SPAN_NO_LAYER where none applies */
    enum span_kind kind;
};

/* Bytes that crossed a link, and how long it was busy, in one bucket of time. */
struct link_record {
    sim_ps start;
    sim_ps duration;
    sim_ps busy;
    double bytes;
    uint32_t link; /* index into the topology's links */
};

struct recorder {
    void *context;
    int (*request)(void *context, const struct request_record *record, struct error *error);
    int (*step)(void *context, const struct step_record *record, struct error *error);
    int (*span)(void *context, const struct span_record *record, struct error *error);
    int (*link)(void *context, const struct link_record *record, struct error *error);
};

#endif
