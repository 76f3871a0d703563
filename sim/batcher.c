#include "batcher_parts.h"

const char *batcher_policy_name(enum batcher_policy policy)
{
    static const char *const names[] = {BATCHER_POLICIES(LIST_TEXT)};
    return names[policy];
}

/* Lanes a batcher needs: one a step in flight, as many waiting between steps, and a spare. */
static uint32_t lane_count(const struct serving *serving)
{
    return 2 * serving->steps_in_flight + 1;
}

int batcher_init(struct batcher *batcher, const struct serving *serving, uint64_t capacity_blocks,
                 bool hands_over, struct quantiles *itl, struct arena *arena, struct error *error)
{
    *batcher = (struct batcher){
        .serving = serving,
        .kv = {.block_tokens = serving->kv_block_tokens, .capacity_blocks = capacity_blocks},
        .itl = itl,
        .hands_over = hands_over,
    };
    uint32_t count = lane_count(serving);
    struct lane *lanes = arena_calloc(arena, count, sizeof(*lanes));
    if (!lanes)
        return error_out_of_memory(error, "decode lanes");
    for (uint32_t i = 0; i < count; i++) {
        int status =
            lane_init(&lanes[i], serving->max_sequences, serving->kv_block_tokens, arena, error);
        if (status < 0)
            return status;
        lanes[i].next = batcher->free_lanes;
        batcher->free_lanes = &lanes[i];
    }
    return 0;
}

int batcher_cache_prefixes(struct batcher *batcher, struct arena *arena, struct error *error)
{
    batcher->prefixes = arena_calloc(arena, 1, sizeof(*batcher->prefixes));
    if (!batcher->prefixes)
        return error_out_of_memory(error, "a prefix cache");
    return prefix_cache_init(batcher->prefixes, &batcher->kv, error);
}

void batcher_release(struct batcher *batcher)
{
    if (batcher->prefixes)
        prefix_cache_release(batcher->prefixes);
    batcher->prefixes = NULL;
}

int batch_init(struct batch *batch, const struct serving *serving, struct arena *arena,
               struct error *error)
{
    *batch = (struct batch){.lane = NULL};
    uint32_t chunks = u32_min(serving->max_sequences, serving->max_step_tokens);
    batch->chunks = arena_calloc(arena, chunks, sizeof(*batch->chunks));
    return batch->chunks ? 0 : error_out_of_memory(error, "steps in flight");
}

/* Tokens whose KV a request has in the end. */
static uint64_t tokens_in_all(const struct batcher *batcher, const struct request *request)
{
    return (uint64_t)request->input_tokens + (batcher->hands_over ? 0 : request->output_tokens);
}

bool batcher_can_prefill(const struct batcher *batcher, const struct request *request)
{
    return !batcher_takes_whole_prompts(batcher) ||
           request->input_tokens <= batcher->serving->max_step_tokens;
}

bool batcher_can_hold(const struct batcher *batcher, const struct request *request)
{
    uint64_t tokens = tokens_in_all(batcher, request);
    return kv_cache_blocks(&batcher->kv, tokens) <= batcher->kv.capacity_blocks;
}

void batcher_enqueue(struct batcher *batcher, struct request *request)
{
    request->target = request->input_tokens;
    request_list_append(&batcher->waiting, request);
}

bool batcher_has_work(const struct batcher *batcher)
{
    return batcher->running > 0 || batcher->waiting.count > 0;
}

uint64_t batcher_held_blocks(const struct batcher *batcher, const struct request *request)
{
    if (batcher_reserves(batcher))
        return kv_cache_blocks(&batcher->kv, tokens_in_all(batcher, request));
    return kv_cache_blocks(&batcher->kv, u32_max(request->position, request->target));
}

void batcher_free_blocks(struct batcher *batcher, struct request *request)
{
    uint64_t blocks = batcher_held_blocks(batcher, request);
    if (batcher->prefixes)
        prefix_cache_give(batcher->prefixes, request, blocks);
    else
        kv_cache_give(&batcher->kv, blocks);
}

bool batcher_reserve(struct batcher *batcher, const struct request *request)
{
    uint64_t blocks = batcher_held_blocks(batcher, request);
    if (batcher->waiting.count > 0 || batcher->running >= batcher->serving->max_sequences ||
        blocks > kv_cache_free_blocks(&batcher->kv))
        return false;
    batcher_take_blocks(batcher, blocks);
    batcher->running++;
    batcher->receiving++;
    return true;
}

void batcher_receive(struct batcher *batcher, struct request *request)
{
    if (!batcher->ready)
        batcher->ready = batcher_take_lane(batcher);
    request->admission = batcher->admissions++;
    batcher->receiving--;
    lane_join(batcher->ready, request);
}

void batcher_give_blocks(struct batcher *batcher, struct request *request)
{
    batcher->holding--;
    batcher_free_blocks(batcher, request);
}

/* Frees what a finished request held and puts it on the list of the finished. */
static void finish(struct batcher *batcher, struct request *request, struct request_list *finished)
{
    batcher->running--;
    batcher_free_blocks(batcher, request);
    request_list_append(finished, request);
}

