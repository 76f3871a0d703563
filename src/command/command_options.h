/*
 * command_options: the options of a command as a table, and the loop that takes them.
 */
#ifndef TANDEM_COMMAND_OPTIONS_H
#define TANDEM_COMMAND_OPTIONS_H

#include "error.h"

#include <stdbool.h>
#include <stdint.h>

#define COMMAND_OPTIONS_MAX 16

/* An option sets `flag`, or has a value: it goes to `text` as it stands, or is one of `words`,
   whose index goes to `choice`, or else goes to `parse`. */
struct command_option {
    const char *name; /* typed behind "--"; NULL: a letter is all that it has */
    char letter;      /* typed behind "-"; 0: there is none */
    bool *flag;
    const char **text;
    const char *const *words; /* NULL behind them */
    uint32_t *choice;         /* or an enum that has its values in the words' order */
    int (*parse)(const struct command_option *option, const char *value, struct error *error);
    void *target; /* parse()'s, which returns 0 or -ERROR_USAGE */
};

/*
 * Takes the options of `argv` in their order and moves `argc` and `argv` on to the words that are
 * none, which argv[*argc], NULL, ends. `options` ends with {0}. Every command has -h and --help
 * besides: it prints `help`, and nothing more is taken. Returns 1 then, else 0 or -ERROR_USAGE.
 */
int command_options_take(const struct command_option *options, const char *help, int *argc,
                         char ***argv, struct error *error);

#endif
