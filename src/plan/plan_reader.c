#include "plan_reader.h"

#include "config_limits.h"
#include "config_reader.h"
#include "sweep_value.h"

#include <stdio.h>
#include <string.h>

#define TEXT_BYTES_MAX ((size_t)1 << 16)
#define GROWTH_MIN 0.01
#define GROWTH_MAX 1000.0
#define HEADROOM_MAX 0.9
#define YEARS_MIN 0.1
#define YEARS_MAX 50.0
#define PUE_MAX 10.0
#define USD_PER_KWH_MAX 100.0
#define SWITCHES_MAX 1000
#define SEEDS 3
#define NODES 8

/* Reads a list of widths; `widths` keep what they held where there is none. */
static void read_widths(struct plan *plan, struct config_reader *reader, const char *key,
                        uint32_t widths[PLAN_WIDTHS_MAX], size_t *count)
{
    const struct yaml_node *node = config_read_node(reader, key, CONFIG_OPTIONAL);
    if (!node)
        return;
    if (node->kind != YAML_KIND_SEQUENCE || node->entry_count == 0 ||
        node->entry_count > PLAN_WIDTHS_MAX) {
        config_reader_report(reader, key, "'%s' must be a list of 1 to %d numbers", key,
                             PLAN_WIDTHS_MAX);
        return;
    }
    sweep_value_refuse_twice(node, key, &plan->diagnostics, &plan->arena);
    *count = 0;
    for (const struct yaml_entry *entry = node->first; entry; entry = entry->next) {
        uint64_t width = 1;
        (void)config_value_count(reader->diagnostics, entry->value, key, 1, LAYOUT_STAGES_MAX,
                                 &width);
        widths[(*count)++] = (uint32_t)width;
    }
}

static void read_usd(struct config_reader *reader, const char *key, double *usd)
{
    config_read_quantity(reader, key, CONFIG_OPTIONAL, QUANTITY_USD, 0, CONFIG_USD_MAX, usd);
}

static void read_watts(struct config_reader *reader, const char *key, double *watts)
{
    config_read_quantity(reader, key, CONFIG_OPTIONAL, QUANTITY_WATTS, 0, CONFIG_POWER_W_MAX,
                         watts);
}

/* Prices of racks and of their switches count by the racks, which `rack` bounds. */
static void check_rack_prices(const struct plan_rack *rack, const struct plan_purchase *purchase,
                              const struct config_reader *reader)
{
    bool is_bounded = rack->gpus > 0 || rack->power_w > 0;
    if (purchase->rack_usd > 0 && !is_bounded)
        config_reader_report(reader, "rack",
                             "a rack's price needs 'rack: {gpus: ...}' or 'rack: {power: ...}', "
                             "which say what one holds");
    if (purchase->switch_usd > 0 && (!is_bounded || rack->switches == 0))
        config_reader_report(reader, "switch",
                             "a switch's price needs 'rack: {switches: ...}' and what a rack "
                             "holds, 'gpus' or 'power', which say how many there are");
}

static void read_purchase(struct config_reader *parent, const struct plan_rack *rack,
                          struct plan_kind *kind)
{
    struct plan_purchase *purchase = &kind->purchase;
    struct config_reader reader;
    kind->is_bought = config_reader_has(parent, "purchase");
    if (!kind->is_bought)
        return;
    config_reader_refuse(parent, "price", "a cluster that has a 'purchase'");
    config_reader_enter(&reader, parent, "purchase", CONFIG_OPTIONAL);
    read_usd(&reader, "gpu", &purchase->gpu_usd);
    read_usd(&reader, "node", &purchase->node_usd);
    read_usd(&reader, "rack", &purchase->rack_usd);
    read_usd(&reader, "switch", &purchase->switch_usd);
    if (reader.node && purchase->gpu_usd + purchase->node_usd == 0)
        config_reader_report(parent, "purchase",
                             "'purchase' gives neither a GPU's nor a node's price");
    check_rack_prices(rack, purchase, &reader);
    config_reader_close(&reader);
}

/* A cluster, or a mapping of the cluster and what it costs. */
static void read_kind(struct plan *plan, struct yaml_node *node)
{
    struct plan_kind *kind = &plan->kinds[plan->kind_count++];
    struct config_reader reader;
    kind->cluster = node;
    if (node->kind != YAML_KIND_MAPPING || !yaml_node_find(node, "cluster"))
        return;
    config_reader_open(&reader, &plan->diagnostics, node, "clusters");
    if (config_read_node(&reader, "cluster", CONFIG_REQUIRED))
        kind->cluster = yaml_node_find(node, "cluster")->value;
    config_read_text(&reader, "name", CONFIG_OPTIONAL, NAME_BYTES - 1, &kind->name);
    config_read_quantity(&reader, "price", CONFIG_OPTIONAL, QUANTITY_USD_PER_HOUR,
                         CONFIG_USD_PER_HOUR_MIN, CONFIG_USD_PER_HOUR_MAX, &kind->usd_per_hour);
    read_purchase(&reader, &plan->rack, kind);
    read_watts(&reader, "node_power", &kind->node_power_w);
    config_reader_close(&reader);
}

