/*
 * On random scenarios: after every pick and every completion, does the batcher
 * hold what its requests, counted one by one, add up to?
 *
 * The reference keeps each request's own story: what it has prefilled, how many
 * tokens it has, where it is. It follows the batcher's picks through the chunks
 * and lanes that it is shown, and recomputes rows, context, growth and KV blocks.
 * TANDEM_TEST_SEED sets the first seed.
 */
#include "batcher.h"
#include "dice.h"
#include "suite.h"

#include <string.h>

#define SCENARIOS 1500
#define REQUESTS_MAX 60
#define STEPS_MAX 5

enum place { PLACE_OUTSIDE, PLACE_QUEUED, PLACE_PROMPT, PLACE_LANE, PLACE_DONE };

/* What the reference knows of one request. */
struct story {
    struct request request;
    enum place place;
    bool in_step;
    uint32_t position; /* tokens in the KV cache */
    uint32_t generated;
    uint32_t target;
    uint32_t preemptions;
    uint64_t blocks;
};

struct trial {
    struct dice dice;
    struct serving serving;
    struct arena arena;
    struct quantiles *itl; /* of all scenarios */
    uint64_t itl_before;
    struct batcher batcher;
    struct batch batches[STEPS_MAX]; /* a ring: in flight from `oldest` on */
    uint32_t oldest;
    uint32_t in_flight;
    struct story stories[REQUESTS_MAX];
    uint32_t count;
    uint32_t arrived;
    uint32_t finished;
    uint32_t admitted_last; /* the youngest request, by arrival, in a step so far; count: none */
    sim_ps now;
    uint64_t tokens;
};

static bool reserves(const struct trial *trial)
{
    return trial->serving.kv_admission == KV_ADMISSION_RESERVED ||
           trial->serving.policy == BATCHER_STATIC;
}

static uint64_t blocks_of(const struct trial *trial, uint64_t tokens)
{
    return (tokens + trial->serving.kv_block_tokens - 1) / trial->serving.kv_block_tokens;
}

static struct story *story_of(struct request *request)
{
    return (struct story *)(void *)request; /* its first member */
}

static void roll(struct trial *trial, uint64_t seed, struct quantiles *itl)
{
    struct dice dice = {.state = seed};
    *trial = (struct trial){.itl = itl, .itl_before = itl->count};
    trial->serving = (struct serving){
        .policy = (enum batcher_policy)dice_between(&dice, 0, BATCHER_CHUNKED_PREFILL),
        .max_step_tokens = dice_between(&dice, 8, 120),
        .max_sequences = dice_between(&dice, 1, 12),
        .steps_in_flight = dice_between(&dice, 1, STEPS_MAX),
        .step_share = (enum step_share)dice_between(&dice, 0, STEP_SHARE_GREEDY),
        .kv_block_tokens = dice_between(&dice, 1, 8),
        .kv_admission = (enum kv_admission)dice_between(&dice, 0, KV_ADMISSION_RESERVED),
    };
    trial->count = dice_between(&dice, 1, REQUESTS_MAX);
    for (uint32_t i = 0; i < trial->count; i++)
        trial->stories[i].request = (struct request){
            .id = i,
            .scheduled = SIM_PS_MAX,
            .input_tokens = dice_between(&dice, 1, 40),
            .output_tokens = dice_between(&dice, 1, dice_between(&dice, 0, 1) ? 3 : 60),
            .counted = i % 3 > 0,
        };
    trial->admitted_last = trial->count;
    trial->dice = dice;
}

static void set_up(struct trial *trial)
{
    struct error error;
    uint64_t tokens = dice_between(&trial->dice, 80, 400); /* the longest request has 100 */
    arena_init(&trial->arena);
    ck_assert_int_eq(batcher_init(&trial->batcher, &trial->serving, blocks_of(trial, tokens), false,
                                  trial->itl, &trial->arena, &error),
                     0);
    for (uint32_t i = 0; i < trial->serving.steps_in_flight; i++)
        EXPECT(batch_init(&trial->batches[i], &trial->serving, &trial->arena, &error) == 0);
}

static void arrive(struct trial *trial)
{
    struct story *story = &trial->stories[trial->arrived++];
    story->target = story->request.input_tokens;
    if (!batcher_can_prefill(&trial->batcher, &story->request) ||
        !batcher_can_hold(&trial->batcher, &story->request)) {
        story->place = PLACE_DONE;
        trial->finished++;
        return;
    }
    story->place = PLACE_QUEUED;
    batcher_enqueue(&trial->batcher, &story->request);
}

