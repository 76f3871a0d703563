#include "utf8.h"

#include <stdbool.h>
#include <string.h>

/* Whether a byte goes on with the character of the one before it. */
static bool is_inside(char byte)
{
    return ((unsigned char)byte & 0xC0) == 0x80;
}

size_t utf8_length(const char *text)
{
    size_t length = 0;
    for (; *text; text++)
        length += !is_inside(*text);
    return length;
}

size_t utf8_cut(const char *text, size_t bytes_max)
{
    size_t bytes = strnlen(text, bytes_max);
    while (bytes > 0 && is_inside(text[bytes]))
        bytes--;
    return bytes;
}
