/*
 * sweep_text: a sweep's results for people: a line a curve, or a line a point
 * where there is no load to draw against, and why points failed.
 */
#ifndef TANDEM_SWEEP_TEXT_H
#define TANDEM_SWEEP_TEXT_H

#include "sweep_results.h"

#include <stdio.h>

/* Prints `results`, whose records are in order. Whether `stream` took all of it is the caller's to
   ask (ferror). */
void sweep_text_print(const struct sweep_results *results, FILE *stream);

#endif
