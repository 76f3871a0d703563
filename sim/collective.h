/*
 * collective: the time of one collective operation over a group of GPUs.
 *
 * Alpha-beta models of the plans in collective_plan.h, which says what each
 * algorithm sends by which protocol, and where it is from: rounds x (alpha + bytes /
 * bandwidth), and what it costs before its first byte. Nothing queues here: where
 * others use the links too, a collective's bytes are transfer.h's. Pure functions
 * that never fail. One rank costs 0; an algorithm that does not apply to the
 * operation or group costs INFINITY. Measured tables, where a GPU has them, go in
 * front of these models.
 */
#ifndef TANDEM_COLLECTIVE_H
#define TANDEM_COLLECTIVE_H

#include "collective_plan.h"

/* Seconds for `operation` over `bytes`, which collective_plan.h's enum explains: of an all-reduce,
   those that each rank holds. */
double collective_s(const struct collective_group *group, enum collective_operation operation,
                    enum collective_algorithm algorithm, double bytes);

/* The fastest of NCCL's algorithms, which all are but halving_doubling, and direct of what is not
   the same to all peers; where `chosen` is not NULL, says which (RING for one rank). */
double collective_best_s(const struct collective_group *group, enum collective_operation operation,
                         double bytes, enum collective_algorithm *chosen);

/* The direct all-reduce as vLLM's custom kernel, where it takes the operation; else INFINITY. */
double collective_custom_s(const struct collective_group *group,
                           enum collective_operation operation, double bytes);

/* The faster of the two, of an engine that has the custom kernel or not. */
double collective_engine_s(const struct collective_group *group,
                           enum collective_operation operation, double bytes, bool has_custom,
                           enum collective_algorithm *chosen);

/* The algorithm's name, as in YAML; the protocol's; the operation's. */
const char *collective_algorithm_name(enum collective_algorithm algorithm);
const char *collective_protocol_name(enum collective_protocol protocol);
const char *collective_operation_name(enum collective_operation operation);

/* nccl-tests' bus bandwidth over its algorithm bandwidth, for `ranks` > 1 of them: what each must
   send, in buffers. */
double collective_bus_factor(enum collective_operation operation, double ranks);

#endif
