/*
 * calibrate_check: measurements that cannot be right.
 *
 * Nothing is faster than the hardware: no kernel beats the datasheet's peak and
 * memory bandwidth (8 times that where its operands fit in a cache, but not for the
 * KV of decode attention, which in an engine no cache keeps from step to step), no
 * collective moves its bytes faster than memory gives them or takes less than a
 * microsecond. And nothing is a hundred times slower than they allow. Both are
 * what times in a wrong unit look like. The same thing measured twice is refused
 * too: which one holds?
 */
#ifndef TANDEM_CALIBRATE_CHECK_H
#define TANDEM_CALIBRATE_CHECK_H

#include "measurements.h"

/* ERROR_CONFIG with the place of the first that cannot be right. */
int calibrate_check(const struct gpu *gpu, const struct measurements *measurements,
                    struct error *error);

#endif
