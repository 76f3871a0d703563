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
    if (link->gathered == network->sharings)
        return;
    link->gathered = network->sharings;
    link->left_bytes_per_s = flow_link_room(link, link->flow_count);
    link->unfixed = link->flow_count;
    network->gathered_links[gathering->links++] = index;
}

static void gather_flow(struct flow_network *network, struct gathering *gathering,
                        struct flow *flow)
{
    if (flow->gathered == network->sharings)
        return;
    flow->gathered = network->sharings;
    flow->share = 0;
    network->gathered_flows[gathering->flows++] = (uint32_t)(flow - network->flows);
    for (uint32_t i = 0; i < flow->link_count; i++)
        gather_link(network, gathering, flow->hops[i].link);
}

/* All flows that the dirty links connect, and their links. */
static struct gathering gather(struct flow_network *network)
{
    struct gathering gathering = {0, 0};
    network->sharings++;
    for (uint32_t i = 0; i < network->dirty_count; i++) {
        struct flow_link *link = &network->links[network->dirty[i]];
        link->is_dirty = false;
        if (link->flow_count > 0)
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

/* What each gathered link would leave each of its flows, and of that the least, or 0 where a link
   has more than FLOW_LEVEL_MAX flows. */
static double find_shares(struct flow_network *network, const struct gathering *gathering)
{
    double least = INFINITY;
    bool are_few = true;
    for (uint32_t i = 0; i < gathering->links; i++) {
        struct flow_link *link = &network->links[network->gathered_links[i]];
        link->share = flow_link_share(link, link->left_bytes_per_s, link->flow_count);
        least = link->share < least ? link->share : least;
        are_few = are_few && link->flow_count <= FLOW_LEVEL_MAX;
    }
    return are_few ? least : 0;
}

static bool reaches(const struct flow_network *network, const struct flow *flow, double share)
{
    for (uint32_t i = 0; i < flow->link_count; i++)
        if (network->links[flow->hops[i].link].share == share)
            return true;
    return false;
}

/* Whether each flow crosses a link that is full at the least share of all: links fill up at one
   level, which is the rate of them all. Then they have it. */
static bool fill_at_once(struct flow_network *network, const struct gathering *gathering)
{
    double least = find_shares(network, gathering);
    for (uint32_t i = 0; i < gathering->flows; i++) {
        struct flow *flow = &network->flows[network->gathered_flows[i]];
        if (!reaches(network, flow, least))
            return false;
    }
    for (uint32_t i = 0; i < gathering->flows; i++)
        network->flows[network->gathered_flows[i]].share = least;
    return true;
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
        struct flow_fill fill = {network->links[index].share, index};
        fills_insert(network->fills, &count, fill, NULL);
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
    if (!fill_at_once(network, &gathering))
        fill(network, gathering.links);
    return gathering.flows;
}
