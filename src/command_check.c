#include "command.h"

#include "preflight_json.h"
#include "preflight_text.h"

#include <getopt.h>
#include <stdio.h>

struct check_options {
    struct command_scenario scenario;
    bool as_json;
    bool wants_recommendations;
    bool wants_help;
};

static void print_help(void)
{
    (void)fputs(
        "usage: tandem check SCENARIO [OPTION]...\n\n"
        "Prints what the scenario comes to without running it: its stages and their GPUs,\n"
        "memory, the cost of its links, and what it does wrong.\n\n"
        "      --set KEY=VALUE    override a key: --set layout.tensor_parallel=4; repeatable\n"
        "      --json             print one JSON object\n"
        "      --recommend        also the layouts that rules of thumb pick, and why\n"
        "  -h, --help             this text\n\n"
        "Exit codes: 0 done, 2 wrong use, 3 bad configuration, also a layout that does not fit, "
        "4 I/O.\n",
        stdout);
}

static int parse_options(struct check_options *options, int argc, char **argv, struct error *error)
{
    enum { OPTION_SET = 256, OPTION_JSON, OPTION_RECOMMEND };
    static const struct option known[] = {
        {"set", required_argument, NULL, OPTION_SET},
        {"json", no_argument, NULL, OPTION_JSON},
        {"recommend", no_argument, NULL, OPTION_RECOMMEND},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    int option;
    while ((option = getopt_long(argc, argv, ":h", known, NULL)) != -1) {
        switch (option) {
        case OPTION_SET:
            options->scenario.sets[options->scenario.set_count++] = optarg;
            break;
        case OPTION_JSON:
            options->as_json = true;
            break;
        case OPTION_RECOMMEND:
            options->wants_recommendations = true;
            break;
        case 'h':
            options->wants_help = true;
            return 0;
        default:
            return command_bad_option(argv, option, error);
        }
    }
    return command_scenario_take(&options->scenario, argc, argv, error);
}

/* A layout that does not fit is an error; the rules' layouts, which may, are printed all the same.
 */
static int check(const struct check_options *options, const struct scenario *scenario,
                 struct arena *arena, struct error *error)
{
    struct preflight preflight;
    struct preflight_recommendations recommendations;
    int status = preflight_resolve(&preflight, scenario, arena, error);
    if (status < 0 && error->code != ERROR_CONFIG)
        return status;
    if (options->wants_recommendations)
        preflight_recommend(&recommendations, &preflight);
    if (status == 0 && options->as_json)
        return preflight_json_print(
            &preflight, options->wants_recommendations ? &recommendations : NULL, stdout, error);
    if (status == 0)
        preflight_text_print(&preflight, stdout);
    if (options->wants_recommendations && !options->as_json)
        preflight_text_print_recommendations(&recommendations, stdout);
    return status < 0 ? status : command_flush(error);
}

static int load_and_check(const struct check_options *options, struct error *error)
{
    struct config config = {0};
    struct arena arena;
    arena_init(&arena);
    int status = command_scenario_load(&options->scenario, &config, error);
    if (status == 0)
        status = check(options, &config.scenario, &arena, error);
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
    if (status == 0 && options.wants_help)
        print_help();
    else if (status == 0)
        status = load_and_check(&options, &error);
    command_scenario_release(&options.scenario);
    return status < 0 ? command_fail("check", &error) : 0;
}
