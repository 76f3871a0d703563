#include "command.h"

#include "compare_svg.h"
#include "compare_text.h"
#include "output_file.h"

#include <stdio.h>
#include <string.h>

struct compare_options {
    const char *run_path;
    const char *measured_path;
    const char *only_case;
    const char *plot_path; /* NULL: no plot */
    enum served_start start;
    bool as_json;
};

static const char help[] =
    "usage: tandem compare RUN.h5 MEASURED.csv [OPTION]...\n\n"
    "How far a run's requests are from the same requests as they were measured: TTFT, TPOT, "
    "E2E\nand throughput. MEASURED.csv has the columns arrival_s, input_tokens, "
    "output_tokens,\n"
    "first_token_s and done_s, and may have case: then each case is compared on its own.\n"
    "Requests are matched in the order of their arrival.\n\n"
    "      --case NAME        compare this case alone: the run is of its requests only\n"
    "      --from queued      measured TTFT begins at the column queued_s, not at arrival_s\n"
    "      --plot FILE.svg    draw the distributions of both\n"
    "      --json             print one JSON object\n"
    "  -h, --help             this text\n\n"
    "Exit codes: 0 done, 2 wrong use, 3 requests that are not the same, 4 I/O.\n";

static const char *const start_words[] = {"arrival", "queued", NULL};

static int check_plot(const char *path, struct error *error)
{
    size_t bytes = path ? strlen(path) : 0;
    if (!path || (bytes > 4 && strcmp(path + bytes - 4, ".svg") == 0))
        return 0;
    return error_set(error, ERROR_USAGE,
                     "--plot draws SVG: name a file that ends in .svg, not '%s'", path);
}

static int take_paths(struct compare_options *compare, int argc, char **argv, struct error *error)
{
    if (argc != 2)
        return error_set(error, ERROR_USAGE,
                         "name two files: a run's HDF5 file and the measured requests");
    compare->run_path = argv[0];
    compare->measured_path = argv[1];
    int status = command_check_output(compare->plot_path, compare->run_path, error);
    if (status == 0)
        status = command_check_output(compare->plot_path, compare->measured_path, error);
    return status < 0 ? status : check_plot(compare->plot_path, error);
}

static int parse_options(struct compare_options *compare, int argc, char **argv,
                         struct error *error)
{
    const struct command_option options[] = {
        {"case", .text = &compare->only_case},
        {"from", .words = start_words, .choice = &compare->start},
        {"plot", .text = &compare->plot_path},
        {"json", .flag = &compare->as_json},
        {0},
    };
    int status = command_options_take(options, help, &argc, &argv, error);
    return status != 0 ? status : take_paths(compare, argc, argv, error);
}

static int write_plot(const char *path, const struct comparison *comparisons, size_t count,
                      struct error *error)
{
    struct output_file out;
    int status = output_file_open(&out, path, error);
    if (status == 0) {
        compare_svg_write(comparisons, count, out.stream);
        status = output_file_finish(&out, error);
    }
    output_file_close(&out);
    return status;
}

static int print_result(const struct compare_options *options, const struct comparison *comparisons,
                        size_t count, struct error *error)
{
    if (options->as_json)
        return compare_json_print(comparisons, count, stdout, error);
    compare_text_print(comparisons, count, stdout);
    return command_flush(error);
}

static int compare(const struct compare_options *options, struct error *error)
{
    struct arena arena;
    struct served measured, simulated;
    struct comparison *comparisons = NULL;
    arena_init(&arena);
    /* The run first: of files in the wrong order, what is said is that this is none. */
    int status = served_read_run(&simulated, options->run_path, &arena, error);
    if (status == 0)
        status = served_read_measured(&measured, options->measured_path, options->only_case,
                                      options->start, &arena, error);
    if (status == 0)
        status = compare_served(&measured, &simulated, &arena, &comparisons, error);
    if (status == 0 && options->plot_path)
        status = write_plot(options->plot_path, comparisons, measured.case_count, error);
    if (status == 0)
        status = print_result(options, comparisons, measured.case_count, error);
    arena_release(&arena);
    return status;
}

int command_compare(int argc, char **argv)
{
    struct error error = {0};
    struct compare_options options = {0};
    int status = parse_options(&options, argc, argv, &error);
    if (status == 0)
        status = compare(&options, &error);
    return status < 0 ? command_fail("compare", &error) : 0;
}
