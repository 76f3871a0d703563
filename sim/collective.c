#include "collective.h"

/* Ranks on each node where the group, ordered node by node, divides equally; else 0. */
static uint32_t ranks_per_node(const struct topology *topology, const uint32_t *gpus,
                               uint32_t ranks, uint32_t nodes)
{
    if (ranks % nodes != 0)
        return 0;
    uint32_t share = ranks / nodes;
    for (uint32_t i = 0; i < ranks; i++)
        if (topology_node(topology, gpus[i]) != topology_node(topology, gpus[i - i % share]))
            return 0;
    return share;
}

static uint32_t count_nodes(const struct topology *topology, const uint32_t *gpus, uint32_t ranks)
{
    uint32_t nodes = 1;
    for (uint32_t i = 1; i < ranks; i++)
        nodes += topology_node(topology, gpus[i]) != topology_node(topology, gpus[i - 1]);
    return nodes;
}

/* Whether kernels can write straight into every peer's memory. */
static bool has_peer_access(const struct topology *topology, const uint32_t *gpus, uint32_t ranks)
{
    enum medium medium = topology_group_medium(topology, gpus, ranks);
    if (medium == MEDIUM_PCIE)
        return ranks == 2 && topology->cluster->host_staging_factor <= 1;
    return medium == MEDIUM_NVLINK;
}

struct collective_group collective_group_of(const struct topology *topology, const uint32_t *gpus,
                                            uint32_t ranks)
{
    struct collective_group group = {
        .ranks = ranks,
        .nodes = count_nodes(topology, gpus, ranks),
        .start_s = topology->cluster->collective_start_s,
    };
    if (ranks < 2)
        return group;
    group.ring = topology_shift_path(topology, gpus, ranks, ranks, 1, 1);
    if (has_peer_access(topology, gpus, ranks)) {
        group.direct = topology_shift_path(topology, gpus, ranks, ranks, 1, ranks - 1);
        group.direct.bytes_per_s *= ranks - 1;
    }
    uint32_t share = ranks_per_node(topology, gpus, ranks, group.nodes);
    if (share > 1)
        group.inside = topology_shift_path(topology, gpus, ranks, share, 1, 1);
    if (share > 0 && group.nodes > 1)
        group.across = topology_shift_path(topology, gpus, ranks, ranks, share, share);
    return group;
}

static double ring_s(struct alpha_beta path, uint32_t ranks, double bytes)
{
    return 2.0 * (ranks - 1) * collective_send_s(path, bytes / ranks);
}

/* Half a ring: a reduce-scatter or an all-gather. */
static double half_ring_s(struct alpha_beta path, uint32_t ranks, double bytes)
{
    return ranks < 2 ? 0 : ring_s(path, ranks, bytes) / 2;
}

/*
 * The first of k chunks takes `hops` hops; each later one keeps a rank's link
 * busy for its way up and its way down: hops (a + t/k) + (k - 1)(a + 2t/k), where
 * t moves all the bytes once. The best k is sqrt((hops - 2) t / a), at least 1.
 */
static double tree_s(struct alpha_beta path, uint32_t ranks, double bytes)
{
    double hops = 0;
    for (uint32_t reached = ranks - 1; reached > 0; reached /= 2)
        hops += 2;
    double move_s = bytes / path.bytes_per_s;
    double pipelined_s = (hops - 2) * move_s;
    if (pipelined_s <= path.alpha_s)
        return hops * (path.alpha_s + move_s);
    /* At the best k the terms in k and in 1/k are equal. */
    return 2 * move_s + (hops - 1) * path.alpha_s + 2 * sqrt(pipelined_s * path.alpha_s);
}

double collective_ring_all_reduce_s(const struct collective_group *group, double bytes)
{
    return group->ranks < 2 ? 0 : group->start_s + ring_s(group->ring, group->ranks, bytes);
}

double collective_tree_all_reduce_s(const struct collective_group *group, double bytes)
{
    return group->ranks < 2 ? 0 : group->start_s + tree_s(group->ring, group->ranks, bytes);
}

double collective_direct_all_reduce_s(const struct collective_group *group, double bytes)
{
    if (group->ranks < 2)
        return 0;
    if (!(group->direct.bytes_per_s > 0))
        return INFINITY;
    double peers = group->ranks - 1;
    double one_step_s = collective_send_s(group->direct, peers * bytes);
    double two_steps_s = 2 * collective_send_s(group->direct, peers * bytes / group->ranks);
    return group->start_s + fmin(one_step_s, two_steps_s);
}

double collective_hierarchical_all_reduce_s(const struct collective_group *group, double bytes)
{
    if (group->ranks < 2)
        return 0;
    if (!(group->across.bytes_per_s > 0))
        return INFINITY;
    uint32_t share = group->ranks / group->nodes;
    double inside_s = half_ring_s(group->inside, share, bytes);
    double across_s = fmin(ring_s(group->across, group->nodes, bytes / share),
                           tree_s(group->across, group->nodes, bytes / share));
    return group->start_s + 2 * inside_s + across_s;
}

double collective_all_reduce_s(const struct collective_group *group, double bytes,
                               enum collective_algorithm *chosen)
{
    const double times_s[COLLECTIVE_ALGORITHM_COUNT] = {
        [COLLECTIVE_RING] = collective_ring_all_reduce_s(group, bytes),
        [COLLECTIVE_TREE] = collective_tree_all_reduce_s(group, bytes),
        [COLLECTIVE_DIRECT] = collective_direct_all_reduce_s(group, bytes),
        [COLLECTIVE_HIERARCHICAL] = collective_hierarchical_all_reduce_s(group, bytes),
    };
    enum collective_algorithm best = COLLECTIVE_RING;
    for (uint32_t i = 0; i < COLLECTIVE_ALGORITHM_COUNT; i++)
        if (times_s[i] < times_s[best])
            best = (enum collective_algorithm)i;
    if (chosen)
        *chosen = best;
    return times_s[best];
}

const char *collective_algorithm_name(enum collective_algorithm algorithm)
{
    static const char *const names[COLLECTIVE_ALGORITHM_COUNT] = {
#define X(name, text) text,
        COLLECTIVE_ALGORITHMS(X)
#undef X
    };
    return names[algorithm];
}
