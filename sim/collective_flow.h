/*
 * collective_flow: collectives played out as flows, on links that others use too.
 *
 * A communicator plays one plan (collective_plan.h) at a time over its group's
 * routes. In a ring, rank i sends its message of a round when it has sent and got
 * those of the round before; in a chain, when the message has come; between
 * phases, and rounds in which a rank hears from several, all wait for all. Where
 * nothing else uses the links this takes as long as collective.h says.
 */
#ifndef TANDEM_COLLECTIVE_FLOW_H
#define TANDEM_COLLECTIVE_FLOW_H

#include "collective_plan.h"
#include "flow.h"

struct communicator;

/* A network of the topology's links, at their rates. NULL on error. */
struct flow_network *collective_flow_network(struct engine *engine, const struct topology *topology,
                                             struct error *error);

/*
 * A group of `ranks` > 0 GPUs `gpus`, copied, which `group` describes, on `network`. `owner` is its
 * flows'. Topology and network must outlive it. NULL on error.
 */
struct communicator *communicator_new(struct flow_network *network, const struct topology *topology,
                                      const struct collective_group *group, const uint32_t *gpus,
                                      uint32_t owner, struct error *error);

/* Not while a plan is under way. */
void communicator_free(struct communicator *communicator);

/*
 * Starts a plan now, of this group and with something to send; done(context, argument) is called
 * at its end, when the next may start. -ERROR_MEMORY where nothing could be started.
 */
int communicator_start(struct communicator *communicator, const struct collective_plan *plan,
                       event_function done, void *context, uint64_t argument, struct error *error);

/* Whether memory ran out in the last plan, which then ended early. */
bool communicator_failed(const struct communicator *communicator);

#endif
