/*
 * trace_field: the numbers and times that traces write, read by hand.
 *
 * Ten million lines are an ordinary trace, so nothing here goes through scanf,
 * locales or floating point: a time keeps every picosecond that it is given.
 */
#ifndef TANDEM_TRACE_FIELD_H
#define TANDEM_TRACE_FIELD_H

#include <stdbool.h>
#include <stdint.h>

/* Longest prompt or answer that is taken for a length rather than for a damaged file. */
#define TRACE_TOKENS_MAX 10000000
/* Latest time, in seconds, that is read at all: 30,000 years. */
#define TRACE_SECONDS_MAX INT64_C(1000000000000)

/* A piece of a line. */
struct text {
    const char *begin;
    const char *end;
};

/* A point in time: `s` whole seconds and 0 <= ps < 10^12, from 1970 or from the trace's start. */
struct trace_time {
    int64_t s;
    int64_t ps;
};

/* `seconds`, 0 to TRACE_SECONDS_MAX, to the nearest picosecond. */
struct trace_time trace_time_from_s(double seconds);

/* A count of tokens, 0 to TRACE_TOKENS_MAX; decimal digits only. */
bool text_tokens(struct text text, uint32_t *tokens);

/* Seconds of at least 0, `12` or `12.345` or `1.2e-3`; digits past the picosecond are dropped. */
bool text_seconds(struct text text, struct trace_time *time);

/*
 * A date and time as `2023-11-16 18:15:46.6805900` or `2024-05-10T00:00:00.009930+00:00`: a blank
 * or T between, fraction and zone (Z, +hh:mm or -hh:mm; without one: UTC) where there are any.
 */
bool text_timestamp(struct text text, struct trace_time *time);

#endif
