/*
 * recommend_text: the rules of thumb beside simulation, for people.
 */
#ifndef TANDEM_RECOMMEND_TEXT_H
#define TANDEM_RECOMMEND_TEXT_H

#include "preflight.h"

#include <stdio.h>

/* Whether `stream` took all that is printed is the caller's to ask (ferror). */
void recommend_text_print(const struct preflight_recommendations *recommendations, FILE *stream);

#endif
