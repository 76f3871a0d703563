#include "topology_place.h"

/* Appends one direction of an edge: 0 as it was added, 1 back. */
static void route_add(struct route *route, uint32_t edge, uint32_t direction)
{
    assert(route->link_count < ROUTE_LINKS_MAX);
    route->links[route->link_count++] = 2 * edge + direction;
}

static void route_add_in(const struct topology *topology, struct route *route, uint32_t node,
                         uint32_t edge, uint32_t direction)
{
    route_add(route, place_edge(topology, node, edge), direction);
}

/* Across the socket link from bridge `from` to bridge `to` of one node, if they differ. */
static void route_cross(const struct topology *topology, struct route *route, uint32_t node,
                        uint32_t from, uint32_t to)
{
    if (from == to)
        return;
    uint32_t a = u32_min(from, to);
    uint32_t b = u32_max(from, to);
    route_add_in(topology, route, node, topology->edges.socket + place_bridge_pair(topology, a, b),
                 from > to);
}

/* From GPU `gpu`'s PCIe switch, where there is one, up to its bridge (direction 0), or back. */
static void route_uplink(const struct topology *topology, struct route *route, uint32_t node,
                         uint32_t gpu, uint32_t direction)
{
    if (topology->pcie_switches_per_node > 0)
        route_add_in(topology, route, node,
                     topology->edges.uplink + gpu / topology->cluster->gpus_per_pcie_switch,
                     direction);
}

/* Whether the slots of two GPUs hang on the same PCIe switch. */
static bool share_switch(const struct topology *topology, uint32_t a, uint32_t b)
{
    uint32_t gpus = topology->cluster->gpus_per_pcie_switch;
    return topology->pcie_switches_per_node > 0 && a / gpus == b / gpus;
}

/* From what GPU `from`'s slot hangs on to what GPU `to`'s does, the PCIe switches or bridges: as
   far up as it must go, or by way of the host's memory. */
static void route_between_slots(const struct topology *topology, struct route *route, uint32_t node,
                                uint32_t from, uint32_t to, bool by_memory)
{
    uint32_t from_bridge = place_gpu_bridge(topology->cluster, from);
    uint32_t to_bridge = place_gpu_bridge(topology->cluster, to);
    if (share_switch(topology, from, to) && !by_memory)
        return;
    route_uplink(topology, route, node, from, 0);
    for (uint32_t direction = 0; by_memory && direction < 2; direction++)
        route_add_in(topology, route, node, topology->edges.memory + from_bridge, direction);
    route_cross(topology, route, node, from_bridge, to_bridge);
    route_uplink(topology, route, node, to, 1);
}

/* Whether NVLink joins two GPUs of a node. */
static bool has_nvlink(const struct topology *topology, uint32_t a, uint32_t b)
{
    uint32_t group = place_nvlink_gpus(topology->cluster);
    return topology->nvswitches_per_node > 0 && a / group == b / group;
}

static void route_in_node(const struct topology *topology, struct route *route, uint32_t node,
                          uint32_t from, uint32_t to)
{
    const struct topology_edges *edges = &topology->edges;
    if (has_nvlink(topology, from, to)) {
        route_add_in(topology, route, node, edges->nvlink + from, 0);
        route_add_in(topology, route, node, edges->nvlink + to, 1);
        return;
    }
    route_add_in(topology, route, node, edges->pcie + from, 0);
    route_between_slots(topology, route, node, from, to, topology->memories_per_node > 0);
    route_add_in(topology, route, node, edges->pcie + to, 1);
}

/* From GPU `gpu` of a node to its NIC's leaf, or the network where there are no leaves. */
static void route_out(const struct topology *topology, struct route *route, uint32_t node,
                      uint32_t gpu)
{
    uint32_t nic = place_gpu_nic(topology->cluster, gpu);
    route_add_in(topology, route, node, topology->edges.pcie + gpu, 0);
    route_between_slots(topology, route, node, gpu, place_nic_gpu(topology->cluster, nic), false);
    route_add_in(topology, route, node, topology->edges.nic_bus + nic, 0);
    route_add_in(topology, route, node, topology->edges.nic_port + nic, 0);
}

/* From there to GPU `gpu` of a node. */
static void route_in(const struct topology *topology, struct route *route, uint32_t node,
                     uint32_t gpu)
{
    uint32_t nic = place_gpu_nic(topology->cluster, gpu);
    route_add_in(topology, route, node, topology->edges.nic_port + nic, 1);
    route_add_in(topology, route, node, topology->edges.nic_bus + nic, 1);
    route_between_slots(topology, route, node, place_nic_gpu(topology->cluster, nic), gpu, false);
    route_add_in(topology, route, node, topology->edges.pcie + gpu, 1);
}

/* Over the spine, where two NICs have different leaves. */
static void route_over_spine(const struct topology *topology, struct route *route,
                             uint32_t from_node, uint32_t from, uint32_t to_node, uint32_t to)
{
    const struct cluster *cluster = topology->cluster;
    if (topology->leaf_count == 0)
        return;
    uint32_t from_leaf = place_leaf(cluster, from_node, place_gpu_nic(cluster, from));
    uint32_t to_leaf = place_leaf(cluster, to_node, place_gpu_nic(cluster, to));
    if (from_leaf == to_leaf)
        return;
    route_add(route, place_leaf_edge(topology, from_leaf), 0);
    route_add(route, place_leaf_edge(topology, to_leaf), 1);
}

