/* Does cost_stack keep its contract? */
#include "cost_stack.h"
#include "suite.h"

static struct arena arena;

/* Planes at 16, 32 and 64 whose cost is `10 x plane + x` everywhere. */
static struct cost_stack set_up(void)
{
    struct cost_stack stack;
    struct error error;
    arena_init(&arena);
    ck_assert_int_eq(cost_stack_init(&stack, 4, 3, &arena, &error), 0);
    for (uint32_t plane = 0; plane < stack.count; plane++) {
        struct cost_grid *grid = &stack.planes[plane];
        int status =
            cost_grid_init(grid, cost_axis_of(0, 0, 8), cost_axis_of(0, 0, 1), &arena, &error);
        ck_assert_int_eq(status, 0);
        for (uint32_t x = 0; x < grid->x.nodes; x++) {
            grid->seconds[x] = 10.0 * plane + cost_axis_value(&grid->x, x);
            grid->provenance[x] = (uint8_t)(plane == 2 ? COST_EXTRAPOLATED : COST_MEASURED);
        }
    }
    return stack;
}

START_TEST(planes_stand_an_octave_apart)
{
    struct cost_stack stack = set_up();
    ck_assert_double_eq(cost_stack_value(&stack, 0), 16);
    ck_assert_double_eq(cost_stack_value(&stack, 2), 64);
    arena_release(&arena);
}
END_TEST

START_TEST(between_planes_the_cost_is_linear_in_the_logarithm)
{
    struct cost_stack stack = set_up();
    /* On a plane, its grid's cost; half an octave up, half way to the next plane's. */
    ck_assert_double_eq(cost_stack_at(&stack, 3, 1, 32).seconds, 13);
    ck_assert_double_eq_tol(cost_stack_at(&stack, 3, 1, 32 * sqrt(2)).seconds, 18, 1e-9);
    /* It is known as the nearer plane's is. */
    ck_assert_int_eq(cost_stack_at(&stack, 3, 1, 40).provenance, COST_MEASURED);
    ck_assert_int_eq(cost_stack_at(&stack, 3, 1, 60).provenance, COST_EXTRAPOLATED);
    arena_release(&arena);
}
END_TEST

START_TEST(beyond_the_planes_the_cost_stays)
{
    struct cost_stack stack = set_up();
    ck_assert_double_eq(cost_stack_at(&stack, 3, 1, 1).seconds, 3);
    ck_assert_double_eq(cost_stack_at(&stack, 3, 1, 4096).seconds, 23);
    arena_release(&arena);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        planes_stand_an_octave_apart,
        between_planes_the_cost_is_linear_in_the_logarithm,
        beyond_the_planes_the_cost_stays,
    };
    return suite_run("cost_stack", tests, ARRAY_LENGTH(tests));
}
