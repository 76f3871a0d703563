#include "plan.h"

#include "config_limits.h"
#include "config_reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TEXT_BYTES_MAX ((size_t)1 << 16)
#define GROWTH_MIN 0.01
#define GROWTH_MAX 1000.0
#define HEADROOM_MAX 0.9
#define SEEDS 3
#define NODES 8
#define SETTINGS_MAX 8
#define VALUE_BYTES 64

/* Reads a list of widths; `widths` keep what they held where there is none. */
static void read_widths(struct config_reader *reader, const char *key,
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
    *count = 0;
    for (const struct yaml_entry *entry = node->first; entry; entry = entry->next) {
        uint64_t width = 1;
        (void)config_value_count(reader->diagnostics, entry->value, key, 1, LAYOUT_STAGES_MAX,
                                 &width);
        widths[(*count)++] = (uint32_t)width;
    }
}

static void read_clusters(struct plan *plan, struct config_reader *reader)
{
    const struct yaml_node *node = config_read_node(reader, "clusters", CONFIG_OPTIONAL);
    if (!node)
        return;
    if (node->kind != YAML_KIND_SEQUENCE || node->entry_count == 0 ||
        node->entry_count > PLAN_CLUSTERS_MAX) {
        config_reader_report(reader, "clusters", "'clusters' must be a list of 1 to %d kinds",
                             PLAN_CLUSTERS_MAX);
        return;
    }
    for (const struct yaml_entry *entry = node->first; entry; entry = entry->next)
        plan->clusters[plan->cluster_count++] = entry->value;
}

static void read_limits(struct plan *plan, struct config_reader *parent)
{
    struct config_reader reader;
    plan->nodes_max = NODES;
    if (!config_reader_has(parent, "limits"))
        return;
    config_reader_enter(&reader, parent, "limits", CONFIG_OPTIONAL);
    config_read_count(&reader, "nodes", CONFIG_OPTIONAL, 1, PLAN_NODES_MAX, &plan->nodes_max);
    config_reader_close(&reader);
}

static void read_root(struct plan *plan, const struct yaml_node *root)
{
    static const char *const billings[] = {
#define X(name, text) text,
        PLAN_BILLINGS(X)
#undef X
    };
    struct config_reader reader;
    config_reader_open(&reader, &plan->diagnostics, root, "plan");
    config_read_text(&reader, "name", CONFIG_OPTIONAL, TEXT_BYTES_MAX, &plan->name);
    config_read_text(&reader, "description", CONFIG_OPTIONAL, TEXT_BYTES_MAX, &plan->description);
    if (config_read_node(&reader, "scenario", CONFIG_REQUIRED))
        plan->scenario = yaml_node_find(root, "scenario")->value;
    read_clusters(plan, &reader);
    read_widths(&reader, "tensor_parallel", plan->tensor_parallel, &plan->tensor_parallel_count);
    read_widths(&reader, "pipeline_parallel", plan->pipeline_parallel,
                &plan->pipeline_parallel_count);
    read_limits(plan, &reader);
    plan->billing = (enum plan_billing)config_read_choice(
        &reader, "billing", CONFIG_OPTIONAL, billings, ARRAY_LENGTH(billings), PLAN_BILLING_NODE);
    config_read_number(&reader, "growth", CONFIG_OPTIONAL, GROWTH_MIN, GROWTH_MAX, &plan->growth);
    config_read_number(&reader, "headroom", CONFIG_OPTIONAL, 0, HEADROOM_MAX, &plan->headroom);
    config_read_count(&reader, "seeds", CONFIG_OPTIONAL, 1, PLAN_SEEDS_MAX, &plan->seeds);
    config_reader_close(&reader);
}

