#include "yaml_tree.h"

#include <string.h>
#include <yaml.h>

/* A name for a node; the newest comes first, for YAML lets a name be given again. */
struct anchor {
    const char *name;
    struct yaml_node *node;
    bool is_open; /* its node is still being built */
    struct anchor *older;
};

struct builder {
    yaml_parser_t parser;
    const struct source *source;
    struct arena *arena;
    struct diagnostics *diagnostics;
    struct anchor *anchors;
    uint32_t depth;
    uint32_t node_count;
};

static struct yaml_node *build_node(struct builder *builder, const yaml_event_t *event);

static struct position position_of(const struct builder *builder, yaml_mark_t mark)
{
    return (struct position){.source = builder->source,
                             .line = (uint32_t)mark.line + 1,
                             .column = (uint32_t)mark.column + 1};
}

static void *out_of_memory(struct builder *builder)
{
    diagnostics_add_out_of_memory(builder->diagnostics);
    return NULL;
}

#define WHILE "while "

static bool is_while(const char *context)
{
    return strncmp(context, WHILE, strlen(WHILE)) == 0;
}

static void report_syntax(struct builder *builder)
{
    const yaml_parser_t *parser = &builder->parser;
    if (parser->error == YAML_MEMORY_ERROR)
        out_of_memory(builder);
    else if (parser->error == YAML_READER_ERROR)
        diagnostics_add(builder->diagnostics,
                        diagnostic_position(builder->source, parser->problem_offset),
                        "bad text: %s", parser->problem);
    else
        diagnostics_add(builder->diagnostics, position_of(builder, parser->problem_mark),
                        "bad YAML: %s%s%s", parser->problem, parser->context ? " " : "",
                        parser->context ? parser->context : "");
    /* What is not closed is noticed at its end, lines later: where it opens is what helps. */
    bool is_elsewhere = parser->context && parser->context_mark.line != parser->problem_mark.line;
    if (parser->error != YAML_READER_ERROR && builder->source->text && is_elsewhere &&
        is_while(parser->context))
        diagnostics_add(builder->diagnostics, position_of(builder, parser->context_mark),
                        "%s began here", parser->context + strlen(WHILE));
}

/* Fetches the next event, which the caller deletes; false where there is none to be had. */
static bool next_event(struct builder *builder, yaml_event_t *event)
{
    if (yaml_parser_parse(&builder->parser, event))
        return true;
    report_syntax(builder);
    return false;
}

/* Counts `nodes` more; false, with the diagnostic added, where there are too many. */
static bool count_nodes(struct builder *builder, uint32_t nodes, struct position position)
{
    if (nodes <= YAML_TREE_NODES_MAX - builder->node_count) {
        builder->node_count += nodes;
        return true;
    }
    diagnostics_add(builder->diagnostics, position,
                    "more than %d values, those that aliases stand for counted",
                    YAML_TREE_NODES_MAX);
    return false;
}

/* Adds an entry whose parts are built already. */
static bool append(struct builder *builder, struct yaml_node *node, struct yaml_node *key,
                   struct yaml_node *value)
{
    return yaml_node_append(builder->arena, node, key, value) || out_of_memory(builder);
}

static struct anchor *open_anchor(struct builder *builder, const yaml_char_t *name,
                                  struct yaml_node *node)
{
    struct anchor *anchor = arena_calloc(builder->arena, 1, sizeof(*anchor));
    if (!anchor)
        return out_of_memory(builder);
    anchor->name = arena_strdup(builder->arena, (const char *)name);
    if (!anchor->name)
        return out_of_memory(builder);
    anchor->node = node;
    anchor->is_open = true;
    anchor->older = builder->anchors;
    builder->anchors = anchor;
    return anchor;
}

static struct yaml_node *build_alias(struct builder *builder, const yaml_event_t *event)
{
    const char *name = (const char *)event->data.alias.anchor;
    struct position position = position_of(builder, event->start_mark);
    const struct anchor *anchor = builder->anchors;
    while (anchor && strcmp(anchor->name, name) != 0)
        anchor = anchor->older;
    if (!anchor) {
        diagnostics_add(builder->diagnostics, position, "alias '*%.60s' has no anchor before it",
                        name);
        return NULL;
    }
    if (anchor->is_open) {
        diagnostics_add(builder->diagnostics, position, "alias '*%.60s' stands inside its anchor",
                        name);
        return NULL;
    }
    return count_nodes(builder, anchor->node->node_count, position) ? anchor->node : NULL;
}

