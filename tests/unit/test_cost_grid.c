/* Does cost_grid keep its contract? */
#include "cost_grid.h"
#include "suite.h"

static struct arena arena;

static void setup(void)
{
    arena_init(&arena);
}

static void teardown(void)
{
    arena_release(&arena);
}

static struct cost_grid grid_of(struct cost_axis x, struct cost_axis y)
{
    struct cost_grid grid;
    struct error error;
    ck_assert_int_eq(cost_grid_init(&grid, x, y, &arena, &error), 0);
    return grid;
}

START_TEST(test_axis)
{
    struct cost_axis axis = cost_axis_of(0, 0, 100);
    /* Eight nodes to the octave, evenly apart within it: 1, 1.125, ..., 2, 2.25, ... */
    ck_assert_double_eq(cost_axis_value(&axis, 0), 1);
    ck_assert_double_eq(cost_axis_value(&axis, 1), 1.125);
    ck_assert_double_eq(cost_axis_value(&axis, 9), 2.25);
    /* The last node is the first at or above what was asked for. */
    ck_assert_double_ge(cost_axis_value(&axis, axis.nodes - 1), 100);
    ck_assert_double_lt(cost_axis_value(&axis, axis.nodes - 2), 100);
    /* A shifted axis begins at 0. */
    struct cost_axis shifted = cost_axis_of(64, 6, 1000);
    ck_assert_double_eq(cost_axis_value(&shifted, 0), 0);
    ck_assert_double_eq(cost_axis_value(&shifted, 8), 64);
}
END_TEST

START_TEST(test_bilinear)
{
    setup();
    struct cost_grid grid = grid_of(cost_axis_of(0, 0, 64), cost_axis_of(64, 6, 512));
    for (uint32_t y = 0; y < grid.y.nodes; y++)
        for (uint32_t x = 0; x < grid.x.nodes; x++)
            grid.seconds[y * grid.x.nodes + x] =
                3 + 2 * cost_axis_value(&grid.x, x) * (5 + cost_axis_value(&grid.y, y));
    /* A bilinear function is met exactly, on nodes and between them. */
    for (double x = 1; x < 64; x *= 1.37)
        for (double y = 0; y < 512; y += 31.7)
            ck_assert_double_eq_tol(cost_grid_at(&grid, x, y).seconds, 3 + 2 * x * (5 + y), 1e-9);
    /* Below the first node: that node's cost. */
    ck_assert_double_eq(cost_grid_at(&grid, 0, 0).seconds, 13);
    teardown();
}
END_TEST

START_TEST(test_beyond)
{
    setup();
    struct cost_grid grid = grid_of(cost_axis_of(0, 0, 64), cost_axis_of(0, 0, 1));
    for (uint32_t x = 0; x < grid.x.nodes; x++)
        grid.seconds[x] = 7;
    /* Beyond the last node costs grow in proportion, and are extrapolated. */
    struct cost cost = cost_grid_at(&grid, 160, 1);
    ck_assert_double_eq_tol(cost.seconds, 7 * 2.5, 1e-12);
    ck_assert_int_eq(cost.provenance, COST_EXTRAPOLATED);
    ck_assert_int_eq(cost_grid_at(&grid, 64, 1).provenance, COST_MEASURED);
    teardown();
}
END_TEST

START_TEST(test_line)
{
    setup();
    struct cost_grid grid = grid_of(cost_axis_of(0, 0, 64), cost_axis_of(64, 6, 512));
    for (uint32_t i = 0; i < grid.x.nodes * grid.y.nodes; i++) {
        grid.seconds[i] = 1 + i * i % 37;
        grid.provenance[i] = (uint8_t)(i % COST_PROVENANCE_COUNT);
    }
    /* A line is the grid at one x to the bit, wherever on y it was looked up before; and beyond. */
    for (double x = 0; x < 100; x += 1.7) {
        struct cost_line line = cost_grid_line(&grid, x);
        for (uint32_t i = 0; i < 900; i++) {
            double y = i * 77 % 900;
            struct cost expected = cost_grid_at(&grid, x, y);
            struct cost found = cost_line_at(&line, y);
            ck_assert_double_eq(found.seconds, expected.seconds);
            ck_assert_int_eq(found.provenance, expected.provenance);
            ck_assert_double_eq(found.error, expected.error);
        }
    }
    teardown();
}
END_TEST

START_TEST(test_nearest_provenance)
{
    setup();
    struct cost_grid grid = grid_of(cost_axis_of(0, 0, 2), cost_axis_of(0, 0, 1));
    for (uint32_t x = 0; x < grid.x.nodes; x++)
        grid.provenance[x] = x == 0 ? COST_MEASURED : COST_INTERPOLATED;
    /* The nearest node says how a cost is known: 1.05 is nearer to 1 than to 1.125. */
    ck_assert_int_eq(cost_grid_at(&grid, 1.05, 1).provenance, COST_MEASURED);
    ck_assert_int_eq(cost_grid_at(&grid, 1.07, 1).provenance, COST_INTERPOLATED);
    teardown();
}
END_TEST

START_TEST(test_monotone)
{
    setup();
    struct cost_grid grid = grid_of(cost_axis_of(0, 0, 1.5), cost_axis_of(0, 0, 1));
    const double rough[] = {1, 4, 2, 6, 5};
    const double pooled[] = {1, 3, 3, 5.5, 5.5};
    struct error error;
    ck_assert_uint_eq(grid.x.nodes, ARRAY_LENGTH(rough));
    for (uint32_t x = 0; x < grid.x.nodes; x++)
        grid.seconds[x] = rough[x];
    ck_assert_int_eq(cost_grid_make_monotone(&grid, &error), 0);
    /* Neighbours out of order share their mean; the others stay. */
    for (uint32_t x = 0; x < grid.x.nodes; x++)
        ck_assert_double_eq(grid.seconds[x], pooled[x]);
    teardown();
}
END_TEST

START_TEST(test_names)
{
    ck_assert_str_eq(cost_provenance_name(COST_EXTRAPOLATED), "extrapolated");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_axis,     test_bilinear, test_beyond, test_line, test_nearest_provenance,
        test_monotone, test_names,
    };
    return suite_run("cost_grid", tests, ARRAY_LENGTH(tests));
}
