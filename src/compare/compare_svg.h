/*
 * compare_svg: the two distributions of TTFT, TPOT and E2E as a picture: the
 * share of requests within a time, measured and simulated, case by case.
 */
#ifndef TANDEM_COMPARE_SVG_H
#define TANDEM_COMPARE_SVG_H

#include "compare.h"

/* Writes an SVG file; whether `stream` took it is the caller's to ask. */
void compare_svg_write(const struct comparison *comparisons, size_t count, FILE *stream);

#endif
