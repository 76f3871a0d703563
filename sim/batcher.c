#include "batcher.h"

/* Lanes a batcher needs: one a step in flight, as many waiting between steps, and a spare. */
static uint32_t lane_count(const struct serving *serving)
{
    return 2 * serving->steps_in_flight + 1;
}

static bool reserves(const struct batcher *batcher)
{
    return batcher->serving->kv_admission == KV_ADMISSION_RESERVED ||
           batcher->serving->policy == BATCHER_STATIC;
}

static bool takes_whole_prompts(const struct batcher *batcher)
{
    return batcher->serving->policy != BATCHER_CHUNKED_PREFILL;
}

int batcher_init(struct batcher *batcher, const struct serving *serving, uint64_t capacity_blocks,
                 struct quantiles *gaps, sim_ps gaps_from, struct arena *arena, struct error *error)
{
    *batcher = (struct batcher){
        .serving = serving,
        .kv = {.block_tokens = serving->kv_block_tokens, .capacity_blocks = capacity_blocks},
        .gaps = gaps,
        .gaps_from = gaps_from,
    };
    uint32_t count = lane_count(serving);
    struct lane *lanes = arena_calloc(arena, count, sizeof(*lanes));
    if (!lanes)
        return error_out_of_memory(error, "decode lanes");
    for (uint32_t i = 0; i < count; i++) {
        int rc =
            lane_init(&lanes[i], serving->max_sequences, serving->kv_block_tokens, arena, error);
        if (rc < 0)
            return rc;
        lanes[i].next = batcher->free_lanes;
        batcher->free_lanes = &lanes[i];
    }
    return 0;
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

bool batcher_can_fit(const struct batcher *batcher, const struct request *request)
{
    uint64_t tokens = tokens_in_all(batcher, request);
    if (takes_whole_prompts(batcher) && request->input_tokens > batcher->serving->max_step_tokens)
        return false;
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

static struct lane *take_lane(struct batcher *batcher)
{
    struct lane *lane = batcher->free_lanes;
    batcher->free_lanes = lane->next;
    lane->next = NULL;
    return lane;
}

static void give_lane(struct batcher *batcher, struct lane *lane)
{
    lane->next = batcher->free_lanes;
    batcher->free_lanes = lane;
}

/* Blocks that an admitted request holds, none of its steps being in flight. */
static uint64_t held_blocks(const struct batcher *batcher, const struct request *request)
{
    if (reserves(batcher))
        return kv_cache_blocks(&batcher->kv, tokens_in_all(batcher, request));
    return kv_cache_blocks(&batcher->kv, u32_max(request->position, request->target));
}

/* Whether the scheduler has a place for a waiting request, and knows of one. */
static bool may_admit(const struct batcher *batcher)
{
    uint32_t taken = batcher->running;
    if (serving_schedules_ahead(batcher->serving) && batcher->running > 0) {
        if (batcher->known_waiting == 0)
            return false;
        taken += batcher->just_finished;
    }
    return batcher->waiting.first && taken < batcher->serving->max_sequences;
}

/* Admits the first waiting request if there are a place and blocks for it. */
static struct request *admit(struct batcher *batcher)
{
    struct request *request = batcher->waiting.first;
    if (!may_admit(batcher))
        return NULL;
    uint64_t blocks = held_blocks(batcher, request);
    if (blocks > kv_cache_free_blocks(&batcher->kv))
        return NULL;
    request_list_remove(&batcher->waiting, request);
    kv_cache_take(&batcher->kv, blocks);
    batcher->known_waiting -= u32_min(batcher->known_waiting, 1);
    request->admission = batcher->admissions++;
    batcher->running++;
    return request;
}

/* Takes the youngest request that is in no step, of which there is one, back to the waiting. */
static void preempt_youngest(struct batcher *batcher)
{
    struct request *decoding = batcher->ready->members.last;
    struct request *victim = batcher->prefilling.last;
    if (decoding && (!victim || decoding->admission > victim->admission)) {
        victim = decoding;
        lane_leave(batcher->ready, victim);
    } else {
        request_list_remove(&batcher->prefilling, victim);
    }
    kv_cache_give(&batcher->kv, held_blocks(batcher, victim));
    victim->position = 0;
    victim->target = victim->input_tokens + victim->generated;
    victim->preemptions++;
    batcher->preemptions++;
    batcher->running--;
    request_list_prepend(&batcher->waiting, victim);
}

/* Requests that one step may take. */
static uint32_t step_share(const struct batcher *batcher)
{
    const struct serving *serving = batcher->serving;
    if (serving->steps_in_flight == 1 || serving->step_share == STEP_SHARE_GREEDY)
        return serving->max_sequences;
    uint32_t room = serving->max_sequences - batcher->running;
    uint32_t running =
        batcher->running - batcher->receiving + u32_min(batcher->waiting.count, room);
    return u32_ceil_div(running, serving->steps_in_flight);
}

/* Puts up to `rows` ready decodes into the batch, oldest first, and takes the blocks they need;
   preempts until there are enough. */
static void pick_decodes(struct batcher *batcher, struct batch *batch, uint32_t rows)
{
    struct lane *lane = batcher->ready;
    if (!lane)
        return;
    if (!reserves(batcher))
        while (lane_growth(lane) > kv_cache_free_blocks(&batcher->kv))
            preempt_youngest(batcher);
    batcher->ready = lane->next;
    lane->next = NULL;
    if (lane->rows > rows) {
        struct lane *rest = take_lane(batcher);
        lane_split(lane, rows, rest);
        batcher->ready = rest;
    }
    if (!reserves(batcher))
        kv_cache_take(&batcher->kv, lane_growth(lane));
    batch->lane = lane;
}

static void add_chunk(struct batch *batch, struct request *request, uint32_t length, sim_ps now)
{
    request->scheduled = sim_ps_min(request->scheduled, now);
    batch->chunks[batch->chunk_count++] =
        (struct chunk){.request = request, .start = request->position, .length = length};
    batch->prefill_tokens += length;
}

/* What a step may still take. */
struct allowance {
    uint32_t tokens;
    uint32_t requests;
};

/* Tokens of `request`'s prompt that the step takes now; 0: none fit. */
static uint32_t chunk_length(const struct batcher *batcher, const struct batch *batch,
                             const struct request *request, struct allowance allowance)
{
    uint32_t left = request->target - request->position;
    if (allowance.requests == 0)
        return 0;
    if (!takes_whole_prompts(batcher))
        return u32_min(left, allowance.tokens);
    /* a prompt that grew over the budget by its recomputed output goes alone */
    bool alone = batch->chunk_count == 0 && (!batch->lane || batch->lane->rows == 0);
    return left <= allowance.tokens || alone ? left : 0;
}

static void spend(struct allowance *allowance, uint32_t tokens)
{
    allowance->tokens -= u32_min(tokens, allowance->tokens);
    allowance->requests--;
}

/* Chunks of the admitted prompts, then, where `admitting`, of waiting ones. */
static void pick_prompts(struct batcher *batcher, struct batch *batch, struct allowance allowance,
                         bool admitting, sim_ps now)
{
    struct request *request;
    uint32_t length;
    while ((request = batcher->prefilling.first) &&
           (length = chunk_length(batcher, batch, request, allowance)) > 0) {
        request_list_remove(&batcher->prefilling, request);
        add_chunk(batch, request, length, now);
        spend(&allowance, length);
    }
    while (admitting && !batcher->prefilling.first && (request = batcher->waiting.first)) {
        if (request->move) {
            if (!admit(batcher))
                break;
            batcher->receiving++;
            request_list_append(&batcher->admitted, request);
            continue;
        }
        length = chunk_length(batcher, batch, request, allowance);
        if (length == 0 || !admit(batcher))
            break;
        add_chunk(batch, request, length, now);
        spend(&allowance, length);
    }
}

/* chunked_prefill and continuous: decodes, then prompts. */
static void pick_mixed(struct batcher *batcher, struct batch *batch, sim_ps now)
{
    struct allowance allowance = {.tokens = batcher->serving->max_step_tokens,
                                  .requests = step_share(batcher)};
    uint64_t preemptions = batcher->preemptions;
    pick_decodes(batcher, batch, u32_min(allowance.requests, allowance.tokens));
    uint32_t decodes = batch->lane ? batch->lane->rows : 0;
    allowance.tokens -= decodes;
    allowance.requests -= decodes;
    bool short_of_blocks = batcher->preemptions > preemptions;
    pick_prompts(batcher, batch, allowance, !short_of_blocks, now);
}

/* prefill_first: prompts, or else decodes. */
static void pick_prefill_first(struct batcher *batcher, struct batch *batch, sim_ps now)
{
    struct allowance allowance = {.tokens = batcher->serving->max_step_tokens,
                                  .requests = step_share(batcher)};
    pick_prompts(batcher, batch, allowance, true, now);
    if (batch->chunk_count > 0)
        return;
    pick_decodes(batcher, batch, u32_min(allowance.requests, allowance.tokens));
}

/* static: admits one batch, to be prefilled and then decoded to its end. */
static void form_static_batch(struct batcher *batcher)
{
    const struct serving *serving = batcher->serving;
    uint32_t share = u32_ceil_div(serving->max_sequences, serving->steps_in_flight);
    struct request *request;
    while (batcher->forming_prompts < share && (request = admit(batcher))) {
        request_list_append(&batcher->prefilling, request);
        batcher->forming_prompts++;
    }
    if (batcher->forming_prompts > 0)
        batcher->forming = take_lane(batcher);
}

static void pick_static(struct batcher *batcher, struct batch *batch, sim_ps now)
{
    const struct serving *serving = batcher->serving;
    bool may_form = !batcher->forming && batcher->batches_decoding < serving->steps_in_flight;
    if (!batcher->prefilling.first && !batcher->ready && may_form)
        form_static_batch(batcher);
    struct allowance allowance = {.tokens = serving->max_step_tokens,
                                  .requests = serving->max_sequences};
    pick_prompts(batcher, batch, allowance, false, now);
    if (batch->chunk_count == 0)
        pick_decodes(batcher, batch, serving->max_sequences);
}

void batcher_pick(struct batcher *batcher, struct batch *batch, sim_ps now)
{
    batch->lane = NULL;
    batch->chunk_count = 0;
    batch->prefill_tokens = 0;
    switch (batcher->serving->policy) {
    case BATCHER_STATIC:
        pick_static(batcher, batch, now);
        break;
    case BATCHER_PREFILL_FIRST:
        pick_prefill_first(batcher, batch, now);
        break;
    case BATCHER_CONTINUOUS:
    case BATCHER_CHUNKED_PREFILL:
        pick_mixed(batcher, batch, now);
        break;
    }
    batcher->known_waiting = batcher->waiting.count;
    if (!batch->lane)
        batch->lane = take_lane(batcher);
    batch->decode_rows = batch->lane->rows;
    batch->decode_context_tokens = batch->lane->context_tokens;
    if (batch_is_empty(batch)) {
        give_lane(batcher, batch->lane);
        batch->lane = NULL;
    }
}

/* Whether the first waiting request stays where it is while nobody finishes. */
static bool admits_nobody(const struct batcher *batcher)
{
    const struct serving *serving = batcher->serving;
    if (!batcher->waiting.first || batcher->running >= serving->max_sequences)
        return true;
    if (serving->policy == BATCHER_STATIC)
        return batcher->batches_decoding >= serving->steps_in_flight;
    /* what is scheduled ahead admits later than it could */
    return !serving_schedules_ahead(serving) &&
           held_blocks(batcher, batcher->waiting.first) > kv_cache_free_blocks(&batcher->kv);
}

bool batcher_is_closed(const struct batcher *batcher)
{
    return !batcher->ready && !batcher->prefilling.first && !batcher->forming &&
           admits_nobody(batcher);
}

uint64_t batcher_repeats(const struct batcher *batcher, const struct batch *batch)
{
    const struct serving *serving = batcher->serving;
    uint32_t rows_max = serving->policy == BATCHER_STATIC
                            ? serving->max_sequences
                            : u32_min(step_share(batcher), serving->max_step_tokens);
    if (batch->chunk_count > 0 || batch->decode_rows > rows_max)
        return 0;
    return lane_steps_to_spare(batch->lane);
}

uint64_t batcher_repeats_of_blocks(const struct batcher *batcher, uint32_t rows)
{
    if (reserves(batcher))
        return UINT64_MAX;
    /* each row takes a block at most once in as many tokens as one holds */
    return kv_cache_free_blocks(&batcher->kv) / rows * batcher->kv.block_tokens;
}

void batcher_repeat(struct batcher *batcher, struct batch *batch, sim_ps now)
{
    struct lane *lane = batch->lane;
    lane_step(lane, now, now >= batcher->gaps_from ? batcher->gaps : NULL);
    if (!reserves(batcher))
        kv_cache_take(&batcher->kv, lane_growth(lane));
    batch->decode_context_tokens = lane->context_tokens;
    batcher->just_finished = 0;
    batcher->known_waiting = batcher->waiting.count;
}

void batcher_repeated(struct batcher *batcher, const struct batch *batch, uint64_t count,
                      sim_ps now)
{
    uint64_t blocks = lane_step_on(batch->lane, count, now);
    if (!reserves(batcher))
        kv_cache_take(&batcher->kv, blocks);
}

bool batcher_reserve(struct batcher *batcher, const struct request *request)
{
    uint64_t blocks = held_blocks(batcher, request);
    if (batcher->waiting.count > 0 || batcher->running >= batcher->serving->max_sequences ||
        blocks > kv_cache_free_blocks(&batcher->kv))
        return false;
    kv_cache_take(&batcher->kv, blocks);
    batcher->running++;
    batcher->receiving++;
    return true;
}

void batcher_receive(struct batcher *batcher, struct request *request)
{
    if (!batcher->ready)
        batcher->ready = take_lane(batcher);
    request->admission = batcher->admissions++;
    batcher->receiving--;
    lane_join(batcher->ready, request);
}

void batcher_give_blocks(struct batcher *batcher, const struct request *request)
{
    batcher->holding--;
    kv_cache_give(&batcher->kv, held_blocks(batcher, request));
}

/* Frees what a finished request held and puts it on the list of the finished. */
static void finish(struct batcher *batcher, struct request *request, struct request_list *finished)
{
    batcher->running--;
    kv_cache_give(&batcher->kv, held_blocks(batcher, request));
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
    request->position += chunk->length;
    if (request->position < request->target) {
        request_list_insert(&batcher->prefilling, request);
        return;
    }
    if (request->generated++ == 0)
        request->first_token = now;
    else if (now >= batcher->gaps_from)
        quantiles_add(batcher->gaps, now - request->last_token, 1);
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
        give_lane(batcher, lane);
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
        give_lane(batcher, from);
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
        lane_step(batch->lane, now, now >= batcher->gaps_from ? batcher->gaps : NULL);
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

static void evict_list(struct request_list *from, struct request_list *evicted)
{
    struct request *request;
    while ((request = from->first)) {
        request_list_remove(from, request);
        request_list_append(evicted, request);
    }
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
    give_lane(batcher, lane);
}

void batcher_evict_batch(struct batcher *batcher, struct batch *batch, struct request_list *evicted)
{
    for (uint32_t i = 0; i < batch->chunk_count; i++)
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
    evict_list(&batcher->prefilling, evicted);
    evict_list(&batcher->waiting, evicted);
    batcher->forming_prompts = 0;
    batcher->batches_decoding = 0;
    batcher->running = 0;
    batcher->receiving = 0;
    batcher->holding = 0;
    batcher->just_finished = 0;
    batcher->known_waiting = 0;
    kv_cache_give(&batcher->kv, batcher->kv.used_blocks);
}

void batcher_withdraw(struct batcher *batcher, struct request *request)
{
    request_list_remove(&batcher->waiting, request);
}

void batcher_unreserve(struct batcher *batcher, const struct request *request)
{
    batcher->running--;
    batcher->receiving--;
    kv_cache_give(&batcher->kv, held_blocks(batcher, request));
}
