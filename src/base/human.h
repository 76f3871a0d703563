/*
 * human: numbers as people read them, at three significant digits.
 *
 * Each function gives its text by value: printf("%s", human_bytes(b).text).
 * A number that is not finite reads "-".
 */
#ifndef TANDEM_HUMAN_H
#define TANDEM_HUMAN_H

#include <stdint.h>

struct human {
    char text[48];
};

/* 512 ns, 3.10 us, 87.2 ms, 1.25 s, 340 s: one unit, for comparing. */
struct human human_seconds(double seconds);

/* 340 ms, 12.5 s, 4 min 10 s, 2 h 05 min: how long something goes on. */
struct human human_duration(double seconds);

/* 16.0 kB, 35.3 GB; decimal prefixes. */
struct human human_bytes(double bytes);

/* 0.0123, 5.54, 87.2; from 1,000 on whole numbers in groups of three. */
struct human human_number(double value);

/* 19,366 */
struct human human_count(uint64_t count);

/* 0.0%, 12.3%, 100.0%, of a share of 1. */
struct human human_percent(double share);

#endif
