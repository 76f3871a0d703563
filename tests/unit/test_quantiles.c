/*
 * Are percentiles those of numpy while they are exact, and within 0.1% beyond?
 */
#include "dice.h"
#include "quantiles.h"
#include "suite.h"

static struct quantiles fresh_quantiles(void)
{
    struct quantiles quantiles;
    struct error error;
    ck_assert_int_eq(quantiles_init(&quantiles, &error), 0);
    return quantiles;
}

static int compare_times(const void *a, const void *b)
{
    sim_ps x = *(const sim_ps *)a;
    sim_ps y = *(const sim_ps *)b;
    return (x > y) - (x < y);
}

/* numpy.percentile(values, q) of sorted values, in seconds: linear between order statistics. */
static double percentile_of(const sim_ps *sorted, size_t count, double percentile)
{
    double rank = percentile / 100 * (double)(count - 1);
    size_t below = (size_t)rank;
    size_t above = below + 1 < count ? below + 1 : below;
    double low = sim_s_from_ps(sorted[below]);
    double high = sim_s_from_ps(sorted[above]);
    return low + (high - low) * (rank - (double)below);
}

/* `count` times over nine decades, sorted, also added in their unsorted order. */
static sim_ps *random_times(struct quantiles *quantiles, uint64_t seed, size_t count)
{
    struct dice dice = {.state = seed};
    sim_ps *times = malloc(count * sizeof(*times));
    ck_assert_ptr_nonnull(times);
    for (size_t i = 0; i < count; i++) {
        times[i] = (sim_ps)pow(10, 4 + 9 * dice_unit(&dice));
        quantiles_add(quantiles, times[i], 1);
    }
    qsort(times, count, sizeof(*times), compare_times);
    return times;
}

START_TEST(nothing_has_no_percentiles)
{
    struct quantiles quantiles = fresh_quantiles();
    struct distribution distribution = quantiles_distribution(&quantiles);
    ck_assert_uint_eq(distribution.count, 0);
    ck_assert_double_nan(distribution.mean);
    ck_assert_double_nan(distribution.p50);
    ck_assert_double_nan(distribution.max);
    quantiles_release(&quantiles);
}
END_TEST

START_TEST(one_value_is_every_percentile)
{
    struct quantiles quantiles = fresh_quantiles();
    quantiles_add(&quantiles, 3 * SIM_PS_PER_S, 1);
    struct distribution distribution = quantiles_distribution(&quantiles);
    ck_assert_double_eq(distribution.mean, 3);
    ck_assert_double_eq(distribution.p50, 3);
    ck_assert_double_eq(distribution.p99, 3);
    ck_assert_double_eq(distribution.max, 3);
    quantiles_release(&quantiles);
}
END_TEST

START_TEST(percentiles_interpolate_as_numpy_does)
{
    struct quantiles quantiles = fresh_quantiles();
    for (sim_ps i = 10; i >= 1; i--)
        quantiles_add(&quantiles, i * SIM_PS_PER_S, 1);
    /* numpy.percentile(range(1, 11), [0, 50, 90, 95, 99, 100]) = 1, 5.5, 9.1, 9.55, 9.91, 10 */
    ck_assert_double_eq_tol(quantiles_percentile_s(&quantiles, 0), 1, 1e-12);
    ck_assert_double_eq_tol(quantiles_percentile_s(&quantiles, 50), 5.5, 1e-12);
    ck_assert_double_eq_tol(quantiles_percentile_s(&quantiles, 90), 9.1, 1e-12);
    ck_assert_double_eq_tol(quantiles_percentile_s(&quantiles, 95), 9.55, 1e-12);
    ck_assert_double_eq_tol(quantiles_percentile_s(&quantiles, 99), 9.91, 1e-12);
    ck_assert_double_eq_tol(quantiles_percentile_s(&quantiles, 100), 10, 1e-12);
    quantiles_release(&quantiles);
}
END_TEST

START_TEST(a_weight_counts_as_so_many_values)
{
    /* Expectation: 1 s three times and 5 s once are the four values 1, 1, 1, 5. */
    struct quantiles quantiles = fresh_quantiles();
    quantiles_add(&quantiles, 5 * SIM_PS_PER_S, 1);
    quantiles_add(&quantiles, 1 * SIM_PS_PER_S, 3);
    ck_assert_uint_eq(quantiles.count, 4);
    ck_assert_double_eq_tol(quantiles_distribution(&quantiles).mean, 2, 1e-12);
    ck_assert_double_eq_tol(quantiles_percentile_s(&quantiles, 50), 1, 1e-12);
    /* Rank 2.7 of 0 to 3 lies 0.7 of the way from 1 to 5. */
    ck_assert_double_eq_tol(quantiles_percentile_s(&quantiles, 90), 3.8, 1e-12);
    quantiles_release(&quantiles);
}
END_TEST

