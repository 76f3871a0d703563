/* Does topology build the graph that the cluster file describes, and route through it? */
#include "topology.h"

#include "fixtures.h"
#include "suite.h"

#include <string.h>

static struct arena arena;
static struct error error;

static void setup(void)
{
    arena_init(&arena);
    error.code = ERROR_NONE;
}

static void teardown(void)
{
    arena_release(&arena);
}

static struct topology build(const struct cluster *cluster)
{
    struct topology topology;
    ck_assert_int_eq(topology_build(&topology, cluster, &arena, &error), 0);
    return topology;
}

/* The names of a route's links, joined by blanks. */
static void check_route(const struct topology *topology, uint32_t from, uint32_t to,
                        const char *expected)
{
    struct route route = topology_route(topology, from, to);
    char names[1024] = "";
    for (uint32_t i = 0; i < route.link_count; i++) {
        if (i > 0)
            strcat(names, " ");
        strcat(names, topology->links[route.links[i]].name);
    }
    ck_assert_str_eq(names, expected);
}

START_TEST(route_in_a_node_takes_nvlink)
{
    struct cluster cluster = fixture_nvlink_cluster(1, 8);
    struct topology topology = build(&cluster);
    /* GPU 1 to GPU 6: up to the switch and down, though they sit on different sockets. */
    check_route(&topology, 1, 6, "node0/gpu1>nvswitch node0/nvswitch>gpu6");
    /* A GPU reaches itself over nothing. */
    check_route(&topology, 3, 3, "");
}
END_TEST

START_TEST(route_in_a_pcie_box_takes_bridges)
{
    struct cluster cluster = fixture_pcie_cluster();
    struct topology topology = build(&cluster);
    /* Same socket: the bridge alone. */
    check_route(&topology, 0, 3, "node0/gpu0>bridge0 node0/bridge0>gpu3");
    /* Other socket, either way: the inter-socket link in the right direction. */
    check_route(&topology, 0, 4, "node0/gpu0>bridge0 node0/bridge0>bridge1 node0/bridge1>gpu4");
    check_route(&topology, 4, 0, "node0/gpu4>bridge1 node0/bridge1>bridge0 node0/bridge0>gpu0");
}
END_TEST

START_TEST(route_between_nodes_takes_nics)
{
    struct cluster cluster = fixture_nvlink_cluster(2, 8);
    struct topology topology = build(&cluster);
    /* GPU 5 of node 0 to GPU 2 of node 1: each through its own NIC. */
    check_route(&topology, 5, 10,
                "node0/gpu5>bridge1 node0/bridge1>nic5 node0/nic5>network "
                "node1/network>nic2 node1/nic2>bridge0 node1/bridge0>gpu2");
}
END_TEST

START_TEST(shared_nic_is_reached_across_sockets)
{
    struct cluster cluster = fixture_nvlink_cluster(2, 8);
    cluster.nics_per_node = 1;
    struct topology topology = build(&cluster);
    /* The only NIC sits under bridge 0, so GPU 7 crosses the inter-socket link to it. */
    check_route(&topology, 7, 8,
                "node0/gpu7>bridge1 node0/bridge1>bridge0 node0/bridge0>nic0 node0/nic0>network "
                "node1/network>nic0 node1/nic0>bridge0 node1/bridge0>gpu0");
}
END_TEST

/* Every route of `cluster` is a path of the graph from its first GPU to its last. */
static void check_paths(struct cluster cluster)
{
    struct topology topology = build(&cluster);
    for (uint32_t from = 0; from < topology.gpu_count; from++) {
        for (uint32_t to = 0; to < topology.gpu_count; to++) {
            struct route route = topology_route(&topology, from, to);
            uint32_t at = from;
            for (uint32_t i = 0; i < route.link_count; i++) {
                ck_assert_uint_lt(route.links[i], topology.link_count);
                ck_assert_uint_eq(topology.links[route.links[i]].from, at);
                at = topology.links[route.links[i]].to;
            }
            ck_assert_uint_eq(at, to);
        }
    }
}