struct route topology_route(const struct topology *topology, uint32_t from_gpu, uint32_t to_gpu)
{
    assert(from_gpu < topology->gpu_count && to_gpu < topology->gpu_count);
    struct route route = {.link_count = 0};
    uint32_t from_node = topology_node(topology, from_gpu);
    uint32_t to_node = topology_node(topology, to_gpu);
    uint32_t from = from_gpu % topology->gpus_per_node;
    uint32_t to = to_gpu % topology->gpus_per_node;
    if (from_gpu == to_gpu)
        return route;
    if (from_node == to_node) {
        route_in_node(topology, &route, from_node, from, to);
        return route;
    }
    route_out(topology, &route, from_node, from);
    route_over_spine(topology, &route, from_node, from, to_node, to);
    route_in(topology, &route, to_node, to);
    return route;
}

struct alpha_beta topology_route_cost(const struct topology *topology, const struct route *route)
{
    struct alpha_beta cost = {0, INFINITY};
    for (uint32_t i = 0; i < route->link_count; i++) {
        struct alpha_beta link = topology->links[route->links[i]].cost;
        cost.alpha_s += link.alpha_s;
        cost.bytes_per_s = fmin(cost.bytes_per_s, link.bytes_per_s);
    }
    return cost;
}

enum medium topology_group_medium(const struct topology *topology, const uint32_t *gpus,
                                  uint32_t count)
{
    if (count < 2)
        return MEDIUM_NONE;
    enum medium medium = MEDIUM_NVLINK;
    for (uint32_t i = 1; i < count; i++) {
        if (topology_node(topology, gpus[i]) != topology_node(topology, gpus[0]))
            return MEDIUM_NETWORK;
        if (!has_nvlink(topology, gpus[i] % topology->gpus_per_node,
                        gpus[0] % topology->gpus_per_node))
            medium = MEDIUM_PCIE;
    }
    return medium;
}

const char *medium_name(enum medium medium)
{
    static const char *const names[] = {MEDIA(LIST_TEXT)};
    return names[medium];
}

/* Counts one transfer on every link of its route. */
static void load_add(const struct topology *topology, uint32_t from_gpu, uint32_t to_gpu)
{
    struct route route = topology_route(topology, from_gpu, to_gpu);
    for (uint32_t i = 0; i < route.link_count; i++)
        topology->link_transfers[route.links[i]]++;
}

/*
 * Folds one transfer into `path` once all are counted, and takes the counts
 * back: a link that is already zero has been folded in with an earlier transfer.
 */
static void load_settle(const struct topology *topology, uint32_t from_gpu, uint32_t to_gpu,
                        struct alpha_beta *path)
{
    struct route route = topology_route(topology, from_gpu, to_gpu);
    for (uint32_t i = 0; i < route.link_count; i++) {
        uint32_t *transfers = &topology->link_transfers[route.links[i]];
        double bytes_per_s = topology->links[route.links[i]].cost.bytes_per_s;
        if (*transfers > 0)
            path->bytes_per_s = fmin(path->bytes_per_s, bytes_per_s / *transfers);
        *transfers = 0;
    }
    path->alpha_s = fmax(path->alpha_s, topology_route_cost(topology, &route).alpha_s);
}

void topology_add_crossings(const struct topology *topology, const uint32_t *from_gpus,
                            const uint32_t *to_gpus, uint32_t count, struct crossings *crossings)
{
    for (uint32_t i = 0; i < count; i++) {
        struct route route = topology_route(topology, from_gpus[i], to_gpus[i]);
        crossings_add_route(crossings, &route);
    }
}

struct alpha_beta topology_parallel_path(const struct topology *topology, const uint32_t *from_gpus,
                                         const uint32_t *to_gpus, uint32_t count)
{
    struct alpha_beta path = {0, INFINITY};
    for (uint32_t i = 0; i < count; i++)
        load_add(topology, from_gpus[i], to_gpus[i]);
    for (uint32_t i = 0; i < count; i++)
        load_settle(topology, from_gpus[i], to_gpus[i], &path);
    return path;
}

/* The GPU that GPU i of a group sends to under a shift within blocks. */
static uint32_t shifted(const uint32_t *gpus, uint32_t i, uint32_t block, uint32_t shift)
{
    uint32_t start = i - i % block;
    return gpus[start + (i % block + shift) % block];
}

struct alpha_beta topology_shift_path(const struct topology *topology, const uint32_t *gpus,
                                      uint32_t count, uint32_t block, uint32_t shift_first,
                                      uint32_t shift_last)
{
    assert(block > 0 && count % block == 0);
    struct alpha_beta path = {0, INFINITY};
    for (uint32_t shift = shift_first; shift <= shift_last; shift++)
        for (uint32_t i = 0; i < count; i++)
            load_add(topology, gpus[i], shifted(gpus, i, block, shift));
    for (uint32_t shift = shift_first; shift <= shift_last; shift++)
        for (uint32_t i = 0; i < count; i++)
            load_settle(topology, gpus[i], shifted(gpus, i, block, shift), &path);
    return path;
}