/* The lane that a request decodes in once its prompt is done. */
static struct lane *lane_after_prefill(struct batcher *batcher, struct batch *batch)
{
    return batcher->serving->policy == BATCHER_STATIC ? batcher->forming : batch->lane;
}

/* Takes in one chunk: the prompt goes on, or its end gave a token. */
static void complete_chunk(struct batcher *batcher, struct batch *batch, const struct chunk *chunk,
                           sim_ps now, struct request_list *finished)
{
    struct request *request = chunk->request;
    if (!chunk_is_last(chunk)) {
        if (!batcher_lets_follow(batcher, chunk))
            request_list_insert(&batcher->prefilling, request);
        return;
    }
    if (request->generated++ == 0)
        request->first_token = now;
    else if (request->counted)
        quantiles_add(batcher->itl, now - request->last_token, 1);
    request->last_token = now;
    if (batcher->serving->policy == BATCHER_STATIC)
        batcher->forming_prompts--;
    if (request->generated == request->output_tokens) {
        finish(batcher, request, finished);
    } else if (batcher->hands_over) {
        batcher->running--;
        batcher->holding++;
        request_list_append(&batcher->prefilled, request);
    } else {
        lane_join(lane_after_prefill(batcher, batch), request);
    }
}

/* Puts a lane whose step has ended among the ready ones, or away if nobody is in it. */
static void settle_lane(struct batcher *batcher, struct lane *lane)
{
    if (lane->live == 0) {
        lane_clear(lane);
        batcher_give_lane(batcher, lane);
    } else if (!batcher->ready || batcher->serving->policy == BATCHER_STATIC) {
        struct lane **end = &batcher->ready;
        while (*end)
            end = &(*end)->next;
        lane->next = NULL;
        *end = lane;
    } else {
        bool larger = lane->rows > batcher->ready->rows;
        struct lane *into = larger ? lane : batcher->ready;
        struct lane *from = larger ? batcher->ready : lane;
        lane_merge(into, from);
        batcher->ready = into;
        into->next = NULL;
        batcher_give_lane(batcher, from);
    }
}

/* static: the batch is whole once its last prompt is done. */
static void settle_forming(struct batcher *batcher)
{
    if (!batcher->forming || batcher->forming_prompts > 0)
        return;
    batcher->batches_decoding += batcher->forming->live > 0;
    settle_lane(batcher, batcher->forming);
    batcher->forming = NULL;
}

struct request_list batcher_complete(struct batcher *batcher, struct batch *batch, sim_ps now)
{
    struct request_list finished = {.first = NULL};
    struct request *request;
    bool hold = batcher->serving->policy == BATCHER_STATIC;
    if (batch->decode_rows > 0) {
        lane_step(batch->lane, now, batcher->itl);
        while ((request = lane_pop_finished(batch->lane, hold)))
            finish(batcher, request, &finished);
        batcher->batches_decoding -= hold && batch->lane->live == 0;
    }
    for (uint32_t i = 0; i < batch->chunk_count; i++)
        complete_chunk(batcher, batch, &batch->chunks[i], now, &finished);
    settle_lane(batcher, batch->lane);
    batch->lane = NULL;
    settle_forming(batcher);
    batcher->just_finished = finished.count;
    return finished;
}

/* Takes the members out and puts the lane away. */
static void evict_lane(struct batcher *batcher, struct lane *lane, struct request_list *evicted)
{
    struct request *request;
    while ((request = lane->members.first)) {
        lane_leave(lane, request);
        request_list_append(evicted, request);
    }
    lane_clear(lane);
    batcher_give_lane(batcher, lane);
}

void batcher_evict_batch(struct batcher *batcher, struct batch *batch, struct request_list *evicted)
{
    for (uint32_t i = 0; i < batch->chunk_count; i++)
        if (!batcher_lets_follow(batcher, &batch->chunks[i]))
            request_list_append(evicted, batch->chunks[i].request);
    evict_lane(batcher, batch->lane, evicted);
    batch->lane = NULL;
}

void batcher_evict(struct batcher *batcher, struct request_list *evicted)
{
    struct lane *lane;
    while ((lane = batcher->ready)) {
        batcher->ready = lane->next;
        evict_lane(batcher, lane, evicted);
    }
    if (batcher->forming)
        evict_lane(batcher, batcher->forming, evicted);
    batcher->forming = NULL;
    request_list_join(evicted, &batcher->prefilling);
    request_list_join(evicted, &batcher->waiting);
    batcher->forming_prompts = 0;
    batcher->batches_decoding = 0;
    batcher->running = 0;
    batcher->receiving = 0;
    batcher->holding = 0;
    batcher->just_finished = 0;
    batcher->known_waiting = 0;
    kv_cache_give(&batcher->kv, batcher->kv.used_blocks);
    if (batcher->prefixes)
        prefix_cache_clear(batcher->prefixes);
}

void batcher_withdraw(struct batcher *batcher, struct request *request)
{
    request_list_remove(&batcher->waiting, request);
}

void batcher_unreserve(struct batcher *batcher, struct request *request)
{
    batcher->running--;
    batcher->receiving--;
    batcher_free_blocks(batcher, request);
}
