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
    *transfer = (struct transfer){.network = network, .topology = topology, .pairs = pairs};
    transfer->flows = arena_calloc(arena, pairs.count, sizeof(*transfer->flows));
    return transfer->flows ? 0 : error_out_of_memory(error, "transfers");
}

static void on_flow_done(void *context, uint64_t pair)
{
    struct transfer *transfer = context;
    transfer->flows[pair] = 0;
    if (--transfer->under_way == 0)
        transfer->done(transfer->context, transfer->argument);
}

/* Starts the flow of one pair. */
static flow_id start_pair(struct transfer *transfer, uint32_t pair,
                          const struct transfer_order *order)
{
    const struct transfer_pairs *pairs = &transfer->pairs;
    struct route route = topology_route(transfer->topology, pairs->from[pair], pairs->to[pair]);
    struct flow_spec spec = {
        .links = route.links,
        .link_count = route.link_count,
        .latency_s = order->latency_s,
        .bytes = order->bytes,
        .owner = pairs->owner,
        .done = on_flow_done,
        .context = transfer,
        .argument = pair,
    };
    return flow_start(transfer->network, &spec);
}

int transfer_start(struct transfer *transfer, const struct transfer_order *order,
                   struct error *error)
{
    assert(transfer->under_way == 0);
    transfer->done = order->done;
    transfer->context = order->context;
    transfer->argument = order->argument;
    for (uint32_t pair = 0; pair < transfer->pairs.count; pair++) {
        transfer->flows[pair] = start_pair(transfer, pair, order);
        if (transfer->flows[pair] == 0) {
            transfer_cancel(transfer);
            return error_out_of_memory(error, "transfers");
        }
        transfer->under_way++;
    }
    return 0;
}

double transfer_load(const struct transfer *transfer)
{
    const struct transfer_pairs *pairs = &transfer->pairs;
    double load = 1;
    for (uint32_t pair = 0; pair < pairs->count; pair++) {
        struct route route = topology_route(transfer->topology, pairs->from[pair], pairs->to[pair]);
        for (uint32_t i = 0; i < route.link_count; i++)
            if (flow_is_on(transfer->network, route.links[i]))
                load = fmax(load, transfer->topology->links[route.links[i]].loaded);
    }
    return load;
}

void transfer_cancel(struct transfer *transfer)
{
    for (uint32_t pair = 0; pair < transfer->pairs.count && transfer->under_way > 0; pair++) {
        transfer->under_way -= flow_cancel(transfer->network, transfer->flows[pair]);
        transfer->flows[pair] = 0;
    }
}
