#include "config_cluster.h"

#include "config_gpu.h"
#include "config_limits.h"

#define GPUS_PER_NODE_MAX 1024
#define HOST_STAGING_MAX 16.0

static void read_link(struct config_reader *parent, const char *key, enum config_presence presence,
                      struct link_kind *link)
{
    struct config_reader reader;
    config_reader_enter(&reader, parent, key, presence);
    link->efficiency = 1;
    config_read_quantity(&reader, "bandwidth", CONFIG_REQUIRED, QUANTITY_BYTES_PER_S,
                         CONFIG_BYTES_PER_S_MIN, CONFIG_BYTES_PER_S_MAX, &link->bytes_per_s);
    config_read_ratio(&reader, "efficiency", CONFIG_OPTIONAL, &link->efficiency);
    config_read_quantity(&reader, "latency", CONFIG_REQUIRED, QUANTITY_SECONDS, 0,
                         CONFIG_COST_S_MAX, &link->latency_s);
    config_reader_close(&reader);
}

static void read_sizes(struct config_reader *reader, struct cluster *cluster)
{
    cluster->nodes = 1;
    cluster->gpus_per_node = 1;
    config_read_count(reader, "nodes", CONFIG_REQUIRED, 1, CONFIG_GPUS_MAX, &cluster->nodes);
    config_read_count(reader, "gpus_per_node", CONFIG_REQUIRED, 1, GPUS_PER_NODE_MAX,
                      &cluster->gpus_per_node);
    uint64_t gpus = (uint64_t)cluster->nodes * cluster->gpus_per_node;
    if (gpus > CONFIG_GPUS_MAX)
        config_reader_report(reader, "nodes", "%u nodes of %u GPUs are more than %d GPUs",
                             cluster->nodes, cluster->gpus_per_node, CONFIG_GPUS_MAX);
}

static void read_links_in_node(struct config_reader *reader, struct cluster *cluster)
{
    read_link(reader, "nvlink", CONFIG_OPTIONAL, &cluster->nvlink);
    read_link(reader, "pcie", CONFIG_REQUIRED, &cluster->pcie);
    cluster->gpus_per_host_bridge = cluster->gpus_per_node;
    config_read_count(reader, "gpus_per_host_bridge", CONFIG_OPTIONAL, 1, cluster->gpus_per_node,
                      &cluster->gpus_per_host_bridge);
    read_link(reader, "inter_socket", CONFIG_OPTIONAL, &cluster->inter_socket);
    bool has_bridges = cluster->gpus_per_host_bridge < cluster->gpus_per_node;
    if (has_bridges && !config_reader_has(reader, "inter_socket") &&
        !config_reader_has(reader, "nvlink"))
        config_reader_report(reader, "gpus_per_host_bridge",
                             "the host bridges of a node without 'nvlink' need an 'inter_socket' "
                             "link between them");
}

static void read_links_between_nodes(struct config_reader *reader, struct cluster *cluster)
{
    read_link(reader, "nic", CONFIG_OPTIONAL, &cluster->nic);
    if (!config_reader_has(reader, "nic")) {
        config_reader_refuse(reader, "nics_per_node", "a cluster without 'nic'");
        if (cluster->nodes > 1)
            config_reader_report(reader, "nodes", "%u nodes need a 'nic' to reach each other",
                                 cluster->nodes);
        return;
    }
    cluster->nics_per_node = 1;
    config_read_count(reader, "nics_per_node", CONFIG_OPTIONAL, 1, cluster->gpus_per_node,
                      &cluster->nics_per_node);
}

void config_cluster_read(struct config_loader *loader, const struct yaml_node *node,
                         struct cluster *cluster, const char **measured)
{
    struct config_reader reader;
    *measured = NULL;
    config_reader_open(&reader, loader->diagnostics, node, "cluster");
    if (!reader.node)
        return;
    config_read_name(&reader, "name", CONFIG_REQUIRED, cluster->name, sizeof(cluster->name));
    config_gpu_read(loader, config_read_node(&reader, "gpu", CONFIG_REQUIRED), &cluster->gpu,
                    measured);
    read_sizes(&reader, cluster);
    read_links_in_node(&reader, cluster);
    read_links_between_nodes(&reader, cluster);
    config_read_quantity(&reader, "collective_start", CONFIG_REQUIRED, QUANTITY_SECONDS, 0,
                         CONFIG_COST_S_MAX, &cluster->collective_start_s);
    cluster->host_staging_factor = 1;
    config_read_number(&reader, "host_staging_factor", CONFIG_OPTIONAL, 1, HOST_STAGING_MAX,
                       &cluster->host_staging_factor);
    config_reader_close(&reader);
}