START_TEST(routes_are_paths)
{
    check_paths(fixture_nvlink_cluster(3, 8));
    check_paths(fixture_pcie_cluster());
    struct cluster cluster = fixture_nvlink_cluster(2, 7);
    cluster.nvlink.bytes_per_s = 0;
    cluster.gpus_per_host_bridge = 2;
    cluster.nics_per_node = 3;
    check_paths(cluster);
    cluster.nics_per_node = 16;
    check_paths(cluster);
    cluster = fixture_nvlink_cluster(6, 8);
    cluster.gpus_per_nvlink_group = 2;
    cluster.gpus_per_pcie_switch = 2;
    cluster.pcie_uplink = cluster.pcie;
    cluster.nics_per_node = 2;
    cluster.nodes_per_leaf = 4;
    cluster.oversubscription = 1;
    check_paths(cluster);
    cluster.rail_optimized = true;
    check_paths(cluster);
    cluster.host_memory = cluster.pcie;
    check_paths(cluster);
}
END_TEST

/* How many links of a route end at, or leave, a vertex of `kind`. */
static uint32_t ends_at(const struct topology *topology, uint32_t from, uint32_t to,
                        enum vertex_kind kind)
{
    struct route route = topology_route(topology, from, to);
    uint32_t count = 0;
    for (uint32_t i = 0; i < route.link_count; i++) {
        const struct topology_link *link = &topology->links[route.links[i]];
        count += topology->vertices[link->from].kind == kind;
        count += topology->vertices[link->to].kind == kind;
    }
    return count;
}

START_TEST(peers_without_nvlink_meet_in_host_memory)
{
    /* Expect each pair of a PCIe box to go to the memory of the first one's bridge and back, also
       where both sit on one switch; pairs that NVLink joins and those of two nodes not to; and four
       on one bridge to have a quarter of it each. */
    struct cluster cluster = fixture_pcie_cluster();
    cluster.host_memory = (struct link_kind){.bytes_per_s = 40e9, .efficiency = 0.5};
    struct topology topology = build(&cluster);
    for (uint32_t to = 1; to < topology.gpu_count; to++)
        ck_assert_uint_eq(ends_at(&topology, 0, to, VERTEX_MEMORY), 2);
    const uint32_t from[] = {0, 1, 2, 3};
    const uint32_t to[] = {1, 2, 3, 0};
    struct alpha_beta path = topology_parallel_path(&topology, from, to, 4);
    ck_assert_double_eq_tol(path.bytes_per_s, 40e9 * 0.5 / 4, 1);
    cluster.gpus_per_pcie_switch = 2;
    cluster.pcie_uplink = cluster.pcie;
    topology = build(&cluster);
    ck_assert_uint_eq(ends_at(&topology, 0, 1, VERTEX_MEMORY), 2);
    cluster = fixture_nvlink_cluster(2, 8);
    cluster.host_memory = cluster.pcie;
    cluster.gpus_per_nvlink_group = 4;
    topology = build(&cluster);
    ck_assert_uint_eq(ends_at(&topology, 0, 3, VERTEX_MEMORY), 0);
    ck_assert_uint_eq(ends_at(&topology, 0, 4, VERTEX_MEMORY), 2);
    ck_assert_uint_eq(ends_at(&topology, 0, 8, VERTEX_MEMORY), 0);
}
END_TEST

START_TEST(vertices_are_what_links_join)
{
    struct cluster cluster = fixture_nvlink_cluster(2, 8);
    struct topology topology = build(&cluster);
    /* 16 GPUs; a node has one switch, two bridges and eight NICs; one network. */
    ck_assert_uint_eq(topology.vertex_count, 16 + 2 * (1 + 2 + 8) + 1);
    /* Edges of a node: 8 NVLink, 8 PCIe, 1 between sockets, 8 NIC slots, 8 ports; 2 links each. */
    ck_assert_uint_eq(topology.link_count, 2 * 2 * (8 + 8 + 1 + 8 + 8));
    for (uint32_t link = 0; link < topology.link_count; link += 2) {
        /* The two links of an edge are each other's reverse. */
        ck_assert_uint_eq(topology.links[link].from, topology.links[link + 1].to);
        ck_assert_uint_eq(topology.links[link].to, topology.links[link + 1].from);
    }
    ck_assert_int_eq(topology.vertices[topology.vertex_count - 1].kind, VERTEX_NETWORK);
    ck_assert_int_eq(topology.vertices[9].kind, VERTEX_GPU);
    ck_assert_uint_eq(topology.vertices[9].node, 1);
    ck_assert_uint_eq(topology.vertices[9].index, 1);
}
END_TEST

START_TEST(route_cost_sums_latency_and_takes_least_bandwidth)
{
    struct cluster cluster = fixture_nvlink_cluster(2, 8);
    struct topology topology = build(&cluster);
    struct route route = topology_route(&topology, 0, 8);
    struct alpha_beta cost = topology_route_cost(&topology, &route);
    /* Four PCIe traversals of 1 us and two NIC ports of 2 us; the NIC's 50 GB/s is least. */
    ck_assert_double_eq_tol(cost.alpha_s, 4 * 1e-6 + 2 * 2e-6, 1e-15);
    ck_assert_double_eq(cost.bytes_per_s, 50e9);
}
END_TEST

