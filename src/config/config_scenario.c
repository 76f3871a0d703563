#include "config_scenario.h"

#include "config_cluster.h"
#include "config_engine.h"
#include "config_events.h"
#include "config_layout.h"
#include "config_model.h"
#include "config_override.h"
#include "config_portable.h"
#include "config_run.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_BYTES_MAX ((size_t)1 << 20)

static void out_of_memory(struct config_loader *loader)
{
    diagnostics_add_out_of_memory(loader->diagnostics);
}

/* Gives the engine the default host where it names none. */
static void add_default_host(struct config_loader *loader, struct yaml_node *root)
{
    struct arena *arena = loader->arena;
    struct yaml_node *engine = config_reference_enter(loader, root, "engine");
    if (!engine || engine->kind != YAML_KIND_MAPPING)
        return;
    struct yaml_entry *host = yaml_node_find(engine, "host");
    if (host && !yaml_node_is_null(host->value))
        return;
    struct yaml_node *key = yaml_node_new_scalar(arena, engine->position, "host");
    struct yaml_node *name = yaml_node_new_scalar(arena, engine->position, CONFIG_HOST_DEFAULT);
    if (host && name)
        host->value = name;
    else if (!key || !name || !yaml_node_append(arena, engine, key, name))
        out_of_memory(loader);
}

/* Puts the files that are referred to in the place of their names. */
static void resolve_references(struct config_loader *loader, struct yaml_node *root)
{
    config_reference_enter(loader, root, "model");
    struct yaml_node *cluster = config_reference_enter(loader, root, "cluster");
    if (cluster && cluster->kind == YAML_KIND_MAPPING)
        config_reference_enter(loader, cluster, "gpu");
    struct yaml_node *engine = config_reference_enter(loader, root, "engine");
    if (engine && engine->kind == YAML_KIND_MAPPING)
        config_reference_enter(loader, engine, "host");
    config_pools_resolve(loader, root);
}

/* What replicas that decode run: all but the pool's own is the scenario's. */
static void add_decode(struct config *config, struct config_loader *loader)
{
    struct scenario *scenario = &config->scenario;
    const struct config_pool *prefill = &config->pools->of[0];
    const struct config_pool *decode = &config->pools->of[1];
    struct scenario *copy = arena_calloc(loader->arena, 1, sizeof(*copy));
    if (!copy) {
        out_of_memory(loader);
        return;
    }
    scenario->kv_transfer = config->pools->kv_transfer;
    scenario->layout = prefill->layout;
    scenario->serving = prefill->serving;
    *copy = *scenario;
    copy->layout = decode->layout;
    copy->serving = decode->serving;
    scenario->decode = copy;
    config->decode = copy;
    if (decode->has_gpu) {
        copy->cluster.gpu = decode->gpu;
        config->tables[1].folder = decode->measured_folder;
    }
    if (prefill->has_gpu) {
        scenario->cluster.gpu = prefill->gpu;
        if (!decode->has_gpu)
            config->tables[1].folder = config->tables[0].folder;
        config->tables[0].folder = prefill->measured_folder;
    }
}

/* The scenario's layout and engine, or its pools'. */
static void read_serving(struct config *config, struct config_loader *loader,
                         struct config_reader *reader)
{
    struct scenario *scenario = &config->scenario;
    struct diagnostics *diagnostics = loader->diagnostics;
    const struct yaml_node *layout = config_read_node(reader, "layout", CONFIG_REQUIRED);
    const struct yaml_node *engine = config_read_node(reader, "engine", CONFIG_REQUIRED);
    if (config_pools_are_in(layout)) {
        config->pools = arena_calloc(loader->arena, 1, sizeof(*config->pools));
        if (config->pools)
            config_pools_read(loader, layout, &scenario->model, config->pools);
        else
            out_of_memory(loader);
        return;
    }
    config_layout_read(diagnostics, layout, &scenario->model, &scenario->layout);
    config_engine_read(diagnostics, engine, scenario->layout.pipeline_parallel, &scenario->serving);
    scenario->layout.sharding.expert_exchange = scenario->serving.host.expert_exchange;
}

/* Whether the file is a sweep or a plan, of which all else that is said would be besides the point.
 */
static bool refuse_other_kind(struct diagnostics *diagnostics, const struct yaml_node *root)
{
    if (root->kind != YAML_KIND_MAPPING || yaml_node_find(root, "model"))
        return false;
    const struct yaml_entry *scenario = yaml_node_find(root, "scenario");
    if (!scenario)
        return false;
    static const char *const axes[] = {"variants", "zip", "grid", "curves"};
    const char *kind = "plan";
    for (size_t i = 0; i < ARRAY_LENGTH(axes); i++)
        kind = yaml_node_find(root, axes[i]) ? "sweep" : kind;
    diagnostics_add(diagnostics, scenario->key->position,
                    "this is no scenario but has one, as a %s does: it is for 'tandem %s'", kind,
                    kind);
    return true;
}

