/*
 * Do a lane's sums say what its rows would, one by one?
 */
#include "lane.h"
#include "suite.h"

#define ROWS_MAX 8
#define BLOCK_TOKENS 4

struct bench {
    struct arena arena;
    struct lane lane;
    struct lane other;
    struct quantiles itl;
    struct request requests[ROWS_MAX];
};

static void set_up(struct bench *bench)
{
    struct error error;
    *bench = (struct bench){.arena = {.small = {.blocks = NULL}}};
    ck_assert_int_eq(lane_init(&bench->lane, ROWS_MAX, BLOCK_TOKENS, &bench->arena, &error), 0);
    ck_assert_int_eq(lane_init(&bench->other, ROWS_MAX, BLOCK_TOKENS, &bench->arena, &error), 0);
    ck_assert_int_eq(quantiles_init(&bench->itl, &error), 0);
}

static void tear_down(struct bench *bench)
{
    quantiles_release(&bench->itl);
    arena_release(&bench->arena);
}

/* Request `i`, its prompt of `position` tokens just done at `now`, with `tokens` more to come. */
static struct request *join(struct bench *bench, uint32_t i, uint32_t position, uint32_t tokens,
                            sim_ps now)
{
    struct request *request = &bench->requests[i];
    *request = (struct request){
        .id = i,
        .admission = i,
        .input_tokens = position,
        .position = position,
        .generated = 1,
        .output_tokens = 1 + tokens,
        .last_token = now,
        .counted = true,
    };
    lane_join(&bench->lane, request);
    return request;
}

START_TEST(context_counts_the_step_s_own_tokens)
{
    struct bench bench;
    set_up(&bench);
    join(&bench, 0, 10, 5, 0);
    join(&bench, 1, 20, 5, 0);
    /* Expectation: a row that holds n tokens reads n + 1; every step adds one a row. */
    ck_assert_uint_eq(bench.lane.rows, 2);
    ck_assert_uint_eq(bench.lane.live, 2);
    ck_assert_uint_eq(bench.lane.context_tokens, 11 + 21);
    lane_step(&bench.lane, 1, &bench.itl);
    ck_assert_uint_eq(bench.lane.context_tokens, 12 + 22);
    tear_down(&bench);
}
END_TEST

START_TEST(a_row_grows_when_its_last_block_is_full)
{
    struct bench bench;
    set_up(&bench);
    join(&bench, 0, 4, 20, 0); /* at 4, 8, 12, ... tokens its blocks are full */
    join(&bench, 1, 6, 20, 0); /* full at 8, 12, ... */
    join(&bench, 2, 5, 20, 0);
    const uint32_t expected[] = {1, 0, 1, 1, 1, 0, 1, 1};
    for (size_t step = 0; step < ARRAY_LENGTH(expected); step++) {
        ck_assert_uint_eq(lane_growth(&bench.lane), expected[step]);
        lane_step(&bench.lane, (sim_ps)step + 1, &bench.itl);
    }
    tear_down(&bench);
}
END_TEST

START_TEST(growth_follows_rows_that_join_later_and_leave)
{
    struct bench bench;
    set_up(&bench);
    struct request *early = join(&bench, 0, 4, 20, 0);
    lane_step(&bench.lane, 1, &bench.itl);
    lane_step(&bench.lane, 2, &bench.itl);
    lane_step(&bench.lane, 3, &bench.itl);
    join(&bench, 1, 8, 20, 3);
    /* Expectation: early holds 7 tokens, so only the new row at 8 grows; one step on, at 8 and 9,
     * only early. */
    ck_assert_uint_eq(lane_growth(&bench.lane), 1);
    lane_step(&bench.lane, 4, &bench.itl);
    ck_assert_uint_eq(lane_growth(&bench.lane), 1);
    lane_leave(&bench.lane, early);
    ck_assert_uint_eq(lane_growth(&bench.lane), 0);
    tear_down(&bench);
}
END_TEST

