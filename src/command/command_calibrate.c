#include "command.h"

#include "calibrate_check.h"
#include "calibrate_folder.h"
#include "calibrate_report.h"
#include "config_cluster.h"
#include "gpu_samples.h"
#include "llmservingsim.h"
#include "measurement_file.h"
#include "progress.h"

#include <stdio.h>
#include <unistd.h>

#define PATH_BYTES 4096

/* What the inputs are: files, or folders of LLMServingSim's profiler. */
enum format { FORMAT_TANDEM, FORMAT_LLMSERVINGSIM };

static const char *const format_words[] = {"tandem", "llmservingsim", NULL};

static const char *const fabric_words[] = {"peer", "host", NULL};
static const enum collective_fabric fabrics[] = {COLLECTIVE_FABRIC_PEER, COLLECTIVE_FABRIC_HOST};
#define FABRIC_UNSAID UINT32_MAX

struct calibrate_options {
    char **inputs;
    size_t input_count;
    const char *folder;
    const char *source;
    const char *gpu_path;     /* NULL: gpu.yaml of the folder */
    const char *model_path;   /* NULL: not given */
    uint32_t tensor_parallel; /* of the profile; 0: not given */
    uint32_t fabric;          /* of fabrics[], of what does not say; FABRIC_UNSAID: not given */
    enum format format;
    bool only_residuals;
    bool as_json;
    bool is_quiet;
};

static const char help[] =
    "usage: tandem calibrate FILE... -o FOLDER --source TEXT [OPTION]...\n"
    "       tandem calibrate PROFILE --format llmservingsim --model MODEL.yaml -o FOLDER "
    "--source TEXT\n"
    "       tandem calibrate --residuals -o FOLDER [OPTION]...\n\n"
    "Makes a GPU's folder, as configs/gpus has them, from measurements: kernels.csv,\n"
    "experts.csv and collectives.csv as those folders have them, and nccl-tests' output, text\n"
    "or JSON. Says how far the tables are from points that they were not given. What the\n"
    "GPU's datasheet rules out is refused.\n\n"
    "  -o, --output FOLDER    the folder: configs/gpus/NAME; made if it is not there\n"
    "      --source TEXT      who measured, on what, when: goes into the tables' heads\n"
    "      --gpu FILE         the datasheet's figures; default FOLDER/gpu.yaml\n"
    "      --fabric host      nccl-tests ran without peer access, through host memory\n"
    "      --format llmservingsim   each input is a folder that LLMServingSim's profiler "
    "wrote\n"
    "      --model FILE       the model that it profiled\n"
    "      --tensor-parallel N  and on how many GPUs; default 1\n"
    "      --residuals        of the tables that FOLDER has: only says how far they are off, "
    "and\n"
    "                         writes residuals.csv beside them, from which runs take how "
    "smooth\n"
    "                         the tables are, and their bands\n"
    "      --json             print the report as one JSON object\n"
    "  -q, --quiet            no progress bar\n"
    "  -h, --help             this text\n\n"
    "Exit codes: 0 done, 2 wrong use, 3 bad measurements or configuration, 4 I/O.\n";

static int parse_ranks(const struct command_option *option, const char *value, struct error *error)
{
    uint32_t *ranks = option->target;
    uint64_t count;
    const char *end = command_parse_count(value, 1, CONFIG_GPUS_MAX, &count);
    if (!end || *end != '\0')
        return error_set(error, ERROR_USAGE, "--tensor-parallel is a count of GPUs, not '%s'",
                         value);
    *ranks = (uint32_t)count;
    return 0;
}

