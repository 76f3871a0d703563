#include "transfer.h"

#include <stdlib.h>

struct flow_network *transfer_network(struct engine *engine, const struct topology *topology,
                                      struct error *error)
{
    double *rates = calloc((size_t)topology->link_count + 1, sizeof(*rates));
    if (!rates) {
        error_out_of_memory(error, "the links' flows");
        return NULL;
    }
    for (uint32_t link = 0; link < topology->link_count; link++)
        rates[link] = topology->links[link].cost.bytes_per_s;
    struct flow_network *network = flow_network_new(engine, rates, topology->link_count, error);
    free(rates);
    for (uint32_t link = 0; network && link < topology->link_count; link++)
        flow_set_link_gain(network, link, topology->links[link].gain);
    return network;
}

int transfer_init(struct transfer *transfer, struct flow_network *network,
                  const struct topology *topology, struct transfer_pairs pairs, struct arena *arena,
                  struct error *error)
{
    struct route *routes = arena_calloc(arena, pairs.count, sizeof(*routes));
    flow_id *flows = arena_calloc(arena, pairs.count, sizeof(*flows));
    struct crossing *links =
        arena_calloc(arena, (size_t)pairs.count * ROUTE_LINKS_MAX, sizeof(*links));
    if (!routes || !flows || !links)
        return error_out_of_memory(error, "transfers");
    *transfer = (struct transfer){
        .topology = topology,
        .pairs = pairs,
        .routes = routes,
        .group = {.routes = routes,
                  .count = pairs.count,
                  .crossings = {.links = links},
                  .flows = flows},
    };
    transfer_aim(transfer, network);
    return 0;
}

void transfer_aim(struct transfer *transfer, struct flow_network *network)
{
    const struct transfer_pairs *pairs = &transfer->pairs;
    struct flow_group *group = &transfer->group;
    group->network = network;
    group->owner = pairs->owner;
    group->crossings.count = 0;
    for (uint32_t pair = 0; pair < pairs->count; pair++) {
        struct route *route = &transfer->routes[pair];
        *route = topology_route(transfer->topology, pairs->from[pair], pairs->to[pair]);
        crossings_add_route(&group->crossings, route);
    }
    flow_group_aim(group);
}

double transfer_load(const struct transfer *transfer)
{
    const struct crossings *crossings = &transfer->group.crossings;
    double load = 1;
    for (uint32_t i = 0; i < crossings->count; i++) {
        uint32_t link = crossings->links[i].link;
        if (flow_is_on(transfer->group.network, link))
            load = fmax(load, transfer->topology->links[link].loaded);
    }
    return load;
}
