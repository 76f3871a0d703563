/*
 * arena_text: a text put together piece by piece in an arena.
 *
 * A failed allocation leaves it NULL for good, so that only the whole need be
 * looked at. For short texts: each piece copies what is there.
 */
#ifndef TANDEM_ARENA_TEXT_H
#define TANDEM_ARENA_TEXT_H

#include "arena.h"

struct arena_text {
    struct arena *arena;
    char *bytes; /* NULL when memory is out */
};

/* An empty text. */
void arena_text_init(struct arena_text *text, struct arena *arena);

/* Adds `more`; NULL, something that could not be had, makes it NULL too. */
void arena_text_append(struct arena_text *text, const char *more);

#endif