static void read_root(struct config *config, struct config_loader *loader,
                      const struct yaml_node *root)
{
    struct scenario *scenario = &config->scenario;
    struct diagnostics *diagnostics = loader->diagnostics;
    struct config_reader reader;
    if (refuse_other_kind(diagnostics, root))
        return;
    config_reader_open(&reader, diagnostics, root, "scenario");
    config_read_text(&reader, "name", CONFIG_OPTIONAL, TEXT_BYTES_MAX, &config->name);
    config_read_text(&reader, "description", CONFIG_OPTIONAL, TEXT_BYTES_MAX, &config->description);
    config_model_read(diagnostics, config_read_node(&reader, "model", CONFIG_REQUIRED),
                      &scenario->model);
    config_cluster_read(loader, config_read_node(&reader, "cluster", CONFIG_REQUIRED),
                        &scenario->cluster, &config->tables[0].folder);
    read_serving(config, loader, &reader);
    config_workload_read(loader, config_read_node(&reader, "workload", CONFIG_REQUIRED),
                         &config->workload);
    config_slo_read(diagnostics, config_read_node(&reader, "slo", CONFIG_OPTIONAL), &scenario->slo);
    config_run_read(diagnostics, config_read_node(&reader, "run", CONFIG_OPTIONAL), &scenario->run);
    config_events_read(loader, config_read_node(&reader, "events", CONFIG_OPTIONAL), scenario);
    config_output_read(diagnostics, config_read_node(&reader, "output", CONFIG_OPTIONAL),
                       &scenario->output);
    config_reader_close(&reader);
    if (config->pools)
        add_decode(config, loader);
}

/* What goes into a scenario's tree over what its file says: assignments first, then settings. */
struct overrides {
    const struct config_inputs *inputs;
    const struct config_setting *settings;
    size_t setting_count;
};

static bool is_words(const struct yaml_entry *entry)
{
    return strcmp(entry->key->text, "name") == 0 || strcmp(entry->key->text, "description") == 0;
}

/* The tree as one writes it: what says what it is before all else, whoever said so. */
static struct yaml_node *with_words_first(struct config_loader *loader,
                                          const struct yaml_node *root)
{
    struct yaml_node *sorted = yaml_node_new(loader->arena, YAML_KIND_MAPPING, root->position);
    bool is_done = sorted != NULL;
    for (int pass = 0; pass < 2; pass++) {
        for (const struct yaml_entry *entry = root->first; entry && is_done; entry = entry->next) {
            if (is_words(entry) ? pass == 0 && !yaml_node_is_null(entry->value) : pass == 1)
                is_done = yaml_node_append(loader->arena, sorted, entry->key, entry->value) != NULL;
        }
    }
    if (!is_done)
        out_of_memory(loader);
    return is_done ? sorted : NULL;
}

/* A scenario's own tree: base merged in, overrides applied, references resolved. */
static const struct yaml_node *build_tree(struct config_loader *loader, struct yaml_node *root,
                                          const struct overrides *overrides)
{
    root = config_reference_resolve_scenario(loader, root);
    root = root && !root->is_broken ? yaml_node_copy(loader->arena, root) : NULL;
    if (!root || root->kind != YAML_KIND_MAPPING)
        return root;
    /* Before the overrides, which may look into it, and after those that replace the engine. */
    add_default_host(loader, root);
    for (size_t i = 0; i < overrides->inputs->set_count; i++)
        config_override_apply(loader, root, overrides->inputs->sets[i]);
    for (size_t i = 0; i < overrides->setting_count; i++)
        config_override_put(loader, root, overrides->settings[i].path, overrides->settings[i].value,
                            overrides->settings[i].position);
    add_default_host(loader, root);
    resolve_references(loader, root);
    return with_words_first(loader, root);
}

/* The tree of `source`; NULL where it has none that can be built on. */
static const struct yaml_node *parse_tree(struct config_loader *loader, const struct source *source,
                                          const struct overrides *overrides)
{
    struct yaml_node *root =
        yaml_tree_parse(source, source->text, source->bytes, loader->arena, loader->diagnostics);
    return root && root->kind == YAML_KIND_MAPPING ? build_tree(loader, root, overrides) : root;
}

static struct config_loader start(struct config *config, const struct config_inputs *inputs)
{
    *config = (struct config){0};
    diagnostics_init(&config->diagnostics);
    arena_init(&config->arena);
    return (struct config_loader){.arena = &config->arena,
                                  .diagnostics = &config->diagnostics,
                                  .search = inputs->search,
                                  .outputs = inputs->outputs};
}

/* What was measured of a GPU, where its file names a folder of tables. */
static int read_tables_of(struct config_tables *tables, const struct gpu *gpu,
                          struct gpu_samples *samples, struct measured *measured,
                          struct error *error)
{
    if (!tables->folder)
        return 0;
    const struct gpu_folder *folder = gpu_samples_of(samples, tables->folder, error);
    if (!folder)
        return -(int)error->code;
    int status = gpu_tables_init(&tables->of, gpu, folder, error);
    tables->are_read = status == 0;
    if (tables->are_read)
        *measured = (struct measured){.kernels = &tables->of.kernels,
                                      .collectives = &tables->of.collectives};
    return status;
}