/* Of the links between a GPU and a vertex of `kind`. */
static void check_contention(const struct topology *topology, enum vertex_kind kind)
{
    for (uint32_t i = 0; i < topology->link_count; i++) {
        const struct topology_link *link = &topology->links[i];
        enum vertex_kind from = topology->vertices[link->from].kind;
        enum vertex_kind to = topology->vertices[link->to].kind;
        bool leaves = from == VERTEX_GPU && to == kind;
        bool comes = to == VERTEX_GPU && from == kind;
        ck_assert_double_eq(link->gain, leaves || comes ? 1.5 : 1);
        ck_assert_double_eq(link->loaded, leaves ? 2 : comes ? 1.25 : 1);
    }
}

START_TEST(contention_is_of_what_joins_gpus)
{
    const struct contention contention = {
        .bandwidth = 1.5, .send_latency = 2, .receive_latency = 1.25};
    struct cluster cluster = fixture_nvlink_cluster(2, 8);
    cluster.contention = contention;
    struct topology topology = build(&cluster);
    check_contention(&topology, VERTEX_NVSWITCH);
    cluster = fixture_pcie_cluster();
    cluster.contention = contention;
    topology = build(&cluster);
    check_contention(&topology, VERTEX_BRIDGE);
}
END_TEST

START_TEST(efficiency_and_staging_scale_bandwidth)
{
    struct cluster cluster = fixture_pcie_cluster();
    cluster.pcie.efficiency = 0.8;
    cluster.host_staging_factor = 2;
    struct topology topology = build(&cluster);
    struct route route = topology_route(&topology, 0, 1);
    /* 25 GB/s x 0.8, and each byte moves twice. */
    ck_assert_double_eq(topology_route_cost(&topology, &route).bytes_per_s, 10e9);
}
END_TEST

START_TEST(staging_spares_nvlink)
{
    struct cluster cluster = fixture_nvlink_cluster(1, 8);
    cluster.host_staging_factor = 4;
    struct topology topology = build(&cluster);
    struct route route = topology_route(&topology, 0, 1);
    /* Peers on NVLink never stop in host memory. */
    ck_assert_double_eq(topology_route_cost(&topology, &route).bytes_per_s, 400e9);
}
END_TEST

START_TEST(parallel_transfers_share_links)
{
    struct cluster cluster = fixture_nvlink_cluster(2, 8);
    cluster.nics_per_node = 4;
    struct topology topology = build(&cluster);
    const uint32_t from[] = {0, 1, 2};
    const uint32_t to[] = {8, 9, 10};
    /* GPUs 0 and 1 share NIC 0, so each of the two gets half of its 50 GB/s. */
    struct alpha_beta path = topology_parallel_path(&topology, from, to, 3);
    ck_assert_double_eq(path.bytes_per_s, 25e9);
    /* Alone, GPU 2 has NIC 1 to itself: nothing is left of the earlier count. */
    path = topology_parallel_path(&topology, from + 2, to + 2, 1);
    ck_assert_double_eq(path.bytes_per_s, 50e9);
}
END_TEST

START_TEST(parallel_transfers_over_nothing_are_free)
{
    struct cluster cluster = fixture_nvlink_cluster(1, 2);
    struct topology topology = build(&cluster);
    const uint32_t gpu = 1;
    struct alpha_beta path = topology_parallel_path(&topology, &gpu, &gpu, 1);
    ck_assert_double_eq(path.alpha_s, 0);
    ck_assert(isinf(path.bytes_per_s));
}
END_TEST

START_TEST(ring_of_a_pcie_box_is_bound_by_its_slots)
{
    struct cluster cluster = fixture_pcie_cluster();
    struct topology topology = build(&cluster);
    const uint32_t gpus[] = {0, 1, 2, 3, 4, 5, 6, 7};
    /* A ring crosses the socket link once each way: 25 GB/s slots bind, not its 40 GB/s. */
    struct alpha_beta ring = topology_shift_path(&topology, gpus, 8, 8, 1, 1);
    ck_assert_double_eq(ring.bytes_per_s, 25e9);
    /* All four of one socket to all four of the other: 16 transfers share 40 GB/s each way, and
       seven share a slot of 25 GB/s, so the socket link binds at 2.5 GB/s a transfer. */
    struct alpha_beta all = topology_shift_path(&topology, gpus, 8, 8, 1, 7);
    ck_assert_double_eq(all.bytes_per_s, 40e9 / 16);
}
END_TEST

