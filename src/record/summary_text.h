/*
 * summary_text: a run's summary for people, on one screen.
 */
#ifndef TANDEM_SUMMARY_TEXT_H
#define TANDEM_SUMMARY_TEXT_H

#include "scenario.h"
#include "summary.h"

#include <stdio.h>

/*
 * Prints `summary` of a run of `scenario`. Stages of several replicas are
 * averaged. `has_utf8`: bars may use block characters. Whether `stream` took
 * all of it is the caller's to ask (ferror).
 */
void summary_text_print(const struct summary *summary, const struct scenario *scenario,
                        bool has_utf8, FILE *stream);

/* "Mixtral-8x7B on hgx-h100: TP=4 x PP=2, EP=4": what runs where, and how a group shares it. */
void summary_text_print_layout(const struct scenario *scenario, FILE *stream);

/* The memory of a GPU of each stage, and a replica's KV capacity; without a peak where it is NaN.
   `pool` is the name of one among several, or NULL. */
void summary_text_print_memory(const char *pool, const struct memory_summary *memory,
                               uint32_t count, uint64_t kv_capacity_tokens, double kv_peak_fraction,
                               FILE *stream);

/* `text` with its words wrapped, every line but the first behind `indent` blanks, and a newline. */
void summary_text_print_wrapped(const char *text, int indent, FILE *stream);

/* The warnings, wrapped; nothing where there are none. */
void summary_text_print_warnings(const struct warning *warnings, uint32_t count, FILE *stream);

#endif
