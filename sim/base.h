/*
 * base: the clock's unit and the few helpers that every module uses.
 *
 * The clock is a signed 64-bit count of picoseconds (106 days). Costs are
 * double seconds; sim_ps_from_s() is the one place where they are rounded.
 */
#ifndef TANDEM_BASE_H
#define TANDEM_BASE_H

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef int64_t sim_ps;

#define SIM_PS_MAX INT64_MAX
#define SIM_PS_PER_S INT64_C(1000000000000)

#define SIM_DAY_S 86400

/* In order: the latest arrival, after 104 days; the clock's end, half a day later for the last
   requests; what sim_ps can count to, two days after that; and the longest that any one thing may
   take. A run that reaches the clock's end, or in which a thing takes longer, fails: so what is in
   flight when the clock ends can still be counted. */
#define ARRIVAL_S_MAX 9.0e6
#define SIM_CLOCK_END_S 9050000
#define SIM_CLOCK_END (SIM_CLOCK_END_S * SIM_PS_PER_S)
#define SIM_COUNT_END_S ((double)(SIM_PS_MAX / SIM_PS_PER_S))
#define SIM_SPAN_MAX (1000 * SIM_PS_PER_S)

#define ARRAY_LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* For a list X(NAME, text): `names[] = {LIST(LIST_TEXT)}` are its texts. */
#define LIST_TEXT(name, text) text,

/* The nearest picosecond, ties away from zero; `seconds` must lie within what the clock counts. */
static inline sim_ps sim_ps_from_s(double seconds)
{
    assert(fabs(seconds) < SIM_COUNT_END_S);
    return (sim_ps)(seconds * (double)SIM_PS_PER_S + copysign(0.5, seconds));
}

/* The same for a duration, which is not negative; SIM_SPAN_MAX at most. */
static inline sim_ps sim_span_from_s(double seconds)
{
    double ps = seconds * (double)SIM_PS_PER_S + 0.5;
    return (sim_ps)(ps < (double)SIM_SPAN_MAX ? ps : (double)SIM_SPAN_MAX);
}

static inline double sim_s_from_ps(sim_ps ps)
{
    return (double)ps / (double)SIM_PS_PER_S;
}

static inline sim_ps sim_ps_min(sim_ps a, sim_ps b)
{
    return a < b ? a : b;
}

static inline sim_ps sim_ps_max(sim_ps a, sim_ps b)
{
    return a > b ? a : b;
}

/* The ending of a noun of which there are `count`. */
static inline const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

static inline uint32_t u32_min(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static inline uint32_t u32_max(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static inline uint64_t u64_max(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static inline uint64_t u64_min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint32_t u32_ceil_div(uint32_t numerator, uint32_t denominator)
{
    return numerator / denominator + (numerator % denominator != 0);
}

#endif
