#include "group_links.h"

#include "collective.h"

/* A table whose best rate is further than this from the measured links' own is of other links.
   Reductions in a switch go 1.4 times as fast as a ring, two GPUs' all-to-alls half as fast. */
#define FASTER_THAN_LINKS_MAX 1.5
#define SLOWER_THAN_LINKS_MAX 2.5

static bool is_known(struct link_kind link)
{
    return link.bytes_per_s > 0;
}

/* PCIe switches and sockets that were not measured across were not there. */
static void lay_measured_pcie(struct cluster *node, const struct measured_links *links)
{
    node->pcie = links->pcie.link;
    node->host_staging_factor = links->host_staging_factor;
    node->pcie_uplink = links->pcie_uplink;
    node->inter_socket = links->inter_socket;
    node->host_memory = links->host_memory;
    if (!is_known(links->pcie_uplink))
        node->gpus_per_pcie_switch = 0;
    if (!is_known(links->inter_socket))
        node->gpus_per_host_bridge = node->gpus_per_node;
}

struct measured_node *measured_node_new(const struct cluster *cluster, struct arena *arena,
                                        struct error *error)
{
    const struct measured_links *links = &cluster->gpu.measured_links;
    struct measured_node *node = arena_calloc(arena, 1, sizeof(*node));
    uint32_t *gpus = arena_calloc(arena, cluster->gpus_per_node, sizeof(*gpus));
    if (!node || !gpus) {
        error_out_of_memory(error, "measured links");
        return NULL;
    }
    *node = (struct measured_node){.cluster = *cluster, .gpus = gpus};
    node->cluster.nodes = 1;
    node->cluster.nic = (struct link_kind){0};
    node->cluster.nics_per_node = node->cluster.nodes_per_leaf = 0;
    if (is_known(cluster->nvlink) && is_known(links->nvlink.link))
        node->cluster.nvlink = links->nvlink.link;
    if (is_known(links->pcie.link))
        lay_measured_pcie(&node->cluster, links);
    return topology_build(&node->topology, &node->cluster, arena, error) < 0 ? NULL : node;
}

/* The group over a medium of the measured node. A GPU that says over which media it was measured
   was over no other. */
static struct collective_group measured_group(struct measured_node *node,
                                              const struct measured_medium *medium,
                                              const uint32_t *gpus, uint32_t ranks)
{
    const struct measured_links *links = &node->cluster.gpu.measured_links;
    bool says = is_known(links->nvlink.link) || is_known(links->pcie.link);
    if (says && !is_known(medium->link))
        return (struct collective_group){.ranks = 0};
    for (uint32_t i = 0; i < ranks; i++)
        node->gpus[i] = gpus[i] % node->cluster.gpus_per_node;
    struct collective_group group = collective_group_of(&node->topology, node->gpus, ranks);
    if (says) {
        group.start_s = medium->start_s;
        group.simple_start_s = medium->simple_start_s;
    }
    return group;
}

struct group_links group_links_of(const struct topology *topology, struct measured_node *node,
                                  const uint32_t *gpus, uint32_t ranks)
{
    const struct measured_links *links = &node->cluster.gpu.measured_links;
    bool was_staged = node->cluster.host_staging_factor > 1;
    switch (topology_group_medium(topology, gpus, ranks)) {
    case MEDIUM_NVLINK:
        return (struct group_links){COLLECTIVE_FABRIC_PEER,
                                    measured_group(node, &links->nvlink, gpus, ranks)};
    case MEDIUM_PCIE:
        return (struct group_links){was_staged ? COLLECTIVE_FABRIC_HOST : COLLECTIVE_FABRIC_PEER,
                                    measured_group(node, &links->pcie, gpus, ranks)};
    default:
        return (struct group_links){COLLECTIVE_FABRIC_PEER, {.ranks = 0}};
    }
}

