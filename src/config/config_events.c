#include "config_events.h"

#include "config_limits.h"
#include "config_reader.h"

#define SLOWDOWN_MIN 1.0
#define SLOWDOWN_MAX 1e6
#define LINK_BYTES_MAX NAME_BYTES

static const char *const target_keys[] = {
    [FAULT_GPU] = "gpu",
    [FAULT_LINK] = "link",
    [FAULT_NODE] = "node",
};

/* `{gpu: 3}`, `{node: 1}` or `{link: node0/nic0>network}`. */
static void read_target(struct config_reader *reader, const struct cluster *cluster,
                        struct fault *fault)
{
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
    config_read_text(reader, "link", CONFIG_OPTIONAL, LINK_BYTES_MAX, &fault->link);
}

/* What happens: `slow` or `down`. */
static void read_kind(struct config_reader *reader, const struct cluster *cluster,
                      struct fault *fault)
{
    bool is_slow = config_reader_has(reader, "slow");
    bool is_down = config_reader_has(reader, "down");
    struct config_reader kind;
    if (is_slow == is_down && reader->node)
        config_reader_report(reader, "slow", "an event must be either 'slow' or 'down'");
    config_reader_enter(&kind, reader, is_down ? "down" : "slow", CONFIG_OPTIONAL);
    read_target(&kind, cluster, fault);
    if (!is_down)
        config_read_number(&kind, "factor", CONFIG_REQUIRED, SLOWDOWN_MIN, SLOWDOWN_MAX,
                           &fault->slowdown);
    config_reader_close(&kind);
}

static void read_event(struct config_loader *loader, const struct yaml_node *node,
                       const struct cluster *cluster, struct fault *fault)
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
    read_kind(&reader, cluster, fault);
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
    for (const struct yaml_entry *entry = node->first; entry; entry = entry->next)
        read_event(loader, entry->value, &scenario->cluster, &faults[scenario->fault_count++]);
}
