#include "command.h"

#include "bands.h"
#include "interrupt.h"
#include "json_build.h"
#include "prefix_warning.h"
#include "progress.h"
#include "record_hdf5.h"
#include "scenario_json.h"
#include "simulation.h"
#include "summary_json.h"
#include "summary_text.h"
#include "workload_source.h"

#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Requests between two looks at the clock and at the signals: milliseconds of work. */
#define SLICE_REQUESTS 256

#define TIMELINE_OF_SCENARIO UINT32_MAX

struct run_options {
    struct command_scenario scenario;
    const char *output_path; /* NULL: no file */
    uint32_t timeline;       /* enum timeline, or TIMELINE_OF_SCENARIO */
    bool is_exact;
    bool with_bands;
    bool as_json;
    bool is_quiet;
};

/* All that a run holds; zeroed where it is not there. */
struct run_state {
    struct config config;
    struct workload_source source;
    struct record_hdf5 *file;
    struct simulation *simulation;
    struct arena arena; /* the summary's */
    struct summary summary;
    struct bands bands; /* where they are asked for */
};

static const char help[] =
    "usage: tandem run SCENARIO [OPTION]...\n\n"
    "Simulates the scenario, a YAML file, and prints what came out.\n\n"
    "  -o, --output OUT.h5    write requests, steps, spans and the summary as HDF5\n"
    "      --set KEY=VALUE    override a key: --set layout.tensor_parallel=4; repeatable\n"
    "      --timeline LEVEL   none (requests only), steps or layers, in the HDF5 file\n"
    "      --exact            every step and layer as its own event: slow, same records\n"
    "      --bands            run it twice more, with costs as far off as they may be\n"
    "      --json             print the summary as one JSON object\n"
    "  -q, --quiet            no progress bar, no notes\n"
    "  -h, --help             this text\n\n"
    "Exit codes: 0 done, 1 the run failed, 2 wrong use, 3 bad configuration or trace, 4 I/O.\n";

static const char *const timeline_words[] = {TIMELINES(LIST_TEXT) NULL};

static int parse_options(struct run_options *run, int argc, char **argv, struct error *error)
{
    const struct command_option options[] = {
        {"output", 'o', .text = &run->output_path},
        {"set", .parse = command_parse_set, .target = &run->scenario},
        {"timeline", .words = timeline_words, .choice = &run->timeline},
        {"exact", .flag = &run->is_exact},
        {"bands", .flag = &run->with_bands},
        {"json", .flag = &run->as_json},
        {"quiet", 'q', .flag = &run->is_quiet},
        {0},
    };
    int status = command_options_take(options, help, &argc, &argv, error);
    if (status == 0)
        status = command_scenario_take(&run->scenario, "scenario", argc, argv, error);
    if (status != 0)
        return status;
    run->scenario.outputs[0] = run->output_path;
    bool asks_for_one = run->timeline != TIMELINE_OF_SCENARIO && run->timeline != TIMELINE_NONE;
    if (asks_for_one && !run->output_path)
        return error_set(error, ERROR_USAGE, "--timeline goes with -o FILE, which is to hold it");
    return 0;
}

/* The scenario with what the command line asks for. */
static int load(struct run_state *state, const struct run_options *options, struct error *error)
{
    int status = command_scenario_load(&options->scenario, &state->config, error);
    if (status < 0)
        return status;
    struct scenario *scenario = &state->config.scenario;
    if (options->timeline != TIMELINE_OF_SCENARIO)
        scenario->output.timeline = (enum timeline)options->timeline;
    if (!options->output_path)
        scenario->output.timeline = TIMELINE_NONE; /* there is nowhere to keep one */
    scenario->run.exact |= options->is_exact;
    return workload_source_open(&state->source, &state->config.workload, scenario->run.seed, error);
}

/* Makes the simulation, recording to a file if one is asked for. */
static int set_up(struct run_state *state, const struct run_options *options, struct error *error)
{
    struct recorder recorder = {0};
    if (options->output_path) {
        state->file = record_hdf5_open(options->output_path, &state->config.scenario,
                                       state->config.text, error);
        if (!state->file)
            return -(int)error->code;
        recorder = record_hdf5_recorder(state->file);
    }
    state->simulation = simulation_new(&state->config.scenario,
                                       workload_source_arrivals(&state->source), recorder, error);
    return state->simulation ? 0
                             : command_scenario_fault(&options->scenario, &state->config, error);
}

/* How much of the run is behind: by requests, or by the clock where `duration` ends it first. */
static double share_done(const struct simulation *simulation, uint64_t total, sim_ps duration)
{
    double by_clock = (double)simulation_now(simulation) / (double)duration;
    if (total == 0)
        return duration == SIM_PS_MAX ? NAN : by_clock;
    return fmax((double)simulation_completed(simulation) / (double)total, by_clock);
}