static int take_inputs(struct calibrate_options *options, int argc, char **argv,
                       struct error *error)
{
    options->inputs = argv;
    options->input_count = (size_t)argc;
    if (options->only_residuals && options->input_count > 0)
        return error_set(error, ERROR_USAGE, "--residuals is of the folder's own tables: no files");
    if (!options->only_residuals && options->input_count == 0)
        return error_set(error, ERROR_USAGE, "which measurements? Name a file");
    if (!options->folder)
        return error_set(error, ERROR_USAGE,
                         "where to? Name the GPU's folder: -o configs/gpus/NAME");
    if (options->only_residuals && options->source)
        return error_set(error, ERROR_USAGE,
                         "--residuals is of tables that name their source: --source is for others");
    bool is_profile = options->format == FORMAT_LLMSERVINGSIM;
    if (!is_profile && (options->model_path || options->tensor_parallel > 0))
        return error_set(error, ERROR_USAGE, "%s goes with --format llmservingsim",
                         options->model_path ? "--model" : "--tensor-parallel");
    if (options->only_residuals)
        return 0;
    if (!options->source || *options->source == '\0')
        return error_set(error, ERROR_USAGE,
                         "--source must say who measured, on what and when: tables name it");
    if (is_profile && !options->model_path)
        return error_set(error, ERROR_USAGE, "--format llmservingsim needs the profile's --model");
    return 0;
}

static int parse_options(struct calibrate_options *calibrate, int argc, char **argv,
                         struct error *error)
{
    const struct command_option options[] = {
        {"output", 'o', .text = &calibrate->folder},
        {"source", .text = &calibrate->source},
        {"gpu", .text = &calibrate->gpu_path},
        {"fabric", .words = fabric_words, .choice = &calibrate->fabric},
        {"format", .words = format_words, .choice = &calibrate->format},
        {"model", .text = &calibrate->model_path},
        {"tensor-parallel", .parse = parse_ranks, .target = &calibrate->tensor_parallel},
        {"residuals", .flag = &calibrate->only_residuals},
        {"json", .flag = &calibrate->as_json},
        {"quiet", 'q', .flag = &calibrate->is_quiet},
        {0},
    };
    int status = command_options_take(options, help, &argc, &argv, error);
    return status != 0 ? status : take_inputs(calibrate, argc, argv, error);
}

static int read_gpu(const struct calibrate_options *options, struct calibrate_gpu *gpu,
                    struct arena *arena, struct error *error)
{
    char path[PATH_BYTES];
    int length = snprintf(path, sizeof(path), "%s/gpu.yaml", options->folder);
    if (length < 0 || length >= PATH_BYTES)
        return error_set(error, ERROR_IO, "%s: the path is too long", options->folder);
    const char *kept = arena_strdup(arena, options->gpu_path ? options->gpu_path : path);
    return kept ? calibrate_gpu_read(gpu, kept, arena, error)
                : error_out_of_memory(error, "a path");
}

static int read_profile(const struct calibrate_options *options, struct measurements *measurements,
                        struct error *error)
{
    struct model model;
    uint32_t ranks = options->tensor_parallel > 0 ? options->tensor_parallel : 1;
    int status = calibrate_model_read(&model, options->model_path, measurements->arena, error);
    if (status == 0 && model.heads % ranks != 0)
        return error_set(error, ERROR_USAGE, "--tensor-parallel %u does not divide %s's %u heads",
                         ranks, model.name, model.heads);
    for (size_t i = 0; i < options->input_count && status == 0; i++)
        status = llmservingsim_read(measurements, options->inputs[i], &model, ranks, error);
    if (status == 0 && measurements->passed_over > 0)
        (void)fprintf(stderr, "tandem calibrate: %zu rows that no table has a place for\n",
                      measurements->passed_over);
    return status;
}

static enum collective_fabric fabric_of(const struct calibrate_options *options)
{
    return options->fabric == FABRIC_UNSAID ? COLLECTIVE_FABRIC_PEER : fabrics[options->fabric];
}

/* Adds the tables that the folder has. */
static int read_own(const struct calibrate_options *options, struct measurements *measurements,
                    struct error *error)
{
    char path[PATH_BYTES];
    int status = 0;
    for (const char *const *name = gpu_samples_tables; *name && status == 0; name++) {
        int length = snprintf(path, sizeof(path), "%s%s", options->folder, *name);
        if (length < 0 || length >= PATH_BYTES)
            return error_set(error, ERROR_IO, "%s: the path is too long", options->folder);
        if (access(path, F_OK) == 0)
            status = measurement_file_add(measurements, path, fabric_of(options), error);
    }
    return status;
}

