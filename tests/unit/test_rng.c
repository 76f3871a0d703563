/*
 * Does each name have a stream of its own, and the same one every time?
 */
#include <math.h>

#include "rng.h"
#include "suite.h"

#define DRAWS 100000

static gsl_rng *stream(uint64_t seed, const char *name)
{
    struct error error = {0};
    gsl_rng *rng = rng_stream(seed, name, &error);
    ck_assert_ptr_nonnull(rng);
    return rng;
}

/* How many of the first draws of two streams are equal. */
static int equal_draws(gsl_rng *left, gsl_rng *right)
{
    int equal = 0;
    for (int i = 0; i < DRAWS; i++)
        equal += gsl_rng_get(left) == gsl_rng_get(right);
    rng_free(left);
    rng_free(right);
    return equal;
}

START_TEST(test_same_seed_and_name_draw_the_same)
{
    ck_assert_int_eq(equal_draws(stream(7, "arrivals"), stream(7, "arrivals")), DRAWS);
}
END_TEST

START_TEST(test_another_name_or_seed_draws_others)
{
    /* Chance makes 100,000 pairs of 32-bit draws meet 0.00002 times: twice is a defect. */
    ck_assert_int_le(equal_draws(stream(7, "arrivals"), stream(7, "input_tokens")), 1);
    ck_assert_int_le(equal_draws(stream(7, "arrivals"), stream(8, "arrivals")), 1);
    ck_assert_int_le(equal_draws(stream(0, "arrivals"), stream(UINT64_C(1) << 32, "arrivals")), 1);
    /* A seed and a name must not be able to trade places. */
    ck_assert_int_le(equal_draws(stream(1, "2"), stream(2, "1")), 1);
}
END_TEST

START_TEST(test_streams_are_uncorrelated)
{
    gsl_rng *left = stream(1, "input_tokens");
    gsl_rng *right = stream(1, "output_tokens");
    double sum = 0;
    for (int i = 0; i < DRAWS; i++)
        sum += (gsl_rng_uniform(left) - 0.5) * (gsl_rng_uniform(right) - 0.5);
    rng_free(left);
    rng_free(right);

    /* Correlation of independent draws: 0 with standard error 1/sqrt(n); 5 of them allowed. */
    double correlation = sum / DRAWS * 12;
    ck_assert_double_le(fabs(correlation), 5 / sqrt(DRAWS));
}
END_TEST

START_TEST(test_free_takes_null)
{
    rng_free(NULL);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_same_seed_and_name_draw_the_same,
        test_another_name_or_seed_draws_others,
        test_streams_are_uncorrelated,
        test_free_takes_null,
    };
    return suite_run("rng", tests, ARRAY_LENGTH(tests));
}
