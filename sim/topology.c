#include "topology.h"

#include <stdio.h>

static bool has_link(struct link_kind kind)
{
    return kind.bytes_per_s > 0;
}

/* The bridge of GPU `gpu` of a node. */
static uint32_t gpu_bridge(const struct cluster *cluster, uint32_t gpu)
{
    return gpu / cluster->gpus_per_host_bridge;
}

/* The NIC of GPU `gpu` of a node. */
static uint32_t gpu_nic(const struct cluster *cluster, uint32_t gpu)
{
    return (uint32_t)((uint64_t)gpu * cluster->nics_per_node / cluster->gpus_per_node);
}

/* A NIC sits under the bridge of the first GPU that uses it. */
static uint32_t nic_bridge(const struct cluster *cluster, uint32_t nic)
{
    uint64_t nics = cluster->nics_per_node;
    uint64_t gpu = ((uint64_t)nic * cluster->gpus_per_node + nics - 1) / nics;
    return gpu_bridge(cluster, (uint32_t)u64_min(gpu, cluster->gpus_per_node - 1));
}

/* Some GPU reaches its peers or its NIC only through another bridge. */
static bool crosses_bridges(const struct cluster *cluster)
{
    if (!has_link(cluster->nvlink))
        return cluster->gpus_per_host_bridge < cluster->gpus_per_node;
    if (cluster->nodes == 1)
        return false;
    for (uint32_t gpu = 0; gpu < cluster->gpus_per_node; gpu++)
        if (nic_bridge(cluster, gpu_nic(cluster, gpu)) != gpu_bridge(cluster, gpu))
            return true;
    return false;
}

/* Whether every two GPUs have a route. */
static int check_connected(const struct cluster *cluster, struct error *error)
{
    bool single_gpu = cluster->nodes == 1 && cluster->gpus_per_node == 1;
    if (!single_gpu && !has_link(cluster->pcie) &&
        (cluster->nodes > 1 || !has_link(cluster->nvlink)))
        return error_set(error, ERROR_CONFIG,
                         "cluster '%s' has no pcie link, and its GPUs need it to reach each other",
                         cluster->name);
    if (cluster->nodes > 1 && (!has_link(cluster->nic) || cluster->nics_per_node == 0))
        return error_set(error, ERROR_CONFIG, "cluster '%s' has %u nodes and no nic to join them",
                         cluster->name, cluster->nodes);
    if (crosses_bridges(cluster) && !has_link(cluster->inter_socket))
        return error_set(error, ERROR_CONFIG,
                         "cluster '%s' has several host bridges a node and no inter_socket link "
                         "between them",
                         cluster->name);
    return 0;
}

/* Lays out a node's edges by kind. */
static int count_links(struct topology *topology, struct error *error)
{
    const struct cluster *cluster = topology->cluster;
    uint64_t gpus = cluster->gpus_per_node;
    uint64_t bridges = topology->bridges_per_node;
    uint64_t sockets = has_link(cluster->inter_socket) ? bridges * (bridges - 1) / 2 : 0;
    uint64_t pcie = has_link(cluster->nvlink) ? gpus : 0;
    uint64_t socket = pcie + (has_link(cluster->pcie) ? gpus : 0);
    uint64_t nic_bus = socket + sockets;
    uint64_t nic_port = nic_bus + topology->nics_per_node;
    uint64_t count = nic_port + topology->nics_per_node;
    uint64_t limit = TOPOLOGY_LINKS_MAX / 2;
    if (count > limit || cluster->nodes > limit || count * cluster->nodes > limit)
        return error_set(error, ERROR_CONFIG, "cluster '%s' has more than %llu links",
                         cluster->name, (unsigned long long)TOPOLOGY_LINKS_MAX);
    topology->edges = (struct topology_edges){
        .nvlink = 0,
        .pcie = (uint32_t)pcie,
        .socket = (uint32_t)socket,
        .nic_bus = (uint32_t)nic_bus,
        .nic_port = (uint32_t)nic_port,
        .count = (uint32_t)count,
    };
    topology->link_count = (uint32_t)(2 * count * cluster->nodes);
    return 0;
}

/* GPUs come first, then each node's switch, bridges and NICs, then the network. */
static uint32_t vertex_of(const struct topology *topology, struct topology_vertex vertex)
{
    uint32_t node = topology->gpu_count + vertex.node * topology->hubs_per_node;
    switch (vertex.kind) {
    case VERTEX_GPU:
        return vertex.node * topology->gpus_per_node + vertex.index;
    case VERTEX_BRIDGE:
        return node + vertex.index;
    case VERTEX_NIC:
        return node + topology->bridges_per_node + vertex.index;
    case VERTEX_NVSWITCH:
        return node + topology->bridges_per_node + topology->nics_per_node;
    case VERTEX_NETWORK:
        break;
    }
    return topology->vertex_count - 1;
}

