/* Does surface keep its contract? */
#include "suite.h"
#include "surface.h"

#include <math.h>

static struct surface_estimate estimate_at(const struct surface *surface, const double *at)
{
    struct surface_probe probe;
    surface_probe_init(&probe, surface);
    return surface_at(&probe, at);
}

START_TEST(it_passes_through_its_points)
{
    struct surface surface;
    struct error error;
    struct surface_kind kind = {.dimensions = 2, .length_octaves = {2, 2}, .noise = 0};
    surface_init(&surface, &kind);
    for (double x = 0; x < 8; x++)
        for (double y = 0; y < 8; y++)
            ck_assert_int_eq(surface_add(&surface, (double[]){x, y}, sin(x) + y, &error), 0);
    /* Without noise the surface passes through its points. */
    struct surface_estimate on = estimate_at(&surface, (double[]){3, 5});
    ck_assert_double_eq_tol(on.value, sin(3) + 5, 1e-4);
    ck_assert_double_eq_tol(on.nearest_octaves, 0, 1e-12);
    ck_assert(!on.is_outside);
    /* Twice the same point is no division by zero. */
    ck_assert_int_eq(surface_add(&surface, (double[]){3, 5}, sin(3) + 5, &error), 0);
    ck_assert(isfinite(estimate_at(&surface, (double[]){3, 5}).value));
    /* Far outside, it holds one value. */
    struct surface_estimate far = estimate_at(&surface, (double[]){3, 20});
    ck_assert(far.is_outside);
    ck_assert_double_eq(far.value, estimate_at(&surface, (double[]){3, 200}).value);
    surface_release(&surface);
}
END_TEST

START_TEST(a_probe_changes_no_answer)
{
    struct surface surface;
    struct surface_probe probe;
    struct error error;
    struct surface_kind kind = {.dimensions = 2, .length_octaves = {2, 1}, .noise = 0.01};
    surface_init(&surface, &kind);
    for (double x = 0; x < 16; x++) /* equally far from many places, some of them twice */
        for (double y = 0; y < 16; y++)
            for (double copy = 0; copy <= fmod(x + y, 3); copy++)
                ck_assert_int_eq(surface_add(&surface, (double[]){x, y}, sin(x * y) + copy, &error),
                                 0);
    /* What is kept from place to place changes no answer, whether they are near or far. */
    surface_probe_init(&probe, &surface);
    for (double x = -1; x < 17; x += 0.5)
        for (double y = 0; y < 16; y += fmod(x + 1, 4) + 0.25) {
            const double at[SURFACE_DIMENSIONS_MAX] = {x, y};
            ck_assert_double_eq(surface_at(&probe, at).value, estimate_at(&surface, at).value);
        }
    surface_release(&surface);
}
END_TEST

/* What a surface of 0 says at (4, 3.5), off the points, when all points of x = 4 are 1. */
static double value_on_odd_column(double fine_share)
{
    struct surface surface;
    struct error error;
    struct surface_kind kind = {.dimensions = 2,
                                .length_octaves = {4, 4},
                                .noise = 0.05,
                                .fine_share = fine_share,
                                .fine_length_octaves = {0.25, 8}};
    surface_init(&surface, &kind);
    for (double x = 0; x < 8; x++)
        for (double y = 0; y < 8; y++)
            ck_assert_int_eq(surface_add(&surface, (double[]){x, y}, x == 4, &error), 0);
    double value = estimate_at(&surface, (double[]){4, 3.5}).value;
    surface_release(&surface);
    return value;
}

START_TEST(a_fine_share_follows_a_column)
{
    /* A share that is short in x and long in y carries a column's own deviation along y. */
    double broad = value_on_odd_column(0);
    double fine = value_on_odd_column(0.3);
    ck_assert_double_gt(fine, broad + 0.1);
    ck_assert_double_le(fine, 1.05);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {it_passes_through_its_points, a_probe_changes_no_answer,
                                  a_fine_share_follows_a_column};
    return suite_run("surface", tests, ARRAY_LENGTH(tests));
}
