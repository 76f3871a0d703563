#include "command.h"

#include "data_dir.h"
#include "output_path.h"
#include "sweep_hdf5.h"
#include "sweep_inputs.h"
#include "sweep_reader.h"
#include "sweep_run.h"
#include "sweep_text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct sweep_command {
    struct command_scenario file; /* the sweep's */
    const char *output_path;      /* NULL: NAME.h5 */
    size_t workers;               /* 0: one a core */
    const char *point_files;
    uint32_t shard;
    uint32_t shard_count;
    bool is_resume;
    bool is_quiet;
};

static const char help[] =
    "usage: tandem sweep SWEEP [OPTION]...\n\n"
    "Runs a scenario at every point of the sweep, a YAML file, and writes what came out as "
    "one\n"
    "HDF5 file: a row a point, and curves that H5Web and NeXpy draw.\n\n"
    "  -o, --output OUT.h5      default: the sweep's name, in the current folder\n"
    "  -j, --jobs N             worker processes; default: one for each core\n"
    "      --resume             go on where a killed sweep stopped (OUT.h5.journal);\n"
    "                           a finished OUT.h5 stays as it is\n"
    "      --shard K/N          run the Kth of N shares; join the files with 'tandem merge'\n"
    "      --set KEY=VALUE      override a key of the scenario, before any axis does\n"
    "      --point-files DIR    also keep each point's own run file there\n"
    "  -q, --quiet              no progress bar\n"
    "  -h, --help               this text\n\n"
    "A point that is wrong is a row too; a full disk, or memory that is out, ends the sweep,\n"
    "which --resume then goes on with. Exit codes: 0 done, 1 stopped, 2 wrong use,\n"
    "3 bad configuration, 4 I/O.\n";

static int parse_shard(const struct command_option *option, const char *value, struct error *error)
{
    struct sweep_command *command = option->target;
    uint64_t shard;
    uint64_t count = 0;
    const char *end = command_parse_count(value, 1, SWEEP_POINTS_MAX, &shard);
    if (end && *end == '/')
        end = command_parse_count(end + 1, 1, SWEEP_POINTS_MAX, &count);
    else
        end = NULL;
    if (!end || *end != '\0' || shard > count)
        return error_set(error, ERROR_USAGE, "--shard takes K/N with K from 1 to N, not '%s'",
                         value);
    command->shard = (uint32_t)shard;
    command->shard_count = (uint32_t)count;
    return 0;
}

static int parse_options(struct sweep_command *command, int argc, char **argv, struct error *error)
{
    const struct command_option options[] = {
        {"output", 'o', .text = &command->output_path},
        {"jobs", 'j', .parse = command_parse_jobs, .target = &command->workers},
        {"resume", .flag = &command->is_resume},
        {"shard", .parse = parse_shard, .target = command},
        {"set", .parse = command_parse_set, .target = &command->file},
        {"point-files", .text = &command->point_files},
        {"quiet", 'q', .flag = &command->is_quiet},
        {0},
    };
    int status = command_options_take(options, help, &argc, &argv, error);
    return status != 0 ? status : command_scenario_take(&command->file, "sweep", argc, argv, error);
}

/* Refused before hours of work, not after; `path` is the sweep's file. */
static int check_outputs(const char *output_path, const char *path, const char *point_files,
                         struct error *error)
{
    int status = command_check_output(output_path, path, error);
    if (status == 0)
        status = output_path_check(output_path, error);
    if (status < 0 || !point_files)
        return status;
    struct stat there;
    bool is_folder = stat(point_files, &there) == 0 && S_ISDIR(there.st_mode);
    if (!is_folder && mkdir(point_files, 0777) < 0)
        return error_set(error, ERROR_IO, "cannot make the folder %s: %s", point_files,
                         strerror(errno));
    return 0;
}

/* Writes the file, or says that the journal has what it would hold. */
static int write_file(const char *path, const struct sweep_results *results,
                      struct sweep_journal *journal, struct error *error)
{
    if (sweep_hdf5_write(path, results, error) == 0) {
        sweep_journal_remove(journal);
        return 0;
    }
    return error_append(error, "; the points are kept: --resume writes the file");
}

/* The table is shown also where the disk has no room for the file. */
static int deliver(const char *output_path, const struct sweep_results *results,
                   struct sweep_journal *journal, bool is_quiet, struct error *error)
{
    struct error other;
    if (results->resumed_count > 0 && !is_quiet)
        (void)fprintf(stderr, "note: %zu of %zu point%s taken from %s\n", results->resumed_count,
                      json_array_size(results->records), plural(json_array_size(results->records)),
                      journal->path);
    int status = write_file(output_path, results, journal, error);
    sweep_text_print(results, stdout);
    int more = command_flush(&other);
    return command_join(status, error, more, &other);
}

/* Whether the points' files are as they were when the sweep ran. */
static int check_inputs(const struct sweep_results *there, const char *path, struct error *error)
{
    json_t *seen = json_object();
    int status = seen ? sweep_inputs_compare(seen, there->records, path, error)
                      : error_out_of_memory(error, "the files of a sweep");
    if (status == 0)
        status = sweep_inputs_check(seen, error);
    json_decref(seen);
    return status;
}

/* Reads a finished file, which is what this sweep would write: another's, or another part, is
   kept. */
