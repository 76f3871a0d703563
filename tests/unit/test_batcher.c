/*
 * Does each policy pick what its paper says, one rule at a time?
 */
#include "batcher.h"
#include "suite.h"

#define REQUESTS_MAX 8
#define STEPS_MAX 2
#define PLENTY 1000

/* The batcher of a test, what it needs, and the time. */
static struct bench {
    struct serving serving;
    struct arena arena;
    struct quantiles itl;
    struct batcher batcher;
    struct batch batches[STEPS_MAX];
    struct request requests[REQUESTS_MAX];
    uint32_t count;
    sim_ps now;
} bench;

/* 100 tokens a step, 8 sequences, one step in flight, blocks of 4 tokens. */
static struct serving plain(enum batcher_policy policy)
{
    return (struct serving){
        .policy = policy,
        .max_step_tokens = 100,
        .max_sequences = REQUESTS_MAX,
        .steps_in_flight = 1,
        .kv_block_tokens = 4,
    };
}

static void set_up(struct serving serving, uint64_t capacity_blocks)
{
    struct error error;
    bench = (struct bench){.serving = serving};
    ck_assert_int_eq(quantiles_init(&bench.itl, &error), 0);
    int status = batcher_init(&bench.batcher, &bench.serving, capacity_blocks, false, &bench.itl,
                              &bench.arena, &error);
    ck_assert_int_eq(status, 0);
    for (uint32_t i = 0; i < STEPS_MAX; i++)
        ck_assert_int_eq(batch_init(&bench.batches[i], &bench.serving, &bench.arena, &error), 0);
}

static void tear_down(void)
{
    quantiles_release(&bench.itl);
    arena_release(&bench.arena);
}

static struct request *arrive(uint32_t input_tokens, uint32_t output_tokens)
{
    struct request *request = &bench.requests[bench.count];
    *request = (struct request){.id = bench.count++,
                                .scheduled = SIM_PS_MAX,
                                .input_tokens = input_tokens,
                                .output_tokens = output_tokens,
                                .counted = true};
    batcher_enqueue(&bench.batcher, request);
    return request;
}

/* Picks into batch `i`. Expectation: so many decodes, chunks and prompt tokens. */
static struct batch *pick(uint32_t i, uint32_t decodes, uint32_t chunks, uint32_t prefill_tokens)
{
    struct batch *batch = &bench.batches[i];
    batcher_pick(&bench.batcher, batch, bench.now);
    ck_assert_uint_eq(batch->decode_rows, decodes);
    ck_assert_uint_eq(batch->chunk_count, chunks);
    ck_assert_uint_eq(batch->prefill_tokens, prefill_tokens);
    return batch;
}

/* Completes batch `i` a picosecond on. Expectation: so many requests finish. */
static void complete(uint32_t i, uint32_t finished)
{
    struct request_list list = batcher_complete(&bench.batcher, &bench.batches[i], ++bench.now);
    ck_assert_uint_eq(list.count, finished);
}

static void step(uint32_t decodes, uint32_t chunks, uint32_t prefill_tokens, uint32_t finished)
{
    pick(0, decodes, chunks, prefill_tokens);
    complete(0, finished);
}

/* A step of whatever there is. */
static void step_any(void)
{
    batcher_pick(&bench.batcher, &bench.batches[0], bench.now);
    (void)batcher_complete(&bench.batcher, &bench.batches[0], ++bench.now);
}

START_TEST(chunked_prefill_cuts_prompts_to_the_budget)
{
    set_up(plain(BATCHER_CHUNKED_PREFILL), PLENTY);
    struct request *request = arrive(250, 2);
    step(0, 1, 100, 0);
    step(0, 1, 100, 0);
    step(0, 1, 50, 0);
    ck_assert_uint_eq(request->generated, 1);
    step(1, 0, 0, 1);
}
END_TEST

START_TEST(chunked_prefill_takes_decodes_first)
{
    set_up(plain(BATCHER_CHUNKED_PREFILL), PLENTY);
    arrive(10, 5);
    arrive(10, 5);
    step(0, 2, 20, 0);
    arrive(500, 5);
    /* Expectation: 2 of the 100 tokens are decodes, a chunk takes the other 98. */
    struct batch *batch = pick(0, 2, 1, 98);
    ck_assert_uint_eq(batch->decode_context_tokens, 11 + 11);
}
END_TEST

