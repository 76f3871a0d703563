/*
 * command: the subcommands of `tandem`, and what they share.
 *
 * A command gets its own name as argv[0], parses its options, prints its result
 * to stdout and all else to stderr, and returns the exit code of the program:
 * 0 done, 1 the run failed, 2 wrong use, 3 bad configuration or trace, 4 I/O.
 */
#ifndef TANDEM_COMMAND_H
#define TANDEM_COMMAND_H

#include "command_options.h"
#include "config_scenario.h"
#include "data_dir.h"
#include "error.h"

int command_run(int argc, char **argv);
int command_check(int argc, char **argv);
int command_trace(int argc, char **argv);
int command_collective(int argc, char **argv);
int command_sweep(int argc, char **argv);
int command_merge(int argc, char **argv);
int command_plan(int argc, char **argv);
int command_export(int argc, char **argv);
int command_report(int argc, char **argv);
int command_compare(int argc, char **argv);
int command_calibrate(int argc, char **argv);

#define COMMAND_OUTPUTS_MAX 2

/* A scenario, sweep or plan as the command line names it. */
struct command_scenario {
    const char *path;
    const char **sets; /* the `--set`s, in order */
    size_t set_count;
    const char *outputs[COMMAND_OUTPUTS_MAX + 1]; /* to be written, none to be read; NULL behind */
};

/* Room for as many `--set`s as there are arguments; command_scenario_release() it. */
int command_scenario_init(struct command_scenario *scenario, int argc, struct error *error);
void command_scenario_release(struct command_scenario *scenario);

/*
 * Where its file is, here or in the `configs` directory; `found` is room for the second. NULL with
 * ERROR_USAGE where that is one of the outputs, or two of these are one file.
 */
const char *command_scenario_find(const struct command_scenario *scenario, const char *configs,
                                  char found[DATA_DIR_FILE_BYTES], struct error *error);

/*
 * Loads it, references looked up in the configs directory; config_release()
 * what it gives in any case. Mistakes in it are printed to stderr, all of them;
 * `error` then has the code and no text.
 */
int command_scenario_load(const struct command_scenario *scenario, struct config *config,
                          struct error *error);

/*
 * Says where in the loaded scenario stands what the simulator found wrong with it: its key's
 * place, or where it has none the file. Other errors than ERROR_CONFIG stay. Returns the error.
 */
int command_scenario_fault(const struct command_scenario *scenario, const struct config *config,
                           struct error *error);

/* Takes the one file, a `kind` of thing, that must be left in argv behind its options. ERROR_USAGE.
 */
int command_scenario_take(struct command_scenario *scenario, const char *kind, int argc,
                          char **argv, struct error *error);

/* Reads the whole number, `min` to `max`, that `text` begins with. Returns what comes behind its
   digits; NULL where it has none, or another number. */
const char *command_parse_count(const char *text, uint64_t min, uint64_t max, uint64_t *count);

/* An option's parse(): --set, into a struct command_scenario. */
int command_parse_set(const struct command_option *option, const char *value, struct error *error);

/* The same of -j, into a size_t: how many worker processes, 1 to WORKER_POOL_MAX. And one for each
   core. */
int command_parse_jobs(const struct command_option *option, const char *value, struct error *error);
size_t command_core_count(void);

/* ERROR_USAGE where a file written to `output` would replace `input`, which is read. `output` may
   be NULL: nothing is written. */
int command_check_output(const char *output, const char *input, struct error *error);

/* Prints `error`, if it has a text, to stderr; returns its exit code. */
int command_fail(const char *command, const struct error *error);

/*
 * Of a result that has several places to go, each of which is tried whatever became of the others:
 * adds to `status` and `error`, of those before, that one more came to `more`, `other` where that
 * is below 0. Returns the first that failed.
 */
int command_join(int status, struct error *error, int more, const struct error *other);

/* ERROR_IO where stdout did not take all that was printed. */
int command_flush(struct error *error);

#endif
