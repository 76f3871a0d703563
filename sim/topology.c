#include "topology_place.h"

#include <stdio.h>
#include <string.h>

/* NVLink joins every two GPUs of a node. */
static bool joins_by_nvlink(const struct cluster *cluster)
{
    return place_has_link(cluster->nvlink) && place_nvlink_gpus(cluster) >= cluster->gpus_per_node;
}

/* Some GPU reaches its peers or its NIC only through another bridge. */
static bool crosses_bridges(const struct cluster *cluster)
{
    if (!joins_by_nvlink(cluster))
        return cluster->gpus_per_host_bridge < cluster->gpus_per_node;
    if (cluster->nodes == 1)
        return false;
    for (uint32_t gpu = 0; gpu < cluster->gpus_per_node; gpu++)
        if (place_gpu_bridge(cluster, place_nic_gpu(cluster, place_gpu_nic(cluster, gpu))) !=
            place_gpu_bridge(cluster, gpu))
            return true;
    return false;
}

/* Whether every two GPUs have a route. */
static int check_connected(const struct cluster *cluster, struct error *error)
{
    bool single_gpu = cluster->nodes == 1 && cluster->gpus_per_node == 1;
    if (!single_gpu && !place_has_link(cluster->pcie) &&
        (cluster->nodes > 1 || !joins_by_nvlink(cluster)))
        return error_set_key(
            error, "cluster",
            "cluster '%s' has no pcie link, and its GPUs need it to reach each other",
            cluster->name);
    if (cluster->nodes > 1 && (!place_has_link(cluster->nic) || cluster->nics_per_node == 0))
        return error_set_key(error, "cluster", "cluster '%s' has %u nodes and no nic to join them",
                             cluster->name, cluster->nodes);
    if (crosses_bridges(cluster) && !place_has_link(cluster->inter_socket))
        return error_set_key(
            error, "cluster",
            "cluster '%s' has several host bridges a node and no inter_socket link "
            "between them",
            cluster->name);
    if (cluster->gpus_per_pcie_switch > 0 && !place_has_link(cluster->pcie_uplink))
        return error_set_key(
            error, "cluster",
            "cluster '%s' has PCIe switches and no pcie_uplink to their host bridges",
            cluster->name);
    return 0;
}

/* Lays out a node's edges by kind. */
static int count_links(struct topology *topology, struct error *error)
{
    const struct cluster *cluster = topology->cluster;
    uint64_t gpus = cluster->gpus_per_node;
    uint64_t bridges = topology->bridges_per_node;
    uint64_t sockets = place_has_link(cluster->inter_socket) ? bridges * (bridges - 1) / 2 : 0;
    uint64_t pcie = place_has_link(cluster->nvlink) ? gpus : 0;
    uint64_t socket = pcie + (place_has_link(cluster->pcie) ? gpus : 0);
    uint64_t nic_bus = socket + sockets;
    uint64_t nic_port = nic_bus + topology->nics_per_node;
    uint64_t uplink = nic_port + topology->nics_per_node;
    uint64_t memory = uplink + topology->pcie_switches_per_node;
    uint64_t count = memory + topology->memories_per_node;
    uint64_t limit = TOPOLOGY_LINKS_MAX / 2;
    if (count > limit || cluster->nodes > limit ||
        count * cluster->nodes + topology->leaf_count > limit)
        return error_set_key(error, "cluster", "cluster '%s' has more than %llu links",
                             cluster->name, (unsigned long long)TOPOLOGY_LINKS_MAX);
    topology->edges = (struct topology_edges){
        .nvlink = 0,
        .pcie = (uint32_t)pcie,
        .socket = (uint32_t)socket,
        .nic_bus = (uint32_t)nic_bus,
        .nic_port = (uint32_t)nic_port,
        .uplink = (uint32_t)uplink,
        .memory = (uint32_t)memory,
        .count = (uint32_t)count,
    };
    topology->link_count = (uint32_t)(2 * (count * cluster->nodes + topology->leaf_count));
    return 0;
}