START_TEST(chunked_prefill_shares_a_step_among_prompts_in_order)
{
    set_up(plain(BATCHER_CHUNKED_PREFILL), PLENTY);
    struct request *first = arrive(70, 5);
    struct request *second = arrive(70, 5);
    struct batch *batch = pick(0, 0, 2, 100);
    ck_assert_ptr_eq(batch->chunks[0].request, first);
    ck_assert_uint_eq(batch->chunks[0].length, 70);
    ck_assert_ptr_eq(batch->chunks[1].request, second);
    ck_assert_uint_eq(batch->chunks[1].length, 30);
    complete(0, 0);
    batch = pick(0, 1, 1, 40);
    ck_assert_ptr_eq(batch->chunks[0].request, second);
    ck_assert_uint_eq(batch->chunks[0].start, 30);
}
END_TEST

START_TEST(continuous_takes_whole_prompts_beside_decodes)
{
    set_up(plain(BATCHER_CONTINUOUS), PLENTY);
    arrive(60, 5);
    arrive(60, 5);
    arrive(10, 5);
    /* Expectation: the second prompt does not fit, and the third does not overtake it. */
    step(0, 1, 60, 0);
    step(1, 2, 70, 0);
    step(3, 0, 0, 0);
}
END_TEST

START_TEST(prefill_first_keeps_decodes_waiting_for_prompts)
{
    set_up(plain(BATCHER_PREFILL_FIRST), PLENTY);
    arrive(60, 5);
    arrive(60, 5);
    step(0, 1, 60, 0);
    step(0, 1, 60, 0);
    step(2, 0, 0, 0);
    arrive(30, 5);
    step(0, 1, 30, 0);
    step(3, 0, 0, 0);
}
END_TEST

START_TEST(static_batches_run_to_their_longest_request_s_end)
{
    set_up(plain(BATCHER_STATIC), PLENTY);
    arrive(60, 2);
    arrive(60, 4);
    /* Expectation: prompts by the budget, then both decode; the one that ends after 1 decode
     * computes on; who comes meanwhile waits for the batch's end. */
    step(0, 1, 60, 0);
    step(0, 1, 60, 0);
    step(2, 0, 0, 1);
    arrive(10, 2);
    step(2, 0, 0, 0);
    step(2, 0, 0, 1);
    step(0, 1, 10, 0);
    step(1, 0, 0, 1);
    ck_assert_uint_eq(bench.batcher.kv.used_blocks, 0);
}
END_TEST

START_TEST(static_batching_keeps_one_batch_a_step_in_flight)
{
    /* Expectation: 8 sequences over 2 steps in flight are batches of 4. */
    struct serving serving = plain(BATCHER_STATIC);
    serving.steps_in_flight = 2;
    set_up(serving, PLENTY);
    for (uint32_t i = 0; i < 8; i++)
        arrive(10, 9);
    pick(0, 0, 4, 40);
    complete(0, 0);
    pick(0, 4, 0, 0);
    pick(1, 0, 4, 40);
}
END_TEST

START_TEST(the_sequence_cap_holds_back_admission)
{
    struct serving serving = plain(BATCHER_CHUNKED_PREFILL);
    serving.max_sequences = 2;
    set_up(serving, PLENTY);
    arrive(10, 2);
    arrive(10, 3);
    arrive(10, 3);
    step(0, 2, 20, 0);
    step(2, 0, 0, 1);
    /* Expectation: a place is free, so the third comes in beside the second's decode. */
    step(1, 1, 10, 1);
}
END_TEST

