/*
 * flow_group: flows that start together, one a route, with the same latency and bytes.
 *
 * They fare as flows that are started one after the other would (flow.h), to the picosecond and
 * in the same order among all events. But no event can come between those of flows that were
 * scheduled together; so one event stands for all of theirs, as far as
 *
 *     waiting   they all wait for their first byte
 *     joined    no other flow is on their links, which leave each of them the same rate: it is
 *               to be set at the end of this picosecond, for several are on one link
 *     moving    they move at it
 *
 * When anything befalls their links, the group disbands: it becomes the flows it stands for, in the
 * places that their events would have.
 *
 *     idle -> waiting -> joined -> moving -> idle
 *                |          |        |        |
 *                '----------'--------'-> disbanded
 *
 * Routes without links, and no bytes, disband it at once. The engine must have room for an
 * event of each flow.
 */
#ifndef TANDEM_FLOW_GROUP_H
#define TANDEM_FLOW_GROUP_H

#include "flow.h"

enum flow_group_state {
    FLOW_GROUP_IDLE,
    FLOW_GROUP_WAITING,
    FLOW_GROUP_JOINED,
    FLOW_GROUP_MOVING,
    FLOW_GROUP_DISBANDED,
};

/* What is the same for all flows of a group, and what is called when the last of them is done. */
struct flow_order {
    double latency_s; /* before the first byte */
    double bytes;     /* each flow's */
    event_function done;
    void *context;
    uint64_t argument;
};

/* While it is not idle it stays where it is, as do its arrays. */
struct flow_group {
    struct flow_network *network;
    const struct route *routes; /* (count) */
    uint32_t count;
    uint32_t owner;             /* of its flows */
    struct crossings crossings; /* of all routes */
    flow_id *flows;             /* (count) those under way, when it is disbanded; else 0 */

    enum flow_group_state state;
    struct flow_order order;
    event_id event;
    sim_ps since; /* the first byte moves; and what of a picosecond is then carried: */
    double carry_ps;
    uint64_t first_place;  /* of the flows' events, which follow each other, */
    uint64_t shared_place; /* but for the one that found its links shared first: its event sets
                              all rates, and it has this place from then on. 0: none did */
    uint32_t under_way;    /* when it is disbanded */
    bool was_alone;        /* to its end, the last time */

    bool has_links;             /* each route */
    bool meets;                 /* several routes cross a link */
    uint64_t rates;             /* the network's when what follows was found, 0 when it was not: */
    double bytes_per_s;         /* of each flow, when they are alone; 0: not all have the same */
    uint32_t narrowest;         /* the first link that leaves no more */
    double fastest_bytes_per_s; /* of their links, which no flow moves faster than */
};

/* After a change to network, routes or crossings. */
void flow_group_aim(struct flow_group *group);

/* Starts the flows of an idle group now; -ERROR_MEMORY where one could not be, and then none is. */
int flow_group_start(struct flow_group *group, const struct flow_order *order, struct error *error);

/* Takes back what is under way, if anything is; done() is not called. */
void flow_group_cancel(struct flow_group *group);

/* flow_narrowest() of its crossings, at its end. */
uint32_t flow_group_narrowest(const struct flow_group *group);

#endif