START_TEST(medium_is_the_slowest_hop)
{
    struct cluster nvlink = fixture_nvlink_cluster(2, 8);
    struct cluster pcie = fixture_pcie_cluster();
    struct topology topology = build(&nvlink);
    const uint32_t inside[] = {0, 7};
    const uint32_t across[] = {0, 1, 8, 9};
    ck_assert_int_eq(topology_group_medium(&topology, inside, 1), MEDIUM_NONE);
    ck_assert_int_eq(topology_group_medium(&topology, inside, 2), MEDIUM_NVLINK);
    ck_assert_int_eq(topology_group_medium(&topology, across, 4), MEDIUM_NETWORK);
    topology = build(&pcie);
    ck_assert_int_eq(topology_group_medium(&topology, inside, 2), MEDIUM_PCIE);
    ck_assert_str_eq(medium_name(MEDIUM_PCIE), "PCIe");
}
END_TEST

START_TEST(pcie_switches_share_their_uplinks)
{
    struct cluster cluster = fixture_pcie_cluster();
    cluster.gpus_per_pcie_switch = 2;
    cluster.pcie_uplink = (struct link_kind){.bytes_per_s = 10e9, .efficiency = 1};
    struct topology topology = build(&cluster);
    /* Under one switch the uplink is not touched; under one bridge two are; else the sockets' too.
     */
    check_route(&topology, 0, 1, "node0/gpu0>pcieswitch0 node0/pcieswitch0>gpu1");
    check_route(&topology, 1, 2,
                "node0/gpu1>pcieswitch0 node0/pcieswitch0>bridge0 node0/bridge0>pcieswitch1 "
                "node0/pcieswitch1>gpu2");
    check_route(&topology, 7, 0,
                "node0/gpu7>pcieswitch3 node0/pcieswitch3>bridge1 node0/bridge1>bridge0 "
                "node0/bridge0>pcieswitch0 node0/pcieswitch0>gpu0");
    /* Both GPUs of a switch at once: half of its uplink each. */
    const uint32_t from[] = {0, 1};
    const uint32_t to[] = {2, 3};
    ck_assert_double_eq(topology_parallel_path(&topology, from, to, 2).bytes_per_s, 5e9);
}
END_TEST

START_TEST(nvlink_bridges_join_pairs)
{
    struct cluster cluster = fixture_nvlink_cluster(1, 8);
    cluster.gpus_per_nvlink_group = 2;
    struct topology topology = build(&cluster);
    /* A pair has its bridge, everyone else PCIe. */
    check_route(&topology, 2, 3, "node0/gpu2>nvswitch1 node0/nvswitch1>gpu3");
    check_route(&topology, 1, 2, "node0/gpu1>bridge0 node0/bridge0>gpu2");
    const uint32_t pair[] = {6, 7};
    const uint32_t four[] = {4, 5, 6, 7};
    ck_assert_int_eq(topology_group_medium(&topology, pair, 2), MEDIUM_NVLINK);
    ck_assert_int_eq(topology_group_medium(&topology, four, 4), MEDIUM_PCIE);
}
END_TEST

/* Eight nodes of eight GPUs with a NIC each, four nodes a leaf, two to one. */
static struct cluster fat_tree(bool rail_optimized)
{
    struct cluster cluster = fixture_nvlink_cluster(8, 8);
    cluster.nodes_per_leaf = 4;
    cluster.rail_optimized = rail_optimized;
    cluster.oversubscription = 2;
    cluster.spine_latency_s = 1e-6;
    return cluster;
}

START_TEST(leaves_of_a_fat_tree)
{
    struct cluster cluster = fat_tree(false);
    struct topology topology = build(&cluster);
    ck_assert_uint_eq(topology.leaf_count, 2);
    /* Nodes 0 and 3 share leaf 0 for all their NICs; node 4 is over the spine. */
    check_route(&topology, 0, 3 * 8 + 1,
                "node0/gpu0>bridge0 node0/bridge0>nic0 node0/nic0>leaf0 node3/leaf0>nic1 "
                "node3/nic1>bridge0 node3/bridge0>gpu1");
    check_route(&topology, 0, 4 * 8,
                "node0/gpu0>bridge0 node0/bridge0>nic0 node0/nic0>leaf0 leaf0>network "
                "network>leaf1 node4/leaf1>nic0 node4/nic0>bridge0 node4/bridge0>gpu0");
    /* All 32 GPUs of a leaf send to the other's: half of each NIC's 50 GB/s is left of two to one.
     */
    uint32_t from[32];
    uint32_t to[32];
    for (uint32_t i = 0; i < 32; i++) {
        from[i] = i;
        to[i] = 32 + i;
    }
    ck_assert_double_eq(topology_parallel_path(&topology, from, to, 32).bytes_per_s, 25e9);
}
END_TEST