START_TEST(a_request_is_in_one_step_at_a_time)
{
    struct serving serving = plain(BATCHER_CHUNKED_PREFILL);
    serving.steps_in_flight = 2;
    serving.step_share = STEP_SHARE_GREEDY;
    set_up(serving, PLENTY);
    arrive(150, 9);
    pick(0, 0, 1, 100);
    /* Expectation: while its first chunk is in flight its second is not taken. */
    pick(1, 0, 0, 0);
    complete(0, 0);
    pick(1, 0, 1, 50);
    complete(1, 0);
    pick(0, 1, 0, 0);
    pick(1, 0, 0, 0);
}
END_TEST

/* Two steps in flight and four requests, each of which has one of its ten tokens. */
static void set_up_four_decodes(enum step_share share)
{
    struct serving serving = plain(BATCHER_CHUNKED_PREFILL);
    serving.steps_in_flight = 2;
    serving.step_share = share;
    set_up(serving, PLENTY);
    for (uint32_t i = 0; i < 4; i++)
        arrive(10, 10);
    for (uint32_t i = 0; i < 2; i++)
        batcher_pick(&bench.batcher, &bench.batches[i], bench.now);
    for (uint32_t i = 0; i < 2; i++)
        if (!batch_is_empty(&bench.batches[i]))
            complete(i, 0);
}

START_TEST(a_balanced_share_leaves_some_for_the_other_step)
{
    set_up_four_decodes(STEP_SHARE_BALANCED);
    pick(0, 2, 0, 0);
    pick(1, 2, 0, 0);
    complete(0, 0);
    pick(0, 2, 0, 0);
}
END_TEST

START_TEST(a_balanced_share_counts_nobody_who_has_to_wait)
{
    /* Expectation: blocks for four of eight requests: a step takes two of the four, whoever waits.
     */
    struct serving serving = plain(BATCHER_CHUNKED_PREFILL);
    serving.steps_in_flight = 2;
    serving.kv_admission = KV_ADMISSION_RESERVED;
    set_up(serving, 12);
    for (int i = 0; i < 8; i++)
        arrive(8, 4);
    pick(0, 0, 4, 32);
    complete(0, 0);
    pick(0, 2, 0, 0);
    pick(1, 2, 0, 0);
}
END_TEST

START_TEST(a_greedy_step_takes_all)
{
    set_up_four_decodes(STEP_SHARE_GREEDY);
    pick(0, 4, 0, 0);
    pick(1, 0, 0, 0);
}
END_TEST

START_TEST(kv_is_taken_for_the_prompt_then_block_by_block)
{
    set_up(plain(BATCHER_CHUNKED_PREFILL), PLENTY);
    arrive(7, 5);
    const uint64_t expected_blocks[] = {2, 2, 3, 3}; /* 7, 8, 9 and 10 tokens in blocks of 4 */
    for (size_t i = 0; i < ARRAY_LENGTH(expected_blocks); i++) {
        batcher_pick(&bench.batcher, &bench.batches[0], bench.now);
        ck_assert_uint_eq(bench.batcher.kv.used_blocks, expected_blocks[i]);
        complete(0, 0);
    }
    step(1, 0, 0, 1);
    ck_assert_uint_eq(bench.batcher.kv.used_blocks, 0);
    ck_assert_uint_eq(bench.batcher.kv.peak_blocks, 3);
}
END_TEST

START_TEST(a_prompt_waits_for_blocks)
{
    set_up(plain(BATCHER_CHUNKED_PREFILL), 10);
    arrive(24, 2); /* 6 blocks, and one more to decode */
    arrive(16, 2); /* 4 */
    arrive(4, 2);  /* 1, would fit, must not overtake */
    step(0, 2, 40, 0);
    ck_assert_uint_eq(bench.batcher.waiting.count, 1);
}
END_TEST

