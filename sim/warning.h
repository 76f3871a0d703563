/*
 * warning: one thing that a layout or a run does wrong, with the number that shows it.
 */
#ifndef TANDEM_WARNING_H
#define TANDEM_WARNING_H

#include "base.h"

#define WARNING_CODE_BYTES 64
#define WARNING_TEXT_BYTES 512

struct warning {
    char code[WARNING_CODE_BYTES]; /* stable, for programs: tp_over_pcie */
    char text[WARNING_TEXT_BYTES];
};

/* Fills in `warning`, its text printf-formatted and truncated to fit; returns true: there is one.
 */
bool warning_set(struct warning *warning, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* context_exceeded: of `requests`, so many were rejected for a prompt that leaves no room in the
   model's context of `max_context` tokens, and so many had their output cut there; false: none. */
bool warning_set_context(struct warning *warning, uint32_t max_context, uint64_t requests,
                         uint64_t too_long, uint64_t cut);

#endif
