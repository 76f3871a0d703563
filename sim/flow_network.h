/*
 * flow_network: what flow.c and flow_share.c know of each other; for them
 * alone, and for tests that look at rates.
 *
 * A flow's place on one of its links is a hop: hop h of flow f is numbered
 * f * FLOW_LINKS_MAX + h, and a link's hops are a doubly linked list through the
 * flows, so that joining and leaving cost O(links of the route).
 */
#ifndef TANDEM_FLOW_NETWORK_H
#define TANDEM_FLOW_NETWORK_H

#include "flow.h"

#define NO_HOP UINT32_MAX

enum flow_state {
    FLOW_FREE,
    FLOW_WAITING, /* for its latency */
    FLOW_JOINED,  /* on its links, its first rate to be set at the end of this picosecond */
    FLOW_MOVING,
};

struct flow_hop {
    uint32_t link;
    uint32_t previous;
    uint32_t next;
};

struct flow {
    double bytes_left; /* at `since` + `carry_ps` */
    double bytes_per_s;
    sim_ps since;
    double carry_ps;
    event_id event; /* one is always pending: its latency's, its sharing's or its end's */
    event_function done;
    void *context;
    uint64_t argument;
    uint32_t owner;
    uint32_t generation;
    uint32_t next_free;
    uint32_t link_count;
    enum flow_state state;
    bool is_gathered; /* scratch of the sharing */
    double share;     /* the new rate, 0 while it is unknown */
    struct flow_hop hops[FLOW_LINKS_MAX];
};

struct flow_link {
    double bytes_per_s; /* of one flow */
    double gain;        /* of that, what several get together */
    uint32_t first_hop;
    uint32_t flow_count;
    bool is_dirty;
    bool is_gathered; /* scratch of the sharing, as what follows */
    uint32_t unfixed;
    double left_bytes_per_s;
};

/* A link among those yet to fill up. */
struct flow_fill {
    double share;
    uint32_t link;
};

struct flow_network {
    struct engine *engine;
    struct flow *flows; /* (capacity) */
    struct flow_link *links;
    uint32_t link_count;
    uint32_t capacity;
    uint32_t free_flow;
    event_id share_event;     /* on behalf of flows that have left */
    uint32_t *dirty;          /* (dirty_count) links whose flows need new rates */
    uint32_t dirty_count;     /* of link_count */
    uint32_t *gathered_links; /* (link_count) scratch */
    uint32_t *gathered_flows; /* (capacity) scratch */
    struct flow_fill *fills;  /* (link_count) scratch */
};

/* What the link lets through for so many flows. */
static inline double flow_link_room(const struct flow_link *link, uint32_t flows)
{
    return flows > 1 ? link->bytes_per_s * link->gain : link->bytes_per_s;
}

/* What each of `flows` gets of so much room on it. */
static inline double flow_link_share(const struct flow_link *link, double room, uint32_t flows)
{
    return fmin(room / flows, link->bytes_per_s);
}

static inline struct flow *flow_of_hop(const struct flow_network *network, uint32_t hop)
{
    return &network->flows[hop / FLOW_LINKS_MAX];
}

static inline uint32_t flow_next_hop(const struct flow_network *network, uint32_t hop)
{
    return flow_of_hop(network, hop)->hops[hop % FLOW_LINKS_MAX].next;
}

/* Works out the max-min fair shares of all flows that dirty links connect; no link is dirty then.
   Returns how many: they are the first of gathered_flows. */
uint32_t flow_share(struct flow_network *network);

#endif
