/*
 * flow: transfers that share links, each at its max-min fair rate.
 *
 * A flow has a route (links), a latency before its first byte, and bytes. While
 * its bytes move, all flows on a link share it as progressive filling says: every
 * rate grows alike until a link is full, which fixes the rates of the flows that
 * cross it, and so on; a link may let more through for several than for one. Where a flow joins or
 * leaves, the rates of those that its links connect it to, directly or through others, are set
 * anew; nobody else's.
 *
 *     latency               bytes, at rates that come and go with other flows
 *     |--------------------|---------------|--------|------------------|
 *     flow_start            joins its links                             done()
 *
 * What happens at one picosecond is shared out once, by an event of class SHARE at
 * its end. A flow alone on its links costs O(links of its route) and one event for
 * its latency, one for its end. Rates and bytes are doubles; each end is rounded
 * to the picosecond once, latency and bytes together.
 *
 * Sources: Bertsekas and Gallager, Data Networks, 2nd ed. 1992, section 6.5.2;
 * Casanova et al., J. Parallel Distrib. Comput. 74(10), 2014 (SimGrid's fluid
 * model). Nothing fails but flow_start() and the two that say so: no memory is
 * asked for while flows move.
 */
#ifndef TANDEM_FLOW_H
#define TANDEM_FLOW_H

#include "crossings.h"
#include "engine.h"

#define FLOW_LINKS_MAX ROUTE_LINKS_MAX

struct flow_network;

/* A flow's name until it is done or cancelled; 0 is none. Names are not used again. */
typedef uint64_t flow_id;

struct flow_spec {
    const uint32_t *links; /* (link_count) distinct; copied */
    uint32_t link_count;   /* 0: the bytes take no time */
    double latency_s;      /* before the first byte */
    double bytes;
    uint32_t owner;      /* of its events: the order of those that end together; < 2^20 */
    event_function done; /* called at its end, when it has left its links */
    void *context;
    uint64_t argument;
};

/* Links 0 to link_count - 1, each at link_bytes_per_s[link] > 0, none of it in use. NULL on error.
 */
struct flow_network *flow_network_new(struct engine *engine, const double *link_bytes_per_s,
                                      uint32_t link_count, struct error *error);

/* Pending flows go with it; where groups (flow_group.h) are under way, the engine must take no step
   more. Call it before engine_free(). */
void flow_network_free(struct flow_network *network);

/* Starts a flow now; 0 when memory is out. */
flow_id flow_start(struct flow_network *network, const struct flow_spec *spec);

/* When flows of so many bytes each, one a route over the crossed links, end if they start now and
   nobody else comes; SIM_PS_MAX where they are not alone from the start: a link has flows, or
   several routes cross it. */
sim_ps flow_lone_end(const struct flow_network *network, const struct crossings *crossings,
                     double latency_s, double bytes);

/* Takes a flow out; false where it is done or cancelled. */
bool flow_cancel(struct flow_network *network, flow_id id);

/* Changes a link's rate, > 0, from now on: a fault, or its repair. -ERROR_MEMORY changes nothing.
 */
int flow_set_link_rate(struct flow_network *network, uint32_t link, double bytes_per_s,
                       struct error *error);

/* From now on several flows get `gain` >= 1 times the link's rate together, each at most the rate
   itself; 1 at first. There is none on it. */
void flow_set_link_gain(struct flow_network *network, uint32_t link, double gain);

/* Whether bytes of a flow are on the link. */
bool flow_is_on(const struct flow_network *network, uint32_t link);

/* Of the crossed links, at least one, the one that would leave each flow the least, were one more
   to start on each route. */
uint32_t flow_narrowest(const struct flow_network *network, const struct crossings *crossings);

#endif
