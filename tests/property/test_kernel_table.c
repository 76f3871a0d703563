/*
 * On random measurements, with jumps and noise: are the answers positive,
 * monotone in every quantity, continuous, and the same when asked again?
 */
#include "dice.h"
#include "fixtures.h"
#include "kernel_table.h"
#include "suite.h"

#include <string.h>

#define SAMPLES 200
#define ROUNDS 20

/* 2^low to 2^high, evenly in the logarithm. */
static double random_octave(struct dice *dice, double low, double high)
{
    return exp2(low + (high - low) * dice_unit(dice));
}

static struct kernel_sample random_sample(struct dice *dice, enum kernel_op op)
{
    struct kernel_sample sample = {.shape.op = op, .y = 1};
    sample.x = floor(random_octave(dice, 0, 13));
    sample.shape.n = floor(random_octave(dice, 9, 16));
    sample.shape.k = floor(random_octave(dice, 9, 14));
    sample.shape.heads = 32;
    sample.shape.kv_heads = floor(random_octave(dice, 0, 4));
    if (op == KERNEL_ATTENTION_DECODE)
        sample.y = floor(random_octave(dice, 4, 14));
    if (op == KERNEL_ATTENTION_PREFILL)
        sample.y = dice_unit(dice) < 0.5 ? 0 : floor(random_octave(dice, 4, 14));
    if (kernel_op_is_experts(op)) {
        sample.shape.experts = floor(random_octave(dice, 3, 9));
        sample.shape.top_k = floor(random_octave(dice, 0, 4));
        sample.shape.ranks = op == KERNEL_EXPERTS ? 1 : floor(random_octave(dice, 0, 3));
        double own = floor(sample.shape.experts / sample.shape.ranks);
        sample.y = 1 + floor(dice_unit(dice) * fmin(sample.x, own - 1));
    }
    /* Anything from a few microseconds to milliseconds, with no regard to the work. */
    sample.seconds = random_octave(dice, -19, -9);
    return sample;
}

static void check_grid(const struct cost_grid *grid, struct dice *dice, double y_max)
{
    for (int i = 0; i < 200; i++) {
        double x = random_octave(dice, 0, 14);
        double y = y_max * dice_unit(dice);
        double step = 1 + dice_unit(dice);
        double seconds = cost_grid_at(grid, x, y).seconds;
        /* Positive and finite. */
        ck_assert(seconds > 0 && isfinite(seconds));
        /* More rows or a longer context never take less time, to rounding. */
        ck_assert_double_ge(cost_grid_at(grid, x * step, y).seconds, seconds * (1 - 1e-12));
        ck_assert_double_ge(cost_grid_at(grid, x, y * step).seconds, seconds * (1 - 1e-12));
        /* No jumps: a millionth more of either changes the answer by a thousandth at most. */
        double near_s = cost_grid_at(grid, x * (1 + 1e-6), y * (1 + 1e-6)).seconds;
        ck_assert_double_le(fabs(near_s / seconds - 1), 1e-3);
        /* Asked again, the same bits. */
        double again_s = cost_grid_at(grid, x, y).seconds;
        ck_assert_int_eq(memcmp(&again_s, &seconds, sizeof(seconds)), 0);
    }
}

/* How far y reaches. */
static double y_max_of(enum kernel_op op)
{
    switch (op) {
    case KERNEL_ATTENTION_DECODE:
    case KERNEL_ATTENTION_PREFILL:
        return 30000;
    case KERNEL_EXPERTS:
    case KERNEL_EXPERTS_PARALLEL:
        return 512;
    default:
        return 1;
    }
}

static void check_op(enum kernel_op op)
{
    struct dice dice = {dice_seed(20261122)};
    struct gpu gpu = fixture_gpu();
    double y_max = y_max_of(op);
    for (int round = 0; round < ROUNDS; round++) {
        struct kernel_sample samples[SAMPLES];
        struct kernel_table table;
        struct cost_grid grid;
        struct arena arena;
        struct error error;
        arena_init(&arena);
        for (int i = 0; i < SAMPLES; i++)
            samples[i] = random_sample(&dice, op);
        struct kernel_shape shape = random_sample(&dice, op).shape;
        ck_assert_int_eq(kernel_table_init(&table, &gpu, samples, SAMPLES, &error), 0);
        ck_assert_int_eq(kernel_table_prepare(&table, &shape, 8192, y_max, &arena, &grid, &error),
                         0);
        check_grid(&grid, &dice, y_max);
        kernel_table_release(&table);
        arena_release(&arena);
    }
}

START_TEST(test_gemm)
{
    check_op(KERNEL_GEMM);
}
END_TEST

START_TEST(test_decode)
{
    check_op(KERNEL_ATTENTION_DECODE);
}
END_TEST

START_TEST(test_prefill)
{
    check_op(KERNEL_ATTENTION_PREFILL);
}
END_TEST

START_TEST(test_elementwise)
{
    check_op(KERNEL_NORM);
}
END_TEST

START_TEST(test_experts)
{
    check_op(KERNEL_EXPERTS);
    check_op(KERNEL_EXPERTS_PARALLEL);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_gemm, test_decode, test_prefill, test_elementwise, test_experts,
    };
    return suite_run("kernel_table properties", tests, ARRAY_LENGTH(tests));
}
