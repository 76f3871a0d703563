/*
 * transfer: bytes from a group of GPUs to another, over links that others use too.
 *
 * One flow for each pair of GPUs. Their first bytes start together, after the slowest
 * route's latency; they share their links with whatever else is on them (flow.h), and
 * the transfer is done when the last of them is. With the links to itself it takes
 * what topology_parallel_path() says. One at a time.
 */
#ifndef TANDEM_TRANSFER_H
#define TANDEM_TRANSFER_H

#include "flow_group.h"
#include "topology.h"

/* A network of the topology's links, at their rates. NULL on error. */
struct flow_network *transfer_network(struct engine *engine, const struct topology *topology,
                                      struct error *error);

/* GPUs from[i] send to to[i]; `owner` orders what ends together. */
struct transfer_pairs {
    const uint32_t *from; /* (count) */
    const uint32_t *to;   /* (count) */
    uint32_t count;
    uint32_t owner;
};

struct transfer {
    const struct topology *topology;
    struct transfer_pairs pairs;
    struct route *routes; /* (pairs.count) */
    struct flow_group group;
};

/* The pairs' arrays, network and topology must outlive it. What it keeps of them goes to `arena`.
 */
int transfer_init(struct transfer *transfer, struct flow_network *network,
                  const struct topology *topology, struct transfer_pairs pairs, struct arena *arena,
                  struct error *error);

/* The pairs are others now, as many as there were, and so may be the network. */
void transfer_aim(struct transfer *transfer, struct flow_network *network);

/* Starts now; -ERROR_MEMORY where a flow could not be, and then nothing is under way. */
static inline int transfer_start(struct transfer *transfer, const struct flow_order *order,
                                 struct error *error)
{
    return flow_group_start(&transfer->group, order, error);
}

/* Takes back what is under way, if anything is; done() is not called. */
static inline void transfer_cancel(struct transfer *transfer)
{
    flow_group_cancel(&transfer->group);
}

/* What one from `from` to `to` took longer than the `alone_s` that it takes alone. */
static inline sim_ps transfer_held_up(sim_ps from, sim_ps to, double alone_s)
{
    return sim_ps_max(to - from - sim_span_from_s(alone_s), 0);
}

/*
 * What takes `alone_s` alone, of whose bytes the pairs' links should have `bytes_s`, as an order of
 * such a transfer. What is beyond its bytes goes before the first of them; where it takes less than
 * they should, as measured ones may, there are fewer of them.
 */
struct transfer_form {
    double latency_s;
    double pace; /* of the bytes, those that are sent */
};

static inline struct transfer_form transfer_form_of(double alone_s, double bytes_s)
{
    return (struct transfer_form){.latency_s = fmax(alone_s - bytes_s, 0),
                                  .pace = bytes_s > alone_s ? alone_s / bytes_s : 1};
}

/*
 * Times as long a collective over the pairs takes before its first byte as with the links to
 * itself, for others' bytes that are on them now: its messages are small there and queue behind
 * those. From 1.
 */
double transfer_load(const struct transfer *transfer);

#endif
