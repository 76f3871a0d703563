#include "flow_network.h"

#include "heap.h"

/* Shares this close to the level that all have reached differ by rounding, or as good as: flows
   that should end together then do. */
#define SAME_LEVEL (1 + 1e-12)

/* Among equals the first link, so that the order of rounding errors is fixed. */
static bool fills_before(const struct flow_fill *a, const struct flow_fill *b)
{
    return a->share != b->share ? a->share < b->share : a->link < b->link;
}

HEAP_DEFINE(fills, struct flow_fill, const void, fills_before, HEAP_UNTOLD)

struct gathering {
    uint32_t links;
    uint32_t flows;
};

static void gather_link(struct flow_network *network, struct gathering *gathering, uint32_t index)
{
    struct flow_link *link = &network->links[index];
    if (link->is_gathered)
        return;
    link->is_gathered = true;
    link->left_bytes_per_s = flow_link_room(link, link->flow_count);
    link->unfixed = link->flow_count;
    network->gathered_links[gathering->links++] = index;
}

static void gather_flow(struct flow_network *network, struct gathering *gathering,
                        struct flow *flow)
{
    if (flow->is_gathered)
        return;
    flow->is_gathered = true;
    flow->share = 0;
    network->gathered_flows[gathering->flows++] = (uint32_t)(flow - network->flows);
    for (uint32_t i = 0; i < flow->link_count; i++)
        gather_link(network, gathering, flow->hops[i].link);
}

/* All links and flows that the dirty links connect. */
static struct gathering gather(struct flow_network *network)
{
    struct gathering gathering = {0, 0};
    for (uint32_t i = 0; i < network->dirty_count; i++) {
        network->links[network->dirty[i]].is_dirty = false;
        gather_link(network, &gathering, network->dirty[i]);
    }
    network->dirty_count = 0;
    for (uint32_t i = 0; i < gathering.links; i++) {
        uint32_t hop = network->links[network->gathered_links[i]].first_hop;
        for (; hop != NO_HOP; hop = flow_next_hop(network, hop))
            gather_flow(network, &gathering, flow_of_hop(network, hop));
    }
    return gathering;
}

/* The link is full at `share` a flow: that is the rate of each that has none yet. */
static void fill_link(struct flow_network *network, uint32_t index, double share)
{
    uint32_t hop = network->links[index].first_hop;
    for (; hop != NO_HOP; hop = flow_next_hop(network, hop)) {
        struct flow *flow = flow_of_hop(network, hop);
        if (flow->share > 0)
            continue;
        flow->share = share;
        for (uint32_t i = 0; i < flow->link_count; i++) {
            struct flow_link *link = &network->links[flow->hops[i].link];
            link->left_bytes_per_s -= share;
            link->unfixed--;
        }
    }
}

/*
 * Fills link after link, the least share first. A link's share only grows as
 * others fill up, so its entry is looked at anew when it comes up and put back
 * where it is out of date: O(hops + refills x log links).
 */
static void fill(struct flow_network *network, uint32_t links)
{
    uint32_t count = 0;
    double level = 0;
    for (uint32_t i = 0; i < links; i++) {
        uint32_t index = network->gathered_links[i];
        const struct flow_link *link = &network->links[index];
        if (link->unfixed > 0) {
            double share = flow_link_share(link, link->left_bytes_per_s, link->unfixed);
            fills_insert(network->fills, &count, (struct flow_fill){share, index}, NULL);
        }
    }
    while (count > 0) {
        struct flow_fill first = network->fills[0];
        const struct flow_link *link = &network->links[first.link];
        fills_remove(network->fills, &count, 0, NULL);
        if (link->unfixed == 0)
            continue;
        double share = flow_link_share(link, link->left_bytes_per_s, link->unfixed);
        if (share < level * SAME_LEVEL)
            share = level;
        if (share > first.share) {
            fills_insert(network->fills, &count, (struct flow_fill){share, first.link}, NULL);
            continue;
        }
        level = share;
        fill_link(network, first.link, share);
    }
}

uint32_t flow_share(struct flow_network *network)
{
    struct gathering gathering = gather(network);
    fill(network, gathering.links);
    for (uint32_t i = 0; i < gathering.links; i++)
        network->links[network->gathered_links[i]].is_gathered = false;
    for (uint32_t i = 0; i < gathering.flows; i++)
        network->flows[network->gathered_flows[i]].is_gathered = false;
    return gathering.flows;
}
