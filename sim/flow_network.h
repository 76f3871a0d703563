/*
 * flow_network: what flow.c, flow_group.c and flow_share.c know of each other; for
 * them alone, and for tests that look at rates.
 *
 * A flow's place on one of its links is a hop: hop h of flow f is numbered
 * f * FLOW_LINKS_MAX + h, and a link's hops are a doubly linked list through the
 * flows, so that joining and leaving cost O(links of the route).
 */
#ifndef TANDEM_FLOW_NETWORK_H
#define TANDEM_FLOW_NETWORK_H

#include "flow_group.h"

#define NO_HOP UINT32_MAX

/* Up to so many flows on a link, those that should be at one level are: what a link has left for
   each, when others' shares have been taken from it, is off by some count^2 ulps at most, less than
   what flow_share.c takes for the same level. */
#define FLOW_LEVEL_MAX 64

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
    uint64_t place; /* kept for the next event that it has when none is pending; 0: none is */
    event_function done;
    void *context;
    uint64_t argument;
    uint32_t owner;
    uint32_t generation;
    uint32_t next_free;
    uint32_t link_count;
    enum flow_state state;
    uint64_t gathered; /* scratch of the sharing: the last one that it was in */
    double share;      /* the new rate, 0 while it is unknown */
    struct flow_hop hops[FLOW_LINKS_MAX];
};

struct flow_link {
    double bytes_per_s; /* of one flow */
    double gain;        /* of that, what several get together */
    uint32_t first_hop;
    uint32_t flow_count;
    struct flow_group *group; /* that has it to itself: its flows are counted, not listed */
    bool is_dirty;
    uint32_t unfixed;  /* scratch of the sharing, as what follows */
    uint64_t gathered; /* the last that it was in */
    double share;      /* what it leaves each of its flows */
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
    uint32_t free_count;
    uint32_t promised_count;   /* of the free ones, to groups that may disband */
    uint64_t rates;            /* from 1, how often the links' have changed */
    struct flow_group *joined; /* whose rates are to be set at the end of this picosecond */
    uint64_t sharings;         /* how many there were */
    event_id share_event;      /* on behalf of flows that have left */
    uint32_t *dirty;           /* (dirty_count) links whose flows need new rates */
    uint32_t dirty_count;      /* of link_count */
    uint32_t *gathered_links;  /* (link_count) scratch */
    uint32_t *gathered_flows;  /* (capacity) scratch */
    struct flow_fill *fills;   /* (link_count) scratch */
};

/* What the link lets through for so many flows. */
static inline double flow_link_room(const struct flow_link *link, uint32_t flows)
{
    return flows > 1 ? link->bytes_per_s * link->gain : link->bytes_per_s;
}

/* What each of `flows` gets of so much room on it. */
static inline double flow_link_share(const struct flow_link *link, double room, uint32_t flows)
{
    double share = room / flows;
    return share < link->bytes_per_s ? share : link->bytes_per_s;
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

/* When the first byte of what starts `now` moves, and what of a picosecond is then carried. */
sim_ps flow_first_byte_at(sim_ps now, double latency_s, double *carry_ps);

/* When bytes that have moved at a rate since then are there; not before `now`. */
sim_ps flow_end_at(sim_ps since, double carry_ps, double bytes, double bytes_per_s, sim_ps now);

/* Sees to it that so many flows more than were promised can be taken; false: memory is out. */
bool flow_make_room(struct flow_network *network, uint32_t count);

/* Takes a flow, for which there is room, filled in from `spec`. */
struct flow *flow_take(struct flow_network *network, const struct flow_spec *spec);

/* Its name. */
flow_id flow_id_of(const struct flow_network *network, const struct flow *flow);

/* Lists it on its links; whether it is alone on each. */
bool flow_join_links(struct flow_network *network, struct flow *flow);

/* Its first byte moves: alone at once, in company at the rate that is set when this picosecond's
   comings and goings are all known. */
void flow_join(struct flow_network *network, struct flow *flow);

/* Its bytes have moved at a rate since then, all of them. */
void flow_move_since(struct flow_network *network, struct flow *flow, sim_ps since,
                     double bytes_per_s);

/* The link's flows need new rates. */
void flow_mark_dirty(struct flow_network *network, uint32_t index);

/* Has rates that are due set at the end of this picosecond; the slot of an event has just become
   free. */
void flow_share_if_due(struct flow_network *network);

/* A group that is on links becomes the flows that it stands for. */
void flow_group_disband(struct flow_group *group);

#endif
