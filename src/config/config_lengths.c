#include "config_lengths.h"

#include "config_limits.h"
#include "length_file.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_TOKENS_MAX 131072

static const char *const distribution_names[] = {LENGTH_DISTRIBUTIONS(LIST_TEXT)};

/* Says which keys mean nothing to the distribution. */
static void refuse_others(struct config_reader *reader, enum length_distribution distribution)
{
    const struct {
        const char *key;
        bool is_used;
    } keys[] = {
        {"mean", distribution == LENGTH_FIXED || distribution == LENGTH_NORMAL ||
                     distribution == LENGTH_LOGNORMAL},
        {"sd", distribution == LENGTH_NORMAL || distribution == LENGTH_LOGNORMAL},
        {"cv", distribution == LENGTH_NORMAL || distribution == LENGTH_LOGNORMAL},
        {"exponent", distribution == LENGTH_ZIPF},
        {"file", distribution == LENGTH_EMPIRICAL},
    };
    char what[64];
    snprintf(what, sizeof(what), "distribution '%s'", distribution_names[distribution]);
    for (size_t i = 0; i < ARRAY_LENGTH(keys); i++) {
        if (!keys[i].is_used)
            config_reader_refuse(reader, keys[i].key, what);
    }
}

static void read_bounds(struct config_reader *reader, struct lengths *lengths)
{
    lengths->min = 1;
    lengths->max = DEFAULT_TOKENS_MAX;
    config_read_count(reader, "min", CONFIG_OPTIONAL, 1, CONFIG_TOKENS_MAX, &lengths->min);
    /* Only a uniform distribution is made of its bounds. */
    enum config_presence presence =
        lengths->distribution == LENGTH_UNIFORM ? CONFIG_REQUIRED : CONFIG_OPTIONAL;
    config_read_count(reader, "max", presence, 1, CONFIG_TOKENS_MAX, &lengths->max);
    if (lengths->min > lengths->max)
        config_reader_report(reader, "min", "'min' is %u and 'max' is %u", lengths->min,
                             lengths->max);
}

static void read_mean(struct config_reader *reader, struct lengths *lengths)
{
    if (config_read_number(reader, "mean", CONFIG_REQUIRED, 1, CONFIG_TOKENS_MAX, &lengths->mean) &&
        (lengths->mean < lengths->min || lengths->mean > lengths->max))
        config_reader_report(reader, "mean", "'mean' must lie between 'min', %u, and 'max', %u",
                             lengths->min, lengths->max);
}

/* `sd` in tokens or `cv` in means, not both. */
static void read_spread(struct config_reader *reader, struct lengths *lengths)
{
    bool has_sd = config_reader_has(reader, "sd");
    bool has_cv = config_reader_has(reader, "cv");
    if (has_sd == has_cv && reader->node) {
        config_reader_report(reader, has_cv ? "cv" : "distribution",
                             "distribution '%s' takes either 'sd' or 'cv'",
                             distribution_names[lengths->distribution]);
        return;
    }
    double cv;
    if (config_read_number(reader, "cv", CONFIG_OPTIONAL, CONFIG_SPREAD_MIN, CONFIG_CV_MAX, &cv))
        lengths->sd = cv * lengths->mean;
    config_read_number(reader, "sd", CONFIG_OPTIONAL, CONFIG_SPREAD_MIN, CONFIG_TOKENS_MAX,
                       &lengths->sd);
}

/* Moves the file's counts into the arena, which is what lives as long as the scenario. */
static void read_file(struct config_loader *loader, struct config_reader *reader,
                      struct lengths *lengths)
{
    static const char *const suffixes[] = {"", NULL};
    const struct yaml_node *node = config_read_node(reader, "file", CONFIG_REQUIRED);
    const char *name;
    if (!node || !config_value_text(loader->diagnostics, node, "file", FILENAME_MAX, &name))
        return;
    const char *path = config_file_find(loader, node->position, name, suffixes);
    if (!path)
        return;
    struct error error;
    uint32_t *values = NULL;
    if (length_file_read(path, &values, &lengths->value_count, &error) < 0) {
        if (error.code == ERROR_MEMORY)
            diagnostics_add_out_of_memory(loader->diagnostics);
        else
            /* Its first line: the excerpt that follows is of another file than this one's. */
            diagnostics_add(loader->diagnostics, node->position, "%.*s",
                            (int)strcspn(error.text, "\n"), error.text);
        return;
    }
    uint32_t *kept = arena_calloc(loader->arena, lengths->value_count, sizeof(*kept));
    if (kept)
        lengths->values = memcpy(kept, values, lengths->value_count * sizeof(*kept));
    else
        diagnostics_add_out_of_memory(loader->diagnostics);
    free(values);
}

static void read_distribution(struct config_loader *loader, struct config_reader *reader,
                              struct lengths *lengths)
{
    uint32_t count = ARRAY_LENGTH(distribution_names);
    uint32_t index = config_read_choice(reader, "distribution", CONFIG_REQUIRED, distribution_names,
                                        count, count);
    if (index == count) {
        config_reader_abandon(reader);
        return;
    }
    lengths->distribution = (enum length_distribution)index;
    read_bounds(reader, lengths);
    refuse_others(reader, lengths->distribution);
    switch (lengths->distribution) {
    case LENGTH_FIXED:
        read_mean(reader, lengths);
        break;
    case LENGTH_UNIFORM:
        break;
    case LENGTH_NORMAL:
    case LENGTH_LOGNORMAL:
        read_mean(reader, lengths);
        read_spread(reader, lengths);
        break;
    case LENGTH_ZIPF:
        config_read_number(reader, "exponent", CONFIG_REQUIRED, CONFIG_EXPONENT_MIN,
                           CONFIG_EXPONENT_MAX, &lengths->exponent);
        break;
    case LENGTH_EMPIRICAL:
        read_file(loader, reader, lengths);
        break;
    }
}

/* A bare count, which every request has. */
static void read_fixed(struct config_loader *loader, const struct yaml_node *node, const char *key,
                       struct lengths *lengths)
{
    uint64_t tokens;
    if (!config_value_count(loader->diagnostics, node, key, 1, CONFIG_TOKENS_MAX, &tokens))
        return;
    lengths->distribution = LENGTH_FIXED;
    lengths->mean = (double)tokens;
    lengths->min = (uint32_t)tokens;
    lengths->max = (uint32_t)tokens;
}

void config_lengths_read(struct config_loader *loader, struct config_reader *parent,
                         const char *key, struct lengths *lengths)
{
    const struct yaml_node *node = config_read_node(parent, key, CONFIG_REQUIRED);
    if (node && node->kind == YAML_KIND_SCALAR) {
        read_fixed(loader, node, key, lengths);
        return;
    }
    struct config_reader reader;
    config_reader_enter(&reader, parent, key, CONFIG_OPTIONAL);
    if (reader.node)
        read_distribution(loader, &reader, lengths);
    config_reader_close(&reader);
}
