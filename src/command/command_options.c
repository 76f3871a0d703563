#include "command_options.h"

#include "base.h"
#include "spelling.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

/* Beyond any letter: getopt's value for the first row, where it is typed by its name. */
#define ROW_FIRST 256

/* ":h", and each option's letter with its colon. */
#define LETTERS_BYTES (sizeof(":h") + sizeof("o:") * COMMAND_OPTIONS_MAX)

/* The table as getopt_long() has it. */
struct getopt_table {
    char letters[LETTERS_BYTES];
    struct option names[COMMAND_OPTIONS_MAX + 2];
};

static bool is_end(const struct command_option *option)
{
    return !option->name && option->letter == 0;
}

/* The colon in front has getopt tell a missing value from an unknown option and print neither. */
static void fill(struct getopt_table *table, const struct command_option *options)
{
    char *letters = stpcpy(table->letters, ":h");
    struct option *name = table->names;
    *name++ = (struct option){"help", no_argument, NULL, 'h'};
    for (int row = 0; !is_end(&options[row]); row++) {
        const struct command_option *option = &options[row];
        int has_value = option->flag ? no_argument : required_argument;
        assert(row < COMMAND_OPTIONS_MAX);
        if (option->name)
            *name++ = (struct option){option->name, has_value, NULL, ROW_FIRST + row};
        if (option->letter != 0)
            *letters++ = option->letter;
        if (option->letter != 0 && has_value)
            *letters++ = ':';
    }
    *letters = '\0';
    *name = (struct option){0};
}

/* What getopt_long() found; it finds none but those in the table. */
static const struct command_option *row_of(const struct command_option *options, int found)
{
    if (found >= ROW_FIRST)
        return &options[found - ROW_FIRST];
    while (options->letter != found)
        options++;
    return options;
}

static int choose(const struct command_option *option, const char *value, struct error *error)
{
    char choice[SPELLING_CHOICE_BYTES];
    size_t count = 0;
    while (option->words[count])
        count++;
    size_t index = spelling_index(value, option->words, count);
    if (index < count) {
        *option->choice = (uint32_t)index;
        return 0;
    }
    spelling_choice(option->words, count, choice);
    return error_set(error, ERROR_USAGE, "--%s is %s, not '%s'", option->name, choice, value);
}

static int take(const struct command_option *option, struct error *error)
{
    if (option->parse)
        return option->parse(option, optarg, error);
    if (option->words)
        return choose(option, optarg, error);
    if (option->flag)
        *option->flag = true;
    else
        *option->text = optarg;
    return 0;
}

/* `found` is '?' or ':'. */
static int bad_option(char **argv, int found, struct error *error)
{
    const char *given = argv[optind - 1];
    if (found == ':')
        return error_set(error, ERROR_USAGE, "option '%s' needs a value", given);
    if (optopt != 0 && given[1] != '-')
        return error_set(error, ERROR_USAGE, "unknown option '-%c'", optopt);
    return error_set(error, ERROR_USAGE, "unknown option '%s'", given);
}

int command_options_take(const struct command_option *options, const char *help, int *argc,
                         char ***argv, struct error *error)
{
    struct getopt_table table;
    int found;
    fill(&table, options);
    while ((found = getopt_long(*argc, *argv, table.letters, table.names, NULL)) != -1) {
        if (found == 'h') {
            (void)fputs(help, stdout);
            return 1;
        }
        if (found == '?' || found == ':')
            return bad_option(*argv, found, error);
        int status = take(row_of(options, found), error);
        if (status < 0)
            return status;
    }
    *argc -= optind;
    *argv += optind;
    return 0;
}
