/*
 * wall_clock: how long a benchmark has run.
 */
#ifndef TANDEM_TESTS_WALL_CLOCK_H
#define TANDEM_TESTS_WALL_CLOCK_H

#include <time.h>

/* Seconds since some time before the program began. */
static inline double wall_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

#endif
