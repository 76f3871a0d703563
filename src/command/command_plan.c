#include "command.h"

#include "data_dir.h"
#include "plan_text.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct plan_command {
    struct command_scenario file; /* the plan's */
    size_t workers;               /* 0: one a core */
    bool is_check;
    bool is_quiet;
    bool wants_help;
};

static void print_help(void)
{
    (void)fputs(
        "usage: tandem plan PLAN [OPTION]...\n\n"
        "Finds the cheapest GPUs that serve a scenario within its SLO, from a YAML file that says\n"
        "what there is to choose from.\n\n"
        "      --check            judge the scenario's own cluster and layout instead\n"
        "      --set KEY=VALUE    override a key of the scenario; repeatable\n"
        "  -j, --jobs N           worker processes; default: one for each core\n"
        "  -q, --quiet            no progress bar\n"
        "  -h, --help             this text\n\n"
        "Exit codes: 0 there is a plan that meets the SLO, 1 there is none, 2 wrong use,\n"
        "3 bad configuration, 4 I/O.\n",
        stdout);
}

static int parse_jobs(struct plan_command *command, const char *text, struct error *error)
{
    char *end;
    long jobs = strtol(text, &end, 10);
    if (end == text || *end != '\0' || jobs < 1 || jobs > WORKER_POOL_MAX)
        return error_set(error, ERROR_USAGE, "-j takes a number from 1 to %d, not '%s'",
                         WORKER_POOL_MAX, text);
    command->workers = (size_t)jobs;
    return 0;
}

static int parse_options(struct plan_command *command, int argc, char **argv, struct error *error)
{
    enum { OPTION_SET = 256, OPTION_CHECK };
    static const struct option known[] = {
        {"check", no_argument, NULL, OPTION_CHECK}, {"set", required_argument, NULL, OPTION_SET},
        {"jobs", required_argument, NULL, 'j'},     {"quiet", no_argument, NULL, 'q'},
        {"help", no_argument, NULL, 'h'},           {0},
    };
    int option;
    int status = 0;
    while (status == 0 && (option = getopt_long(argc, argv, ":j:qh", known, NULL)) != -1) {
        switch (option) {
        case OPTION_CHECK:
            command->is_check = true;
            break;
        case OPTION_SET:
            command->file.sets[command->file.set_count++] = optarg;
            break;
        case 'j':
            status = parse_jobs(command, optarg, error);
            break;
        case 'q':
            command->is_quiet = true;
            break;
        case 'h':
            command->wants_help = true;
            return 0;
        default:
            return command_bad_option(argv, option, error);
        }
    }
    if (status == 0 && optind == argc)
        return error_set(error, ERROR_USAGE, "which plan? Name one YAML file");
    return status < 0 ? status : command_scenario_take(&command->file, argc, argv, error);
}

static size_t worker_count(const struct plan_command *command)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (command->workers > 0)
        return command->workers;
    return cores < 1 ? 1 : cores > WORKER_POOL_MAX ? WORKER_POOL_MAX : (size_t)cores;
}

static int search_and_print(struct plan_search *search, bool is_check, bool *is_met,
                            struct error *error)
{
    struct plan_stress stress = {0};
    int status = is_check ? plan_search_check(search, error) : plan_search_run(search, error);
    if (status == 0 && search->found_count > 0)
        status = plan_stress_run(&stress, search, &search->candidates[search->found[0]], error);
    if (status < 0)
        return status;
    *is_met = search->found_count > 0;
    if (is_check)
        plan_text_print_check(search, &stress, stdout);
    else
        plan_text_print(search, &stress, stdout);
    return command_flush(error);
}

static int load_and_search(const struct plan_command *command, const struct interrupt *interrupt,
                           bool *is_met, struct error *error)
{
    char configs[DATA_DIR_BYTES];
    struct plan plan;
    struct plan_search search;
    int status = data_dir_configs(configs, error);
    if (status < 0)
        return status;
    const char *const search_path[] = {configs, NULL};
    status = plan_load_file(&plan, command->file.path, search_path, command->file.sets,
                            command->file.set_count, error);
    if (status == 0) {
        status = plan_search_init(&search, &plan, worker_count(command), interrupt,
                                  command->is_quiet, error);
        if (status == 0)
            status = search_and_print(&search, command->is_check, is_met, error);
        plan_search_release(&search);
    }
    plan_release(&plan);
    return status;
}

int command_plan(int argc, char **argv)
{
    struct error error = {0};
    struct interrupt interrupt;
    struct plan_command command = {0};
    bool is_met = true;
    interrupt_hold(&interrupt);
    int status = command_scenario_init(&command.file, argc, &error);
    if (status == 0)
        status = parse_options(&command, argc, argv, &error);
    if (status == 0 && command.wants_help)
        print_help();
    else if (status == 0)
        status = load_and_search(&command, &interrupt, &is_met, &error);
    command_scenario_release(&command.file);
    int exit_code = status < 0 ? command_fail("plan", &error) : !is_met;
    interrupt_release(&interrupt);
    return exit_code;
}