START_TEST(rails_have_leaves_of_their_own)
{
    struct cluster cluster = fat_tree(true);
    struct topology topology = build(&cluster);
    /* Two blocks of four nodes, eight rails each. */
    ck_assert_uint_eq(topology.leaf_count, 16);
    /* GPU 5 of one node to GPU 5 of another: its rail's leaf alone; to GPU 6: over the spine. */
    check_route(&topology, 5, 8 + 5,
                "node0/gpu5>bridge1 node0/bridge1>nic5 node0/nic5>leaf5 node1/leaf5>nic5 "
                "node1/nic5>bridge1 node1/bridge1>gpu5");
    check_route(&topology, 5, 8 + 6,
                "node0/gpu5>bridge1 node0/bridge1>nic5 node0/nic5>leaf5 leaf5>network "
                "network>leaf6 node1/leaf6>nic6 node1/nic6>bridge1 node1/bridge1>gpu6");
    /* A leaf has four NICs of 50 GB/s and uplinks for half of them. */
    struct route route = topology_route(&topology, 5, 8 + 6);
    ck_assert_double_eq(topology.links[route.links[3]].cost.bytes_per_s, 100e9);
    ck_assert_double_eq_tol(topology_route_cost(&topology, &route).alpha_s, 10e-6, 1e-15);
}
END_TEST

/* Building fails as a configuration error whose text holds `part`. */
static void check_refused(struct cluster cluster, const char *part)
{
    struct topology topology;
    ck_assert_int_eq(topology_build(&topology, &cluster, &arena, &error), -ERROR_CONFIG);
    ck_assert_msg(strstr(error.text, part) != NULL, "'%s' lacks '%s'", error.text, part);
}

START_TEST(unconnected_clusters_are_refused)
{
    struct cluster cluster = fixture_nvlink_cluster(2, 8);
    cluster.nic.bytes_per_s = 0;
    check_refused(cluster, "has 2 nodes and no nic");

    cluster = fixture_pcie_cluster();
    cluster.inter_socket.bytes_per_s = 0;
    check_refused(cluster, "no inter_socket link");

    cluster = fixture_pcie_cluster();
    cluster.pcie.bytes_per_s = 0;
    check_refused(cluster, "no pcie link");

    cluster = fixture_pcie_cluster();
    cluster.gpus_per_pcie_switch = 2;
    check_refused(cluster, "no pcie_uplink");

    cluster = fixture_nvlink_cluster(1 << 20, 8);
    check_refused(cluster, "more than 16777216 links");
}
END_TEST

START_TEST(lone_gpu_needs_no_links)
{
    struct cluster cluster = fixture_nvlink_cluster(1, 1);
    cluster.nvlink.bytes_per_s = 0;
    cluster.pcie.bytes_per_s = 0;
    struct topology topology = build(&cluster);
    ck_assert_uint_eq(topology.gpu_count, 1);
    ck_assert_uint_eq(topology.link_count, 0);
    check_route(&topology, 0, 0, "");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        route_in_a_node_takes_nvlink,
        route_in_a_pcie_box_takes_bridges,
        route_between_nodes_takes_nics,
        shared_nic_is_reached_across_sockets,
        routes_are_paths,
        peers_without_nvlink_meet_in_host_memory,
        vertices_are_what_links_join,
        route_cost_sums_latency_and_takes_least_bandwidth,
        contention_is_of_what_joins_gpus,
        efficiency_and_staging_scale_bandwidth,
        staging_spares_nvlink,
        parallel_transfers_share_links,
        parallel_transfers_over_nothing_are_free,
        ring_of_a_pcie_box_is_bound_by_its_slots,
        medium_is_the_slowest_hop,
        pcie_switches_share_their_uplinks,
        nvlink_bridges_join_pairs,
        leaves_of_a_fat_tree,
        rails_have_leaves_of_their_own,
        unconnected_clusters_are_refused,
        lone_gpu_needs_no_links,
    };
    return suite_run_between("topology", setup, teardown, tests, ARRAY_LENGTH(tests));
}
