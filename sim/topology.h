/*
 * topology: the cluster as a graph, and the routes through it.
 *
 * Vertices are GPUs, NVLink switches, PCIe switches, host bridges, NICs, leaf
 * switches and the network; an edge between two of them is two links, one a
 * direction:
 *
 *     gpu - nvswitch               one a node, or a bridge for every few GPUs (nvlink)
 *     gpu - switch - bridge        each GPU's own slot (pcie), the switch's uplink (pcie_uplink)
 *     gpu - bridge                 the same where there are no PCIe switches
 *     bridge - bridge              every two of a node (inter_socket)
 *     bridge - memory              each bridge's, where there is host_memory
 *     switch or bridge - nic       a NIC's own slot (pcie)
 *     nic - leaf - network         a NIC's port (nic), a leaf's uplinks as one
 *     nic - network                the same where one switch joins all nodes
 *
 * GPUs are numbered through the nodes: GPU g of node n is n * gpus_per_node + g.
 * A route inside a node takes NVLink where it joins the two, else PCIe as far up
 * as it must go, by way of the first bridge's memory where that is there; between nodes it takes
 * each GPU's NIC, and the spine (the network) where the two NICs have different leaves.
 * Rail-optimised, NIC i of every node has leaf i. Every link on a route adds its latency, so an
 * NVLink hop between two GPUs costs nvlink.latency_s twice. Where NVLink does not join all of a
 * node, host_staging_factor divides the rate of the GPUs' slots. The network never blocks; the
 * leaves' uplinks do where they are oversubscribed.
 *
 * Routes follow from the structure: nothing is searched and no table of pairs
 * is kept. A topology serves one thread at a time (link_transfers is scratch).
 */
#ifndef TANDEM_TOPOLOGY_H
#define TANDEM_TOPOLOGY_H

#include "arena.h"
#include "cluster.h"
#include "crossings.h"
#include "error.h"

#define TOPOLOGY_LINKS_MAX (UINT64_C(1) << 24)

/* X(NAME, name in links) */
#define VERTEX_KINDS(X)          \
    X(GPU, "gpu")                \
    X(NVSWITCH, "nvswitch")      \
    X(PCIE_SWITCH, "pcieswitch") \
    X(BRIDGE, "bridge")          \
    X(MEMORY, "memory")          \
    X(NIC, "nic")                \
    X(LEAF, "leaf")              \
    X(NETWORK, "network")

enum vertex_kind {
#define X(name, text) VERTEX_##name,
    VERTEX_KINDS(X)
#undef X
};

struct topology_vertex {
    enum vertex_kind kind;
    uint32_t node;  /* 0 for leaves and the network, which belong to none */
    uint32_t index; /* among the node's vertices of its kind, or the cluster's */
};

struct topology_link {
    char name[NAME_BYTES]; /* node0/gpu3>nvswitch */
    uint32_t from;         /* vertices */
    uint32_t to;
    struct alpha_beta cost; /* efficiency and staging applied to bytes_per_s */
    double gain;            /* >= 1: of the rate of one transfer, what several get together */
    double loaded;          /* >= 1: of what a collective takes before its bytes, beside others' */
};

/* Where each kind of edge starts among a node's edges; edge e is links 2e (named first) and 2e+1.
   The leaves' uplinks come after all nodes' edges. */
struct topology_edges {
    uint32_t nvlink;  /* by GPU */
    uint32_t pcie;    /* by GPU */
    uint32_t socket;  /* by pair of bridges a < b */
    uint32_t nic_bus; /* by NIC */
    uint32_t nic_port;
    uint32_t uplink; /* by PCIe switch */
    uint32_t memory; /* by bridge */
    uint32_t count;
};

struct topology {
    uint32_t gpu_count;
    uint32_t gpus_per_node;
    uint32_t bridges_per_node;
    uint32_t nics_per_node; /* 0 in a single node */
    uint32_t nvswitches_per_node;
    uint32_t pcie_switches_per_node; /* 0: GPUs sit on the host bridges */
    uint32_t memories_per_node;      /* 0: none that peers' bytes cross */
    uint32_t hubs_per_node;          /* vertices of a node that are not GPUs */
    uint32_t leaf_count;             /* 0: one switch, the network, joins all nodes */
    uint32_t vertex_count;
    uint32_t link_count;
    struct topology_vertex *vertices; /* the GPUs first, by number */
    struct topology_link *links;
    uint32_t *link_transfers; /* scratch of the path functions; zero between calls */
    struct topology_edges edges;
    const struct cluster *cluster;
};

/* X(NAME, as people say it): what joins a group's GPUs, the fastest first */
#define MEDIA(X)                     \
    X(NONE, "nothing") /* one GPU */ \
    X(NVLINK, "NVLink")              \
    X(PCIE, "PCIe")                  \
    X(NETWORK, "the network")

enum medium {
#define X(name, text) MEDIUM_##name,
    MEDIA(X)
#undef X
};

/*
 * Builds the graph in `arena`; `cluster` must outlive it. ERROR_CONFIG where
 * two GPUs would have no route (nodes without NICs, bridges without an
 * inter-socket link), or there are more than TOPOLOGY_LINKS_MAX links.
 */
int topology_build(struct topology *topology, const struct cluster *cluster, struct arena *arena,
                   struct error *error);

/* The link of that name; false where there is none. */
bool topology_find_link(const struct topology *topology, const char *name, uint32_t *link);

struct route topology_route(const struct topology *topology, uint32_t from_gpu, uint32_t to_gpu);

/* Latency and bandwidth of `route` when nothing else uses it: the sum and the least. */
struct alpha_beta topology_route_cost(const struct topology *topology, const struct route *route);

static inline uint32_t topology_node(const struct topology *topology, uint32_t gpu)
{
    return gpu / topology->gpus_per_node;
}

/* What the slowest hop between any two of `count` GPUs crosses. */
enum medium topology_group_medium(const struct topology *topology, const uint32_t *gpus,
                                  uint32_t count);

/* Its name in a sentence. */
const char *medium_name(enum medium medium);

/* Adds what the routes from from_gpus[i] to to_gpus[i] cross, for which there must be room. */
void topology_add_crossings(const struct topology *topology, const uint32_t *from_gpus,
                            const uint32_t *to_gpus, uint32_t count, struct crossings *crossings);

/*
 * Alpha-beta of `count` equal transfers that start together, from from_gpus[i]
 * to to_gpus[i]: latency is the slowest route's sum, bandwidth the least over
 * all links of link rate / transfers on it. This is what max-min fairness gives
 * the slowest of them. Infinite bandwidth where no link is crossed.
 */
struct alpha_beta topology_parallel_path(const struct topology *topology, const uint32_t *from_gpus,
                                         const uint32_t *to_gpus, uint32_t count);

/*
 * The same for the shifts of a group: the `count` GPUs fall into blocks of
 * `block` (which divides count), and the i-th of each block sends to the
 * (i + s)-th of it, modulo the block, for every s in [shift_first, shift_last]
 * at once. A ring is block = count, s = 1; all pairs are s = 1 to count - 1.
 * The bandwidth is one transfer's.
 */
struct alpha_beta topology_shift_path(const struct topology *topology, const uint32_t *gpus,
                                      uint32_t count, uint32_t block, uint32_t shift_first,
                                      uint32_t shift_last);

#endif
