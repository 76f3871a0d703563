#include "batcher_parts.h"

/* Whether the scheduler picks while a step is under way, and so knows only how things stood when
   that one was picked. */
static bool looks_back(const struct batcher *batcher)
{
    return serving_schedules_ahead(batcher->serving) && batcher->running > 0;
}

/* Whether the scheduler has a place to give. */
static bool has_place(const struct batcher *batcher)
{
    uint32_t taken = batcher->running + (looks_back(batcher) ? batcher->just_finished : 0);
    return taken < batcher->serving->max_sequences;
}

/* Whether it has one for a waiting request, and knows of one. */
static bool may_admit(const struct batcher *batcher)
{
    bool knows = !looks_back(batcher) || batcher->known_waiting > 0;
    return knows && batcher->waiting.first && has_place(batcher);
}

bool batcher_is_crowded(const struct batcher *batcher)
{
    return batcher->waiting.first && !has_place(batcher);
}

/* What of a waiting request's prompt is there. */
static inline struct prefix_match match_of(const struct batcher *batcher,
                                           const struct request *request)
{
    return batcher->prefixes ? prefix_cache_match(batcher->prefixes, request)
                             : (struct prefix_match){.pieces = 0};
}

/* Whether there are blocks for a waiting request, of those that it needs others holding so many. */
static bool has_blocks(const struct batcher *batcher, const struct request *request,
                       uint64_t held_blocks)
{
    return batcher_held_blocks(batcher, request) - held_blocks <=
           kv_cache_free_blocks(&batcher->kv);
}

/* Whether there are for the first. */
static bool first_has_blocks(const struct batcher *batcher)
{
    const struct request *first = batcher->waiting.first;
    return has_blocks(batcher, first, match_of(batcher, first).held_blocks);
}

static inline void take_blocks(struct batcher *batcher, struct request *request,
                               struct prefix_match match)
{
    uint64_t blocks = batcher_held_blocks(batcher, request);
    if (!batcher->prefixes) {
        batcher_take_blocks(batcher, blocks);
        return;
    }
    prefix_cache_take(batcher->prefixes, request, match, blocks);
    request->position = match.tokens;
    request->found_tokens = match.tokens;
    if (request->scheduled == SIM_PS_MAX)
        request->cached_tokens = match.tokens;
}

/* Admits the first waiting request, which may be, if there are blocks for it; of its prompt so much
   is there. */
static inline bool admit(struct batcher *batcher, struct prefix_match match)
{
    struct request *request = batcher->waiting.first;
    if (!has_blocks(batcher, request, match.held_blocks))
        return false;
    request_list_remove(&batcher->waiting, request);
    take_blocks(batcher, request, match);
    batcher->known_waiting -= u32_min(batcher->known_waiting, 1);
    request->admission = batcher->admissions++;
    batcher->running++;
    return true;
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
    batcher_free_blocks(batcher, victim);
    victim->position = 0;
    victim->found_tokens = 0;
    victim->target = victim->input_tokens + victim->generated;
    victim->preemptions++;
    batcher->preemptions++;
    batcher->running--;
    request_list_prepend(&batcher->waiting, victim);
}

/* Waiting requests that come in now: none where the first has to wait for blocks. */
static uint32_t admissible(const struct batcher *batcher)
{
    if (!batcher->waiting.first || !first_has_blocks(batcher))
        return 0;
    return u32_min(batcher->waiting.count, batcher->serving->max_sequences - batcher->running);
}

/* Requests that one step may take. */
static inline uint32_t step_share(const struct batcher *batcher)
{
    const struct serving *serving = batcher->serving;
    if (serving->steps_in_flight == 1 || serving->step_share == STEP_SHARE_GREEDY)
        return serving->max_sequences;
    uint32_t running = batcher->running - batcher->receiving + admissible(batcher);
    return u32_ceil_div(running, serving->steps_in_flight);
}

/* Puts up to `rows` ready decodes into the batch, oldest first, and takes the blocks they need;
   preempts until there are enough. */
static void pick_decodes(struct batcher *batcher, struct batch *batch, uint32_t rows)
{
    struct lane *lane = batcher->ready;
    if (!lane)
        return;
    if (!batcher_reserves(batcher))
        while (lane_growth(lane) > kv_cache_free_blocks(&batcher->kv))
            preempt_youngest(batcher);
    batcher->ready = lane->next;
    lane->next = NULL;
    if (lane->rows > rows) {
        struct lane *rest = batcher_take_lane(batcher);
        lane_split(lane, rows, rest);
        batcher->ready = rest;
    }
    if (!batcher_reserves(batcher))
        batcher_take_blocks(batcher, lane_growth(lane));
    batch->lane = lane;
}

/* A piece of a request that is on no list; where more of it may follow, it is among the prefilling
   again. */
static void add_chunk(struct batcher *batcher, struct batch *batch, struct request *request,
                      uint32_t length, sim_ps now)
{
    struct chunk *chunk = &batch->chunks[batch->chunk_count++];
    *chunk = (struct chunk){.request = request, .start = request->position, .length = length};
    request->scheduled = sim_ps_min(request->scheduled, now);
    request->position += length;
    batch->prefill_tokens += length;
    if (batcher->prefixes)
        prefix_cache_note(batcher->prefixes, request);
    if (batcher_lets_follow(batcher, chunk))
        request_list_insert(&batcher->prefilling, request);
}

