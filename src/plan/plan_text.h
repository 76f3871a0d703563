/*
 * plan_text: the answer to a plan, for people: what to buy, what it costs, what
 * it stands, and why not the others.
 */
#ifndef TANDEM_PLAN_TEXT_H
#define TANDEM_PLAN_TEXT_H

#include "plan_answer.h"

#include <stdio.h>

/* Prints what was found. Whether `stream` took all of it is the caller's to ask (ferror). */
void plan_text_print(const struct plan_answer *answer, FILE *stream);

/* The same for a plan that was checked, the only candidate. */
void plan_text_print_check(const struct plan_answer *answer, FILE *stream);

#endif
