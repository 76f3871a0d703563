#include "config_model.h"

#include "dtype_name.h"

#define LAYERS_MAX 4096
#define WIDTH_MAX 4194304
#define HEADS_MAX 65536
#define VOCAB_MAX 16777216
#define EXPERTS_MAX 65536
#define CONTEXT_MAX 1000000000

static enum dtype read_dtype(struct config_reader *reader, const char *key)
{
    return (enum dtype)config_read_choice(reader, key, CONFIG_OPTIONAL, dtype_names, DTYPE_COUNT,
                                          DTYPE_BF16);
}

static void read_heads(struct config_reader *reader, struct model *model)
{
    bool has_heads =
        config_read_count(reader, "heads", CONFIG_REQUIRED, 1, HEADS_MAX, &model->heads);
    if (config_read_count(reader, "kv_heads", CONFIG_REQUIRED, 1, HEADS_MAX, &model->kv_heads) &&
        has_heads && model->heads % model->kv_heads != 0)
        config_reader_report(reader, config_reader_last(reader, "heads", "kv_heads"),
                             "'kv_heads' must divide the %u heads into equal groups, which %u "
                             "does not",
                             model->heads, model->kv_heads);
    if (config_reader_has(reader, "head_dim"))
        config_read_count(reader, "head_dim", CONFIG_REQUIRED, 1, WIDTH_MAX, &model->head_dim);
    else if (has_heads && model->hidden % model->heads != 0)
        config_reader_report(reader, "heads",
                             "%u heads do not divide 'hidden', which is %u: give 'head_dim'",
                             model->heads, model->hidden);
    else if (has_heads)
        model->head_dim = model->hidden / model->heads;
}

static void read_experts(struct config_reader *reader, struct model *model)
{
    config_read_count(reader, "experts", CONFIG_OPTIONAL, 0, EXPERTS_MAX, &model->experts);
    if (model->experts == 0) {
        config_reader_refuse(reader, "experts_per_token", "a model without 'experts'");
        return;
    }
    config_read_count(reader, "experts_per_token", CONFIG_REQUIRED, 1, model->experts,
                      &model->experts_per_token);
}

void config_model_read(struct diagnostics *diagnostics, const struct yaml_node *node,
                       struct model *model)
{
    struct config_reader reader;
    config_reader_open(&reader, diagnostics, node, "model");
    config_read_name(&reader, model->name, sizeof(model->name));
    config_read_count(&reader, "layers", CONFIG_REQUIRED, 1, LAYERS_MAX, &model->layers);
    config_read_count(&reader, "hidden", CONFIG_REQUIRED, 1, WIDTH_MAX, &model->hidden);
    config_read_count(&reader, "ffn", CONFIG_REQUIRED, 1, WIDTH_MAX, &model->ffn);
    read_heads(&reader, model);
    config_read_count(&reader, "vocab", CONFIG_REQUIRED, 1, VOCAB_MAX, &model->vocab);
    config_read_count(&reader, "max_context", CONFIG_OPTIONAL, 2, CONTEXT_MAX, &model->max_context);
    read_experts(&reader, model);
    config_read_flag(&reader, "tied_embeddings", &model->tied_embeddings);
    config_read_flag(&reader, "qk_norm", &model->qk_norm);
    model->weights = read_dtype(&reader, "weights");
    model->kv = read_dtype(&reader, "kv");
    config_reader_close(&reader);
}
