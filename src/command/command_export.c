#include "command.h"

#include "export_chrome.h"
#include "export_csv.h"
#include "export_dot.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

enum format { FORMAT_NONE, FORMAT_CHROME, FORMAT_CSV, FORMAT_DOT };

struct export_options {
    struct command_scenario input; /* a scenario for dot; its path alone for the others */
    enum format format;
    const char *output_path; /* NULL: standard output */
    const char *table;       /* NULL: not given */
    struct export_window window;
    bool wants_help;
};

static void print_help(void)
{
    (void)fputs(
        "usage: tandem export OUT.h5 --format chrome [-o FILE] [--window FROM,TO]\n"
        "       tandem export OUT.h5 --format csv [-o FILE] [--window FROM,TO] [--table TABLE]\n"
        "       tandem export SCENARIO --format dot [-o FILE] [--set KEY=VALUE]...\n\n"
        "Writes a run's timeline or tables, or a scenario's cluster, for other programs.\n\n"
        "  -f, --format chrome    the timeline, for ui.perfetto.dev and chrome://tracing\n"
        "               csv       one table, for spreadsheets and scripts\n"
        "               dot       the cluster as a graph, for Graphviz\n"
        "  -o, --output FILE      write FILE rather than standard output\n"
        "      --window 60s,62s   only what touches these two seconds\n"
        "      --table TABLE      requests (the default), steps, spans, links, or any other\n"
        "                         table by its path: summary/stages, points\n"
        "      --set KEY=VALUE    override a key of the scenario; repeatable\n"
        "  -h, --help             this text\n\n"
        "Exit codes: 0 done, 2 wrong use, 3 bad configuration, 4 I/O.\n",
        stdout);
}

static int parse_format(const char *text, enum format *format, struct error *error)
{
    static const char *const names[] = {
        [FORMAT_NONE] = "", [FORMAT_CHROME] = "chrome", [FORMAT_CSV] = "csv", [FORMAT_DOT] = "dot"};
    for (size_t i = FORMAT_CHROME; i < ARRAY_LENGTH(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            *format = (enum format)i;
            return 0;
        }
    }
    return error_set(error, ERROR_USAGE, "--format is chrome, csv or dot, not '%s'", text);
}

/* Options that the format has no use for are mistakes. */
static int check_options(const struct export_options *options, struct error *error)
{
    bool has_window = options->window.start != 0 || options->window.end != SIM_PS_MAX;
    if (options->format == FORMAT_NONE)
        return error_set(error, ERROR_USAGE, "which format? Name one: --format chrome, csv or dot");
    if (options->table && options->format != FORMAT_CSV)
        return error_set(error, ERROR_USAGE, "--table goes with --format csv");
    if (has_window && options->format == FORMAT_DOT)
        return error_set(error, ERROR_USAGE, "--window goes with --format chrome or csv");
    if (options->input.set_count > 0 && options->format != FORMAT_DOT)
        return error_set(error, ERROR_USAGE, "--set goes with --format dot: a run is over");
    return command_check_output(options->output_path, options->input.path, error);
}

static int take_input(struct export_options *options, int argc, char **argv, struct error *error)
{
    if (optind == argc)
        return error_set(error, ERROR_USAGE, "which file? Name a run's HDF5 file or a scenario");
    if (optind + 1 < argc)
        return error_set(error, ERROR_USAGE, "one file at a time: what is '%s'?", argv[optind + 1]);
    options->input.path = argv[optind];
    return check_options(options, error);
}

static int parse_options(struct export_options *options, int argc, char **argv, struct error *error)
{
    enum { OPTION_SET = 256, OPTION_WINDOW, OPTION_TABLE };
    static const struct option known[] = {
        {"format", required_argument, NULL, 'f'},
        {"output", required_argument, NULL, 'o'},
        {"window", required_argument, NULL, OPTION_WINDOW},
        {"table", required_argument, NULL, OPTION_TABLE},
        {"set", required_argument, NULL, OPTION_SET},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    int option;
    int status = 0;
    while (status == 0 && (option = getopt_long(argc, argv, ":f:o:h", known, NULL)) != -1) {
        switch (option) {
        case 'f':
            status = parse_format(optarg, &options->format, error);
            break;
        case 'o':
            options->output_path = optarg;
            options->input.outputs[0] = optarg;
            break;
        case OPTION_WINDOW:
            status = export_window_parse(optarg, &options->window, error);
            break;
        case OPTION_TABLE:
            options->table = optarg;
            break;
        case OPTION_SET:
            options->input.sets[options->input.set_count++] = optarg;
            break;
        case 'h':
            options->wants_help = true;
            return 0;
        default:
            return command_bad_option(argv, option, error);
        }
    }
    return status < 0 ? status : take_input(options, argc, argv, error);
}

static int write_dot(const struct export_options *options, const struct output_file *out,
                     struct error *error)
{
    struct config config = {0};
    int status = command_scenario_load(&options->input, &config, error);
    if (status == 0 && export_dot_write(out, &config.scenario, error) < 0)
        status = command_scenario_fault(&options->input, &config, error);
    config_release(&config);
    return status;
}

static int write_format(const struct export_options *options, const struct output_file *out,
                        struct error *error)
{
    const char *path = options->input.path;
    switch (options->format) {
    case FORMAT_CHROME:
        return export_chrome_write(out, path, &options->window, error);
    case FORMAT_CSV:
        return export_csv_write(out, path, options->table ? options->table : "requests",
                                &options->window, error);
    case FORMAT_DOT:
    case FORMAT_NONE: /* check_options() lets none through */
        break;
    }
    return write_dot(options, out, error);
}

static int export(const struct export_options *options, struct error *error)
{
    struct output_file out;
    int status = output_file_open(&out, options->output_path, error);
    if (status == 0)
        status = write_format(options, &out, error);
    if (status == 0)
        status = output_file_finish(&out, error);
    output_file_close(&out);
    return status;
}

int command_export(int argc, char **argv)
{
    struct error error = {0};
    struct export_options options = {.window = EXPORT_WINDOW_ALL};
    int status = command_scenario_init(&options.input, argc, &error);
    if (status == 0)
        status = parse_options(&options, argc, argv, &error);
    if (status == 0 && options.wants_help)
        print_help();
    else if (status == 0)
        status = export(&options, &error);
    command_scenario_release(&options.input);
    return status < 0 ? command_fail("export", &error) : 0;
}