START_TEST(the_youngest_is_preempted_and_recomputes)
{
    set_up(plain(BATCHER_CHUNKED_PREFILL), 5);
    struct request *old = arrive(8, 4);
    struct request *young = arrive(8, 4);
    step(0, 2, 16, 0);
    sim_ps first_token = young->first_token;
    /* Expectation: each holds 2 blocks and needs a third, one is free: the younger gives its own
     * back, and the older goes on alone. */
    step(1, 0, 0, 0);
    ck_assert_uint_eq(young->preemptions, 1);
    ck_assert_uint_eq(old->preemptions, 0);
    ck_assert_uint_eq(bench.batcher.kv.used_blocks, 3);
    ck_assert_ptr_eq(bench.batcher.waiting.first, young);
    /* Expectation: once the older is done, the younger prefills its prompt and its one token, which
     * gives its second; the first keeps its time. */
    step(1, 0, 0, 0);
    step(1, 0, 0, 1);
    step(0, 1, 9, 0);
    ck_assert_uint_eq(young->generated, 2);
    ck_assert_int_eq(young->first_token, first_token);
    step(1, 0, 0, 0);
    step(1, 0, 0, 1);
    ck_assert_uint_eq(bench.batcher.preemptions, 1);
    ck_assert_uint_eq(bench.itl.count, 3 + 3);
}
END_TEST

START_TEST(a_recomputed_prompt_over_the_budget_goes_alone)
{
    /* Expectation: 98 prompt tokens and 3 of output are 101 to recompute, one over the budget of
     * whole prompts: a step of their own. */
    struct serving serving = plain(BATCHER_CONTINUOUS);
    serving.kv_block_tokens = 1;
    set_up(serving, 114);
    arrive(10, 15);
    step(0, 1, 10, 0);
    struct request *young = arrive(98, 9);
    step(1, 1, 98, 0);
    while (young->preemptions == 0)
        step_any();
    ck_assert_uint_eq(young->generated, 3);
    while (bench.batcher.kv.used_blocks > 0)
        step_any();
    step(0, 1, 98 + 3, 0);
    ck_assert_uint_eq(young->generated, 4);
}
END_TEST

START_TEST(reserved_blocks_are_for_input_and_output)
{
    struct serving serving = plain(BATCHER_CHUNKED_PREFILL);
    serving.kv_admission = KV_ADMISSION_RESERVED;
    set_up(serving, 5);
    arrive(8, 4);
    arrive(8, 4);
    /* Expectation: 3 blocks each for 12 tokens; the second waits until the first is done. */
    step(0, 1, 8, 0);
    ck_assert_uint_eq(bench.batcher.kv.used_blocks, 3);
    step(1, 0, 0, 0);
    step(1, 0, 0, 0);
    step(1, 0, 0, 1);
    step(0, 1, 8, 0);
    ck_assert_uint_eq(bench.batcher.preemptions, 0);
}
END_TEST

START_TEST(what_can_never_fit_is_told)
{
    set_up(plain(BATCHER_CHUNKED_PREFILL), 50); /* 200 tokens */
    const struct request fits = {.input_tokens = 150, .output_tokens = 50};
    const struct request too_long = {.input_tokens = 150, .output_tokens = 51};
    ck_assert(batcher_can_hold(&bench.batcher, &fits));
    ck_assert(!batcher_can_hold(&bench.batcher, &too_long));
    /* Expectation: where prompts are not chunked, 150 tokens are over the budget of 100. */
    ck_assert(batcher_can_prefill(&bench.batcher, &fits));
    bench.serving.policy = BATCHER_CONTINUOUS;
    ck_assert(!batcher_can_prefill(&bench.batcher, &fits));
}
END_TEST

START_TEST(one_output_token_ends_with_the_prompt)
{
    set_up(plain(BATCHER_CHUNKED_PREFILL), PLENTY);
    struct request *request = arrive(10, 1);
    bench.now = 1000;
    step(0, 1, 10, 1);
    ck_assert_int_eq(request->scheduled, PLENTY);
    ck_assert_int_eq(request->first_token, 1001);
    ck_assert(!batcher_has_work(&bench.batcher));
    pick(0, 0, 0, 0);
}
END_TEST

START_TEST(scheduling_ahead_a_step_knows_what_the_one_before_began_with)
{
    struct serving serving = plain(BATCHER_CHUNKED_PREFILL);
    serving.max_sequences = 2;
    serving.host.async_scheduling = true;
    set_up(serving, PLENTY);
    /* Expectation: with nothing running there is nothing to schedule ahead of. */
    arrive(10, 3);
    pick(0, 0, 1, 10);
    /* Expectation: what comes during a step waits for the step after the next. */
    arrive(20, 9);
    complete(0, 0);
    step(1, 0, 0, 0);
    step(1, 1, 20, 1);
    /* Expectation: so does a place that was freed in it. */
    arrive(30, 9);
    arrive(40, 9);
    step(1, 0, 0, 0);
    step(1, 1, 30, 0);
    step(2, 0, 0, 0);
}
END_TEST