static int read_finished(const struct sweep_results *asked, struct sweep_results *there,
                         const struct sweep_command *command, const char *output_path,
                         struct arena *arena, struct error *error)
{
    int status = sweep_hdf5_read(output_path, there, arena, error);
    if (status == 0)
        status = sweep_results_check_same(asked, there, command->file.path, output_path, error);
    if (status == 0 && asked->shard != there->shard)
        status = error_set(error, ERROR_USAGE, "%s is part %u of the sweep, not %u", output_path,
                           there->shard, asked->shard);
    if (status == 0)
        status = check_inputs(there, output_path, error);
    if (status == 0 && command->point_files)
        status = error_set(error, ERROR_USAGE,
                           "%s is finished, and its points' files are not made again", output_path);
    if (status == 0 || error->code == ERROR_IO || error->code == ERROR_MEMORY)
        return status;
    error->code = ERROR_USAGE;
    return error_append(error, ": remove it, or name another output");
}

/* Shows the file of a sweep that is done, and leaves it as it is. */
static int show_finished(struct sweep *sweep, const struct sweep_command *command,
                         const char *output_path, const struct sweep_run_options *options,
                         struct error *error)
{
    struct sweep_results asked;
    struct sweep_results there = {.records = NULL};
    int status = sweep_run_header(sweep, options, &asked, error);
    if (status == 0)
        status = read_finished(&asked, &there, command, output_path, &sweep->arena, error);
    if (status == 0) {
        if (!command->is_quiet)
            (void)fprintf(stderr, "note: %s is finished, and stays as it is\n", output_path);
        sweep_text_print(&there, stdout);
        status = command_flush(error);
    }
    json_decref(there.records);
    return status;
}

/* Runs what is not in the journal, writes the file, prints the result; where a sweep that is done
   is resumed, the last alone. */
static int run(struct sweep *sweep, const struct sweep_command *command, const char *output_path,
               const struct sweep_run_options *options, struct error *error)
{
    struct sweep_journal journal;
    struct sweep_results results = {.records = NULL};
    int status = sweep_journal_open(&journal, output_path, command->is_resume, error);
    bool has_nothing = status == 0 && json_object_size(journal.results) == 0;
    bool is_finished = command->is_resume && has_nothing && access(output_path, F_OK) == 0;
    if (is_finished)
        status = show_finished(sweep, command, output_path, options, error);
    else if (command->is_resume && has_nothing && !command->is_quiet)
        (void)fprintf(stderr, "note: there is no %s to go on from: every point runs\n",
                      journal.path);
    if (status == 0 && !is_finished)
        status = sweep_run(sweep, options, &journal, &results, error);
    if (status == 0 && !is_finished)
        status = deliver(output_path, &results, &journal, command->is_quiet, error);
    json_decref(results.records);
    sweep_journal_release(&journal);
    return status;
}

/* What the file is called where nothing is said: the parts of a sweep must not share a name. */
static void name_output(char path[FILENAME_MAX], const struct sweep_command *command,
                        const struct sweep *sweep)
{
    if (command->output_path)
        (void)snprintf(path, FILENAME_MAX, "%s", command->output_path);
    else if (command->shard_count > 1)
        (void)snprintf(path, FILENAME_MAX, "%s-%u-of-%u.h5", sweep->name, command->shard,
                       command->shard_count);
    else
        (void)snprintf(path, FILENAME_MAX, "%s.h5", sweep->name);
}

static int load_and_run(const struct sweep_command *command, const struct interrupt *interrupt,
                        struct error *error)
{
    char configs[DATA_DIR_BYTES];
    char output_path[FILENAME_MAX];
    struct sweep sweep;
    struct gpu_samples samples = {.folders = NULL};
    int status = data_dir_configs(configs, error);
    if (status < 0)
        return status;
    const char *const search[] = {configs, NULL};
    const char *const outputs[] = {output_path, NULL};
    const struct sweep_run_options options = {
        .inputs = {search, command->file.sets, command->file.set_count, &samples, outputs},
        .workers = command->workers > 0 ? command->workers : command_core_count(),
        .point_files = command->point_files,
        .shard = command->shard,
        .shard_count = command->shard_count,
        .file_hashes = json_object(),
        .is_quiet = command->is_quiet,
        .interrupt = interrupt,
    };
    char found[DATA_DIR_FILE_BYTES];
    const char *path = data_dir_file(command->file.path, configs, found);
    status = sweep_reader_load(&sweep, path, search, error);
    if (status == 0) {
        name_output(output_path, command, &sweep);
        status = check_outputs(output_path, path, command->point_files, error);
    }
    if (status == 0)
        status = run(&sweep, command, output_path, &options, error);
    json_decref(options.file_hashes);
    gpu_samples_release(&samples);
    sweep_release(&sweep);
    return status;
}

int command_sweep(int argc, char **argv)
{
    struct error error = {0};
    struct interrupt interrupt;
    struct sweep_command command = {.shard = 1, .shard_count = 1};
    interrupt_hold(&interrupt);
    int status = command_scenario_init(&command.file, argc, &error);
    if (status == 0)
        status = parse_options(&command, argc, argv, &error);
    if (status == 0)
        status = load_and_run(&command, &interrupt, &error);
    command_scenario_release(&command.file);
    int exit_code = status < 0 ? command_fail("sweep", &error) : 0;
    interrupt_release(&interrupt);
    return exit_code;
}
