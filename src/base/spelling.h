/*
 * spelling: which of some words the user wrote, may have meant, or can choose.
 */
#ifndef TANDEM_SPELLING_H
#define TANDEM_SPELLING_H

#include <stdbool.h>
#include <stddef.h>

/* Where `word` stands among `words`; `count` where it is none of them. */
size_t spelling_index(const char *word, const char *const *words, size_t count);
bool spelling_is_one_of(const char *word, const char *const *words, size_t count);

#define SPELLING_CHOICE_BYTES 256

/* `a, b or c`, cut where it does not fit. */
void spelling_choice(const char *const *words, size_t count, char text[SPELLING_CHOICE_BYTES]);

/* Longer words are near to none. */
#define SPELLING_WORD_BYTES 64

/*
 * Edits that turn `a` into `b`: insert, delete or replace a byte, or swap two
 * neighbours. SIZE_MAX where either is longer than SPELLING_WORD_BYTES.
 * Source: Damerau, CACM 7(3), 1964; restricted (no substring is edited twice).
 */
size_t spelling_distance(const char *a, const char *b);

/* The first of the candidates nearest to `word`; NULL where none is near enough to be meant. */
const char *spelling_nearest(const char *word, const char *const *candidates, size_t count);

struct spelling_hint {
    char text[SPELLING_WORD_BYTES + 24];
};

/* The same as a sentence's end: `; did you mean 'router'?`; empty where none is near enough. */
struct spelling_hint spelling_hint(const char *word, const char *const *candidates, size_t count);

#endif
