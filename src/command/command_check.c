#include "command.h"

#include "preflight_json.h"
#include "preflight_text.h"
#include "recommend_text.h"

#include <stdio.h>

struct check_options {
    struct command_scenario scenario;
    bool as_json;
    bool wants_recommendations;
};

static const char help[] =
    "usage: tandem check SCENARIO [OPTION]...\n\n"
    "Prints what the scenario comes to without running it: its stages and their GPUs,\n"
    "memory, the cost of its links, and what it does wrong. A trace is read through.\n\n"
    "      --set KEY=VALUE    override a key: --set layout.tensor_parallel=4; repeatable\n"
    "      --json             print one JSON object\n"
    "      --recommend        also the layouts that rules of thumb pick, and why, beside what\n"
    "                         short simulations of all that fit say\n"
    "  -h, --help             this text\n\n"
    "Exit codes: 0 done, 2 wrong use, 3 bad configuration, also a layout that does not fit, "
    "4 I/O.\n";

static int parse_options(struct check_options *check, int argc, char **argv, struct error *error)
{
    const struct command_option options[] = {
        {"set", .parse = command_parse_set, .target = &check->scenario},
        {"json", .flag = &check->as_json},
        {"recommend", .flag = &check->wants_recommendations},
        {0},
    };
    int status = command_options_take(options, help, &argc, &argv, error);
    return status != 0 ? status
                       : command_scenario_take(&check->scenario, "scenario", argc, argv, error);
}

/* `preflight` is NULL where the layout does not fit, `recommendations` where none are wanted. */
static int print(const struct check_options *options, const struct preflight *preflight,
                 const struct preflight_recommendations *recommendations, struct error *error)
{
    if (options->as_json)
        return preflight ? preflight_json_print(preflight, recommendations, stdout, error) : 0;
    if (preflight)
        preflight_text_print(preflight, stdout);
    if (recommendations)
        recommend_text_print(recommendations, stdout);
    return command_flush(error);
}

/* A layout that does not fit is an error; the rules' layouts, which may, are printed all the same.
 */
static int check(const struct check_options *options, const struct config *config,
                 struct arena *arena, struct error *error)
{
    struct preflight preflight;
    struct preflight_recommendations recommendations;
    int fitting = preflight_resolve(&preflight, &config->scenario, arena, error);
    if (fitting < 0 && error->code != ERROR_CONFIG)
        return fitting;
    int status = fitting < 0 ? 0 : preflight_survey(&preflight, &config->workload, error);
    if (status == 0 && options->wants_recommendations)
        status = preflight_recommend(&recommendations, &preflight, &config->workload, error);
    if (status == 0)
        status = print(options, fitting < 0 ? NULL : &preflight,
                       options->wants_recommendations ? &recommendations : NULL, error);
    return status < 0 || fitting == 0 ? status
                                      : command_scenario_fault(&options->scenario, config, error);
}

static int load_and_check(const struct check_options *options, struct error *error)
{
    struct config config = {0};
    struct arena arena;
    arena_init(&arena);
    int status = command_scenario_load(&options->scenario, &config, error);
    if (status == 0)
        status = check(options, &config, &arena, error);
    arena_release(&arena);
    config_release(&config);
    return status;
}

int command_check(int argc, char **argv)
{
    struct error error = {0};
    struct check_options options = {0};
    int status = command_scenario_init(&options.scenario, argc, &error);
    if (status == 0)
        status = parse_options(&options, argc, argv, &error);
    if (status == 0)
        status = load_and_check(&options, &error);
    command_scenario_release(&options.scenario);
    return status < 0 ? command_fail("check", &error) : 0;
}