START_TEST(requests_finish_at_their_step_the_oldest_first)
{
    struct bench bench;
    set_up(&bench);
    struct request *late = join(&bench, 0, 10, 3, 0);
    struct request *young = join(&bench, 2, 10, 2, 0);
    struct request *old = join(&bench, 1, 10, 2, 0);
    lane_step(&bench.lane, 1, &bench.itl);
    ck_assert_ptr_null(lane_pop_finished(&bench.lane, false));
    lane_step(&bench.lane, 2, &bench.itl);
    ck_assert_ptr_eq(lane_pop_finished(&bench.lane, false), old);
    ck_assert_ptr_eq(lane_pop_finished(&bench.lane, false), young);
    ck_assert_ptr_null(lane_pop_finished(&bench.lane, false));
    ck_assert_uint_eq(bench.lane.rows, 1);
    ck_assert_uint_eq(bench.lane.context_tokens, 13);
    lane_step(&bench.lane, 3, &bench.itl);
    ck_assert_ptr_eq(lane_pop_finished(&bench.lane, false), late);
    ck_assert_uint_eq(bench.lane.rows, 0);
    ck_assert_uint_eq(bench.lane.context_tokens, 0);
    tear_down(&bench);
}
END_TEST

START_TEST(who_leaves_takes_its_figures_along)
{
    struct bench bench;
    set_up(&bench);
    struct request *request = join(&bench, 0, 10, 9, 5);
    join(&bench, 1, 20, 9, 5);
    lane_step(&bench.lane, 7, &bench.itl);
    lane_step(&bench.lane, 9, &bench.itl);
    lane_leave(&bench.lane, request);
    ck_assert_uint_eq(request->generated, 1 + 2);
    ck_assert_uint_eq(request->position, 10 + 2);
    ck_assert_int_eq(request->last_token, 9);
    ck_assert_uint_eq(bench.lane.rows, 1);
    ck_assert_uint_eq(bench.lane.context_tokens, 23);
    tear_down(&bench);
}
END_TEST

START_TEST(a_split_takes_the_youngest)
{
    struct bench bench;
    set_up(&bench);
    for (uint32_t i = 0; i < 5; i++)
        join(&bench, i, 10 * (i + 1), 9, 0);
    lane_step(&bench.lane, 1, &bench.itl);
    lane_split(&bench.lane, 2, &bench.other);
    ck_assert_uint_eq(bench.lane.rows, 2);
    ck_assert_uint_eq(bench.lane.context_tokens, 12 + 22);
    ck_assert_ptr_eq(bench.lane.members.last, &bench.requests[1]);
    ck_assert_uint_eq(bench.other.rows, 3);
    ck_assert_uint_eq(bench.other.context_tokens, 32 + 42 + 52);
    ck_assert_ptr_eq(bench.other.members.first, &bench.requests[2]);
    ck_assert_ptr_eq(bench.other.members.last, &bench.requests[4]);
    tear_down(&bench);
}
END_TEST

START_TEST(a_merge_brings_lanes_of_different_ages_together)
{
    struct bench bench;
    set_up(&bench);
    join(&bench, 0, 10, 3, 0);
    join(&bench, 1, 20, 4, 0);
    lane_split(&bench.lane, 1, &bench.other);
    lane_step(&bench.lane, 1, &bench.itl); /* request 0 is a step ahead */
    lane_merge(&bench.other, &bench.lane);
    ck_assert_uint_eq(bench.lane.rows, 0);
    ck_assert_uint_eq(bench.other.rows, 2);
    ck_assert_uint_eq(bench.other.context_tokens, 12 + 21);
    /* Expectation: request 0 has 2 tokens to come and request 1 has 4. */
    lane_step(&bench.other, 2, &bench.itl);
    lane_step(&bench.other, 3, &bench.itl);
    ck_assert_ptr_eq(lane_pop_finished(&bench.other, false), &bench.requests[0]);
    lane_step(&bench.other, 4, &bench.itl);
    lane_step(&bench.other, 5, &bench.itl);
    ck_assert_ptr_eq(lane_pop_finished(&bench.other, false), &bench.requests[1]);
    tear_down(&bench);
}
END_TEST

