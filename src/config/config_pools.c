#include "config_pools.h"

#include "config_engine.h"
#include "config_gpu.h"
#include "config_layout.h"
#include "config_reference.h"

#include <string.h>

static const char *const pool_names[POOLS_MAX] = {"prefill", "decode"};

static const char *const transfer_names[] = {KV_TRANSFERS(LIST_TEXT)};

bool config_pools_are_in(const struct yaml_node *layout)
{
    return layout && layout->kind == YAML_KIND_MAPPING && yaml_node_find(layout, "pools");
}

/* The scenario's engine, the pool's own keys winning. */
static void resolve_engine(struct config_loader *loader, const struct yaml_node *root,
                           struct yaml_node *pool)
{
    struct yaml_entry *engine = yaml_node_find(root, "engine");
    struct yaml_entry *own = yaml_node_find(pool, "engine");
    if (!engine || (own && own->value->kind != YAML_KIND_MAPPING))
        return;
    struct yaml_node *merged = engine->value;
    if (own)
        own->value = merged = config_reference_overlay(loader, merged, own->value);
    else if (!yaml_node_append(loader->arena, pool,
                               yaml_node_new_scalar(loader->arena, pool->position, "engine"),
                               merged))
        merged = NULL;
    if (!merged) {
        diagnostics_add_out_of_memory(loader->diagnostics);
        return;
    }
    struct yaml_node *entered = config_reference_enter(loader, pool, "engine");
    if (entered && entered->kind == YAML_KIND_MAPPING)
        config_reference_enter(loader, entered, "host");
}

/* The layout's keys but those that pools have not. */
static struct yaml_node *defaults_of(struct config_loader *loader, const struct yaml_node *layout)
{
    struct yaml_node *defaults = yaml_node_new(loader->arena, YAML_KIND_MAPPING, layout->position);
    for (const struct yaml_entry *entry = layout->first; defaults && entry; entry = entry->next)
        if (strcmp(entry->key->text, "pools") != 0 &&
            strcmp(entry->key->text, "kv_transfer") != 0 &&
            !yaml_node_append(loader->arena, defaults, entry->key, entry->value))
            return NULL;
    return defaults;
}

/* A pool as its own mapping, with what the layout has where it gives nothing. */
static struct yaml_node *resolve_layout(struct config_loader *loader,
                                        const struct yaml_node *layout, struct yaml_node *pools,
                                        const char *name)
{
    struct yaml_entry *pool = yaml_node_find(pools, name);
    if (!pool || pool->value->kind != YAML_KIND_MAPPING)
        return NULL;
    struct yaml_node *defaults = defaults_of(loader, layout);
    struct yaml_node *merged =
        defaults ? config_reference_overlay(loader, defaults, pool->value) : NULL;
    if (!merged) {
        diagnostics_add_out_of_memory(loader->diagnostics);
        return NULL;
    }
    pool->value = merged;
    return config_reference_enter(loader, pools, name);
}

void config_pools_resolve(struct config_loader *loader, struct yaml_node *root)
{
    struct yaml_node *layout = config_reference_enter(loader, root, "layout");
    if (!config_pools_are_in(layout))
        return;
    struct yaml_node *pools = config_reference_enter(loader, layout, "pools");
    if (!pools || pools->kind != YAML_KIND_MAPPING)
        return;
    for (size_t i = 0; i < POOLS_MAX; i++) {
        struct yaml_node *pool = resolve_layout(loader, layout, pools, pool_names[i]);
        if (!pool)
            continue;
        resolve_engine(loader, root, pool);
        config_reference_enter(loader, pool, "gpu");
    }
}

static void read_pool(struct config_loader *loader, struct config_reader *parent, const char *name,
                      const struct model *model, struct config_pool *pool)
{
    struct config_reader reader;
    config_reader_enter(&reader, parent, name, CONFIG_REQUIRED);
    config_layout_read_keys(&reader, model, &pool->layout);
    config_engine_read(loader->diagnostics, config_read_node(&reader, "engine", CONFIG_OPTIONAL),
                       pool->layout.pipeline_parallel, &pool->serving);
    pool->layout.sharding.expert_exchange = pool->serving.host.expert_exchange;
    if (pool->serving.policy == BATCHER_STATIC)
        config_reader_report(&reader, "engine",
                             "policy static keeps a batch from prompt to last token, which '%s' "
                             "cannot with pools",
                             reader.name);
    pool->has_gpu = config_reader_has(&reader, "gpu");
    pool->measured_folder = NULL;
    if (pool->has_gpu)
        config_gpu_read(loader, config_read_node(&reader, "gpu", CONFIG_REQUIRED), &pool->gpu,
                        &pool->measured_folder);
    config_reader_close(&reader);
}

void config_pools_read(struct config_loader *loader, const struct yaml_node *layout,
                       const struct model *model, struct config_pools *pools)
{
    struct config_reader reader;
    struct config_reader of_pools;
    struct layout_spec defaults; /* they are in the pools */
    config_reader_open(&reader, loader->diagnostics, layout, "layout");
    pools->kv_transfer = (enum kv_transfer)config_read_choice(
        &reader, "kv_transfer", CONFIG_OPTIONAL, transfer_names, ARRAY_LENGTH(transfer_names),
        KV_TRANSFER_WHOLE);
    config_reader_enter(&of_pools, &reader, "pools", CONFIG_REQUIRED);
    size_t mistakes = loader->diagnostics->count;
    config_layout_read_keys(&reader, model, &defaults);
    config_reader_close(&reader);
    if (loader->diagnostics->count > mistakes) /* both pools would have them, too */
        return;
    for (size_t i = 0; i < POOLS_MAX; i++)
        read_pool(loader, &of_pools, pool_names[i], model, &pools->of[i]);
    config_reader_close(&of_pools);
}
