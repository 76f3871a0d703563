#include "config_cluster.h"

#include "config_gpu.h"
#include "config_limits.h"
#include "config_link.h"
#include "config_reference.h"

#define GPUS_PER_NODE_MAX 1024
#define OVERSUBSCRIPTION_MAX 64.0
#define CONTENTION_MAX 100.0

enum node_form { FORM_NONE, FORM_HGX, FORM_PCIE_BOX };

/* What a server of a usual form has unless its file says otherwise: eight GPUs on two sockets. */
#define FORM_GPUS 8
#define FORM_SOCKETS 2

static enum node_form read_form(struct config_reader *reader)
{
    static const char *const words[] = {"hgx", "pcie_box"};
    if (!config_reader_has(reader, "form"))
        return FORM_NONE;
    enum node_form form = FORM_HGX + config_read_choice(reader, "form", CONFIG_OPTIONAL, words,
                                                        ARRAY_LENGTH(words), 0);
    if (form == FORM_PCIE_BOX)
        config_reader_refuse(reader, "nvlink", "the form 'pcie_box'");
    return form;
}

static void read_sizes(struct config_reader *reader, enum node_form form, struct cluster *cluster)
{
    cluster->nodes = 1;
    cluster->gpus_per_node = form == FORM_NONE ? 1 : FORM_GPUS;
    config_read_count(reader, "nodes", CONFIG_REQUIRED, 1, CONFIG_GPUS_MAX, &cluster->nodes);
    config_read_count(reader, "gpus_per_node",
                      form == FORM_NONE ? CONFIG_REQUIRED : CONFIG_OPTIONAL, 1, GPUS_PER_NODE_MAX,
                      &cluster->gpus_per_node);
    uint64_t gpus = (uint64_t)cluster->nodes * cluster->gpus_per_node;
    if (gpus > CONFIG_GPUS_MAX)
        config_reader_report(reader, "nodes", "%u nodes of %u GPUs are more than %d GPUs",
                             cluster->nodes, cluster->gpus_per_node, CONFIG_GPUS_MAX);
}

static void read_nvlink(struct config_reader *reader, enum node_form form, struct cluster *cluster)
{
    config_link_read(reader, "nvlink", form == FORM_HGX ? CONFIG_REQUIRED : CONFIG_OPTIONAL,
                     &cluster->nvlink);
    if (!config_reader_has(reader, "nvlink")) {
        config_reader_refuse(reader, "gpus_per_nvlink_group", "a cluster without 'nvlink'");
        config_reader_refuse(reader, "nvlink_reduces", "a cluster without 'nvlink'");
        return;
    }
    cluster->gpus_per_nvlink_group = cluster->gpus_per_node;
    config_read_count(reader, "gpus_per_nvlink_group", CONFIG_OPTIONAL, 2, cluster->gpus_per_node,
                      &cluster->gpus_per_nvlink_group);
    config_read_flag(reader, "nvlink_reduces", &cluster->nvlink_reduces);
}

static void read_pcie_switches(struct config_reader *reader, struct cluster *cluster)
{
    config_link_read(reader, "pcie_uplink", CONFIG_OPTIONAL, &cluster->pcie_uplink);
    if (!config_reader_has(reader, "pcie_uplink")) {
        config_reader_refuse(reader, "gpus_per_pcie_switch", "a cluster without 'pcie_uplink'");
        return;
    }
    cluster->gpus_per_pcie_switch = cluster->gpus_per_host_bridge;
    config_read_count(reader, "gpus_per_pcie_switch", CONFIG_OPTIONAL, 1,
                      cluster->gpus_per_host_bridge, &cluster->gpus_per_pcie_switch);
    if (cluster->gpus_per_host_bridge % cluster->gpus_per_pcie_switch != 0)
        config_reader_report(reader, "gpus_per_pcie_switch",
                             "PCIe switches of %u GPUs do not divide a host bridge's %u",
                             cluster->gpus_per_pcie_switch, cluster->gpus_per_host_bridge);
}

static void read_links_in_node(struct config_reader *reader, enum node_form form,
                               struct cluster *cluster)
{
    read_nvlink(reader, form, cluster);
    config_link_read(reader, "pcie", CONFIG_REQUIRED, &cluster->pcie);
    cluster->gpus_per_host_bridge = form == FORM_NONE
                                        ? cluster->gpus_per_node
                                        : u32_ceil_div(cluster->gpus_per_node, FORM_SOCKETS);
    config_read_count(reader, "gpus_per_host_bridge", CONFIG_OPTIONAL, 1, cluster->gpus_per_node,
                      &cluster->gpus_per_host_bridge);
    read_pcie_switches(reader, cluster);
    config_link_read(reader, "inter_socket", CONFIG_OPTIONAL, &cluster->inter_socket);
    config_link_read(reader, "host_memory", CONFIG_OPTIONAL, &cluster->host_memory);
    bool has_bridges = cluster->gpus_per_host_bridge < cluster->gpus_per_node;
    if (has_bridges && !config_reader_has(reader, "inter_socket") &&
        !config_reader_has(reader, "nvlink"))
        config_reader_report(reader, "gpus_per_host_bridge",
                             "the host bridges of a node without 'nvlink' need an 'inter_socket' "
                             "link between them");
}

