#include "config_events.h"

#include "config_limits.h"
#include "config_reader.h"
#include "spelling.h"
#include "topology.h"

#define SLOWDOWN_MIN 1.0
#define SLOWDOWN_MAX 1e6
#define LINK_BYTES_MAX NAME_BYTES

static const char *const target_keys[] = {
    [FAULT_GPU] = "gpu",
    [FAULT_LINK] = "link",
    [FAULT_NODE] = "node",
};

/* What events may name. */
struct targets {
    const struct cluster *cluster;
    const char **links; /* NULL where a mistake in the cluster leaves none to hold events against */
    uint32_t link_count;
};

static void list_links(struct config_loader *loader, struct targets *targets)
{
    struct topology topology;
    struct error error;
    if (!diagnostics_is_empty(loader->diagnostics) ||
        topology_build(&topology, targets->cluster, loader->arena, &error) < 0)
        return;
    targets->links = arena_calloc(loader->arena, topology.link_count, sizeof(*targets->links));
    if (!targets->links) {
        diagnostics_add_out_of_memory(loader->diagnostics);
        return;
    }
    targets->link_count = topology.link_count;
    for (uint32_t i = 0; i < topology.link_count; i++)
        targets->links[i] = topology.links[i].name;
}

static void check_link(struct config_reader *reader, const struct targets *targets,
                       const char *link)
{
    if (spelling_is_one_of(link, targets->links, targets->link_count))
        return;
    const char *meant = spelling_nearest(link, targets->links, targets->link_count);
    if (meant)
        config_reader_report(reader, "link", "cluster '%s' has no link '%s'; did you mean '%s'?",
                             targets->cluster->name, link, meant);
    else
        config_reader_report(reader, "link",
                             "cluster '%s' has no link '%s'; links are named as in the routes of "
                             "'tandem check': node0/gpu0>nvswitch",
                             targets->cluster->name, link);
}

/* `{gpu: 3}`, `{node: 1}` or `{link: node0/nic0>network}`. */
static void read_target(struct config_reader *reader, const struct targets *targets,
                        struct fault *fault)
{
    const struct cluster *cluster = targets->cluster;
    uint32_t given = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(target_keys); i++) {
        if (!config_reader_has(reader, target_keys[i]))
            continue;
        fault->target = (enum fault_target)i;
        given++;
    }
    if (given != 1 && reader->node)
        config_reader_report(reader, "gpu", "'%s' must name one of gpu, node and link",
                             reader->name);
    config_read_count(reader, "gpu", CONFIG_OPTIONAL, 0,
                      cluster->nodes * cluster->gpus_per_node - 1, &fault->index);
    config_read_count(reader, "node", CONFIG_OPTIONAL, 0, cluster->nodes - 1, &fault->index);
    if (config_read_text(reader, "link", CONFIG_OPTIONAL, LINK_BYTES_MAX, &fault->link) &&
        targets->links)
        check_link(reader, targets, fault->link);
}

/* What happens: `slow` or `down`. */
static void read_kind(struct config_reader *reader, const struct targets *targets,
                      struct fault *fault)
{
    bool is_slow = config_reader_has(reader, "slow");
    bool is_down = config_reader_has(reader, "down");
    struct config_reader kind;
    if (is_slow == is_down && reader->node)
        config_reader_report(reader, "slow", "an event must be either 'slow' or 'down'");
    config_reader_enter(&kind, reader, is_down ? "down" : "slow", CONFIG_OPTIONAL);
    read_target(&kind, targets, fault);
    if (!is_down)
        config_read_number(&kind, "factor", CONFIG_REQUIRED, SLOWDOWN_MIN, SLOWDOWN_MAX,
                           &fault->slowdown);
    config_reader_close(&kind);
}

static void read_event(struct config_loader *loader, const struct yaml_node *node,
                       const struct targets *targets, struct fault *fault)
{
    struct config_reader reader;
    double from_s = 0;
    double until_s;
    *fault = (struct fault){.until = SIM_PS_MAX};
    config_reader_open(&reader, loader->diagnostics, node, "events");
    config_read_quantity(&reader, "at", CONFIG_REQUIRED, QUANTITY_SECONDS, 0, CONFIG_CLOCK_S_MAX,
                         &from_s);
    fault->from = sim_ps_from_s(from_s);
    if (config_read_quantity(&reader, "until", CONFIG_OPTIONAL, QUANTITY_SECONDS, 0,
                             CONFIG_CLOCK_S_MAX, &until_s)) {
        fault->until = sim_ps_from_s(until_s);
        if (fault->until <= fault->from)
            config_reader_report(&reader, "until", "'until' must come after 'at'");
    }
    read_kind(&reader, targets, fault);
    config_reader_close(&reader);
}

void config_events_read(struct config_loader *loader, const struct yaml_node *node,
                        struct scenario *scenario)
{
    if (!node)
        return;
    if (node->kind != YAML_KIND_SEQUENCE) {
        diagnostics_add(loader->diagnostics, node->position, "'events' must be a list");
        return;
    }
    struct fault *faults = arena_calloc(loader->arena, node->entry_count, sizeof(*faults));
    if (!faults) {
        diagnostics_add_out_of_memory(loader->diagnostics);
        return;
    }
    scenario->faults = faults;
    struct targets targets = {.cluster = &scenario->cluster};
    list_links(loader, &targets);
    for (const struct yaml_entry *entry = node->first; entry; entry = entry->next)
        read_event(loader, entry->value, &targets, &faults[scenario->fault_count++]);
}
