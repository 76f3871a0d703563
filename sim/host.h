/*
 * host: what the serving engine's CPU side adds to every step. One file under
 * configs/engines describes one engine; every time is seconds.
 */
#ifndef TANDEM_HOST_H
#define TANDEM_HOST_H

#include "gpu.h"

#define HOST_CAPTURED_MAX 128

/* X(NAME, YAML name): which measured prefill attention the engine runs */
#define PREFILL_ATTENTIONS(X)                                       \
    X(FASTEST, "fastest") /* what the GPU's table has as its own */ \
    X(FLASH2, "flash2")   /* FlashAttention-2 */                    \
    X(FLASH3, "flash3")   /* FlashAttention-3, where the table has it */

enum prefill_attention {
#define X(name, text) PREFILL_ATTENTION_##name,
    PREFILL_ATTENTIONS(X)
#undef X
};

/* The same for decodes. */
#define DECODE_ATTENTIONS(X) \
    X(FASTEST, "fastest")    \
    X(FLASH3, "flash3")

enum decode_attention {
#define X(name, text) DECODE_ATTENTION_##name,
    DECODE_ATTENTIONS(X)
#undef X
};

/* X(NAME, YAML name): how tokens get to whole experts on the GPUs of a tensor-parallel group */
#define EXPERT_EXCHANGES(X)                                                                    \
    X(ALL_TO_ALL, "all_to_all") /* each GPU sends its share of the tokens, and gets it back */ \
    X(ALL_REDUCE, "all_reduce") /* each has all tokens and adds what its experts make of them */

enum expert_exchange {
#define X(name, text) EXPERT_EXCHANGE_##name,
    EXPERT_EXCHANGES(X)
#undef X
};

struct host {
    char name[NAME_BYTES];
    double admission_s;            /* a request's way to the scheduler: HTTP, tokenisation */
    double schedule_s;             /* picking a batch and preparing its inputs, each step */
    double schedule_per_request_s; /* the same, for each request in the batch */
    double return_s;               /* last stage's end to the scheduler's sight of its tokens */
    double prepare_s;              /* each stage's process before its first kernel, each step */
    double prepare_per_request_s;  /* the same, for each request in the batch */
    double receive_s;              /* the same, in addition, where it receives hidden states */
    double cold_wait_s;            /* a stage's process that waited for longer than this takes as
                                      many times as long to prepare, for its caches went to others;
                                      0: it does not */
    double cold_most;              /* but not more than this many times */
    double new_shape_s;            /* a step that replays no graph and has a number of tokens not
                                      seen before, in the long run: library heuristics, memory */
    double new_shape_first_s;      /* the first such step: kernels are loaded as they are used */
    double new_shape_halving;      /* such steps after which the difference has halved; 0: it is
                                      gone after the first */
    uint32_t new_shape_from;       /* tokens of such a step at the least: smaller ones find the
                                      kernels that captured graphs have loaded */
    double launch_s;               /* one kernel of a step that replays no graph */
    double launch_decode_s;        /* one layer's attention of such a step's decodes */
    double launch_chunk_s;         /* the same of each of its prompts' chunks */
    double launch_history_s;       /* the same, in addition, of a chunk that has KV before it */
    double launch_collective_s;    /* one collective of such a step */
    double launch_graph_s;         /* one replay of a captured graph */
    uint32_t launches_layer_extra; /* launches a layer beyond its kernels': copies, views */
    uint32_t send_tensors;         /* tokens x hidden that go to the next stage: 2 where the
                                      residual travels beside the layer's output */
    bool send_scattered;           /* each GPU sends its share of these to its peer, and the
                                      receiving stage gathers them */
    bool eager_synchronous;        /* a step that replays no graph is launched only once the stage
                                      is free and its input there, never ahead */
    bool graphs_prefill;           /* steps with prefill chunks replay graphs too */
    bool mixed_attention;          /* one attention kernel for a step's prompts and decodes */
    bool async_scheduling;         /* a step is picked while the one before computes: schedule and
                                      return hide behind it, arrivals meanwhile wait a step more */
    bool chunked_pipeline;         /* a prompt's next chunk follows while the one before it is in
                                      flight, each on another stage (batcher.h) */
    bool shard_embedding;   /* each GPU of a stage holds its part of the vocabulary's embedding,
                               and they add what they find; else each holds all of it */
    bool custom_all_reduce; /* small all-reduces by one kernel over peer memory (vLLM's) */
    double process_spread;  /* share that a stage's host times grow by with each doubling of
                               its processes: the slowest counts */
    enum prefill_attention prefill_attention;
    enum decode_attention decode_attention;
    enum expert_exchange expert_exchange;
    double kernel_gap_s;         /* between two kernels of measured time on the GPU */
    double kernel_gap_eager_s;   /* the same in a step that replays no graph */
    double collective_overlap_s; /* of a collective timed alone, what hides behind a kernel */
    uint32_t captured_count;     /* 0: nothing is captured, every step is launched */
    uint32_t captured_sizes[HOST_CAPTURED_MAX]; /* ascending: sizes decode batches are padded to */
};

/*
 * Each GPU of a stage has a process of its own, and a collective waits for all
 * of them: a stage of `processes` takes this many times what one takes.
 */
double host_slowest(const struct host *host, uint32_t processes);

/* Lets all that the CPU does take `slowdown` times as long, on another machine say; what the GPU
   does between kernels stays. */
void host_slow_down(struct host *host, double slowdown);

/* What of a layer the host launches one by one, collectives left out. */
struct host_launches {
    uint32_t kernels; /* and copies; attention's left out */
    uint32_t decodes; /* 1: there are some */
    uint32_t chunks;
    uint32_t histories; /* chunks that have KV before them */
};

double host_launches_s(const struct host *host, const struct host_launches *launches);

/* The captured size that a batch of `tokens` is padded to; 0 where it replays no graph. */
uint32_t host_captured_size(const struct host *host, uint32_t tokens);

/* The most that a batch of `from` to `to` tokens is padded by. */
uint32_t host_padding_max(const struct host *host, uint32_t from, uint32_t to);

#endif
