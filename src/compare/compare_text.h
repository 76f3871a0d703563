/*
 * compare_text: a comparison for people, and for programs.
 */
#ifndef TANDEM_COMPARE_TEXT_H
#define TANDEM_COMPARE_TEXT_H

#include "compare.h"

/* A table for each of the `count` cases. */
void compare_text_print(const struct comparison *comparisons, size_t count, FILE *stream);

/*
 * The same as one JSON object:
 *
 *     cases[]{case,requests,
 *             ttft_s|tpot_s|e2e_s{mean,p50,p90,p95,p99 of {measured,simulated,error}}
 *             requests_per_s|output_tokens_per_s{measured,simulated,error}}
 *
 * ERROR_MEMORY, ERROR_IO.
 */
int compare_json_print(const struct comparison *comparisons, size_t count, FILE *stream,
                       struct error *error);

#endif