/* Two steps in flight, and prompts whose next chunk follows at once. */
static struct serving chunked_pipeline(void)
{
    struct serving serving = plain(BATCHER_CHUNKED_PREFILL);
    serving.steps_in_flight = 2;
    serving.host.chunked_pipeline = true;
    return serving;
}

START_TEST(chunks_of_a_prompt_follow_each_other_in_a_chunked_pipeline)
{
    set_up(chunked_pipeline(), PLENTY);
    struct request *request = arrive(250, 2);
    /* Expectation: 100 and 100 tokens at a time, then the last 50, which alone give a token. */
    struct batch *first = pick(0, 0, 1, 100);
    struct batch *second = pick(1, 0, 1, 100);
    ck_assert_uint_eq(first->chunks[0].start, 0);
    ck_assert_uint_eq(second->chunks[0].start, 100);
    complete(0, 0);
    pick(0, 0, 1, 50);
    complete(1, 0);
    pick(1, 0, 0, 0);
    ck_assert_uint_eq(request->generated, 0);
    complete(0, 0);
    ck_assert_uint_eq(request->generated, 1);
    step(1, 0, 0, 1);
    ck_assert_uint_eq(bench.batcher.kv.used_blocks, 0);
}
END_TEST

START_TEST(a_prompt_with_chunks_in_flight_is_evicted_once)
{
    struct request_list evicted = {.first = NULL};
    set_up(chunked_pipeline(), PLENTY);
    arrive(250, 2);
    pick(0, 0, 1, 100);
    pick(1, 0, 1, 100);
    batcher_evict_batch(&bench.batcher, &bench.batches[0], &evicted);
    batcher_evict_batch(&bench.batcher, &bench.batches[1], &evicted);
    batcher_evict(&bench.batcher, &evicted);
    ck_assert_uint_eq(evicted.count, 1);
}
END_TEST

START_TEST(a_preempted_prompt_forgets_its_chunks_in_flight)
{
    /* Three of four blocks hold a prompt; the decode that has the fourth needs one more while a
       chunk of the prompt is in flight. */
    struct serving serving = chunked_pipeline();
    serving.max_step_tokens = 5;
    serving.step_share = STEP_SHARE_GREEDY;
    set_up(serving, 4);
    arrive(3, 4);
    step(0, 1, 3, 0);
    struct request *prompt = arrive(10, 2);
    pick(0, 1, 1, 4);
    pick(1, 0, 1, 5);
    complete(0, 0);
    pick(0, 1, 0, 0);
    ck_assert_uint_eq(prompt->preemptions, 1);
    complete(1, 0);
    ck_assert_uint_eq(prompt->position, 0);
    /* It begins anew when the other is done, and ends. */
    complete(0, 0);
    step(1, 0, 0, 1);
    step(0, 1, 5, 0);
    step(0, 1, 5, 0);
    step(1, 0, 0, 1);
    ck_assert_uint_eq(bench.batcher.kv.used_blocks, 0);
}
END_TEST

START_TEST(a_step_repeats_until_its_first_request_is_done)
{
    set_up(plain(BATCHER_CHUNKED_PREFILL), 100);
    arrive(4, 9);
    arrive(7, 6);
    pick(0, 0, 2, 11);
    complete(0, 0);
    struct batch *batch = pick(0, 2, 0, 0);
    ck_assert(batcher_is_closed(&bench.batcher));
    /* Expectation: 5 tokens to go for the second, the last of which ends it: 4 repetitions. */
    ck_assert_uint_eq(batcher_repeats(&bench.batcher, batch), 4);
    for (uint32_t i = 4; i-- > 0;) {
        batcher_repeat(&bench.batcher, batch, ++bench.now);
        ck_assert_uint_eq(batcher_repeats(&bench.batcher, batch), i);
        ck_assert_uint_eq(batch->decode_context_tokens, 5 + 8 + 2 * (4 - i));
    }
    /* As after so many steps: 4 + 5 and 7 + 5 tokens in blocks of 4. */
    ck_assert_uint_eq(bench.batcher.kv.used_blocks, 3 + 3);
    complete(0, 1);
}
END_TEST

