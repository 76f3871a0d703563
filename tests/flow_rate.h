/*
 * flow_rate: how fast a flow moves at present, for tests of how links are shared.
 */
#ifndef TANDEM_TESTS_FLOW_RATE_H
#define TANDEM_TESTS_FLOW_RATE_H

#include "flow_network.h"

/* Its rate once all that happens now has; 0 before the first byte, and for a flow that is done or
   cancelled. */
static inline double flow_bytes_per_s(const struct flow_network *network, flow_id id)
{
    const struct flow *flow = &network->flows[(uint32_t)id];
    while (engine_next_at(network->engine) == engine_now(network->engine))
        (void)engine_step(network->engine);
    return flow->generation == (uint32_t)(id >> 32) ? flow->bytes_per_s : 0;
}

#endif
