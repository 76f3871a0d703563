#include "command.h"

#include "output_path.h"
#include "worker_pool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int command_scenario_init(struct command_scenario *scenario, int argc, struct error *error)
{
    *scenario = (struct command_scenario){.sets = calloc((size_t)argc, sizeof(*scenario->sets))};
    return scenario->sets ? 0 : error_out_of_memory(error, "the command line");
}

void command_scenario_release(struct command_scenario *scenario)
{
    free(scenario->sets);
    *scenario = (struct command_scenario){0};
}

const char *command_scenario_find(const struct command_scenario *scenario, const char *configs,
                                  char found[DATA_DIR_FILE_BYTES], struct error *error)
{
    const char *const *outputs = scenario->outputs;
    const char *path = data_dir_file(scenario->path, configs, found);
    for (size_t i = 0; outputs[i]; i++) {
        if (command_check_output(outputs[i], path, error) < 0)
            return NULL;
    }
    if (!outputs[0] || !outputs[1] || !output_path_replaces(outputs[0], outputs[1]))
        return path;
    (void)error_set(error, ERROR_USAGE, "two results would be written to '%s'", outputs[0]);
    return NULL;
}

int command_scenario_load(const struct command_scenario *scenario, struct config *config,
                          struct error *error)
{
    char configs[DATA_DIR_BYTES];
    int status = data_dir_configs(configs, error);
    if (status < 0)
        return status;
    const char *const search[] = {configs, NULL};
    char found[DATA_DIR_FILE_BYTES];
    const char *path = command_scenario_find(scenario, configs, found, error);
    if (!path)
        return -(int)error->code;
    const struct config_inputs inputs = {.search = search,
                                         .sets = scenario->sets,
                                         .set_count = scenario->set_count,
                                         .outputs = scenario->outputs};
    status = config_load_scenario(config, path, &inputs, error);
    /* A struct error holds a few; somebody who mends a file wants to see every one. */
    if (status < 0 && error->code == ERROR_CONFIG && config->diagnostics.count > 0) {
        (void)diagnostics_write(&config->diagnostics, stderr);
        error->text[0] = '\0';
    }
    return status;
}

int command_scenario_fault(const struct command_scenario *scenario, const struct config *config,
                           struct error *error)
{
    if (error->code != ERROR_CONFIG)
        return -(int)error->code;
    if (error->key[0] != '\0')
        return diagnostic_locate(config_position(config, error->key), error);
    return error_prepend(error, "%s: ", scenario->path);
}

int command_scenario_take(struct command_scenario *scenario, const char *kind, int argc,
                          char **argv, struct error *error)
{
    if (argc == 0)
        return error_set(error, ERROR_USAGE, "which %s? Name one YAML file", kind);
    if (argc > 1)
        return error_set(error, ERROR_USAGE, "one %s at a time: what is '%s'?", kind, argv[1]);
    scenario->path = argv[0];
    return 0;
}

int command_parse_set(const struct command_option *option, const char *value, struct error *error)
{
    struct command_scenario *scenario = option->target;
    (void)error;
    scenario->sets[scenario->set_count++] = value;
    return 0;
}

const char *command_parse_count(const char *text, uint64_t min, uint64_t max, uint64_t *count)
{
    char *end;
    if (*text < '0' || *text > '9') /* nor blanks and signs, which strtoull() lets pass */
        return NULL;
    errno = 0;
    *count = strtoull(text, &end, 10);
    return errno == 0 && *count >= min && *count <= max ? end : NULL;
}

int command_parse_jobs(const struct command_option *option, const char *value, struct error *error)
{
    size_t *workers = option->target;
    uint64_t jobs;
    const char *end = command_parse_count(value, 1, WORKER_POOL_MAX, &jobs);
    if (!end || *end != '\0')
        return error_set(error, ERROR_USAGE, "-j takes a number from 1 to %d, not '%s'",
                         WORKER_POOL_MAX, value);
    *workers = jobs;
    return 0;
}

size_t command_core_count(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 1 ? 1 : cores > WORKER_POOL_MAX ? WORKER_POOL_MAX : (size_t)cores;
}

int command_check_output(const char *output, const char *input, struct error *error)
{
    if (!output || !output_path_replaces(output, input))
        return 0;
    return error_set(error, ERROR_USAGE, "the output '%s' would replace the input", output);
}

int command_fail(const char *command, const struct error *error)
{
    /* Diagnostics of a file start with its position; they are left as they are. */
    bool has_position = error->code == ERROR_CONFIG || error->code == ERROR_TRACE;
    if (error->text[0] != '\0')
        (void)fprintf(stderr, "%s%s%s%s\n", has_position ? "" : "tandem ",
                      has_position ? "" : command, has_position ? "" : ": ", error->text);
    if (error->code == ERROR_USAGE)
        (void)fprintf(stderr, "See 'tandem %s --help'.\n", command);
    return error_exit_code(error->code);
}

int command_join(int status, struct error *error, int more, const struct error *other)
{
    if (more == 0)
        return status;
    if (status == 0) {
        *error = *other;
        return more;
    }
    return error_append(error, "; %s", other->text);
}

int command_flush(struct error *error)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    return error_set(error, ERROR_IO, "cannot write the result: %s", strerror(errno));
}
