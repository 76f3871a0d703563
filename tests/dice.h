/*
 * dice: random numbers for tests, the same on every machine from a printed seed.
 *
 * SplitMix64 (Steele, Lea and Flood, OOPSLA 2014). TANDEM_TEST_SEED overrides a
 * test's own seed.
 */
#ifndef TANDEM_TESTS_DICE_H
#define TANDEM_TESTS_DICE_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct dice {
    uint64_t state;
};

static inline uint64_t dice_next(struct dice *dice)
{
    uint64_t z = dice->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* Uniform on low..high. */
static inline uint32_t dice_between(struct dice *dice, uint32_t low, uint32_t high)
{
    return low + (uint32_t)(dice_next(dice) % ((uint64_t)high - low + 1));
}

/* Uniform on [0, 1). */
static inline double dice_unit(struct dice *dice)
{
    return (double)(dice_next(dice) >> 11) * 0x1p-53;
}

/* Exponential with this mean. */
static inline double dice_exponential(struct dice *dice, double mean)
{
    return -mean * log1p(-dice_unit(dice));
}

/* The seed to start from: the environment's, or `otherwise`; printed, so that a failure replays. */
static inline uint64_t dice_seed(uint64_t otherwise)
{
    const char *text = getenv("TANDEM_TEST_SEED");
    uint64_t seed = text ? strtoull(text, NULL, 10) : otherwise;
    (void)fprintf(stderr, "TANDEM_TEST_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

#endif