int plan_load_file(struct plan *plan, const char *path, const char *const *search,
                   const char *const *sets, size_t set_count, struct error *error)
{
    *plan = (struct plan){
        .name = "plan",
        .tensor_parallel = {1, 2, 4, 8},
        .tensor_parallel_count = 4,
        .pipeline_parallel = {1, 2, 4},
        .pipeline_parallel_count = 3,
        .growth = 1,
        .headroom = 0.1,
        .seeds = SEEDS,
        .search = search,
        .sets = sets,
        .set_count = set_count,
    };
    diagnostics_init(&plan->diagnostics);
    arena_init(&plan->arena);
    struct config_loader loader = {
        .arena = &plan->arena, .diagnostics = &plan->diagnostics, .search = search};
    const char *text;
    size_t bytes;
    int status = config_file_read(&loader, path, &text, &bytes, error);
    if (status < 0)
        return status;
    const char *name = arena_strdup(&plan->arena, path);
    struct source *source = name ? config_source_new(&loader, name, text, bytes) : NULL;
    if (!source) {
        diagnostics_add_out_of_memory(&plan->diagnostics);
        return diagnostics_to_error(&plan->diagnostics, error);
    }
    const struct yaml_node *root =
        yaml_tree_parse(source, text, bytes, &plan->arena, &plan->diagnostics);
    if (root)
        read_root(plan, root);
    return diagnostics_to_error(&plan->diagnostics, error);
}

void plan_release(struct plan *plan)
{
    arena_release(&plan->arena);
}

/* What an option sets in the scenario, made as it goes in an arena of its own. */
struct option_settings {
    struct arena *arena;
    struct position position;
    struct config_setting settings[SETTINGS_MAX];
    size_t count;
    bool is_out_of_memory;
};

static void set_node(struct option_settings *set, const char *path, struct yaml_node *value)
{
    assert(set->count < SETTINGS_MAX);
    set->is_out_of_memory |= !value;
    set->settings[set->count++] = (struct config_setting){path, value};
}

static void set_text(struct option_settings *set, const char *path, const char *text)
{
    set_node(set, path, yaml_node_new_scalar(set->arena, set->position, text));
}

static void set_count(struct option_settings *set, const char *path, uint64_t count)
{
    char text[VALUE_BYTES];
    (void)snprintf(text, sizeof(text), "%" PRIu64, count);
    set_text(set, path, text);
}

/* What is bought, where it is not the scenario's own. */
static void set_purchase(struct option_settings *set, const struct plan *plan,
                         const struct plan_option *option)
{
    if (!option->is_own) {
        set_node(set, "cluster", plan->clusters[option->cluster]);
        set_count(set, "layout.tensor_parallel", option->tensor_parallel);
        /* Whole experts would be over as many GPUs, which need not divide them. */
        set_count(set, "layout.expert_parallel", 1);
        set_count(set, "layout.pipeline_parallel", option->pipeline_parallel);
        set_text(set, "layout.stage_layers", "balanced");
        set_count(set, "engine.steps_in_flight", option->pipeline_parallel);
    }
    set_count(set, "cluster.nodes", option->nodes);
    set_count(set, "layout.replicas", option->replicas);
}

/* Makes the workload that was read `load` times as heavy. */
static void scale_load(struct workload_spec *workload, double load)
{
    struct arrivals *arrivals = &workload->synthetic.arrivals;
    if (workload->is_trace)
        workload->rate_scale *= load;
    else if (arrivals->process == ARRIVAL_CLOSED_LOOP)
        arrivals->concurrency = (uint32_t)fmax(1, round(arrivals->concurrency * load));
    else
        arrivals->rate_per_s *= load;
}

int plan_load_option(const struct plan *plan, const struct plan_option *option, uint64_t seed,
                     struct config *config, struct error *error)
{
    struct arena arena;
    arena_init(&arena);
    struct option_settings set = {.arena = &arena, .position = plan->scenario->position};
    set_purchase(&set, plan, option);
    int status = set.is_out_of_memory ? error_out_of_memory(error, "an option of the plan") : 0;
    /* Zeroed, it may be released; loading it starts it anew. */
    *config = (struct config){.name = NULL};
    if (status == 0)
        status = config_load_scenario_tree(config, plan->scenario, set.settings, set.count,
                                           plan->sets, plan->set_count, plan->search, error);
    if (status == 0) {
        config->scenario.run.seed = seed;
        config->scenario.output.timeline = TIMELINE_NONE;
        scale_load(&config->workload, option->load);
    }
    config->root = NULL; /* it shares nodes with the arena that goes now */
    arena_release(&arena);
    return status;
}
