#include "spelling.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t spelling_distance(const char *a, const char *b)
{
    /* Three rows of the table (bytes of a, bytes of b): row i is rows[i % 3]. */
    size_t rows[3][SPELLING_WORD_BYTES + 1];
    size_t a_bytes = strlen(a);
    size_t b_bytes = strlen(b);
    if (a_bytes > SPELLING_WORD_BYTES || b_bytes > SPELLING_WORD_BYTES)
        return SIZE_MAX;
    for (size_t j = 0; j <= b_bytes; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_bytes; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3];
        const size_t *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_bytes; j++) {
            row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], two_above[j - 2] + 1);
        }
    }
    return rows[a_bytes % 3][b_bytes];
}

size_t spelling_index(const char *word, const char *const *words, size_t count)
{
    size_t index = 0;
    while (index < count && (*word != *words[index] || strcmp(word, words[index]) != 0))
        index++;
    return index;
}

bool spelling_is_one_of(const char *word, const char *const *words, size_t count)
{
    return spelling_index(word, words, count) < count;
}

void spelling_choice(const char *const *words, size_t count, char text[SPELLING_CHOICE_BYTES])
{
    size_t length = 0;
    text[0] = '\0';
    for (size_t i = 0; i < count && length < SPELLING_CHOICE_BYTES; i++) {
        const char *separator = i == 0 ? "" : i + 1 == count ? " or " : ", ";
        length += (size_t)snprintf(text + length, SPELLING_CHOICE_BYTES - length, "%s%s", separator,
                                   words[i]);
    }
}

const char *spelling_nearest(const char *word, const char *const *candidates, size_t count)
{
    /* A third of the word may be wrong, and one letter of a short one. */
    size_t allowed = strlen(word) / 3 > 1 ? strlen(word) / 3 : 1;
    size_t nearest_distance = allowed + 1;
    const char *nearest = NULL;
    for (size_t i = 0; i < count; i++) {
        size_t distance = spelling_distance(word, candidates[i]);
        if (distance < nearest_distance) {
            nearest_distance = distance;
            nearest = candidates[i];
        }
    }
    return nearest;
}

struct spelling_hint spelling_hint(const char *word, const char *const *candidates, size_t count)
{
    const char *nearest = spelling_nearest(word, candidates, count);
    struct spelling_hint hint = {""};
    if (nearest)
        (void)snprintf(hint.text, sizeof(hint.text), "; did you mean '%s'?", nearest);
    return hint;
}
