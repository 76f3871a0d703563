#include "config_layout.h"

#include "config_cluster.h"
#include "spelling.h"

#define IMBALANCE_MAX 1000

static const char *const router_names[] = {ROUTER_POLICIES(LIST_TEXT)};

static const char *const placement_names[] = {LAYOUT_PLACEMENTS(LIST_TEXT)};

/* A listed split is a list, not a word. */
static const char *const split_words[] = {"even", "balanced"};
static const enum stage_split split_of_word[] = {STAGE_SPLIT_EVEN, STAGE_SPLIT_BALANCED};

static void read_list(struct config_reader *reader, const struct yaml_node *node,
                      struct layout_spec *layout)
{
    layout->split = STAGE_SPLIT_LISTED;
    if (node->entry_count != layout->pipeline_parallel) {
        config_reader_report(reader, "stage_layers",
                             "'stage_layers' lists %u stages, and 'pipeline_parallel' is %u",
                             node->entry_count, layout->pipeline_parallel);
        return;
    }
    uint32_t *layers = layout->listed_layers;
    for (const struct yaml_entry *entry = node->first; entry; entry = entry->next) {
        uint64_t count = 1;
        config_value_count(reader->diagnostics, entry->value, "stage_layers", 1, UINT16_MAX,
                           &count);
        *layers++ = (uint32_t)count;
    }
}

static void read_split(struct config_reader *reader, struct layout_spec *layout)
{
    const struct yaml_node *node = config_read_node(reader, "stage_layers", CONFIG_OPTIONAL);
    layout->split = STAGE_SPLIT_BALANCED;
    if (!node)
        return;
    if (node->kind == YAML_KIND_SEQUENCE) {
        read_list(reader, node, layout);
        return;
    }
    bool is_word = node->kind == YAML_KIND_SCALAR;
    size_t count = ARRAY_LENGTH(split_words);
    size_t found = is_word ? spelling_index(node->text, split_words, count) : count;
    if (found < count) {
        layout->split = split_of_word[found];
        return;
    }
    char description[CONFIG_DESCRIPTION_BYTES];
    config_reader_report(reader, "stage_layers",
                         "'stage_layers' must be even, balanced or a list of counts, not %s%s",
                         config_value_describe(node, description),
                         is_word ? spelling_hint(node->text, split_words, count).text : "");
}

/* How the group's GPUs share `model`; one that could not be read is not held against the layout. */
static void read_sharding(struct config_reader *reader, const struct model *model,
                          struct layout_spec *layout)
{
    struct sharding *sharding = &layout->sharding;
    struct error error;
    uint32_t experts_over = 1;
    sharding->expert_imbalance = 1;
    config_read_flag(reader, "sequence_parallel", &sharding->sequence_parallel);
    config_read_count(reader, "expert_parallel", CONFIG_OPTIONAL, 1, CONFIG_GPUS_MAX,
                      &experts_over);
    config_read_number(reader, "expert_imbalance", CONFIG_OPTIONAL, 1, IMBALANCE_MAX,
                       &sharding->expert_imbalance);
    sharding->expert_parallel = experts_over > 1;
    if (!sharding->expert_parallel || model->layers == 0)
        return;
    if (experts_over != layout->tensor_parallel)
        config_reader_report(reader, "expert_parallel",
                             "'expert_parallel' must be 1 or 'tensor_parallel', which is %u: the "
                             "same GPUs share attention and experts",
                             layout->tensor_parallel);
    else if (layout_check_experts(layout, model, &error) < 0)
        config_reader_report(reader, "expert_parallel", "%s", error.text);
}

void config_layout_read_keys(struct config_reader *reader, const struct model *model,
                             struct layout_spec *layout)
{
    *layout = (struct layout_spec){.tensor_parallel = 1, .pipeline_parallel = 1, .replicas = 1};
    config_read_count(reader, "tensor_parallel", CONFIG_OPTIONAL, 1, CONFIG_GPUS_MAX,
                      &layout->tensor_parallel);
    config_read_count(reader, "pipeline_parallel", CONFIG_OPTIONAL, 1, LAYOUT_STAGES_MAX,
                      &layout->pipeline_parallel);
    config_read_count(reader, "replicas", CONFIG_OPTIONAL, 1, CONFIG_GPUS_MAX, &layout->replicas);
    /* Two factors of 2^20 and one of 2^8 cannot overflow. */
    if (layout_gpu_count(layout) > CONFIG_GPUS_MAX)
        config_reader_report(reader, "tensor_parallel",
                             "%u x %u x %u GPUs are more than the %d that a cluster may have",
                             layout->tensor_parallel, layout->pipeline_parallel, layout->replicas,
                             CONFIG_GPUS_MAX);
    read_sharding(reader, model, layout);
    read_split(reader, layout);
    layout->router =
        (enum router_policy)config_read_choice(reader, "router", CONFIG_OPTIONAL, router_names,
                                               ARRAY_LENGTH(router_names), ROUTER_ROUND_ROBIN);
    layout->placement = (enum layout_placement)config_read_choice(
        reader, "placement", CONFIG_OPTIONAL, placement_names, ARRAY_LENGTH(placement_names),
        LAYOUT_PLACEMENT_PACKED);
}

void config_layout_read(struct diagnostics *diagnostics, const struct yaml_node *node,
                        const struct model *model, struct layout_spec *layout)
{
    struct config_reader reader;
    config_reader_open(&reader, diagnostics, node, "layout");
    config_layout_read_keys(&reader, model, layout);
    config_reader_refuse(&reader, "kv_transfer", "a layout without 'pools'");
    config_reader_close(&reader);
}
