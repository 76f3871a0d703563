/*
 * utf8: text in UTF-8, counted and cut by whole characters.
 *
 * A character here is a code point; text that is no UTF-8 is never read beyond its end.
 */
#ifndef TANDEM_UTF8_H
#define TANDEM_UTF8_H

#include <stddef.h>

/* The characters of `text`: printf() pads by bytes. */
size_t utf8_length(const char *text);

/* The most bytes of `text`, no more than `bytes_max`, that end with a whole character. */
size_t utf8_cut(const char *text, size_t bytes_max);

#endif