/* GPUs come first, then each node's bridges, NICs, switches and memories, then leaves, then the
   network. */
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
        return node + topology->bridges_per_node + topology->nics_per_node + vertex.index;
    case VERTEX_PCIE_SWITCH:
        return node + topology->bridges_per_node + topology->nics_per_node +
               topology->nvswitches_per_node + vertex.index;
    case VERTEX_MEMORY:
        return node + topology->hubs_per_node - topology->memories_per_node + vertex.index;
    case VERTEX_LEAF:
        return topology->vertex_count - 1 - topology->leaf_count + vertex.index;
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

/* "gpu3", "nvswitch": a vertex's name within its node, numbered where there can be several. */
static void vertex_name(const struct topology *topology, struct topology_vertex vertex, char *name,
                        size_t name_bytes)
{
    static const char *const names[] = {VERTEX_KINDS(LIST_TEXT)};
    bool is_only = vertex.kind == VERTEX_NETWORK ||
                   (vertex.kind == VERTEX_NVSWITCH && topology->nvswitches_per_node == 1);
    if (is_only)
        (void)snprintf(name, name_bytes, "%s", names[vertex.kind]);
    else
        (void)snprintf(name, name_bytes, "%s%u", names[vertex.kind], vertex.index);
}

/* Whether a link between such vertices is a GPU's NVLink, or its slot where there is no NVLink. */
static bool joins_gpus(const struct cluster *cluster, enum vertex_kind from, enum vertex_kind to)
{
    if (place_has_link(cluster->nvlink))
        return from == VERTEX_NVSWITCH || to == VERTEX_NVSWITCH;
    return from == VERTEX_GPU || to == VERTEX_GPU;
}

/* Leaves' uplinks belong to no node, and their names say none. */
static void add_link(struct topology *topology, uint32_t link, struct topology_vertex from,
                     struct topology_vertex to, struct alpha_beta cost)
{
    const struct contention *contention = &topology->cluster->contention;
    struct topology_link *slot = &topology->links[link];
    char from_name[24];
    char to_name[24];
    vertex_name(topology, from, from_name, sizeof(from_name));
    vertex_name(topology, to, to_name, sizeof(to_name));
    if (link < 2 * place_leaf_edge(topology, 0))
        (void)snprintf(slot->name, sizeof(slot->name), "node%u/%s>%s",
                       link / 2 / topology->edges.count, from_name, to_name);
    else
        (void)snprintf(slot->name, sizeof(slot->name), "%s>%s", from_name, to_name);
    slot->from = vertex_of(topology, from);
    slot->to = vertex_of(topology, to);
    slot->cost = cost;
    slot->gain = 1;
    slot->loaded = 1;
    if (joins_gpus(topology->cluster, from.kind, to.kind)) {
        slot->gain = fmax(1, contention->bandwidth);
        slot->loaded = fmax(1, from.kind == VERTEX_GPU ? contention->send_latency
                                                       : contention->receive_latency);
    }
}

/* Both links of an edge. */
static void add_edge(struct topology *topology, uint32_t edge, struct topology_vertex a,
                     struct topology_vertex b, struct link_kind kind)
{
    struct alpha_beta cost = {kind.latency_s, kind.bytes_per_s * kind.efficiency};
    add_link(topology, 2 * edge, a, b, cost);
    add_link(topology, 2 * edge + 1, b, a, cost);
}

/* What the PCIe slots beside GPU `gpu` of a node hang on. */
static struct topology_vertex slot_root(const struct topology *topology, uint32_t node,
                                        uint32_t gpu)
{
    const struct cluster *cluster = topology->cluster;
    if (topology->pcie_switches_per_node > 0)
        return (struct topology_vertex){VERTEX_PCIE_SWITCH, node,
                                        gpu / cluster->gpus_per_pcie_switch};
    return (struct topology_vertex){VERTEX_BRIDGE, node, place_gpu_bridge(cluster, gpu)};
}

