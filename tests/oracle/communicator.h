/*
 * communicator: a collective's plan played out as flows, message by message.
 *
 * It plays one plan (collective_plan.h) at a time over its group's routes. In a
 * ring, rank i sends its message of a round when it has sent and got those of the
 * round before; in a chain, when the message has come; between phases, and rounds
 * in which a rank hears from several, all wait for all. Where nothing else uses the
 * links this takes as long as collective.h says, but for each message's rounding to
 * the picosecond. Fails the Check test that calls it
 * where memory is out.
 */
#ifndef TANDEM_TESTS_COMMUNICATOR_H
#define TANDEM_TESTS_COMMUNICATOR_H

#include "collective_plan.h"
#include "flow.h"

struct communicator;

/*
 * A group of `ranks` > 0 GPUs `gpus`, copied, which `group` describes, on `network`.
 * `owner` is its flows'. All of these but `gpus` must outlive it.
 */
struct communicator *communicator_new(struct flow_network *network, const struct topology *topology,
                                      const struct collective_group *group, const uint32_t *gpus,
                                      uint32_t owner);

/* Not while a plan is under way. */
void communicator_free(struct communicator *communicator);

/* Starts a plan now, of this group and with something to send. */
void communicator_start(struct communicator *communicator, const struct collective_plan *plan);

/* Whether the last plan has ended, so that the next may start. */
bool communicator_is_done(const struct communicator *communicator);

/* Bytes of all messages so far, times the links that they crossed. */
double communicator_moved_bytes(const struct communicator *communicator);

#endif
