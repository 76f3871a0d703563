/*
 * recorder: what a simulation tells the world while it runs.
 *
 * One function that the program fills in, NULL where nobody listens, is handed
 * records in the order in which things come to be known: a request when it has
 * ended, a step and its spans when its tokens are back, and where there are
 * several replicas in blocks of each one's, which diary.h says more of. What stands
 * for several rows of a timeline is one record, so that the run is not held up by
 * what can be told later: rows.h makes rows of them. A function that returns
 * negative (with `error` filled in) ends the run.
 */
#ifndef TANDEM_RECORDER_H
#define TANDEM_RECORDER_H

#include "crossings.h"
#include "error.h"

/* What a record is of; each begins with it. */
enum record_type {
    RECORD_REQUEST,
    RECORD_STEP,
    RECORD_SPAN,
    RECORD_SPANS,
    RECORD_LINK,
    RECORD_LINKS,
    RECORD_LAP
};

struct request_record {
    enum record_type type;
    uint32_t input_tokens;
    uint64_t id; /* order of arrival, from 0 */
    sim_ps arrival;
    sim_ps scheduled; /* first time in a step */
    sim_ps first_token;
    sim_ps done;
    uint32_t output_tokens;
    uint32_t replica;
    uint32_t preemptions;
    uint32_t cached_tokens; /* of the input, found in the replica's KV */
};

struct step_record {
    enum record_type type;
    uint32_t replica;
    uint64_t step; /* counts up within a replica, from 0 */
    sim_ps scheduled;
    sim_ps done; /* its tokens are back at the scheduler */
    uint64_t decode_context_tokens;
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
    enum record_type type;
    enum span_kind kind;
    sim_ps start;
    sim_ps duration;
    uint64_t step;  /* SPAN_NO_STEP for idle at a run's end */
    uint64_t bytes; /* moved by sends and collectives, by each GPU of the group; else 0 */
    uint32_t replica;
    uint32_t stage;
    uint32_t layer; /* counts through the model; SPAN_NO_LAYER where none applies */
};

#define SPAN_BLOCK 64

/* Spans of no layer, column by column. */
struct span_block {
    sim_ps start[SPAN_BLOCK];
    sim_ps duration[SPAN_BLOCK];
    uint32_t stage[SPAN_BLOCK];
    uint8_t kind[SPAN_BLOCK];
    uint64_t bytes[SPAN_BLOCK];
};

/* Spans of one step, as span_record has it, on a replica's stages: `count` of a block from `first`
   on. The block is there as long as the recorder looks. */
struct spans_record {
    enum record_type type;
    uint32_t replica;
    uint64_t step;
    const struct span_block *block;
    uint32_t first;
    uint32_t count;
};

/* Bytes that crossed a link, and how long it was busy, in one bucket of time. */
struct link_record {
    enum record_type type;
    uint32_t link; /* index into the topology's links */
    sim_ps start;
    sim_ps duration;
    sim_ps busy;
    double bytes;
};

/* The same record for each of several links, whose list lives as long as the simulation. */
struct links_record {
    enum record_type type;
    uint32_t count;
    const struct crossing *links;
    struct link_record each; /* but for its link; bytes of one route across it */
};

/* A step of decodes that went round once more on a replica's only stage (laps.h): a step's record,
   and spans from the end of the lap before it to its own. Its tokens are back as long after its own
   end as it was scheduled after that one. */
struct lap_record {
    enum record_type type;
    uint32_t replica;
    uint32_t decode_tokens;
    uint32_t decode_context_tokens;
    uint64_t step;
    sim_ps end_before;
    sim_ps launched;
    sim_ps start;
    sim_ps end;
    sim_ps done;
};

/* One line of the cache. */
union record {
    enum record_type type;
    struct request_record request;
    struct step_record step;
    struct span_record span;
    struct spans_record spans;
    struct link_record link;
    struct links_record links;
    struct lap_record lap;
};

/* Where a recorder takes spans of no layer as they come, in place of records of them: for who adds
   all of a run's. */
struct span_desk {
    void *context;
    struct span_block *block;
    size_t *row; /* of the block, the next; right when the two below or record() are called */
    /* Spans from the next on are of this replica and step. */
    void (*begin)(void *context, uint32_t replica, uint64_t step);
    /* Empties the block, which is full; those that follow are of the same. Negative: `error`. */
    int (*turn)(void *context, uint32_t replica, uint64_t step, struct error *error);
};

struct recorder {
    void *context;
    int (*record)(void *context, const union record *records, size_t count, struct error *error);
    struct span_desk desk; /* block NULL: it has none */
};

#endif