static int read_tables(struct config *config, struct gpu_samples *samples, struct error *error)
{
    struct scenario *scenario = &config->scenario;
    int status = read_tables_of(&config->tables[0], &scenario->cluster.gpu, samples,
                                &scenario->measured, error);
    if (status < 0 || !config->decode)
        return status;
    /* A GPU's name does not tell: a pool may give the cluster's other tables or figures. */
    if (!config->pools->of[0].has_gpu && !config->pools->of[1].has_gpu) {
        config->decode->measured = scenario->measured;
        return 0;
    }
    return read_tables_of(&config->tables[1], &config->decode->cluster.gpu, samples,
                          &config->decode->measured, error);
}

/* Fills in `config` from its whole tree; NULL: there is none, which has been reported. */
static int read_tree(struct config *config, struct config_loader *loader,
                     const struct yaml_node *root, struct gpu_samples *shared, struct error *error)
{
    config->root = root;
    if (root)
        read_root(config, loader, root);
    else if (diagnostics_is_empty(&config->diagnostics))
        out_of_memory(loader);
    if (diagnostics_is_empty(&config->diagnostics)) {
        config->text = config_portable_text(&config->arena, root, loader->search);
        if (!config->text)
            out_of_memory(loader);
    }
    int status = diagnostics_to_error(&config->diagnostics, error);
    if (status == 0)
        status = read_tables(config, shared ? shared : &config->samples, error);
    return status;
}

static int load(struct config *config, struct config_loader *loader, const struct source *source,
                const struct config_inputs *inputs, struct error *error)
{
    struct overrides overrides = {.inputs = inputs};
    return read_tree(config, loader, source ? parse_tree(loader, source, &overrides) : NULL,
                     inputs->samples, error);
}

/* The scenario's source; its name is copied, for diagnostics outlive the caller's. */
static struct source *open_source(struct config_loader *loader, const char *path, const char *text,
                                  size_t bytes)
{
    const char *name = arena_strdup(loader->arena, path);
    if (!name) {
        out_of_memory(loader);
        return NULL;
    }
    return config_source_new(loader, name, text, bytes);
}

int config_load_scenario_text(struct config *config, const char *path, const char *text,
                              size_t bytes, const struct config_inputs *inputs, struct error *error)
{
    struct config_loader loader = start(config, inputs);
    return load(config, &loader, open_source(&loader, path, text, bytes), inputs, error);
}

int config_load_scenario(struct config *config, const char *path,
                         const struct config_inputs *inputs, struct error *error)
{
    struct config_loader loader = start(config, inputs);
    const char *text;
    size_t bytes;
    int status = config_file_read(&loader, path, &text, &bytes, error);
    if (status < 0)
        return status;
    return load(config, &loader, open_source(&loader, path, text, bytes), inputs, error);
}

int config_load_scenario_variant(struct config *config, struct yaml_node *root,
                                 const struct config_setting *settings, size_t setting_count,
                                 const struct config_inputs *inputs, struct error *error)
{
    struct config_loader loader = start(config, inputs);
    struct overrides overrides = {inputs, settings, setting_count};
    return read_tree(config, &loader, build_tree(&loader, root, &overrides), inputs->samples,
                     error);
}

/* A mapping's entry under its key of `bytes`, a list's at its index; NULL: there is none. */
static const struct yaml_entry *find_entry(const struct yaml_node *node, const char *key,
                                           size_t bytes)
{
    unsigned long index = node->kind == YAML_KIND_SEQUENCE ? strtoul(key, NULL, 10) : 0;
    for (const struct yaml_entry *entry = node->first; entry; entry = entry->next) {
        const char *own = entry->key ? entry->key->text : NULL;
        bool is_it = own ? strlen(own) == bytes && memcmp(own, key, bytes) == 0 : index-- == 0;
        if (is_it)
            return entry;
    }
    return NULL;
}

struct position config_position(const struct config *config, const char *key)
{
    const struct yaml_node *node = config->root;
    struct position position = node->position;
    while (*key != '\0') {
        size_t bytes = strcspn(key, ".");
        const struct yaml_entry *entry = find_entry(node, key, bytes);
        if (!entry)
            break;
        node = entry->value;
        bool has_key = node->kind == YAML_KIND_MAPPING && entry->key;
        position = has_key ? entry->key->position : node->position;
        key += bytes + (key[bytes] == '.');
    }
    return position;
}

void config_release(struct config *config)
{
    for (size_t i = 0; i < POOLS_MAX; i++) {
        if (config->tables[i].are_read)
            gpu_tables_release(&config->tables[i].of);
        config->tables[i].are_read = false;
    }
    gpu_samples_release(&config->samples);
    arena_release(&config->arena);
}