static bool is_running(const struct story *story)
{
    return story->place == PLACE_PROMPT || story->place == PLACE_LANE;
}

static bool was_preempted_now(const struct story *story)
{
    return story->request.preemptions > story->preemptions;
}

/* Expectation: it was running, in no step, its KV not reserved, and the youngest such. */
static void check_victim(const struct trial *trial, const struct story *victim)
{
    EXPECT(victim->request.preemptions == victim->preemptions + 1);
    EXPECT(is_running(victim) && !victim->in_step && !reserves(trial));
    for (uint32_t i = 0; i < trial->count; i++) {
        const struct story *story = &trial->stories[i];
        if (is_running(story) && !story->in_step && !was_preempted_now(story))
            EXPECT(story->request.admission < victim->request.admission);
    }
}

/* Follows the preemptions of a pick, which each request counts: all its KV and prompt are gone. */
static void follow_preemptions(struct trial *trial)
{
    for (uint32_t i = 0; i < trial->count; i++)
        if (was_preempted_now(&trial->stories[i]))
            check_victim(trial, &trial->stories[i]);
    for (uint32_t i = 0; i < trial->count; i++) {
        struct story *story = &trial->stories[i];
        if (!was_preempted_now(story))
            continue;
        story->preemptions++;
        story->place = PLACE_QUEUED;
        story->position = 0;
        story->blocks = 0;
        story->target = story->request.input_tokens + story->generated;
    }
}

/*
 * Expectation: a chunk goes on where its request stands, does not go past its
 * prompt, and is whole where prompts are not chunked; first admissions come in
 * order of arrival.
 */
static void follow_chunk(struct trial *trial, const struct chunk *chunk)
{
    struct story *story = story_of(chunk->request);
    EXPECT(!story->in_step);
    EXPECT(story->place == PLACE_QUEUED || story->place == PLACE_PROMPT);
    EXPECT(chunk->start == story->position);
    EXPECT(chunk->length >= 1);
    EXPECT(chunk->start + chunk->length <= story->target);
    if (trial->serving.policy != BATCHER_CHUNKED_PREFILL)
        EXPECT(chunk->start + chunk->length == story->target);
    if (story->preemptions == 0 && chunk->start == 0) {
        uint32_t index = (uint32_t)story->request.id;
        EXPECT(trial->admitted_last == trial->count || trial->admitted_last < index);
        trial->admitted_last = index;
    }
    story->in_step = true;
    story->place = PLACE_PROMPT;
}

/* Every member of a picked lane has a token to come in this step. Expectation: its sums. */
static void follow_lane(struct trial *trial, const struct batch *batch)
{
    uint32_t rows = 0;
    uint64_t context = 0;
    for (struct request *r = batch->lane->members.first; r; r = r->next, rows++) {
        struct story *story = story_of(r);
        EXPECT(!story->in_step);
        EXPECT(story->place == PLACE_LANE);
        story->in_step = true;
        context += story->position + 1;
        if (!reserves(trial))
            story->blocks = blocks_of(trial, story->position + 1);
    }
    EXPECT(batch->lane->live == rows);
    if (trial->serving.policy == BATCHER_STATIC) { /* held rows compute on */
        EXPECT(batch->decode_rows >= rows);
        EXPECT(batch->decode_context_tokens >= context);
    } else {
        EXPECT(batch->decode_rows == rows);
        EXPECT(batch->decode_context_tokens == context);
    }
}

/* Requests that a policy reserves or fills blocks for on admission, from the batcher's lists. */
static void follow_admissions(struct trial *trial, const struct batch *batch)
{
    const struct batcher *batcher = &trial->batcher;
    for (struct request *r = batcher->prefilling.first; r; r = r->next)
        story_of(r)->place = PLACE_PROMPT; /* static admits a batch, prefilled over some steps */
    for (uint32_t i = 0; i < batch->chunk_count; i++)
        follow_chunk(trial, &batch->chunks[i]);
    for (uint32_t i = 0; i < trial->count; i++) {
        struct story *story = &trial->stories[i];
        uint64_t all = (uint64_t)story->request.input_tokens + story->request.output_tokens;
        if (story->place == PLACE_PROMPT)
            story->blocks = blocks_of(trial, reserves(trial) ? all : story->target);
    }
}

