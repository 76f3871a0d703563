#include "collective_group.h"

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

/* Shifts within blocks of 2^(level + 1) by half of them: rank i with rank i ^ 2^level. */
static void set_exchanges(struct collective_group *group, const struct topology *topology,
                          const uint32_t *gpus)
{
    uint32_t ranks = group->ranks;
    bool is_power = (ranks & (ranks - 1)) == 0;
    if (!is_power || ranks > UINT32_C(1) << COLLECTIVE_EXCHANGES_MAX)
        return;
    for (uint32_t level = 0; UINT32_C(1) << level < ranks; level++) {
        uint32_t distance = UINT32_C(1) << level;
        group->exchange[level] =
            topology_shift_path(topology, gpus, ranks, 2 * distance, distance, distance);
    }
}

struct collective_group collective_group_of(const struct topology *topology, const uint32_t *gpus,
                                            uint32_t ranks)
{
    struct collective_group group = {
        .ranks = ranks,
        .nodes = count_nodes(topology, gpus, ranks),
        .start_s = topology->cluster->collective_start_s,
        .simple_start_s = topology->cluster->simple_start_s,
    };
    if (ranks < 2)
        return group;
    group.ring = topology_shift_path(topology, gpus, ranks, ranks, 1, 1);
    group.spread = topology_shift_path(topology, gpus, ranks, ranks, 1, ranks - 1);
    group.spread.bytes_per_s *= ranks - 1;
    if (has_peer_access(topology, gpus, ranks))
        group.direct = group.spread;
    if (topology->cluster->nvlink_reduces &&
        topology_group_medium(topology, gpus, ranks) == MEDIUM_NVLINK)
        group.reduce = group.ring;
    uint32_t share = ranks_per_node(topology, gpus, ranks, group.nodes);
    if (share > 1)
        group.inside = topology_shift_path(topology, gpus, ranks, share, 1, 1);
    if (share > 0 && group.nodes > 1)
        group.across = topology_shift_path(topology, gpus, ranks, ranks, share, share);
    set_exchanges(&group, topology, gpus);
    return group;
}
