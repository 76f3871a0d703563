/*
 * trace_row: what one line of any trace format comes to, and how a bad line is
 * reported. The formats' readers fill rows in; trace.h makes arrivals of them.
 */
#ifndef TANDEM_TRACE_ROW_H
#define TANDEM_TRACE_ROW_H

#include "error.h"
#include "trace_field.h"

struct trace_row {
    struct trace_time time;
    struct text time_field; /* where the line has it; all of the line where nobody knows */
    uint32_t input_tokens;
    uint32_t output_tokens;
    const uint64_t *blocks;   /* (block_count) hashes of the prompt's blocks; its reader's */
    uint32_t block_count;     /* from its beginning on; 0: none are told */
    uint32_t reusable_tokens; /* of the prompt, that earlier ones began with; 0: none, or unknown */
};

/* A line, and where it stands. */
struct trace_place {
    const char *file;
    uint64_t number; /* from 1 */
    struct text line;
};

/*
 * Fills in ERROR_TRACE: `chat.csv:17:5: expected <expected>, found '<found>'`, a part of the
 * line, cut short and stripped of what a terminal would not print, and the line with a caret
 * (diagnostic.h). Returns -ERROR_TRACE.
 */
int trace_row_error(struct trace_place place, const char *expected, struct text found,
                    struct error *error);

/* The same in other words, for what is wrong with the line from `at` on. */
int trace_row_fault(struct trace_place place, const char *at, struct error *error,
                    const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