static struct yaml_node *build_scalar(struct builder *builder, const yaml_event_t *event,
                                      struct yaml_node *node)
{
    const char *text = (const char *)event->data.scalar.value;
    if (strlen(text) != event->data.scalar.length) {
        diagnostics_add(builder->diagnostics, node->position, "a value holds a NUL character");
        return NULL;
    }
    node->is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    node->text = arena_strdup(builder->arena, text);
    return node->text ? node : out_of_memory(builder);
}

static struct yaml_node *build_sequence(struct builder *builder, struct yaml_node *node)
{
    for (;;) {
        yaml_event_t event;
        if (!next_event(builder, &event))
            return NULL;
        bool is_end = event.type == YAML_SEQUENCE_END_EVENT;
        struct yaml_node *item = is_end ? NULL : build_node(builder, &event);
        yaml_event_delete(&event);
        if (is_end)
            return node;
        if (!item || !append(builder, node, NULL, item))
            return NULL;
    }
}

/* Adds to `node` the entries of `merged` whose keys it has not. */
static bool merge_mapping(struct builder *builder, struct yaml_node *node,
                          const struct yaml_node *merged, struct position position)
{
    if (merged->kind != YAML_KIND_MAPPING) {
        diagnostics_add(builder->diagnostics, position,
                        "'<<' takes an alias of a mapping, or a list of such");
        return false;
    }
    for (const struct yaml_entry *entry = merged->first; entry; entry = entry->next) {
        if (yaml_node_find(node, entry->key->text))
            continue;
        if (!count_nodes(builder, 1 + entry->value->node_count, position) ||
            !append(builder, node, entry->key, entry->value))
            return false;
    }
    return true;
}

/* What `<<: *a` or `<<: [*a, *b]` stands for; the mapping's own keys and earlier aliases win. */
static bool merge(struct builder *builder, struct yaml_node *node, const struct yaml_node *value)
{
    if (value->kind != YAML_KIND_SEQUENCE)
        return merge_mapping(builder, node, value, value->position);
    for (const struct yaml_entry *item = value->first; item; item = item->next) {
        if (!merge_mapping(builder, node, item->value, value->position))
            return false;
    }
    return true;
}

static bool is_merge_key(const struct yaml_node *key)
{
    return key->is_plain && strcmp(key->text, "<<") == 0;
}

/* Whether `key` may be one of the mapping's, whose merge key is `merge_key`, NULL before it. */
static bool is_key(struct builder *builder, const struct yaml_node *mapping,
                   const struct yaml_node *merge_key, const struct yaml_node *key)
{
    if (key->kind != YAML_KIND_SCALAR) {
        diagnostics_add(builder->diagnostics, key->position, "a key must be a plain word");
        return false;
    }
    const struct yaml_entry *entry = yaml_node_find(mapping, key->text);
    const struct yaml_node *first = entry ? entry->key : is_merge_key(key) ? merge_key : NULL;
    if (first) {
        const struct position *at = &first->position;
        diagnostics_add(builder->diagnostics, key->position,
                        "duplicate key '%.60s'; the first is at %.200s:%u:%u", key->text,
                        at->source->name, at->line, at->column);
    }
    return !first;
}

/*
 * The next entry of `node`: 1 with it added or, where it is a merge key, noted
 * in `merged`; 0 at the mapping's end; -1 where it cannot be built.
 */
static int build_entry(struct builder *builder, struct yaml_node *node, struct yaml_entry *merged)
{
    yaml_event_t event;
    if (!next_event(builder, &event))
        return -1;
    bool is_end = event.type == YAML_MAPPING_END_EVENT;
    struct yaml_node *key = is_end ? NULL : build_node(builder, &event);
    yaml_event_delete(&event);
    if (is_end)
        return 0;
    if (!key || !next_event(builder, &event))
        return -1;
    struct yaml_node *value = build_node(builder, &event);
    yaml_event_delete(&event);
    if (!value)
        return -1;
    /* A duplicate is left out, and the search for mistakes goes on. */
    if (!is_key(builder, node, merged->key, key))
        return 1;
    if (is_merge_key(key)) {
        *merged = (struct yaml_entry){.key = key, .value = value};
        return 1;
    }
    return append(builder, node, key, value) ? 1 : -1;
}

static struct yaml_node *build_mapping(struct builder *builder, struct yaml_node *node)
{
    struct yaml_entry merged = {.value = NULL};
    int status;
    do
        status = build_entry(builder, node, &merged);
    while (status > 0);
    if (status < 0 || (merged.value && !merge(builder, node, merged.value)))
        return NULL;
    return node;
}

