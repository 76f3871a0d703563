#include "arena_text.h"

#include <string.h>

void arena_text_init(struct arena_text *text, struct arena *arena)
{
    *text = (struct arena_text){arena, arena_strdup(arena, "")};
}

void arena_text_append(struct arena_text *text, const char *more)
{
    if (!text->bytes || !more) {
        text->bytes = NULL;
        return;
    }
    size_t bytes = strlen(text->bytes);
    char *longer = arena_calloc(text->arena, bytes + strlen(more) + 1, 1);
    if (longer) {
        memcpy(longer, text->bytes, bytes);
        memcpy(longer + bytes, more, strlen(more) + 1);
    }
    text->bytes = longer;
}