/* Whether the table can be of the measured links. */
static bool is_of_links(const struct collective_table *table, const struct collective_kind *kind,
                        const struct collective_group *measured)
{
    if (measured->ranks < 2 || !collective_table_covers(table, kind))
        return false;
    double rate = collective_table_rate(table, kind, measured->ranks);
    return rate <= FASTER_THAN_LINKS_MAX * measured->ring.bytes_per_s &&
           rate * SLOWER_THAN_LINKS_MAX >= measured->ring.bytes_per_s;
}

static bool is_direct(const struct collective_group *group)
{
    return group->direct.bytes_per_s > 0;
}

/* The operation by model. vLLM's kernel was measured where it is not direct too: on more than two
   GPUs of PCIe, where it goes to NCCL. */
static double model_s(const struct collective_group *group, enum collective_operation operation,
                      bool goes_direct, double bytes)
{
    if (goes_direct)
        return collective_s(group, operation, COLLECTIVE_DIRECT, bytes);
    return collective_best_s(group, operation, bytes, NULL);
}

static enum cost_provenance provenance_after(enum cost_provenance provenance, double ratio)
{
    double changed = fmax(ratio, 1 / ratio);
    enum cost_provenance best = changed > GROUP_LINKS_RATIO_MAX ? COST_ESTIMATED
                                : changed > 1                   ? COST_EXTRAPOLATED
                                                                : COST_MEASURED;
    return provenance > best ? provenance : best;
}

/* Takes times from the measured links to the group's own. */
static void carry_over(struct cost_grid *grid, const struct collective_group *group,
                       const struct collective_group *measured, enum collective_operation operation,
                       bool goes_direct)
{
    for (uint32_t node = 0; node < grid->x.nodes; node++) {
        double bytes = cost_axis_value(&grid->x, node);
        double ratio = model_s(group, operation, goes_direct, bytes) /
                       model_s(measured, operation, goes_direct, bytes);
        grid->seconds[node] *= ratio;
        grid->provenance[node] =
            (uint8_t)provenance_after((enum cost_provenance)grid->provenance[node], ratio);
    }
}

/* The costs of one kind over a group whose collectives were measured over `measured`. */
static int prepare(const struct collective_table *table, const struct collective_group *group,
                   const struct collective_group *measured, const struct collective_kind *kind,
                   double bytes_max, const struct cost_grid **grid, struct arena *arena,
                   struct error *error)
{
    bool goes_direct = kind->is_custom && is_direct(measured);
    *grid = NULL;
    if (!table || !is_of_links(table, kind, measured) || (goes_direct && !is_direct(group)))
        return 0;
    struct cost_grid *prepared = arena_calloc(arena, 1, sizeof(*prepared));
    if (!prepared)
        return error_out_of_memory(error, "collective times");
    *grid = prepared;
    int status =
        collective_table_prepare(table, kind, group->ranks, bytes_max, arena, prepared, error);
    if (status < 0)
        return status;
    carry_over(prepared, group, measured, kind->operation, goes_direct);
    return cost_grid_make_monotone(prepared, error);
}

int group_links_prepare(const struct collective_table *table, const struct collective_group *group,
                        const struct group_links *links, enum collective_operation operation,
                        double bytes_max, const struct cost_grid **grid, struct arena *arena,
                        struct error *error)
{
    const struct collective_kind kind = {
        .operation = operation, .fabric = links->fabric, .graph = true};
    return prepare(table, group, &links->measured, &kind, bytes_max, grid, arena, error);
}

int group_links_prepare_custom(const struct collective_table *table,
                               const struct collective_group *group,
                               const struct group_links *links, double bytes_max,
                               const struct cost_grid **grid, struct arena *arena,
                               struct error *error)
{
    const struct collective_kind kind = {.operation = OPERATION_ALL_REDUCE,
                                         .is_custom = true,
                                         .fabric = links->fabric,
                                         .graph = true};
    return prepare(table, group, &links->measured, &kind, bytes_max, grid, arena, error);
}
