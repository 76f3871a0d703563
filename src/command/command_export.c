#include "command.h"

#include "export_chrome.h"
#include "export_csv.h"
#include "export_dot.h"

#include <stdio.h>

enum format { FORMAT_CHROME, FORMAT_CSV, FORMAT_DOT, FORMAT_NONE };

static const char *const format_words[] = {"chrome", "csv", "dot", NULL};

struct export_options {
    struct command_scenario input; /* a scenario for dot; its path alone for the others */
    enum format format;
    const char *output_path; /* NULL: standard output */
    const char *table;       /* NULL: not given */
    struct export_window window;
};

static const char help[] =
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
    "Exit codes: 0 done, 2 wrong use, 3 bad configuration, 4 I/O.\n";

static int parse_window(const struct command_option *option, const char *value, struct error *error)
{
    return export_window_parse(value, option->target, error);
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

static int take_input(struct export_options *export, int argc, char **argv, struct error *error)
{
    if (argc == 0)
        return error_set(error, ERROR_USAGE, "which file? Name a run's HDF5 file or a scenario");
    if (argc > 1)
        return error_set(error, ERROR_USAGE, "one file at a time: what is '%s'?", argv[1]);
    export->input.path = argv[0];
    export->input.outputs[0] = export->output_path;
    return check_options(export, error);
}

static int parse_options(struct export_options *export, int argc, char **argv, struct error *error)
{
    const struct command_option options[] = {
        {"format", 'f', .words = format_words, .choice = &export->format},
        {"output", 'o', .text = &export->output_path},
        {"window", .parse = parse_window, .target = &export->window},
        {"table", .text = &export->table},
        {"set", .parse = command_parse_set, .target = &export->input},
        {0},
    };
    int status = command_options_take(options, help, &argc, &argv, error);
    return status != 0 ? status : take_input(export, argc, argv, error);
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
    struct export_options options = {.format = FORMAT_NONE, .window = EXPORT_WINDOW_ALL};
    int status = command_scenario_init(&options.input, argc, &error);
    if (status == 0)
        status = parse_options(&options, argc, argv, &error);
    if (status == 0)
        status = export(&options, &error);
    command_scenario_release(&options.input);
    return status < 0 ? command_fail("export", &error) : 0;
}
