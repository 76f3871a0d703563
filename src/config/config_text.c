#include "config_text.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define UNLIMITED_WIDTH (-1)

struct text_buffer {
    char *text;
    size_t bytes;
    size_t room;
};

/* libyaml's yaml_write_handler_t: 1 done, 0 failed. */
static int append(void *context, unsigned char *text, size_t bytes)
{
    struct text_buffer *buffer = context;
    if (buffer->room - buffer->bytes <= bytes) {
        size_t room = buffer->room * 2 + bytes + 1;
        char *larger = realloc(buffer->text, room);
        if (!larger)
            return 0;
        buffer->text = larger;
        buffer->room = room;
    }
    memcpy(buffer->text + buffer->bytes, text, bytes);
    buffer->bytes += bytes;
    buffer->text[buffer->bytes] = '\0';
    return 1;
}

/* The emitter owns an event from here on, also where it fails. */
static bool emit(yaml_emitter_t *emitter, yaml_event_t *event, int is_initialized)
{
    return is_initialized && yaml_emitter_emit(emitter, event);
}

static bool emit_scalar(yaml_emitter_t *emitter, const struct yaml_node *node)
{
    yaml_event_t event;
    yaml_scalar_style_t style =
        node->is_plain ? YAML_PLAIN_SCALAR_STYLE : YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    /* An empty one would come out as '', which is a text. */
    const char *text = yaml_node_is_null(node) ? "null" : node->text;
    return emit(emitter, &event,
                yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text,
                                             (int)strlen(text), 1, 1, style));
}

static bool emit_node(yaml_emitter_t *emitter, const struct yaml_node *node)
{
    if (node->kind == YAML_KIND_SCALAR)
        return emit_scalar(emitter, node);
    yaml_event_t event;
    bool is_mapping = node->kind == YAML_KIND_MAPPING;
    int is_started =
        is_mapping
            ? yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE)
            : yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, YAML_FLOW_SEQUENCE_STYLE);
    if (!emit(emitter, &event, is_started))
        return false;
    for (const struct yaml_entry *entry = node->first; entry; entry = entry->next) {
        if ((entry->key && !emit_scalar(emitter, entry->key)) || !emit_node(emitter, entry->value))
            return false;
    }
    int is_ended = is_mapping ? yaml_mapping_end_event_initialize(&event)
                              : yaml_sequence_end_event_initialize(&event);
    return emit(emitter, &event, is_ended);
}

static bool emit_document(yaml_emitter_t *emitter, const struct yaml_node *root)
{
    yaml_event_t event;
    return emit(emitter, &event, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING)) &&
           emit(emitter, &event,
                yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1)) &&
           emit_node(emitter, root) &&
           emit(emitter, &event, yaml_document_end_event_initialize(&event, 1)) &&
           emit(emitter, &event, yaml_stream_end_event_initialize(&event));
}

const char *config_text_write(struct arena *arena, const struct yaml_node *root)
{
    struct text_buffer buffer = {.text = NULL};
    const char *text = NULL;
    yaml_emitter_t emitter;
    if (!yaml_emitter_initialize(&emitter))
        return NULL;
    yaml_emitter_set_output(&emitter, append, &buffer);
    yaml_emitter_set_unicode(&emitter, 1);
    yaml_emitter_set_width(&emitter, UNLIMITED_WIDTH);
    if (emit_document(&emitter, root))
        text = arena_strdup(arena, buffer.text);
    yaml_emitter_delete(&emitter);
    free(buffer.text);
    return text;
}
