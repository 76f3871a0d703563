/*
 * Do lists of requests keep their order, and does the pool hand out clean requests?
 */
#include "request.h"
#include "suite.h"

#define REQUESTS 5

struct bench {
    struct request requests[REQUESTS];
    struct request_list list;
};

/* Requests with admissions 0, 10, 20, ... in no list. */
static struct bench fresh_bench(void)
{
    struct bench bench = {.list = {.first = NULL}};
    for (uint32_t i = 0; i < REQUESTS; i++)
        bench.requests[i].admission = 10u * i;
    return bench;
}

/* Expectation: forwards and backwards the list holds just these admissions, in this order. */
static void check_list(const struct request_list *list, const uint64_t *admissions, uint32_t count)
{
    const struct request *request = list->first;
    const struct request *previous = NULL;
    ck_assert_uint_eq(list->count, count);
    for (uint32_t i = 0; i < count; i++) {
        ck_assert_ptr_nonnull(request);
        ck_assert_uint_eq(request->admission, admissions[i]);
        ck_assert_ptr_eq(request->previous, previous);
        previous = request;
        request = request->next;
    }
    ck_assert_ptr_null(request);
    ck_assert_ptr_eq(list->last, previous);
}

START_TEST(append_and_prepend_put_at_the_ends)
{
    struct bench bench = fresh_bench();
    request_list_append(&bench.list, &bench.requests[1]);
    request_list_append(&bench.list, &bench.requests[2]);
    request_list_prepend(&bench.list, &bench.requests[0]);
    check_list(&bench.list, (const uint64_t[]){0, 10, 20}, 3);
}
END_TEST

START_TEST(insert_keeps_the_order_of_admission)
{
    struct bench bench = fresh_bench();
    request_list_insert(&bench.list, &bench.requests[2]);
    request_list_insert(&bench.list, &bench.requests[4]);
    request_list_insert(&bench.list, &bench.requests[0]);
    request_list_insert(&bench.list, &bench.requests[3]);
    request_list_insert(&bench.list, &bench.requests[1]);
    check_list(&bench.list, (const uint64_t[]){0, 10, 20, 30, 40}, 5);
}
END_TEST

START_TEST(remove_closes_the_gap)
{
    struct bench bench = fresh_bench();
    for (uint32_t i = 0; i < REQUESTS; i++)
        request_list_append(&bench.list, &bench.requests[i]);
    request_list_remove(&bench.list, &bench.requests[2]);
    check_list(&bench.list, (const uint64_t[]){0, 10, 30, 40}, 4);
    request_list_remove(&bench.list, &bench.requests[0]);
    request_list_remove(&bench.list, &bench.requests[4]);
    check_list(&bench.list, (const uint64_t[]){10, 30}, 2);
    request_list_remove(&bench.list, &bench.requests[1]);
    request_list_remove(&bench.list, &bench.requests[3]);
    check_list(&bench.list, NULL, 0);
}
END_TEST

START_TEST(pop_empties_from_the_front)
{
    struct bench bench = fresh_bench();
    /* Expectation: the oldest first, what is left still in order, and then nothing. */
    for (uint32_t i = 0; i < 3; i++)
        request_list_append(&bench.list, &bench.requests[i]);
    ck_assert_ptr_eq(request_list_pop(&bench.list), &bench.requests[0]);
    check_list(&bench.list, (const uint64_t[]){10, 20}, 2);
    ck_assert_ptr_eq(request_list_pop(&bench.list), &bench.requests[1]);
    ck_assert_ptr_eq(request_list_pop(&bench.list), &bench.requests[2]);
    check_list(&bench.list, NULL, 0);
    ck_assert_ptr_null(request_list_pop(&bench.list));
}
END_TEST

START_TEST(join_moves_one_list_behind_the_other)
{
    struct bench bench = fresh_bench();
    struct request_list more = {.first = NULL};
    /* Expectation: nothing joined to nothing is nothing; to nothing, the other; to some, both, in
       their order; and the other is empty each time. */
    request_list_join(&bench.list, &more);
    check_list(&bench.list, NULL, 0);
    request_list_append(&more, &bench.requests[0]);
    request_list_append(&more, &bench.requests[1]);
    request_list_join(&bench.list, &more);
    check_list(&bench.list, (const uint64_t[]){0, 10}, 2);
    check_list(&more, NULL, 0);
    request_list_append(&more, &bench.requests[2]);
    request_list_append(&more, &bench.requests[3]);
    request_list_join(&bench.list, &more);
    check_list(&bench.list, (const uint64_t[]){0, 10, 20, 30}, 4);
    request_list_join(&bench.list, &more);
    check_list(&bench.list, (const uint64_t[]){0, 10, 20, 30}, 4);
}
END_TEST

START_TEST(the_pool_hands_out_clean_requests)
{
    struct arena arena;
    struct request_pool pool;
    arena_init(&arena);
    request_pool_init(&pool, &arena);
    struct request *first = request_pool_take(&pool);
    ck_assert_ptr_nonnull(first);
    first->generated = 9;
    first->scheduled = 4;
    request_pool_give(&pool, first);
    /* Expectation: what was given back is taken again, with nothing of its past. */
    struct request *again = request_pool_take(&pool);
    ck_assert_ptr_eq(again, first);
    ck_assert_uint_eq(again->generated, 0);
    ck_assert_int_eq(again->scheduled, SIM_PS_MAX);
    ck_assert_ptr_null(again->next);
    arena_release(&arena);
}
END_TEST

START_TEST(the_pool_never_hands_one_out_twice)
{
    enum { TAKEN = 1000 };
    struct request *taken[TAKEN];
    struct arena arena;
    struct request_pool pool;
    arena_init(&arena);
    request_pool_init(&pool, &arena);
    for (uint64_t i = 0; i < TAKEN; i++) {
        taken[i] = request_pool_take(&pool);
        ck_assert_ptr_nonnull(taken[i]);
        taken[i]->id = i;
    }
    /* Expectation: every one still has the id that it alone was given. */
    for (uint64_t i = 0; i < TAKEN; i++)
        ck_assert_uint_eq(taken[i]->id, i);
    arena_release(&arena);
}
END_TEST

START_TEST(a_models_context_cuts_outputs)
{
    /* Expectation, as of vLLM's max_model_len: prompt and output are 4,096 tokens at the most; a
       prompt of as many leaves no output, and is refused. Without a limit nothing is. */
    const struct {
        uint32_t max_context;
        uint32_t input_tokens;
        uint32_t output_tokens;
        bool fits;
        bool cut;
        uint32_t left;
    } cases[] = {
        {4096, 4000, 96, true, false, 96}, {4096, 4000, 97, true, true, 96},
        {4096, 4095, 500, true, true, 1},  {4096, 4096, 1, false, true, 0},
        {4096, 126195, 1, false, true, 0}, {0, 126195, 500, true, false, 500},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct request request = {.input_tokens = cases[i].input_tokens,
                                  .output_tokens = cases[i].output_tokens};
        ck_assert(request_fit_context(&request, cases[i].max_context) == cases[i].fits);
        ck_assert(request.cut == cases[i].cut);
        ck_assert_uint_eq(request.output_tokens, cases[i].left);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        append_and_prepend_put_at_the_ends,
        insert_keeps_the_order_of_admission,
        remove_closes_the_gap,
        pop_empties_from_the_front,
        join_moves_one_list_behind_the_other,
        the_pool_hands_out_clean_requests,
        the_pool_never_hands_one_out_twice,
        a_models_context_cuts_outputs,
    };
    return suite_run("request", tests, ARRAY_LENGTH(tests));
}