START_TEST(values_may_come_after_a_percentile_was_asked_for)
{
    struct quantiles quantiles = fresh_quantiles();
    quantiles_add(&quantiles, 9 * SIM_PS_PER_S, 1);
    ck_assert_double_eq(quantiles_percentile_s(&quantiles, 50), 9);
    quantiles_add(&quantiles, 1 * SIM_PS_PER_S, 1);
    ck_assert_double_eq_tol(quantiles_percentile_s(&quantiles, 50), 5, 1e-12);
    quantiles_release(&quantiles);
}
END_TEST

START_TEST(percentiles_are_exact_up_to_the_limit)
{
    struct quantiles quantiles = fresh_quantiles();
    sim_ps *times = random_times(&quantiles, dice_seed(2), QUANTILES_EXACT_MAX);
    for (double percentile = 0; percentile <= 100; percentile += 0.5) {
        double expected = percentile_of(times, QUANTILES_EXACT_MAX, percentile);
        double found = quantiles_percentile_s(&quantiles, percentile);
        ck_assert_double_eq_tol(found, expected, 1e-12 * expected);
    }
    free(times);
    quantiles_release(&quantiles);
}
END_TEST

START_TEST(percentiles_are_within_a_thousandth_beyond_it)
{
    size_t count = 4 * QUANTILES_EXACT_MAX + 1;
    struct quantiles quantiles = fresh_quantiles();
    sim_ps *times = random_times(&quantiles, dice_seed(3), count);
    for (double percentile = 0; percentile <= 100; percentile += 0.5) {
        size_t rank = (size_t)(percentile / 100 * (double)(count - 1));
        double expected = sim_s_from_ps(times[rank]);
        double found = quantiles_percentile_s(&quantiles, percentile);
        ck_assert_double_eq_tol(found, expected, 1e-3 * expected);
    }
    free(times);
    quantiles_release(&quantiles);
}
END_TEST

START_TEST(mean_and_maximum_are_exact_beyond_it)
{
    size_t count = 2 * QUANTILES_EXACT_MAX;
    struct quantiles quantiles = fresh_quantiles();
    sim_ps *times = random_times(&quantiles, dice_seed(4), count);
    long double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (long double)times[i];
    double mean = (double)(sum / (long double)count / (long double)SIM_PS_PER_S);
    struct distribution distribution = quantiles_distribution(&quantiles);
    ck_assert_uint_eq(distribution.count, count);
    ck_assert_double_eq_tol(distribution.mean, mean, 1e-14 * mean);
    ck_assert_double_eq(distribution.max, sim_s_from_ps(times[count - 1]));
    free(times);
    quantiles_release(&quantiles);
}
END_TEST

START_TEST(buckets_hold_the_smallest_and_the_largest_times)
{
    struct quantiles quantiles = fresh_quantiles();
    for (uint32_t i = 0; i <= QUANTILES_EXACT_MAX; i++)
        quantiles_add(&quantiles, 0, 1);
    quantiles_add(&quantiles, SIM_PS_MAX, QUANTILES_EXACT_MAX);
    /* Expectation: a sum of 65,536 x 2^63 ps does not wrap; half of all is 0, the rest the
     * largest. */
    double most = sim_s_from_ps(SIM_PS_MAX);
    ck_assert_double_eq(quantiles_percentile_s(&quantiles, 25), 0);
    ck_assert_double_eq_tol(quantiles_percentile_s(&quantiles, 75), most, 1e-3 * most);
    ck_assert_double_eq_tol(quantiles_distribution(&quantiles).mean, most / 2, 1e-4 * most);
    quantiles_release(&quantiles);
}
END_TEST

START_TEST(short_times_are_exact_beyond_the_limit)
{
    /* Expectation: up to 1,023 ps every picosecond has a bucket of its own. */
    struct quantiles quantiles = fresh_quantiles();
    for (uint32_t i = 0; i < 2 * QUANTILES_EXACT_MAX; i++)
        quantiles_add(&quantiles, i % 1024, 1);
    ck_assert_double_eq_tol(quantiles_percentile_s(&quantiles, 50), 511e-12, 1e-18);
    ck_assert_double_eq_tol(quantiles_percentile_s(&quantiles, 100), 1023e-12, 1e-18);
    quantiles_release(&quantiles);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        nothing_has_no_percentiles,
        one_value_is_every_percentile,
        percentiles_interpolate_as_numpy_does,
        a_weight_counts_as_so_many_values,
        values_may_come_after_a_percentile_was_asked_for,
        percentiles_are_exact_up_to_the_limit,
        percentiles_are_within_a_thousandth_beyond_it,
        mean_and_maximum_are_exact_beyond_it,
        buckets_hold_the_smallest_and_the_largest_times,
        short_times_are_exact_beyond_the_limit,
    };
    return suite_run("quantiles", tests, ARRAY_LENGTH(tests));
}