static void read_kinds(struct plan *plan, struct config_reader *reader)
{
    const struct yaml_node *node = config_read_node(reader, "clusters", CONFIG_OPTIONAL);
    if (!node)
        return;
    if (node->kind != YAML_KIND_SEQUENCE || node->entry_count == 0 ||
        node->entry_count > PLAN_KINDS_MAX) {
        config_reader_report(reader, "clusters", "'clusters' must be a list of 1 to %d kinds",
                             PLAN_KINDS_MAX);
        return;
    }
    sweep_value_refuse_twice(node, "clusters", &plan->diagnostics, &plan->arena);
    for (const struct yaml_entry *entry = node->first; entry; entry = entry->next)
        read_kind(plan, entry->value);
}

/* One setting of the engine and its values. */
static void read_axis(struct plan *plan, const struct yaml_entry *entry)
{
    static const char section[] = "engine.";
    const struct yaml_node *node = entry->value;
    const char *key = entry->key->text;
    if (node->kind != YAML_KIND_SEQUENCE || node->entry_count == 0 ||
        node->entry_count > PLAN_VALUES_MAX) {
        diagnostics_add(&plan->diagnostics, node->position,
                        "'%.60s' must be a list of 1 to %d values", key, PLAN_VALUES_MAX);
        return;
    }
    struct plan_axis *axis = &plan->axes[plan->axis_count++];
    char *path = arena_calloc(&plan->arena, sizeof(section) + strlen(key), 1);
    if (!path) {
        diagnostics_add_out_of_memory(&plan->diagnostics);
        return;
    }
    (void)stpcpy(stpcpy(path, section), key);
    axis->path = path;
    sweep_value_refuse_twice(node, key, &plan->diagnostics, &plan->arena);
    for (const struct yaml_entry *value = node->first; value; value = value->next) {
        axis->values[axis->count++] = value->value;
        if (value->value->kind != YAML_KIND_SCALAR)
            diagnostics_add(&plan->diagnostics, value->value->position,
                            "'%.60s' must list single values", key);
    }
}

static void read_search(struct plan *plan, struct config_reader *reader)
{
    const struct yaml_node *node = config_read_node(reader, "search", CONFIG_OPTIONAL);
    plan->has_search = node != NULL;
    if (!node)
        return;
    if (node->kind != YAML_KIND_MAPPING || node->entry_count > PLAN_AXES_MAX) {
        config_reader_report(reader, "search",
                             "'search' must be a mapping of at most %d settings of the engine to "
                             "lists of values",
                             PLAN_AXES_MAX);
        return;
    }
    for (const struct yaml_entry *entry = node->first; entry; entry = entry->next)
        read_axis(plan, entry);
    size_t count = plan_engine_count(plan);
    if (count > PLAN_ENGINES_MAX)
        config_reader_report(reader, "search",
                             "'search' makes %zu engines of these settings; at most %d are tried",
                             count, PLAN_ENGINES_MAX);
}

static void read_limits(struct plan *plan, struct config_reader *parent)
{
    struct plan_limits *limits = &plan->limits;
    struct config_reader reader;
    if (!config_reader_has(parent, "limits"))
        return;
    config_reader_enter(&reader, parent, "limits", CONFIG_OPTIONAL);
    config_read_count(&reader, "nodes", CONFIG_OPTIONAL, 1, PLAN_NODES_MAX, &limits->nodes);
    config_read_count(&reader, "gpus", CONFIG_OPTIONAL, 1, UINT32_MAX, &limits->gpus);
    if (config_read_count(&reader, "racks", CONFIG_OPTIONAL, 1, PLAN_NODES_MAX, &limits->racks) &&
        plan->rack.gpus == 0 && plan->rack.power_w == 0)
        config_reader_report(&reader, "racks",
                             "a limit on racks needs 'rack: {gpus: ...}' or 'rack: {power: ...}', "
                             "which say what one holds");
    config_reader_close(&reader);
}

static void read_rack(struct plan *plan, struct config_reader *parent)
{
    struct plan_rack *rack = &plan->rack;
    struct config_reader reader;
    if (!config_reader_has(parent, "rack"))
        return;
    config_reader_enter(&reader, parent, "rack", CONFIG_OPTIONAL);
    config_read_count(&reader, "gpus", CONFIG_OPTIONAL, 1, UINT32_MAX, &rack->gpus);
    read_watts(&reader, "power", &rack->power_w);
    config_read_count(&reader, "switches", CONFIG_OPTIONAL, 0, SWITCHES_MAX, &rack->switches);
    config_reader_close(&reader);
}