START_TEST(steps_repeat_only_while_nobody_can_come_in)
{
    set_up(plain(BATCHER_CHUNKED_PREFILL), 5);
    arrive(4, 9);
    pick(0, 0, 1, 4);
    complete(0, 0);
    pick(0, 1, 0, 0);
    ck_assert(batcher_is_closed(&bench.batcher));
    /* Expectation: 3 of 5 blocks are free. A row takes one in 4 tokens; two rows, each one. */
    ck_assert_uint_eq(batcher_repeats_of_blocks(&bench.batcher, 1), 12);
    ck_assert_uint_eq(batcher_repeats_of_blocks(&bench.batcher, 2), 4);
    /* Whoever needs 4 waits, and the steps repeat; whoever needs 3 would come into the next. */
    arrive(16, 2);
    ck_assert(batcher_is_closed(&bench.batcher));
    batcher_withdraw(&bench.batcher, &bench.requests[1]);
    arrive(12, 2);
    ck_assert(!batcher_is_closed(&bench.batcher));
}
END_TEST

/* Expectation: of two requests whose tokens come at 20, 40 and 90 only one counts, and so do its
   two gaps; a step that repeats with the other alone adds none. */
START_TEST(gaps_of_requests_that_do_not_count_are_not_counted)
{
    set_up(plain(BATCHER_CHUNKED_PREFILL), PLENTY);
    arrive(10, 3);
    arrive(10, 9)->counted = false;
    const sim_ps ends[] = {20, 40, 90};
    for (size_t i = 0; i < ARRAY_LENGTH(ends); i++) {
        bench.now = ends[i] - 1;
        batcher_pick(&bench.batcher, &bench.batches[0], bench.now);
        complete(0, i == 2);
    }
    batcher_pick(&bench.batcher, &bench.batches[0], bench.now);
    batcher_repeat(&bench.batcher, &bench.batches[0], 100);
    batcher_repeat_on(&bench.batcher, &bench.batches[0], 10);
    ck_assert_uint_eq(bench.itl.count, 2);
    ck_assert_int_eq(bench.itl.max, 50);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        chunked_prefill_cuts_prompts_to_the_budget,
        chunked_prefill_takes_decodes_first,
        chunked_prefill_shares_a_step_among_prompts_in_order,
        continuous_takes_whole_prompts_beside_decodes,
        prefill_first_keeps_decodes_waiting_for_prompts,
        static_batches_run_to_their_longest_request_s_end,
        static_batching_keeps_one_batch_a_step_in_flight,
        the_sequence_cap_holds_back_admission,
        a_request_is_in_one_step_at_a_time,
        a_balanced_share_leaves_some_for_the_other_step,
        a_balanced_share_counts_nobody_who_has_to_wait,
        a_greedy_step_takes_all,
        kv_is_taken_for_the_prompt_then_block_by_block,
        a_prompt_waits_for_blocks,
        the_youngest_is_preempted_and_recomputes,
        a_recomputed_prompt_over_the_budget_goes_alone,
        reserved_blocks_are_for_input_and_output,
        what_can_never_fit_is_told,
        one_output_token_ends_with_the_prompt,
        scheduling_ahead_a_step_knows_what_the_one_before_began_with,
        chunks_of_a_prompt_follow_each_other_in_a_chunked_pipeline,
        a_prompt_with_chunks_in_flight_is_evicted_once,
        a_preempted_prompt_forgets_its_chunks_in_flight,
        a_step_repeats_until_its_first_request_is_done,
        steps_repeat_only_while_nobody_can_come_in,
        gaps_of_requests_that_do_not_count_are_not_counted,
    };
    return suite_run_between("batcher", NULL, tear_down, tests, ARRAY_LENGTH(tests));
}
