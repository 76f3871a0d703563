/* Does collective_table keep its contract? */
#include "collective_table.h"
#include "suite.h"

START_TEST(a_ring_is_found_again_between_and_beyond_its_samples)
{
    struct collective_sample samples[64];
    struct collective_table table;
    struct cost_grid grid;
    struct arena arena;
    struct error error;
    size_t count = 0;
    struct collective_kind kind = {OPERATION_ALL_REDUCE, false, COLLECTIVE_FABRIC_PEER, true};
    arena_init(&arena);
    for (double ranks = 2; ranks <= 4; ranks *= 2)
        for (double bytes = 1024; bytes <= 1e9; bytes *= 4)
            samples[count++] = (struct collective_sample){
                kind, ranks, bytes, 10e-6 + 2 * (ranks - 1) / ranks * bytes / 400e9};
    ck_assert_int_eq(collective_table_init(&table, samples, count, &error), 0);
    ck_assert_int_eq(collective_table_prepare(&table, &kind, 4, 1e9, &arena, &grid, &error), 0);
    for (double bytes = 300; bytes < 1e12; bytes *= 7) {
        /* Ring all-reduce over 4 ranks: 10 us + 2 x 3/4 x bytes at 400 GB/s, to 3%, anywhere. */
        double expected_s = 10e-6 + 1.5 * bytes / 400e9;
        ck_assert_double_eq_tol(cost_grid_at(&grid, bytes, 1).seconds / expected_s, 1, 0.03);
    }
    ck_assert_int_eq(cost_grid_at(&grid, 4096, 1).provenance, COST_MEASURED);
    ck_assert_int_eq(cost_grid_at(&grid, 8192, 1).provenance, COST_INTERPOLATED);
    ck_assert_int_eq(cost_grid_at(&grid, 1e11, 1).provenance, COST_EXTRAPOLATED);
    kind.graph = false;
    ck_assert(!collective_table_covers(&table, &kind));
    collective_table_release(&table);
    arena_release(&arena);
}
END_TEST

START_TEST(each_class_is_of_its_own_kind)
{
    /* Kinds and classes are each other's inverse, so that no two kinds share one. */
    for (uint32_t i = 0; i < COLLECTIVE_CLASS_COUNT; i++) {
        struct collective_kind kind = collective_kind_of(i);
        ck_assert_uint_eq(collective_class_of(&kind), i);
        ck_assert_uint_lt(kind.operation, OPERATION_COUNT);
        ck_assert_uint_lt(kind.fabric, COLLECTIVE_FABRIC_COUNT);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {a_ring_is_found_again_between_and_beyond_its_samples,
                                  each_class_is_of_its_own_kind};
    return suite_run("collective_table", tests, ARRAY_LENGTH(tests));
}