/* Expectation: within the token budget, but for one recomputed prompt alone; within the share. */
static void check_limits(const struct trial *trial, const struct batch *batch)
{
    uint32_t tokens = 0;
    for (uint32_t i = 0; i < batch->chunk_count; i++)
        tokens += batch->chunks[i].length;
    EXPECT(batch->prefill_tokens == tokens);
    if (trial->serving.policy == BATCHER_STATIC)
        return;
    uint32_t requests = batch->decode_rows + batch->chunk_count;
    bool alone =
        requests == 1 && batch->chunk_count == 1 && batch->chunks[0].request->preemptions > 0;
    EXPECT(alone || tokens + batch->decode_rows <= trial->serving.max_step_tokens);
    EXPECT(requests <= trial->serving.max_sequences);
    if (trial->serving.step_share == STEP_SHARE_BALANCED) {
        uint32_t outside = trial->batcher.waiting.count + trial->batcher.running;
        uint32_t running = u32_min(outside, trial->serving.max_sequences);
        EXPECT(requests <= u32_ceil_div(running, trial->serving.steps_in_flight));
    }
}

/* Expectation: growth and context of every lane in no step, from its members. */
static void check_ready_lanes(const struct trial *trial)
{
    for (const struct lane *lane = trial->batcher.ready; lane; lane = lane->next) {
        uint32_t growth = 0;
        uint64_t context = 0;
        uint32_t rows = 0;
        for (struct request *r = lane->members.first; r; r = r->next, rows++) {
            const struct story *story = story_of(r);
            EXPECT(story->place == PLACE_LANE && !story->in_step);
            EXPECT(!r->next || r->admission < r->next->admission);
            growth += story->position % trial->serving.kv_block_tokens == 0;
            context += story->position + 1;
        }
        EXPECT(lane->live == rows);
        if (trial->serving.policy == BATCHER_STATIC)
            continue;
        EXPECT(!lane->next);
        EXPECT(lane->rows == rows);
        EXPECT(lane->context_tokens == context);
        EXPECT(lane_growth(lane) == growth);
    }
}

/* Expectation: the preempted wait in front of those never admitted, these by arrival; unfinished
   prompts go on by admission. */
static void check_queues(const struct trial *trial)
{
    for (const struct request *r = trial->batcher.waiting.first; r && r->next; r = r->next) {
        EXPECT(r->preemptions > 0 || r->next->preemptions == 0);
        EXPECT(r->preemptions > 0 || r->id < r->next->id);
    }
    for (const struct request *r = trial->batcher.prefilling.first; r && r->next; r = r->next)
        EXPECT(r->admission < r->next->admission);
}

/* Expectation: nothing is lost: every request is in one place, and blocks sum to those used. */
static void check_totals(const struct trial *trial)
{
    const struct batcher *batcher = &trial->batcher;
    uint64_t blocks = 0;
    uint32_t queued = 0;
    uint32_t running = 0;
    for (uint32_t i = 0; i < trial->count; i++) {
        const struct story *story = &trial->stories[i];
        blocks += story->blocks;
        queued += story->place == PLACE_QUEUED;
        running += is_running(story);
    }
    EXPECT(batcher->waiting.count == queued);
    EXPECT(batcher->running == running);
    EXPECT(running <= trial->serving.max_sequences);
    EXPECT(batcher->kv.used_blocks == blocks);
    EXPECT(blocks <= batcher->kv.capacity_blocks);
    EXPECT(blocks <= batcher->kv.peak_blocks);
    check_ready_lanes(trial);
    check_queues(trial);
}

/* Picks into the next place of the ring; false where there is nothing to do now. */
static bool pick(struct trial *trial)
{
    uint32_t ring = trial->serving.steps_in_flight;
    struct batch *batch = &trial->batches[(trial->oldest + trial->in_flight) % ring];
    batcher_pick(&trial->batcher, batch, trial->now);
    follow_preemptions(trial);
    if (batch->lane)
        follow_lane(trial, batch);
    follow_admissions(trial, batch);
    check_limits(trial, batch);
    check_totals(trial);
    trial->in_flight += !batch_is_empty(batch);
    return !batch_is_empty(batch);
}

