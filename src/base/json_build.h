/*
 * json_build: what jansson lacks for building, reading and printing objects.
 *
 * NULL, which every jansson function gives when memory is out, passes through;
 * so only the finished object need be looked at.
 */
#ifndef TANDEM_JSON_BUILD_H
#define TANDEM_JSON_BUILD_H

#include "error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* A number; null where `value` is not finite. */
json_t *json_build_real(double value);

/* The same back: NaN for null, for what is no number and for NULL, a member that is not there. */
double json_build_number(const json_t *value);

json_t *json_build_count(uint64_t value);

struct json_member {
    const char *key;
    json_t *value;
};

/* An object of members in their order, up to the one without a key; takes their values over. NULL,
   and nothing left, if one of them is. */
json_t *json_build_object(const struct json_member *members);

/* `array` with `item` at its end; takes both over. NULL, and nothing left, if either is. */
json_t *json_build_append(json_t *array, json_t *item);

/* Prints `object`, indented, and a newline, and releases it. ERROR_MEMORY if it is NULL; ERROR_IO.
 */
int json_build_print(json_t *object, FILE *stream, struct error *error);

#endif
