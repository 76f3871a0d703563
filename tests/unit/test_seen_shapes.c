/* Does seen_shapes keep its contract? */
#include "seen_shapes.h"
#include "suite.h"

#define TOKENS_MAX 1000
#define TOLERANCE_S 1e-12

static const struct host host = {
    .new_shape_s = 2e-3, .new_shape_first_s = 10e-3, .new_shape_halving = 1};

static struct arena arena;

static struct seen_shapes set_up(void)
{
    struct seen_shapes seen;
    struct error error;
    arena_init(&arena);
    ck_assert_int_eq(seen_shapes_init(&seen, TOKENS_MAX, &arena, &error), 0);
    return seen;
}

START_TEST(a_shape_is_new_once)
{
    struct seen_shapes seen = set_up();
    ck_assert_double_gt(seen_shapes_learn_s(&seen, &host, 10), 0);
    ck_assert_double_eq(seen_shapes_learn_s(&seen, &host, 10), 0);
    /* Engines warm up with the largest step. */
    ck_assert_double_eq(seen_shapes_learn_s(&seen, &host, TOKENS_MAX), 0);
    arena_release(&arena);
}
END_TEST

START_TEST(the_price_falls_with_each_shape_and_towards_the_largest)
{
    /* 2 ms + 8 ms, half as much of the 8 for each shape seen; of that the share of tokens that the
       step lacks to the largest. */
    struct seen_shapes seen = set_up();
    ck_assert_double_eq_tol(seen_shapes_learn_s(&seen, &host, 100), 0.9 * 10e-3, TOLERANCE_S);
    ck_assert_double_eq_tol(seen_shapes_learn_s(&seen, &host, 750), 0.25 * 6e-3, TOLERANCE_S);
    ck_assert_double_eq_tol(seen_shapes_learn_s(&seen, &host, 500), 0.5 * 4e-3, TOLERANCE_S);
    arena_release(&arena);
}
END_TEST

START_TEST(over_the_largest_a_shape_is_new_each_time)
{
    struct seen_shapes seen = set_up();
    ck_assert_double_eq_tol(seen_shapes_learn_s(&seen, &host, 1200), 10e-3, TOLERANCE_S);
    ck_assert_double_eq_tol(seen_shapes_learn_s(&seen, &host, 1200), 6e-3, TOLERANCE_S);
    arena_release(&arena);
}
END_TEST

START_TEST(small_shapes_may_be_known_to_graphs)
{
    struct seen_shapes seen = set_up();
    struct host captured = host;
    captured.new_shape_from = 17;
    ck_assert_double_eq(seen_shapes_learn_s(&seen, &captured, 16), 0);
    /* And count for none. */
    ck_assert_double_eq_tol(seen_shapes_learn_s(&seen, &captured, 100), 0.9 * 10e-3, TOLERANCE_S);
    arena_release(&arena);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_shape_is_new_once,
        the_price_falls_with_each_shape_and_towards_the_largest,
        over_the_largest_a_shape_is_new_each_time,
        small_shapes_may_be_known_to_graphs,
    };
    return suite_run("seen_shapes", tests, ARRAY_LENGTH(tests));
}