/* What a step may still take. */
struct allowance {
    uint32_t tokens;
    uint32_t requests;
};

/* Tokens of the `left` ones of a prompt that the step takes now; 0: none fit. */
static uint32_t chunk_length(const struct batcher *batcher, const struct batch *batch,
                             uint32_t left, struct allowance allowance)
{
    if (allowance.requests == 0)
        return 0;
    if (!batcher_takes_whole_prompts(batcher))
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

/* Chunks of the admitted prompts. */
static void pick_admitted(struct batcher *batcher, struct batch *batch, struct allowance *allowance,
                          sim_ps now)
{
    struct request *request;
    uint32_t length;
    while ((request = batcher->prefilling.first) &&
           (length = chunk_length(batcher, batch, request->target - request->position,
                                  *allowance)) > 0) {
        request_list_remove(&batcher->prefilling, request);
        add_chunk(batcher, batch, request, length, now);
        spend(allowance, length);
    }
}

/* Then, if no admitted one is left over, of waiting ones, which come in. */
static void pick_waiting(struct batcher *batcher, struct batch *batch, struct allowance *allowance,
                         sim_ps now)
{
    while (!batcher->prefilling.first && may_admit(batcher)) {
        struct request *request = batcher->waiting.first;
        struct prefix_match match = match_of(batcher, request);
        if (request->move) {
            if (!admit(batcher, match))
                break;
            batcher->receiving++;
            request_list_append(&batcher->admitted, request);
            continue;
        }
        uint32_t left = request->target - match.tokens;
        uint32_t length = chunk_length(batcher, batch, left, *allowance);
        if (length == 0 || !admit(batcher, match))
            break;
        add_chunk(batcher, batch, request, length, now);
        spend(allowance, length);
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
    pick_admitted(batcher, batch, &allowance, now);
    bool short_of_blocks = batcher->preemptions > preemptions;
    if (!short_of_blocks)
        pick_waiting(batcher, batch, &allowance, now);
}

/* prefill_first: prompts, or else decodes. */
static void pick_prefill_first(struct batcher *batcher, struct batch *batch, sim_ps now)
{
    struct allowance allowance = {.tokens = batcher->serving->max_step_tokens,
                                  .requests = step_share(batcher)};
    pick_admitted(batcher, batch, &allowance, now);
    pick_waiting(batcher, batch, &allowance, now);
    if (batch->chunk_count > 0)
        return;
    pick_decodes(batcher, batch, u32_min(allowance.requests, allowance.tokens));
}

/* static: admits one batch, to be prefilled and then decoded to its end. */
static void form_static_batch(struct batcher *batcher)
{
    const struct serving *serving = batcher->serving;
    uint32_t share = u32_ceil_div(serving->max_sequences, serving->steps_in_flight);
    while (batcher->forming_prompts < share && may_admit(batcher)) {
        struct request *request = batcher->waiting.first;
        if (!admit(batcher, match_of(batcher, request)))
            break;
        request_list_append(&batcher->prefilling, request);
        batcher->forming_prompts++;
    }
    if (batcher->forming_prompts > 0)
        batcher->forming = batcher_take_lane(batcher);
}

static void pick_static(struct batcher *batcher, struct batch *batch, sim_ps now)
{
    const struct serving *serving = batcher->serving;
    bool may_form = !batcher->forming && batcher->batches_decoding < serving->steps_in_flight;
    if (!batcher->prefilling.first && !batcher->ready && may_form)
        form_static_batch(batcher);
    struct allowance allowance = {.tokens = serving->max_step_tokens,
                                  .requests = serving->max_sequences};
    pick_admitted(batcher, batch, &allowance, now);
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
        batch->lane = batcher_take_lane(batcher);
    batch->decode_rows = batch->lane->rows;
    batch->decode_context_tokens = batch->lane->context_tokens;
    if (batch_is_empty(batch)) {
        batcher_give_lane(batcher, batch->lane);
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
    return !serving_schedules_ahead(serving) && !first_has_blocks(batcher);
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
    if (batcher_reserves(batcher))
        return UINT64_MAX;
    /* each row takes a block at most once in as many tokens as one holds */
    return kv_cache_free_blocks(&batcher->kv) / rows * batcher->kv.block_tokens;
}

void batcher_repeat(struct batcher *batcher, struct batch *batch, sim_ps now)
{
    struct lane *lane = batch->lane;
    lane_step(lane, now, batcher->itl);
    if (!batcher_reserves(batcher))
        batcher_take_blocks(batcher, lane_growth(lane));
    batch->decode_context_tokens = lane->context_tokens;
    batcher->just_finished = 0;
    batcher->known_waiting = batcher->waiting.count;
}

void batcher_repeated(struct batcher *batcher, const struct batch *batch, uint64_t count,
                      sim_ps now)
{
    uint64_t blocks = lane_step_on(batch->lane, count, now);
    if (!batcher_reserves(batcher))
        batcher_take_blocks(batcher, blocks);
}
