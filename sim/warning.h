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

#endif
