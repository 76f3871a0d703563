/*
 * preflight_text: what `tandem check` found out, for people.
 */
#ifndef TANDEM_PREFLIGHT_TEXT_H
#define TANDEM_PREFLIGHT_TEXT_H

#include "preflight.h"

#include <stdio.h>

/* Whether `stream` took all that is printed is the caller's to ask (ferror). */
void preflight_text_print(const struct preflight *preflight, FILE *stream);

#endif
