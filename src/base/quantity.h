/*
 * quantity: numbers with units, as configuration files write them.
 *
 * `80 GB`, `450 GB/s`, `400 Gb/s` (bits), `3 us`, `8 /s`, `989 TFLOP/s`. Prefixes
 * k to E are powers of 1000, Ki to Pi of 1024. What comes out is SI: bytes,
 * seconds, per second; but US dollars, by the hour or by the kWh.
 */
#ifndef TANDEM_QUANTITY_H
#define TANDEM_QUANTITY_H

#include "error.h"

#include <stdbool.h>

/* X(NAME, what it is, a right one) */
#define QUANTITIES(X)                                   \
    X(BYTES, "a memory size", "80 GB")                  \
    X(BYTES_PER_S, "a bandwidth", "450 GB/s")           \
    X(SECONDS, "a time", "500 ms")                      \
    X(PER_S, "a rate", "8 /s")                          \
    X(FLOPS_PER_S, "a compute rate", "989 TFLOP/s")     \
    X(WATTS, "a power", "700 W")                        \
    X(USD_PER_HOUR, "a price by the hour", "3.5 USD/h") \
    X(USD, "an amount of money", "30000 USD")           \
    X(USD_PER_KWH, "a price of energy", "0.08 USD/kWh")

enum quantity_kind {
#define X(name, what, example) QUANTITY_##name,
    QUANTITIES(X)
#undef X
        QUANTITY_KIND_COUNT
};

/*
 * Reads `text`. ERROR_CONFIG, with a right one as example, where it is no
 * number, has no unit or another kind's, or is negative or too large.
 */
int quantity_parse(const char *text, enum quantity_kind kind, double *value, struct error *error);

#define QUANTITY_TEXT_BYTES 32

/* Writes `value` with the prefix that makes it at least 1, where there is one. */
void quantity_format(double value, enum quantity_kind kind, char text[QUANTITY_TEXT_BYTES]);

/*
 * Reads the decimal number that `text` starts with: a sign, digits, a point and
 * an exponent, but not C's hexadecimals, infinities and NaNs. Returns what
 * follows it, NULL where there is no number. Too large a number is HUGE_VAL.
 */
const char *quantity_parse_number(const char *text, double *value);

#endif