static void add_vertices(struct topology *topology, enum vertex_kind kind, uint32_t node,
                         uint32_t count)
{
    for (uint32_t index = 0; index < count; index++) {
        struct topology_vertex vertex = {kind, node, index};
        topology->vertices[vertex_of(topology, vertex)] = vertex;
    }
}

/* "gpu3", "nvswitch": a vertex's name within its node. */
static void vertex_name(struct topology_vertex vertex, char *name, size_t name_bytes)
{
    static const char *const names[] = {
#define X(kind, text) text,
        VERTEX_KINDS(X)
#undef X
    };
    if (vertex.kind == VERTEX_NVSWITCH || vertex.kind == VERTEX_NETWORK)
        (void)snprintf(name, name_bytes, "%s", names[vertex.kind]);
    else
        (void)snprintf(name, name_bytes, "%s%u", names[vertex.kind], vertex.index);
}

static void add_link(struct topology *topology, uint32_t link, uint32_t node,
                     struct topology_vertex from, struct topology_vertex to, struct alpha_beta cost)
{
    struct topology_link *slot = &topology->links[link];
    char from_name[24];
    char to_name[24];
    vertex_name(from, from_name, sizeof(from_name));
    vertex_name(to, to_name, sizeof(to_name));
    (void)snprintf(slot->name, sizeof(slot->name), "node%u/%s>%s", node, from_name, to_name);
    slot->from = vertex_of(topology, from);
    slot->to = vertex_of(topology, to);
    slot->cost = cost;
}

/* Edge `edge` of node `node`: both its links. */
static void add_edge(struct topology *topology, uint32_t node, uint32_t edge,
                     struct topology_vertex a, struct topology_vertex b, struct link_kind kind)
{
    uint32_t link = 2 * (node * topology->edges.count + edge);
    struct alpha_beta cost = {kind.latency_s, kind.bytes_per_s * kind.efficiency};
    add_link(topology, link, node, a, b, cost);
    add_link(topology, link + 1, node, b, a, cost);
}

/* Position of bridges a < b among the pairs of a node's bridges, in lexical order. */
static uint32_t bridge_pair(const struct topology *topology, uint32_t a, uint32_t b)
{
    return a * (2 * topology->bridges_per_node - a - 1) / 2 + (b - a - 1);
}

static void add_gpu_edges(struct topology *topology, uint32_t node)
{
    const struct cluster *cluster = topology->cluster;
    struct link_kind pcie = cluster->pcie;
    /* Without NVLink the slots carry the traffic between peers, which staging repeats. */
    if (!has_link(cluster->nvlink))
        pcie.efficiency /= cluster->host_staging_factor;
    for (uint32_t index = 0; index < cluster->gpus_per_node; index++) {
        struct topology_vertex gpu = {VERTEX_GPU, node, index};
        struct topology_vertex bridge = {VERTEX_BRIDGE, node, gpu_bridge(cluster, index)};
        struct topology_vertex nvswitch = {VERTEX_NVSWITCH, node, 0};
        if (has_link(cluster->nvlink))
            add_edge(topology, node, topology->edges.nvlink + index, gpu, nvswitch,
                     cluster->nvlink);
        if (has_link(cluster->pcie))
            add_edge(topology, node, topology->edges.pcie + index, gpu, bridge, pcie);
    }
}

static void add_host_edges(struct topology *topology, uint32_t node)
{
    const struct cluster *cluster = topology->cluster;
    uint32_t bridges = has_link(cluster->inter_socket) ? topology->bridges_per_node : 0;
    for (uint32_t a = 0; a < bridges; a++)
        for (uint32_t b = a + 1; b < bridges; b++)
            add_edge(topology, node, topology->edges.socket + bridge_pair(topology, a, b),
                     (struct topology_vertex){VERTEX_BRIDGE, node, a},
                     (struct topology_vertex){VERTEX_BRIDGE, node, b}, cluster->inter_socket);
    for (uint32_t index = 0; index < topology->nics_per_node; index++) {
        struct topology_vertex nic = {VERTEX_NIC, node, index};
        struct topology_vertex bridge = {VERTEX_BRIDGE, node, nic_bridge(cluster, index)};
        struct topology_vertex network = {VERTEX_NETWORK, 0, 0};
        add_edge(topology, node, topology->edges.nic_bus + index, bridge, nic, cluster->pcie);
        add_edge(topology, node, topology->edges.nic_port + index, nic, network, cluster->nic);
    }
}

/* Numbers the vertices and takes the memory. */
static int allocate(struct topology *topology, struct arena *arena, struct error *error)
{
    const struct cluster *cluster = topology->cluster;
    topology->gpu_count = cluster->nodes * cluster->gpus_per_node;
    topology->hubs_per_node =
        topology->bridges_per_node + topology->nics_per_node + has_link(cluster->nvlink);
    topology->vertex_count =
        topology->gpu_count + cluster->nodes * topology->hubs_per_node + (cluster->nodes > 1);
    topology->vertices = arena_calloc(arena, topology->vertex_count, sizeof(*topology->vertices));
    topology->links = arena_calloc(arena, topology->link_count, sizeof(*topology->links));
    topology->link_transfers =
        arena_calloc(arena, topology->link_count, sizeof(*topology->link_transfers));
    if (!topology->vertices || !topology->links || !topology->link_transfers)
        return error_out_of_memory(error, "the cluster's topology");
    return 0;
}