static void add_gpu_edges(struct topology *topology, uint32_t node)
{
    const struct cluster *cluster = topology->cluster;
    struct link_kind pcie = cluster->pcie;
    /* The slots carry the traffic between peers that NVLink does not join, which staging repeats.
     */
    if (!joins_by_nvlink(cluster))
        pcie.efficiency /= cluster->host_staging_factor;
    for (uint32_t index = 0; index < cluster->gpus_per_node; index++) {
        struct topology_vertex gpu = {VERTEX_GPU, node, index};
        struct topology_vertex nvswitch = {VERTEX_NVSWITCH, node,
                                           index / place_nvlink_gpus(cluster)};
        if (place_has_link(cluster->nvlink))
            add_edge(topology, place_edge(topology, node, topology->edges.nvlink + index), gpu,
                     nvswitch, cluster->nvlink);
        if (place_has_link(cluster->pcie))
            add_edge(topology, place_edge(topology, node, topology->edges.pcie + index), gpu,
                     slot_root(topology, node, index), pcie);
    }
}

static void add_host_edges(struct topology *topology, uint32_t node)
{
    const struct cluster *cluster = topology->cluster;
    uint32_t bridges = place_has_link(cluster->inter_socket) ? topology->bridges_per_node : 0;
    for (uint32_t a = 0; a < bridges; a++)
        for (uint32_t b = a + 1; b < bridges; b++)
            add_edge(topology,
                     place_edge(topology, node,
                                topology->edges.socket + place_bridge_pair(topology, a, b)),
                     (struct topology_vertex){VERTEX_BRIDGE, node, a},
                     (struct topology_vertex){VERTEX_BRIDGE, node, b}, cluster->inter_socket);
    for (uint32_t index = 0; index < topology->pcie_switches_per_node; index++) {
        uint32_t bridge = place_gpu_bridge(cluster, index * cluster->gpus_per_pcie_switch);
        add_edge(topology, place_edge(topology, node, topology->edges.uplink + index),
                 (struct topology_vertex){VERTEX_PCIE_SWITCH, node, index},
                 (struct topology_vertex){VERTEX_BRIDGE, node, bridge}, cluster->pcie_uplink);
    }
    for (uint32_t index = 0; index < topology->memories_per_node; index++)
        add_edge(topology, place_edge(topology, node, topology->edges.memory + index),
                 (struct topology_vertex){VERTEX_BRIDGE, node, index},
                 (struct topology_vertex){VERTEX_MEMORY, node, index}, cluster->host_memory);
}

static void add_nic_edges(struct topology *topology, uint32_t node)
{
    const struct cluster *cluster = topology->cluster;
    for (uint32_t index = 0; index < topology->nics_per_node; index++) {
        struct topology_vertex nic = {VERTEX_NIC, node, index};
        struct topology_vertex root = slot_root(topology, node, place_nic_gpu(cluster, index));
        struct topology_vertex port = {VERTEX_NETWORK, 0, 0};
        if (topology->leaf_count > 0)
            port = (struct topology_vertex){VERTEX_LEAF, 0, place_leaf(cluster, node, index)};
        add_edge(topology, place_edge(topology, node, topology->edges.nic_bus + index), root, nic,
                 cluster->pcie);
        add_edge(topology, place_edge(topology, node, topology->edges.nic_port + index), nic, port,
                 cluster->nic);
    }
}

/* A leaf's uplinks as one: what a full leaf's NICs can send, over the oversubscription. */
static void add_leaf_edges(struct topology *topology)
{
    const struct cluster *cluster = topology->cluster;
    uint32_t ports = cluster->nodes_per_leaf;
    if (!cluster->rail_optimized)
        ports *= cluster->nics_per_node;
    struct link_kind uplinks = cluster->nic;
    uplinks.bytes_per_s *= ports / cluster->oversubscription;
    uplinks.latency_s = cluster->spine_latency_s;
    for (uint32_t leaf = 0; leaf < topology->leaf_count; leaf++)
        add_edge(topology, place_leaf_edge(topology, leaf),
                 (struct topology_vertex){VERTEX_LEAF, 0, leaf},
                 (struct topology_vertex){VERTEX_NETWORK, 0, 0}, uplinks);
}