static int read_inputs(const struct calibrate_options *options, struct measurements *measurements,
                       struct error *error)
{
    if (options->format == FORMAT_LLMSERVINGSIM)
        return read_profile(options, measurements, error);
    int status = 0;
    if (options->only_residuals)
        status = read_own(options, measurements, error);
    for (size_t i = 0; i < options->input_count && status == 0; i++)
        status = measurement_file_add(measurements, options->inputs[i], fabric_of(options), error);
    if (status == 0 && measurements->kernel_count + measurements->collective_count == 0)
        return error_set(error, ERROR_CONFIG, "%s: there are no measurements",
                         options->only_residuals ? options->folder : options->inputs[0]);
    return status;
}

static int print_report(const struct calibrate_options *options,
                        const struct calibrate_report *report, struct error *error)
{
    if (options->as_json)
        return calibrate_report_print_json(report, stdout, error);
    calibrate_report_print(report, stdout);
    return command_flush(error);
}

/* What nobody asked for and is done all the same. */
static void print_notes(const struct calibrate_options *options,
                        const struct measurements *measurements)
{
    if (measurements->unsaid_fabrics > 0 && options->fabric == FABRIC_UNSAID)
        (void)fprintf(stderr,
                      "note: nccl-tests does not say whether GPUs reached their peers' memory; %zu "
                      "results are taken as if they did,\nand go unused where a cluster's "
                      "collectives go through host memory (host_staging_factor): --fabric host if "
                      "these did\n",
                      measurements->unsaid_fabrics);
    calibrate_folder_print_former(options->folder, measurements, stderr);
}

/* Tables, unless they are there already, and how far they are off. */
static int write_folder(const struct calibrate_options *options, const struct calibrate_gpu *gpu,
                        const struct measurements *measurements,
                        const struct calibrate_report *report, struct error *error)
{
    int status = 0;
    if (!options->only_residuals) {
        print_notes(options, measurements);
        status = calibrate_folder_write(options->folder, gpu, measurements, options->source, error);
    }
    return status < 0 ? status : calibrate_folder_write_residuals(options->folder, report, error);
}

static void show_progress(void *context, size_t done, size_t all)
{
    progress_update(context, done, (double)done / (double)all);
}

/* How far the tables are off, with a bar on the terminal meanwhile. */
static int make_report(const struct calibrate_options *options, const struct gpu *gpu,
                       const struct measurements *measurements, struct calibrate_report *report,
                       struct error *error)
{
    struct progress progress;
    progress_start(&progress, stderr, "points", options->is_quiet);
    struct calibrate_watch watch = {show_progress, &progress};
    int status = calibrate_report_make(report, gpu, measurements, watch, error);
    progress_end(&progress);
    return status;
}

static int calibrate(const struct calibrate_options *options, struct error *error)
{
    struct arena arena;
    struct calibrate_gpu gpu;
    struct measurements measurements;
    struct calibrate_report report;
    arena_init(&arena);
    measurements_init(&measurements, &arena);
    int status = read_gpu(options, &gpu, &arena, error);
    if (status == 0)
        status = read_inputs(options, &measurements, error);
    if (status == 0)
        status = calibrate_check(&gpu.gpu, &measurements, error);
    if (status == 0)
        status = make_report(options, &gpu.gpu, &measurements, &report, error);
    if (status == 0)
        status = write_folder(options, &gpu, &measurements, &report, error);
    if (status == 0)
        status = print_report(options, &report, error);
    arena_release(&arena);
    return status;
}

int command_calibrate(int argc, char **argv)
{
    struct error error = {0};
    struct calibrate_options options = {.fabric = FABRIC_UNSAID};
    int status = parse_options(&options, argc, argv, &error);
    if (status == 0)
        status = calibrate(&options, &error);
    return status < 0 ? command_fail("calibrate", &error) : 0;
}
