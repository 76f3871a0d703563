#include "command.h"

#include "data_dir.h"
#include "output_file.h"
#include "output_path.h"
#include "plan_hdf5.h"
#include "plan_json.h"
#include "plan_reader.h"
#include "plan_text.h"

#include <stdio.h>

struct plan_command {
    struct command_scenario file; /* the plan's */
    size_t workers;               /* 0: one a core */
    const char *output_path;      /* NULL: no file */
    const char *scenario_path;    /* the best plan's scenario; NULL: no file */
    bool is_check;
    bool is_exhaustive;
    bool as_json;
    bool is_quiet;
};

static const char help[] =
    "usage: tandem plan PLAN [OPTION]...\n\n"
    "Finds the cheapest GPUs that serve a scenario within its SLO, from a YAML file that says\n"
    "what there is to choose from.\n\n"
    "      --check              judge the scenario's own cluster and layout instead\n"
    "  -o, --output OUT.h5      write every candidate, run and load as HDF5\n"
    "      --emit SCENARIO.yaml write the best plan as a scenario for 'tandem run'\n"
    "      --json               print the answer as one JSON object\n"
    "      --exhaustive         rule out nothing by bounds: every candidate, one replica\n"
    "                           more at a time; slow\n"
    "      --set KEY=VALUE      override a key of the scenario; repeatable\n"
    "  -j, --jobs N             worker processes; default: one for each core\n"
    "  -q, --quiet              no progress bar\n"
    "  -h, --help               this text\n\n"
    "Exit codes: 0 there is a plan that meets the SLO, 1 there is none, 2 wrong use,\n"
    "3 bad configuration, 4 I/O, or memory or a worker process was lost.\n";

static void list_outputs(struct plan_command *command)
{
    size_t count = 0;
    if (command->output_path)
        command->file.outputs[count++] = command->output_path;
    if (command->scenario_path)
        command->file.outputs[count++] = command->scenario_path;
}

static int parse_options(struct plan_command *command, int argc, char **argv, struct error *error)
{
    const struct command_option options[] = {
        {"check", .flag = &command->is_check},
        {"output", 'o', .text = &command->output_path},
        {"emit", .text = &command->scenario_path},
        {"json", .flag = &command->as_json},
        {"exhaustive", .flag = &command->is_exhaustive},
        {"set", .parse = command_parse_set, .target = &command->file},
        {"jobs", 'j', .parse = command_parse_jobs, .target = &command->workers},
        {"quiet", 'q', .flag = &command->is_quiet},
        {0},
    };
    int status = command_options_take(options, help, &argc, &argv, error);
    if (status != 0)
        return status;
    list_outputs(command);
    if (command->is_check && command->is_exhaustive)
        return error_set(error, ERROR_USAGE, "--exhaustive is of a search, which --check is not");
    return command_scenario_take(&command->file, "plan", argc, argv, error);
}

/* Writes the scenario of what meets the SLO, where it is asked for: a file under this name is one
   to run, not one that was found wanting. */
static int emit_scenario(const struct plan_answer *answer, const char *path, struct error *error)
{
    if (!path)
        return 0;
    if (!plan_answer_best(answer)) {
        (void)fprintf(stderr, "note: nothing meets the SLO, and %s is not written\n", path);
        return 0;
    }
    struct output_file file;
    int status = output_file_open(&file, path, error);
    if (status == 0) {
        (void)fputs(answer->scenario, file.stream);
        status = output_file_finish(&file, error);
    }
    output_file_close(&file);
    return status;
}

static int print(const struct plan_answer *answer, const struct plan_command *command,
                 struct error *error)
{
    if (command->as_json)
        return plan_json_print(answer, stdout, error);
    if (command->is_check)
        plan_text_print_check(answer, stdout);
    else
        plan_text_print(answer, stdout);
    return command_flush(error);
}

/* A disk that is full takes nothing of minutes of search from who reads the answer. */
static int deliver(const struct plan_answer *answer, const struct plan_command *command,
                   struct error *error)
{
    struct error other;
    int status = command->output_path ? plan_hdf5_write(command->output_path, answer, error) : 0;
    int more = emit_scenario(answer, command->scenario_path, &other);
    status = command_join(status, error, more, &other);
    more = print(answer, command, &other);
    return command_join(status, error, more, &other);
}

static int search_and_print(struct plan_search *search, const struct plan_command *command,
                            bool *is_met, struct error *error)
{
    struct plan_answer answer;
    struct arena arena;
    arena_init(&arena);
    int status = plan_answer_find(&answer, search, command->is_check, &arena, error);
    if (status == 0) {
        *is_met = search->ranked_count > 0;
        status = deliver(&answer, command, error);
    }
    arena_release(&arena);
    return status;
}

/* Refused before minutes of work, not after. */
static int check_outputs(const struct plan_command *command, struct error *error)
{
    int status = 0;
    for (const char *const *output = command->file.outputs; *output && status == 0; output++)
        status = output_path_check(*output, error);
    return status;
}

static int load_and_search(const struct plan_command *command, const struct interrupt *interrupt,
                           bool *is_met, struct error *error)
{
    char configs[DATA_DIR_BYTES];
    struct plan plan;
    struct plan_search search;
    struct gpu_samples samples = {.folders = NULL};
    int status = data_dir_configs(configs, error);
    if (status < 0)
        return status;
    const char *const search_path[] = {configs, NULL};
    char found[DATA_DIR_FILE_BYTES];
    const char *path = command_scenario_find(&command->file, configs, found, error);
    if (!path)
        return -(int)error->code;
    size_t workers = command->workers > 0 ? command->workers : command_core_count();
    const struct config_inputs inputs = {search_path, command->file.sets, command->file.set_count,
                                         &samples, command->file.outputs};
    status = plan_reader_load(&plan, path, &inputs, error);
    if (status == 0) {
        status = plan_search_init(&search, &plan, workers, interrupt, command->is_quiet, error);
        search.is_exhaustive = command->is_exhaustive;
        if (status == 0)
            status = search_and_print(&search, command, is_met, error);
        plan_search_release(&search);
    }
    gpu_samples_release(&samples);
    plan_release(&plan);
    return status;
}

/* 1 is an answer, that there is no plan: what else would end with it is not to be taken for one. */
static int fail(const struct error *error)
{
    int exit_code = command_fail("plan", error);
    return exit_code == 1 ? error_exit_code(ERROR_IO) : exit_code;
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
    if (status == 0)
        status = check_outputs(&command, &error);
    if (status == 0)
        status = load_and_search(&command, &interrupt, &is_met, &error);
    command_scenario_release(&command.file);
    int exit_code = status < 0 ? fail(&error) : !is_met;
    interrupt_release(&interrupt);
    return exit_code;
}