/* One more token for a request. Expectation: it ends exactly at its output tokens. */
static void follow_token(struct trial *trial, struct story *story)
{
    story->in_step = false;
    story->place = PLACE_LANE;
    story->generated++;
    trial->tokens++;
    EXPECT(story->generated <= story->request.output_tokens);
}

static void follow_completion(struct trial *trial, const struct batch *batch)
{
    for (struct request *r = batch->lane->members.first; r; r = r->next) {
        follow_token(trial, story_of(r));
        story_of(r)->position++;
    }
    for (uint32_t i = 0; i < batch->chunk_count; i++) {
        struct story *story = story_of(batch->chunks[i].request);
        story->in_step = false;
        story->position += batch->chunks[i].length;
        if (story->position == story->target)
            follow_token(trial, story);
    }
}

static void complete(struct trial *trial)
{
    struct batch *batch = &trial->batches[trial->oldest];
    trial->oldest = (trial->oldest + 1) % trial->serving.steps_in_flight;
    trial->in_flight--;
    follow_completion(trial, batch);
    struct request_list finished = batcher_complete(&trial->batcher, batch, trial->now);
    for (struct request *r = finished.first; r; r = r->next) {
        struct story *story = story_of(r);
        EXPECT(story->place == PLACE_LANE);
        EXPECT(story->generated == r->output_tokens);
        EXPECT(r->generated == r->output_tokens);
        EXPECT(r->first_token >= r->scheduled);
        story->place = PLACE_DONE;
        story->blocks = 0;
        trial->finished++;
    }
    check_totals(trial);
}

/* Expectation: steps are bounded; a request is preempted only for older ones, which end. */
static void drive(struct trial *trial)
{
    uint32_t turns = 0;
    while (trial->finished < trial->count) {
        EXPECT(turns++ < 200000);
        trial->now++;
        bool may_arrive = trial->arrived < trial->count;
        if (may_arrive && dice_between(&trial->dice, 0, 2) == 0)
            arrive(trial);
        bool room = trial->in_flight < trial->serving.steps_in_flight;
        bool picked = room && dice_between(&trial->dice, 0, 3) > 0 && pick(trial);
        if (picked)
            continue;
        if (trial->in_flight > 0 && dice_between(&trial->dice, 0, 1) == 0)
            complete(trial);
        /* Expectation: with no step in flight whoever is here gets one. */
        else if (trial->in_flight == 0 && batcher_has_work(&trial->batcher))
            EXPECT(pick(trial));
    }
}

static void check_end(const struct trial *trial)
{
    uint64_t tokens = 0;
    uint64_t gaps = 0;
    uint64_t preemptions = 0;
    for (uint32_t i = 0; i < trial->count; i++) {
        const struct story *story = &trial->stories[i];
        tokens += story->generated;
        if (story->request.counted && story->generated > 0)
            gaps += story->generated - 1;
        preemptions += story->preemptions;
    }
    EXPECT(trial->in_flight == 0);
    EXPECT(!batcher_has_work(&trial->batcher));
    EXPECT(trial->batcher.kv.used_blocks == 0);
    EXPECT(trial->batcher.preemptions == preemptions);
    EXPECT(trial->tokens == tokens);
    /* Expectation: a request of n tokens that counts has n - 1 gaps between them. */
    EXPECT(trial->itl->count - trial->itl_before == gaps);
}

START_TEST(the_batcher_holds_what_its_requests_add_up_to)
{
    uint64_t seed = dice_seed(20261122);
    uint64_t preemptions = 0;
    struct quantiles itl;
    struct error error;
    ck_assert_int_eq(quantiles_init(&itl, &error), 0);
    struct trial *trial = malloc(sizeof(*trial));
    ck_assert_ptr_nonnull(trial);
    for (uint64_t i = 0; i < SCENARIOS; i++) {
        (void)fprintf(stderr, "seed %llu\n", (unsigned long long)(seed + i));
        roll(trial, seed + i, &itl);
        set_up(trial);
        drive(trial);
        check_end(trial);
        preemptions += trial->batcher.preemptions;
        arena_release(&trial->arena);
    }
    free(trial);
    quantiles_release(&itl);
    /* Expectation: the scenarios are tight enough to show preemption at work. */
    EXPECT(preemptions > SCENARIOS);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {the_batcher_holds_what_its_requests_add_up_to};
    return suite_run("batcher, random scenarios", tests, ARRAY_LENGTH(tests));
}
