/*
 * batcher: which requests go into a replica's next step.
 *
 * The policies:
 *   static           a batch is formed when there is a place for one, prefilled, and decoded until
 *                    its longest request ends; rows that end earlier give their KV back and go on
 *                    computing (request-level scheduling, as Orca describes it)
 *   continuous       every step takes all decodes and, while the budget lasts, whole prompts
 *                    (iteration-level scheduling: Yu et al., Orca, OSDI 2022)
 *   prefill_first    while a waiting prompt fits, a step is whole prompts only; else all decodes
 *                    (vLLM before chunked prefill: Kwon et al., SOSP 2023)
 *   chunked_prefill  decodes first, then pieces of prompts up to the token budget (Agrawal et al.,
 *                    Sarathi-Serve, OSDI 2024; vLLM v1)
 * Prompts are taken first come, first served. Where several steps are in flight a request is in
 * at most one; with step_share balanced a step takes at most ceil(running / steps_in_flight).
 * Engines with a chunked pipeline let a prompt's next chunk follow the one before it at once: a
 * stage computes it when that has left (Qin et al., Mooncake, FAST 2025; vLLM v1).
 *
 * KV blocks are taken for the whole prompt on admission, then as decodes cross into new blocks.
 * Where none is free, the youngest request that is in no step gives its blocks back and starts
 * over from its prompt and the tokens it has (preemption by recompute). With kv_admission
 * reserved, and in static batching, a request's input and output are reserved on admission.
 * With a prefix cache what earlier prompts began with, too, is found on admission and not
 * computed; a budget counts what is left.
 *
 * Where prefill and decode have replicas of their own (Zhong et al., DistServe, OSDI 2024; Patel
 * et al., Splitwise, ISCA 2024), a batcher that hands over gives requests away with their first
 * token, and keeps their blocks until the KV has been moved; the other admits them like any
 * other, and lets them decode when the KV is there.
 *
 * An engine that schedules ahead picks a step when the one before begins. Here it is picked when
 * that one ends, but without what happened since it began: requests that came are not admitted
 * yet, and the places of those that ended are not free yet.
 */
#ifndef TANDEM_BATCHER_H
#define TANDEM_BATCHER_H

#include "kv_cache.h"
#include "lane.h"
#include "prefix_cache.h"
#include "serving.h"

struct chunk {
    struct request *request;
    uint32_t start;
    uint32_t length;
};

/* One step's batch: decodes, and pieces of prompts. */
struct batch {
    struct lane *lane; /* the decodes; those whose prompts end in this step join it */
    struct chunk *chunks;
    uint32_t chunk_count;
    uint32_t prefill_tokens;
    uint32_t decode_rows;
    uint64_t decode_context_tokens;
};

/* Whether a prompt begins with a chunk, and the tokens whose KV is there with it, those found
   included. */
static inline bool chunk_is_first(const struct chunk *chunk)
{
    return chunk->start == chunk->request->found_tokens;
}

static inline uint32_t chunk_kv_tokens(const struct chunk *chunk)
{
    return chunk->length + (chunk_is_first(chunk) ? chunk->start : 0);
}

static inline bool batch_is_empty(const struct batch *batch)
{
    return batch->decode_rows == 0 && batch->chunk_count == 0;
}

struct batcher {
    const struct serving *serving;
    struct kv_cache kv;
    struct prefix_cache *prefixes;  /* over kv; NULL: nothing is found again */
    struct request_list waiting;    /* not admitted: by arrival, the preempted in front */
    struct request_list prefilling; /* admitted, prompt unfinished, in no step; by admission */
    struct request_list admitted;   /* whose KV is elsewhere: their owner takes them off here */
    struct request_list prefilled;  /* to be handed over: the same */
    uint32_t running;               /* admitted and not finished */
    uint32_t receiving;             /* of those, whose KV is not here yet */
    uint32_t holding;               /* handed over, their KV still here */
    uint32_t just_finished;         /* ended in the last step; scheduling ahead only */
    uint32_t known_waiting;         /* waited when that step was picked; scheduling ahead only */
    uint64_t admissions;
    uint64_t preemptions;
    struct lane *ready; /* lanes in no step: at most one but in static batching */
    struct lane *free_lanes;
    struct lane *forming;      /* static: the batch whose prompts are being prefilled */
    uint32_t forming_prompts;  /* static: its prompts not yet done */
    uint32_t batches_decoding; /* static: lanes that are not free and not forming */
    struct quantiles *itl;     /* where inter-token times of requests that count go */
    bool hands_over;           /* others decode */
};

