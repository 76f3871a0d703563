/*
 * balance_json: what a run tells of its balance, as JSON, from its process to the one that asked.
 *
 *     answer             see balance.h
 *     growth, half       null: nobody knows
 *     filling, settling, requests, requests_to_tell
 */
#ifndef TANDEM_BALANCE_JSON_H
#define TANDEM_BALANCE_JSON_H

#include "balance.h"

#include <jansson.h>

/* NULL when memory is out. */
json_t *balance_json_new(const struct balance *balance);

/* What balance_json_new() made; of anything else, a balance of which nothing is known. */
struct balance balance_json_read(const json_t *object);

#endif
