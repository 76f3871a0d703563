/*
 * load_scenario: loads a scenario as the commands do and says what came of it.
 *
 *     load_scenario SCENARIO SEARCH_DIRECTORY OUTPUT [KEY=VALUE]...
 *
 * Prints the whole configuration where it is right (exit code 0); else what is
 * wrong with it, and gives the commands' exit code. OUTPUT is a file that a command
 * would write, "" none.
 */
#include "config_scenario.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    const char *const search[] = {argv[2], NULL};
    const char *const outputs[] = {*argv[3] ? argv[3] : NULL, NULL};
    struct config config;
    struct error error;
    const struct config_inputs inputs = {.search = search,
                                         .sets = (const char *const *)argv + 4,
                                         .set_count = (size_t)argc - 4,
                                         .outputs = outputs};
    int status = config_load_scenario(&config, argv[1], &inputs, &error);
    if (status == 0)
        fputs(config.text, stdout);
    else if (error.code == ERROR_CONFIG && config.diagnostics.count > 0)
        diagnostics_write(&config.diagnostics, stdout);
    else
        puts(error.text);
    config_release(&config);
    return status == 0 ? 0 : error_exit_code(error.code);
}