/* The switches between nodes: by default one that never blocks. */
static void read_fabric(struct config_reader *parent, struct cluster *cluster)
{
    static const char *const forms[] = {"fat_tree", "rail_optimized"};
    struct config_reader reader;
    cluster->oversubscription = 1;
    if (!config_reader_has(parent, "fabric"))
        return;
    config_reader_enter(&reader, parent, "fabric", CONFIG_OPTIONAL);
    cluster->rail_optimized =
        config_read_choice(&reader, "form", CONFIG_REQUIRED, forms, ARRAY_LENGTH(forms), 0) == 1;
    cluster->nodes_per_leaf = 1;
    config_read_count(&reader, "nodes_per_leaf", CONFIG_REQUIRED, 1, CONFIG_GPUS_MAX,
                      &cluster->nodes_per_leaf);
    config_read_number(&reader, "oversubscription", CONFIG_OPTIONAL, 1, OVERSUBSCRIPTION_MAX,
                       &cluster->oversubscription);
    config_read_quantity(&reader, "latency", CONFIG_REQUIRED, QUANTITY_SECONDS, 0,
                         CONFIG_COST_S_MAX, &cluster->spine_latency_s);
    config_reader_close(&reader);
}

static void read_links_between_nodes(struct config_reader *reader, enum node_form form,
                                     struct cluster *cluster)
{
    config_link_read(reader, "nic", CONFIG_OPTIONAL, &cluster->nic);
    if (!config_reader_has(reader, "nic")) {
        config_reader_refuse(reader, "nics_per_node", "a cluster without 'nic'");
        config_reader_refuse(reader, "fabric", "a cluster without 'nic'");
        if (cluster->nodes > 1)
            config_reader_report(reader, "nodes", "%u nodes need a 'nic' to reach each other",
                                 cluster->nodes);
        return;
    }
    cluster->nics_per_node = form == FORM_HGX ? cluster->gpus_per_node : 1;
    config_read_count(reader, "nics_per_node", CONFIG_OPTIONAL, 1, cluster->gpus_per_node,
                      &cluster->nics_per_node);
    read_fabric(reader, cluster);
}

static void read_contention(struct config_reader *parent, struct contention *contention)
{
    struct config_reader reader;
    *contention = (struct contention){1, 1, 1};
    config_reader_enter(&reader, parent, "contention", CONFIG_OPTIONAL);
    config_read_number(&reader, "bandwidth", CONFIG_OPTIONAL, 1, CONTENTION_MAX,
                       &contention->bandwidth);
    config_read_number(&reader, "send_latency", CONFIG_OPTIONAL, 1, CONTENTION_MAX,
                       &contention->send_latency);
    config_read_number(&reader, "receive_latency", CONFIG_OPTIONAL, 1, CONTENTION_MAX,
                       &contention->receive_latency);
    config_reader_close(&reader);
}

void config_cluster_read(struct config_loader *loader, const struct yaml_node *node,
                         struct cluster *cluster, const char **measured)
{
    struct config_reader reader;
    *measured = NULL;
    config_reader_open(&reader, loader->diagnostics, node, "cluster");
    if (!reader.node)
        return;
    config_read_name(&reader, cluster->name, sizeof(cluster->name));
    config_gpu_read(loader, config_read_node(&reader, "gpu", CONFIG_REQUIRED), &cluster->gpu,
                    measured);
    enum node_form form = read_form(&reader);
    read_sizes(&reader, form, cluster);
    read_links_in_node(&reader, form, cluster);
    read_links_between_nodes(&reader, form, cluster);
    config_link_read_starts(&reader, &cluster->collective_start_s, &cluster->simple_start_s);
    read_contention(&reader, &cluster->contention);
    config_link_read_staging(&reader, &cluster->host_staging_factor);
    config_reader_close(&reader);
}

int config_cluster_load(const char *name, const char *const *search, struct arena *arena,
                        struct diagnostics *diagnostics, struct cluster *cluster,
                        const char **measured, struct error *error)
{
    struct config_loader loader = {.arena = arena, .diagnostics = diagnostics, .search = search};
    *measured = NULL;
    diagnostics_init(diagnostics);
    struct source *source = config_source_new_option(&loader, "--cluster");
    struct yaml_node *node =
        source ? yaml_node_new_scalar(arena, (struct position){source, 1, 1}, name) : NULL;
    node = node ? config_reference_resolve(&loader, node) : NULL;
    node = node && !node->is_broken ? yaml_node_copy(arena, node) : node;
    if (!node) {
        diagnostics_add_out_of_memory(diagnostics);
    } else if (!node->is_broken) {
        if (node->kind == YAML_KIND_MAPPING)
            config_reference_enter(&loader, node, "gpu");
        config_cluster_read(&loader, node, cluster, measured);
    }
    return diagnostics_to_error(diagnostics, error);
}