static void read_ownership(struct plan *plan, struct config_reader *parent)
{
    struct plan_ownership *ownership = &plan->ownership;
    struct config_reader reader;
    bool is_any_bought = false;
    for (size_t i = 0; i < plan->kind_count; i++)
        is_any_bought |= plan->kinds[i].is_bought;
    enum config_presence presence = is_any_bought ? CONFIG_REQUIRED : CONFIG_OPTIONAL;
    if (!is_any_bought && !config_reader_has(parent, "ownership"))
        return;
    config_reader_enter(&reader, parent, "ownership", presence);
    config_read_number(&reader, "years", presence, YEARS_MIN, YEARS_MAX, &ownership->years);
    config_read_quantity(&reader, "electricity", presence, QUANTITY_USD_PER_KWH, 0, USD_PER_KWH_MAX,
                         &ownership->usd_per_kwh);
    config_read_number(&reader, "pue", CONFIG_OPTIONAL, 1, PUE_MAX, &ownership->pue);
    config_reader_close(&reader);
}

static void read_root(struct plan *plan, const struct yaml_node *root)
{
    static const char *const billings[] = {PLAN_BILLINGS(LIST_TEXT)};
    struct config_reader reader;
    plan->position = root->position;
    config_reader_open(&reader, &plan->diagnostics, root, "plan");
    config_read_text(&reader, "name", CONFIG_OPTIONAL, TEXT_BYTES_MAX, &plan->name);
    config_read_text(&reader, "description", CONFIG_OPTIONAL, TEXT_BYTES_MAX, &plan->description);
    if (config_read_node(&reader, "scenario", CONFIG_REQUIRED))
        plan->scenario = yaml_node_find(root, "scenario")->value;
    read_rack(plan, &reader); /* kinds' prices and limits are held against it */
    read_kinds(plan, &reader);
    read_widths(plan, &reader, "tensor_parallel", plan->tensor_parallel,
                &plan->tensor_parallel_count);
    read_widths(plan, &reader, "pipeline_parallel", plan->pipeline_parallel,
                &plan->pipeline_parallel_count);
    read_search(plan, &reader);
    read_limits(plan, &reader);
    plan->billing = (enum plan_billing)config_read_choice(
        &reader, "billing", CONFIG_OPTIONAL, billings, ARRAY_LENGTH(billings), PLAN_BILLING_NODE);
    read_ownership(plan, &reader);
    config_read_number(&reader, "growth", CONFIG_OPTIONAL, GROWTH_MIN, GROWTH_MAX, &plan->growth);
    config_read_number(&reader, "headroom", CONFIG_OPTIONAL, 0, HEADROOM_MAX, &plan->headroom);
    config_read_count(&reader, "seeds", CONFIG_OPTIONAL, 1, PLAN_SEEDS_MAX, &plan->seeds);
    config_reader_close(&reader);
}

int plan_reader_load(struct plan *plan, const char *path, const struct config_inputs *inputs,
                     struct error *error)
{
    *plan = (struct plan){
        .name = "plan",
        .tensor_parallel = {1, 2, 4, 8},
        .tensor_parallel_count = 4,
        .pipeline_parallel = {1, 2, 4},
        .pipeline_parallel_count = 3,
        .limits = {NODES, UINT32_MAX, UINT32_MAX},
        .ownership = {.pue = 1},
        .growth = 1,
        .headroom = 0.1,
        .seeds = SEEDS,
        .inputs = *inputs,
    };
    diagnostics_init(&plan->diagnostics);
    arena_init(&plan->arena);
    struct config_loader loader = {
        .arena = &plan->arena, .diagnostics = &plan->diagnostics, .search = inputs->search};
    size_t bytes;
    int status = config_file_read(&loader, path, &plan->text, &bytes, error);
    if (status < 0)
        return status;
    const char *name = arena_strdup(&plan->arena, path);
    struct source *source = name ? config_source_new(&loader, name, plan->text, bytes) : NULL;
    if (!source) {
        diagnostics_add_out_of_memory(&plan->diagnostics);
        return diagnostics_to_error(&plan->diagnostics, error);
    }
    const struct yaml_node *root =
        yaml_tree_parse(source, plan->text, bytes, &plan->arena, &plan->diagnostics);
    if (root)
        read_root(plan, root);
    return diagnostics_to_error(&plan->diagnostics, error);
}

void plan_release(struct plan *plan)
{
    arena_release(&plan->arena);
}