static const yaml_char_t *tag_of(const yaml_event_t *event)
{
    return event->type == YAML_SCALAR_EVENT           ? event->data.scalar.tag
           : event->type == YAML_SEQUENCE_START_EVENT ? event->data.sequence_start.tag
                                                      : event->data.mapping_start.tag;
}

static const yaml_char_t *anchor_of(const yaml_event_t *event)
{
    return event->type == YAML_SCALAR_EVENT           ? event->data.scalar.anchor
           : event->type == YAML_SEQUENCE_START_EVENT ? event->data.sequence_start.anchor
                                                      : event->data.mapping_start.anchor;
}

/* The start of a node that is no alias: its limits kept, its tag refused. */
static struct yaml_node *start_node(struct builder *builder, const yaml_event_t *event)
{
    struct position position = position_of(builder, event->start_mark);
    enum yaml_kind kind = event->type == YAML_SCALAR_EVENT           ? YAML_KIND_SCALAR
                          : event->type == YAML_SEQUENCE_START_EVENT ? YAML_KIND_SEQUENCE
                                                                     : YAML_KIND_MAPPING;
    if (builder->depth == YAML_TREE_DEPTH_MAX) {
        diagnostics_add(builder->diagnostics, position, "nested deeper than %d levels",
                        YAML_TREE_DEPTH_MAX);
        return NULL;
    }
    if (tag_of(event)) {
        diagnostics_add(builder->diagnostics, position, "tags such as '%.60s' have no meaning here",
                        (const char *)tag_of(event));
        return NULL;
    }
    if (!count_nodes(builder, 1, position))
        return NULL;
    struct yaml_node *node = yaml_node_new(builder->arena, kind, position);
    return node ? node : out_of_memory(builder);
}

/* Builds the node that starts with `event`; NULL where it cannot, which has been reported. */
static struct yaml_node *build_node(struct builder *builder, const yaml_event_t *event)
{
    if (event->type == YAML_ALIAS_EVENT)
        return build_alias(builder, event);
    struct yaml_node *node = start_node(builder, event);
    if (!node)
        return NULL;
    struct anchor *anchor = NULL;
    if (anchor_of(event)) {
        anchor = open_anchor(builder, anchor_of(event), node);
        if (!anchor)
            return NULL;
    }
    builder->depth++;
    switch (node->kind) {
    case YAML_KIND_SCALAR:
        node = build_scalar(builder, event, node);
        break;
    case YAML_KIND_SEQUENCE:
        node = build_sequence(builder, node);
        break;
    case YAML_KIND_MAPPING:
        node = build_mapping(builder, node);
        break;
    }
    builder->depth--;
    if (anchor)
        anchor->is_open = false;
    return node;
}

/* Builds the first document's root; NULL where there is none. */
static struct yaml_node *build_root(struct builder *builder)
{
    struct position whole = {.source = builder->source};
    for (;;) {
        yaml_event_t event;
        if (!next_event(builder, &event))
            return NULL;
        bool is_marker =
            event.type == YAML_STREAM_START_EVENT || event.type == YAML_DOCUMENT_START_EVENT;
        bool is_end = event.type == YAML_STREAM_END_EVENT;
        struct yaml_node *root = is_marker || is_end ? NULL : build_node(builder, &event);
        yaml_event_delete(&event);
        if (is_end)
            diagnostics_add(builder->diagnostics, whole, "holds no value");
        if (!is_marker)
            return root;
    }
}

/* Whether nothing follows the document. */
static bool is_last_document(struct builder *builder)
{
    for (;;) {
        yaml_event_t event;
        if (!next_event(builder, &event))
            return false;
        yaml_event_type_t type = event.type;
        struct position position = position_of(builder, event.start_mark);
        yaml_event_delete(&event);
        if (type == YAML_STREAM_END_EVENT)
            return true;
        if (type == YAML_DOCUMENT_START_EVENT) {
            diagnostics_add(builder->diagnostics, position, "a second document; give it its file");
            return false;
        }
    }
}

struct yaml_node *yaml_tree_parse(const struct source *source, const char *text, size_t bytes,
                                  struct arena *arena, struct diagnostics *diagnostics)
{
    struct builder builder = {.source = source, .arena = arena, .diagnostics = diagnostics};
    if (!yaml_parser_initialize(&builder.parser))
        return out_of_memory(&builder);
    yaml_parser_set_encoding(&builder.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&builder.parser, (const unsigned char *)text, bytes);
    struct yaml_node *root = build_root(&builder);
    if (root && !is_last_document(&builder))
        root = NULL;
    yaml_parser_delete(&builder.parser);
    return root;
}
