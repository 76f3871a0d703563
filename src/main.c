/*
 * tandem: simulates GPU clusters that serve large language models.
 *
 * main() finds the subcommand; src/command/ has them, one a file.
 */
#include "base.h"
#include "command.h"

#include <gsl/gsl_errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

struct command {
    const char *name;
    const char *summary;
    int (*run)(int argc, char **argv);
};

static const struct command commands[] = {
    {"run", "simulate a scenario: latency, throughput, where the time went", command_run},
    {"check", "a scenario's layout, memory and warnings; runs nothing", command_check},
    {"sweep", "run a scenario along axes: many what-ifs, curves of latency against load",
     command_sweep},
    {"merge", "join the files of a sweep that was run in parts", command_merge},
    {"collective", "how long collectives take on a cluster, by each algorithm", command_collective},
    {"plan", "the cheapest GPUs that serve a scenario within its SLO", command_plan},
    {"trace", "look at, make and convert traces of requests", command_trace},
    {"calibrate", "make a GPU's tables from measurements", command_calibrate},
    {"compare", "how far a run is from requests measured on real GPUs", command_compare},
    {"export", "a run's timeline or tables, or a cluster, for other programs", command_export},
    {"report", "one HTML file of a run, a sweep or a plan: curves, timeline, assumptions",
     command_report},
};

static void print_usage(FILE *stream)
{
    (void)fputs("usage: tandem COMMAND [OPTION]...\n\n"
                "Simulates a GPU cluster that serves a large language model, event by event.\n\n",
                stream);
    for (size_t i = 0; i < ARRAY_LENGTH(commands); i++)
        (void)fprintf(stream, "  %-12s%s\n", commands[i].name, commands[i].summary);
    (void)fputs("\n'tandem COMMAND --help' tells more; 'tandem --version' the version.\n", stream);
}

static int usage_error(const char *name)
{
    if (name)
        (void)fprintf(stderr, "tandem: there is no command '%s'\n\n", name);
    print_usage(stderr);
    return error_exit_code(ERROR_USAGE);
}

/* The exit code of `name`, which has printed all it had to: what stdout did not take is an error.
 */
static int finish(const char *name, int exit_code)
{
    struct error error;
    if (exit_code != 0 || command_flush(&error) == 0)
        return exit_code;
    return command_fail(name, &error);
}

int main(int argc, char **argv)
{
    /* GSL's own handler aborts; the simulator checks what GSL returns. */
    (void)gsl_set_error_handler_off();
    /* A file that grows beyond what the shell allows is a write that fails, as on a full disk. */
    (void)signal(SIGXFSZ, SIG_IGN);
    if (argc < 2)
        return usage_error(NULL);
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_usage(stdout);
        return finish(name, 0);
    }
    if (strcmp(name, "--version") == 0) {
        (void)puts("tandem " TANDEM_VERSION);
        return finish(name, 0);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(commands); i++) {
        if (strcmp(name, commands[i].name) == 0)
            return finish(name, commands[i].run(argc - 1, argv + 1));
    }
    return usage_error(name);
}