/* Numbers the vertices and takes the memory. */
static int allocate(struct topology *topology, struct arena *arena, struct error *error)
{
    const struct cluster *cluster = topology->cluster;
    topology->gpu_count = cluster->nodes * cluster->gpus_per_node;
    topology->hubs_per_node = topology->bridges_per_node + topology->nics_per_node +
                              topology->nvswitches_per_node + topology->pcie_switches_per_node +
                              topology->memories_per_node;
    topology->vertex_count = topology->gpu_count + cluster->nodes * topology->hubs_per_node +
                             topology->leaf_count + (cluster->nodes > 1);
    topology->vertices = arena_calloc(arena, topology->vertex_count, sizeof(*topology->vertices));
    topology->links = arena_calloc(arena, topology->link_count, sizeof(*topology->links));
    topology->link_transfers =
        arena_calloc(arena, topology->link_count, sizeof(*topology->link_transfers));
    if (!topology->vertices || !topology->links || !topology->link_transfers)
        return error_out_of_memory(error, "the cluster's topology");
    return 0;
}

static void count_hubs(struct topology *topology, const struct cluster *cluster)
{
    uint32_t gpus = cluster->gpus_per_node;
    *topology = (struct topology){
        .gpus_per_node = gpus,
        .bridges_per_node = u32_ceil_div(gpus, cluster->gpus_per_host_bridge),
        .nics_per_node = cluster->nodes > 1 ? cluster->nics_per_node : 0,
        .cluster = cluster,
    };
    if (place_has_link(cluster->nvlink))
        topology->nvswitches_per_node = u32_ceil_div(gpus, place_nvlink_gpus(cluster));
    if (cluster->gpus_per_pcie_switch > 0)
        topology->pcie_switches_per_node = u32_ceil_div(gpus, cluster->gpus_per_pcie_switch);
    if (place_has_link(cluster->host_memory) && !joins_by_nvlink(cluster))
        topology->memories_per_node = topology->bridges_per_node;
    if (cluster->nodes > 1 && cluster->nodes_per_leaf > 0)
        topology->leaf_count = u32_ceil_div(cluster->nodes, cluster->nodes_per_leaf) *
                               (cluster->rail_optimized ? cluster->nics_per_node : 1);
}

int topology_build(struct topology *topology, const struct cluster *cluster, struct arena *arena,
                   struct error *error)
{
    assert(cluster->nodes > 0 && cluster->gpus_per_node > 0 && cluster->gpus_per_host_bridge > 0);
    assert(cluster->host_staging_factor >= 1);
    int status = check_connected(cluster, error);
    if (status < 0)
        return status;
    count_hubs(topology, cluster);
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
        add_vertices(topology, VERTEX_NVSWITCH, node, topology->nvswitches_per_node);
        add_vertices(topology, VERTEX_PCIE_SWITCH, node, topology->pcie_switches_per_node);
        add_vertices(topology, VERTEX_MEMORY, node, topology->memories_per_node);
        add_gpu_edges(topology, node);
        add_host_edges(topology, node);
        add_nic_edges(topology, node);
    }
    add_vertices(topology, VERTEX_LEAF, 0, topology->leaf_count);
    add_leaf_edges(topology);
    add_vertices(topology, VERTEX_NETWORK, 0, cluster->nodes > 1);
    return 0;
}

bool topology_find_link(const struct topology *topology, const char *name, uint32_t *link)
{
    for (uint32_t i = 0; i < topology->link_count; i++) {
        if (strcmp(topology->links[i].name, name) == 0) {
            *link = i;
            return true;
        }
    }
    return false;
}