int topology_build(struct topology *topology, const struct cluster *cluster, struct arena *arena,
                   struct error *error)
{
    assert(cluster->nodes > 0 && cluster->gpus_per_node > 0 && cluster->gpus_per_host_bridge > 0);
    assert(cluster->host_staging_factor >= 1);
    int status = check_connected(cluster, error);
    if (status < 0)
        return status;
    *topology = (struct topology){
        .gpus_per_node = cluster->gpus_per_node,
        .bridges_per_node = u32_ceil_div(cluster->gpus_per_node, cluster->gpus_per_host_bridge),
        .nics_per_node = cluster->nodes > 1 ? cluster->nics_per_node : 0,
        .cluster = cluster,
    };
    status = count_links(topology, error);
    if (status < 0)
        return status;
    status = allocate(topology, arena, error);
    if (status < 0)
        return status;
    for (uint32_t node = 0; node < cluster->nodes; node++) {
        add_vertices(topology, VERTEX_GPU, node, topology->gpus_per_node);
        add_vertices(topology, VERTEX_BRIDGE, node, topology->bridges_per_node);
        add_vertices(topology, VERTEX_NIC, node, topology->nics_per_node);
        add_vertices(topology, VERTEX_NVSWITCH, node, has_link(cluster->nvlink));
        add_gpu_edges(topology, node);
        add_host_edges(topology, node);
    }
    add_vertices(topology, VERTEX_NETWORK, 0, cluster->nodes > 1);
    return 0;
}

/* Appends one direction of an edge: 0 as it was added, 1 back. */
static void route_add(const struct topology *topology, struct route *route, uint32_t node,
                      uint32_t edge, uint32_t direction)
{
    route->links[route->link_count++] = 2 * (node * topology->edges.count + edge) + direction;
}

/* Across the socket link from bridge `from` to bridge `to` of one node, if they differ. */
static void route_cross(const struct topology *topology, struct route *route, uint32_t node,
                        uint32_t from, uint32_t to)
{
    if (from == to)
        return;
    uint32_t a = u32_min(from, to);
    uint32_t b = u32_max(from, to);
    route_add(topology, route, node, topology->edges.socket + bridge_pair(topology, a, b),
              from > to);
}

static void route_in_node(const struct topology *topology, struct route *route, uint32_t node,
                          uint32_t from, uint32_t to)
{
    const struct cluster *cluster = topology->cluster;
    const struct topology_edges *edges = &topology->edges;
    if (has_link(cluster->nvlink)) {
        route_add(topology, route, node, edges->nvlink + from, 0);
        route_add(topology, route, node, edges->nvlink + to, 1);
        return;
    }
    route_add(topology, route, node, edges->pcie + from, 0);
    route_cross(topology, route, node, gpu_bridge(cluster, from), gpu_bridge(cluster, to));
    route_add(topology, route, node, edges->pcie + to, 1);
}

/* From GPU `gpu` of a node to the network. */
static void route_out(const struct topology *topology, struct route *route, uint32_t node,
                      uint32_t gpu)
{
    const struct cluster *cluster = topology->cluster;
    uint32_t nic = gpu_nic(cluster, gpu);
    route_add(topology, route, node, topology->edges.pcie + gpu, 0);
    route_cross(topology, route, node, gpu_bridge(cluster, gpu), nic_bridge(cluster, nic));
    route_add(topology, route, node, topology->edges.nic_bus + nic, 0);
    route_add(topology, route, node, topology->edges.nic_port + nic, 0);
}

/* From the network to GPU `gpu` of a node. */
static void route_in(const struct topology *topology, struct route *route, uint32_t node,
                     uint32_t gpu)
{
    const struct cluster *cluster = topology->cluster;
    uint32_t nic = gpu_nic(cluster, gpu);
    route_add(topology, route, node, topology->edges.nic_port + nic, 1);
    route_add(topology, route, node, topology->edges.nic_bus + nic, 1);
    route_cross(topology, route, node, nic_bridge(cluster, nic), gpu_bridge(cluster, gpu));
    route_add(topology, route, node, topology->edges.pcie + gpu, 1);
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
    for (uint32_t i = 1; i < count; i++)
        if (topology_node(topology, gpus[i]) != topology_node(topology, gpus[0]))
            return MEDIUM_NETWORK;
    return has_link(topology->cluster->nvlink) ? MEDIUM_NVLINK : MEDIUM_PCIE;
}

const char *medium_name(enum medium medium)
{
    switch (medium) {
#define X(name, text)   \
    case MEDIUM_##name: \
        return text;
        MEDIA(X)
#undef X
    }
    return "";
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
