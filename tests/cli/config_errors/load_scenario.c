/*
 * load_scenario: loads a scenario as the commands do and says what came of it.
 *
 *     load_scenario SCENARIO SEARCH_DIRECTORY [KEY=VALUE]...
 *
 * Prints the whole configuration where it is right (exit code 0); else what is
 * wrong with it, and gives the commands' exit code.
 */
#include "config_scenario.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    const char *const search[] = {argv[2], NULL};
    struct config config;
    struct error error;
    int status = config_load_scenario(&config, argv[1], (const char *const *)argv + 3,
                                      (size_t)argc - 3, search, &error);
    if (status == 0)
        fputs(config.text, stdout);
    else if (error.code == ERROR_CONFIG && config.diagnostics.count > 0)
        diagnostics_write(&config.diagnostics, stdout);
    else
        puts(error.text);
    config_release(&config);
    return status == 0 ? 0 : error_exit_code(error.code);
}