/* Runs to the end and takes the wall-clock time. */
static int advance(struct run_state *state, const struct run_options *options,
                   const struct interrupt *interrupt, struct error *error)
{
    struct simulation *simulation = state->simulation;
    sim_ps duration = state->config.scenario.run.duration;
    struct progress progress;
    progress_start(&progress, stderr, "requests", options->is_quiet);
    uint64_t total = 0;
    int status = progress_is_shown(&progress)
                     ? workload_source_count(&state->config.workload, duration, &total, error)
                     : 0;
    if (status < 0)
        return status;
    double started_s = progress_clock_s();
    while ((status = simulation_advance(simulation, SLICE_REQUESTS, error)) > 0) {
        progress_update(&progress, simulation_completed(simulation),
                        share_done(simulation, total, duration));
        if (interrupt_is_pending(interrupt)) {
            status = error_set(error, ERROR_RUN, "interrupted after %llu requests",
                               (unsigned long long)simulation_completed(simulation));
            break;
        }
    }
    progress_end(&progress);
    state->summary.wall_s = progress_clock_s() - started_s;
    return status < 0 ? command_scenario_fault(&options->scenario, &state->config, error) : status;
}

/* Adds what the run says nothing of, for it never saw it. */
static int warn_of_prefixes(struct run_state *state, struct error *error)
{
    struct summary *summary = &state->summary;
    struct warning ignored;
    if (!prefix_warning_of(state->source.trace, &state->config.scenario.serving, &ignored))
        return 0;
    struct warning *warnings =
        arena_calloc(&state->arena, summary->warning_count + (size_t)1, sizeof(*warnings));
    if (!warnings)
        return error_out_of_memory(error, "summary");
    memcpy(warnings, summary->warnings, summary->warning_count * sizeof(*warnings));
    warnings[summary->warning_count++] = ignored;
    summary->warnings = warnings;
    return 0;
}

/* The summary, its wall-clock part too. */
static int summarize(struct run_state *state, struct error *error)
{
    struct summary *summary = &state->summary;
    double wall_s = summary->wall_s;
    int status = simulation_summarize(state->simulation, summary, &state->arena, error);
    if (status < 0)
        return status;
    summary->wall_s = wall_s;
    summary->requests_per_wall_s = (double)simulation_completed(state->simulation) / wall_s;
    return warn_of_prefixes(state, error);
}

/* Block characters only where a terminal shows them. */
static bool stdout_has_utf8(void)
{
    return isatty(STDOUT_FILENO) && setlocale(LC_CTYPE, "") &&
           strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

/* What the run is of, and what it came to; NULL when memory is out. */
static json_t *result_json(const struct run_state *state, const struct run_options *options)
{
    json_t *object = scenario_json_new(state->config.name, &state->config.scenario);
    json_t *summary = summary_json_new(&state->summary);
    int status = json_object_update_recursive(object, summary);
    json_decref(summary);
    if (status == 0 && options->with_bands)
        status = json_object_set_new(object, "bands", bands_json(&state->bands, &state->summary));
    if (status == 0)
        return object;
    json_decref(object);
    return NULL;
}

static int print_result(const struct run_state *state, const struct run_options *options,
                        struct error *error)
{
    uint64_t skipped = state->source.trace ? trace_skipped(state->source.trace) : 0;
    if (skipped > 0 && !options->is_quiet)
        (void)fprintf(stderr, "note: %llu rows without input or output tokens were left out\n",
                      (unsigned long long)skipped);
    if (options->as_json)
        return json_build_print(result_json(state, options), stdout, error);
    summary_text_print(&state->summary, &state->config.scenario, stdout_has_utf8(), stdout);
    if (options->with_bands)
        bands_text_print(&state->bands, &state->summary, stdout);
    return command_flush(error);
}

/* The file, complete under its name; and the summary printed, also where the disk is full. */
static int deliver(struct run_state *state, const struct run_options *options, struct error *error)
{
    struct error other;
    int status = state->file ? record_hdf5_finish(state->file, &state->summary, error) : 0;
    int more = options->with_bands
                   ? bands_run(&state->bands, &state->config.scenario, &state->config.workload,
                               &state->summary, &state->arena, &other)
                   : 0;
    if (more == 0)
        more = print_result(state, options, &other);
    return command_join(status, error, more, &other);
}

static int run(const struct run_options *options, const struct interrupt *interrupt,
               struct error *error)
{
    struct run_state state = {0};
    arena_init(&state.arena);
    int status = load(&state, options, error);
    if (status == 0)
        status = set_up(&state, options, error);
    if (status == 0)
        status = advance(&state, options, interrupt, error);
    if (status == 0)
        status = summarize(&state, error);
    if (status == 0)
        status = deliver(&state, options, error);
    record_hdf5_free(state.file);
    simulation_free(state.simulation);
    workload_source_close(&state.source);
    arena_release(&state.arena);
    config_release(&state.config);
    return status;
}

int command_run(int argc, char **argv)
{
    struct error error = {0};
    struct interrupt interrupt;
    struct run_options options = {.timeline = TIMELINE_OF_SCENARIO};
    interrupt_hold(&interrupt);
    int status = command_scenario_init(&options.scenario, argc, &error);
    if (status == 0)
        status = parse_options(&options, argc, argv, &error);
    if (status == 0)
        status = run(&options, &interrupt, &error);
    command_scenario_release(&options.scenario);
    int exit_code = status < 0 ? command_fail("run", &error) : 0;
    interrupt_release(&interrupt);
    return exit_code;
}