START_TEST(gaps_are_measured_from_each_row_s_last_token)
{
    struct bench bench;
    set_up(&bench);
    join(&bench, 0, 10, 9, 100);
    join(&bench, 1, 10, 9, 100);
    join(&bench, 2, 10, 9, 400);
    /* Expectation: gaps of 900, 900 and 600; then three of 500. */
    lane_step(&bench.lane, 1000, &bench.itl);
    ck_assert_uint_eq(bench.itl.count, 3);
    ck_assert_uint_eq((uint64_t)bench.itl.sum, 900 + 900 + 600);
    lane_step(&bench.lane, 1500, &bench.itl);
    ck_assert_uint_eq(bench.itl.count, 6);
    ck_assert_uint_eq((uint64_t)bench.itl.sum, 2400 + 3 * 500);
    ck_assert_int_eq(bench.itl.max, 900);
    tear_down(&bench);
}
END_TEST

/* Expectation: of rows that joined at 100, 100 and 400, the second does not count, and neither do
   its gaps, nor what is left of its cohort when it leaves. */
START_TEST(gaps_of_rows_that_do_not_count_are_left_out)
{
    struct bench bench;
    set_up(&bench);
    join(&bench, 0, 10, 9, 100);
    bench.requests[1] = bench.requests[0];
    bench.requests[1].counted = false;
    bench.requests[1].admission = 1;
    lane_join(&bench.lane, &bench.requests[1]);
    join(&bench, 2, 10, 9, 400);
    lane_step(&bench.lane, 1000, &bench.itl);
    ck_assert_uint_eq(bench.itl.count, 2);
    ck_assert_uint_eq((uint64_t)bench.itl.sum, 900 + 600);
    lane_leave(&bench.lane, &bench.requests[0]);
    lane_leave(&bench.lane, &bench.requests[2]);
    lane_step(&bench.lane, 1500, &bench.itl);
    ck_assert_uint_eq(bench.itl.count, 2);
    ck_assert_int_eq(bench.requests[2].last_token, 1000);
    lane_leave(&bench.lane, &bench.requests[1]);
    ck_assert_int_eq(bench.requests[1].last_token, 1500);
    tear_down(&bench);
}
END_TEST

START_TEST(a_held_row_goes_on_computing_and_gives_no_token)
{
    struct bench bench;
    set_up(&bench);
    struct request *brief = join(&bench, 0, 10, 1, 0);
    struct request *longer = join(&bench, 1, 20, 2, 0);
    lane_step(&bench.lane, 5, &bench.itl);
    ck_assert_ptr_eq(lane_pop_finished(&bench.lane, true), brief);
    ck_assert_uint_eq(bench.lane.rows, 2);
    ck_assert_uint_eq(bench.lane.live, 1);
    ck_assert_uint_eq(bench.lane.context_tokens, 12 + 22);
    lane_step(&bench.lane, 9, &bench.itl);
    ck_assert_uint_eq(bench.itl.count, 2 + 1);
    ck_assert_ptr_eq(lane_pop_finished(&bench.lane, true), longer);
    lane_clear(&bench.lane);
    ck_assert_uint_eq(bench.lane.rows, 0);
    ck_assert_uint_eq(bench.lane.context_tokens, 0);
    ck_assert_uint_eq(lane_growth(&bench.lane), 0);
    tear_down(&bench);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        context_counts_the_step_s_own_tokens,
        a_row_grows_when_its_last_block_is_full,
        growth_follows_rows_that_join_later_and_leave,
        requests_finish_at_their_step_the_oldest_first,
        who_leaves_takes_its_figures_along,
        a_split_takes_the_youngest,
        a_merge_brings_lanes_of_different_ages_together,
        gaps_are_measured_from_each_row_s_last_token,
        gaps_of_rows_that_do_not_count_are_left_out,
        a_held_row_goes_on_computing_and_gives_no_token,
    };
    return suite_run("lane", tests, ARRAY_LENGTH(tests));
}