/* As scenarios write it. */
const char *batcher_policy_name(enum batcher_policy policy);

/* `serving` must outlive it. `capacity_blocks` is the replica's KV capacity; `hands_over`: others
   decode what it prefills. It stays where it is. */
int batcher_init(struct batcher *batcher, const struct serving *serving, uint64_t capacity_blocks,
                 bool hands_over, struct quantiles *itl, struct arena *arena, struct error *error);

/* Lets it find what prompts begin with; before the first request. 0 or -ERROR_MEMORY; release it in
   any case. */
int batcher_cache_prefixes(struct batcher *batcher, struct arena *arena, struct error *error);
void batcher_release(struct batcher *batcher);

/* Memory for one step in flight. */
int batch_init(struct batch *batch, const struct serving *serving, struct arena *arena,
               struct error *error);

/* Whether a step could ever take `request`'s prompt, and the KV hold all of its tokens; if not, the
   router must reject it. */
bool batcher_can_prefill(const struct batcher *batcher, const struct request *request);
bool batcher_can_hold(const struct batcher *batcher, const struct request *request);

/* Lets a request wait for admission. */
void batcher_enqueue(struct batcher *batcher, struct request *request);

/* Whether anything is waiting or running. */
bool batcher_has_work(const struct batcher *batcher);

/* Whether the first waiting request has no place: all of max_sequences were taken when the last
   step was picked. */
bool batcher_is_crowded(const struct batcher *batcher);

/* Picks the next step's batch at `now`; an empty one where nothing can be done now. */
void batcher_pick(struct batcher *batcher, struct batch *batch, sim_ps now);

/*
 * A step in flight repeats if it is picked again as it was, with a token more a row: nobody in it
 * is done, and nobody else comes in.
 */

/* Whether nobody comes in while all steps in flight repeat. */
bool batcher_is_closed(const struct batcher *batcher);

/* How often a closed batcher's `batch` repeats, as far as its own rows are concerned; and how often
   `rows` in all steps together, as far as blocks are. */
uint64_t batcher_repeats(const struct batcher *batcher, const struct batch *batch);
uint64_t batcher_repeats_of_blocks(const struct batcher *batcher, uint32_t rows);

/* Takes a batch's tokens in at `now` and picks it again, as batcher_complete() and batcher_pick()
   would. */
void batcher_repeat(struct batcher *batcher, struct batch *batch, sim_ps now);

/* The same in two parts, for many repetitions in a row after one of the above: what each does, its
   tokens `gap` after the last ones; and what `count` of them, the last at `now`, leave behind. */
static inline void batcher_repeat_on(struct batcher *batcher, struct batch *batch, sim_ps gap)
{
    if (batch->lane->latest.rows > 0)
        quantiles_add(batcher->itl, gap, batch->lane->latest.rows);
    batch->decode_context_tokens += batch->lane->rows;
}

void batcher_repeated(struct batcher *batcher, const struct batch *batch, uint64_t count,
                      sim_ps now);

/* Admits a request that is being prefilled elsewhere, if there are a place and blocks for it. */
bool batcher_reserve(struct batcher *batcher, const struct request *request);

/* The KV of an admitted request has come: it decodes from here on. */
void batcher_receive(struct batcher *batcher, struct request *request);

/* The KV of a request that was handed over has gone. */
void batcher_give_blocks(struct batcher *batcher, struct request *request);

/* Gives up on a step's batch: its requests go to the end of `evicted`, as they are. */
void batcher_evict_batch(struct batcher *batcher, struct batch *batch,
                         struct request_list *evicted);

/* The same for all requests that are in no step; then nothing is waiting or running, and every
   block is free. */
void batcher_evict(struct batcher *batcher, struct request_list *evicted);

/* Takes a request off that waits to be admitted; gives up on one whose KV is on its way here. */
void batcher_withdraw(struct batcher *batcher, struct request *request);
void batcher_unreserve(struct batcher *batcher, struct request *request);

/*
 * Takes a step's tokens in at `now`: prompts that ended have their first token,
 * decodes one more. Returns the finished requests, which are the caller's.
 */
struct request_list batcher_complete(struct batcher *batcher, struct batch *batch, sim_ps now);

#endif
