#include "command.h"

#include "length_spec.h"
#include "trace.h"
#include "trace_report.h"
#include "trace_stats.h"
#include "trace_writer.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMAND_NAME_BYTES 32

static const char help_trace[] =
    "usage: tandem trace info FILE [--format F] [--json]\n"
    "       tandem trace synth --rate R --input DIST --output DIST [-o FILE] ...\n"
    "       tandem trace convert IN OUT.csv [--format F] [--rate-scale X]\n"
    "\n"
    "Looks at a trace, makes one, turns one into tandem's own format.\n"
    "`tandem trace info --help` and so on say more.\n";

static const char help_info[] =
    "usage: tandem trace info FILE [--format F] [--json]\n"
    "\n"
    "Prints how many requests FILE has, how fast and how burstily they arrive, and how long\n"
    "their inputs and outputs are.\n"
    "\n"
    "  --format F   tandem, azure, mooncake or burstgpt; by default guessed from the first line\n"
    "  --json       print one JSON object\n";

static const char help_synth[] =
    "usage: tandem trace synth --rate R --input DIST --output DIST [OPTION]...\n"
    "\n"
    "Makes a trace of random requests: arrival_s,input_tokens,output_tokens.\n"
    "\n"
    "  --rate R        requests per second, in the mean\n"
    "  --process P     poisson (default), gamma or constant\n"
    "  --cv C          gamma: coefficient of variation of the gaps; 1 is poisson, more is "
    "burstier\n"
    "  --requests N    how many (default 10000)\n"
    "  --input DIST    input tokens of a request\n"
    "  --output DIST   output tokens of a request\n"
    "  --seed S        of the random numbers (default 1): same seed, same trace\n"
    "  -o FILE         write FILE rather than standard output\n"
    "\n"
    "DIST is a number of tokens, or one of these, each with min= and max= (1, 131072) if wanted:\n"
    "  uniform:min=1,max=2048\n"
    "  normal:mean=512,sd=256            cv= may stand for sd=\n"
    "  lognormal:mean=1155,cv=0.96\n"
    "  zipf:exponent=1.1\n"
    "  empirical:file=lengths.csv        'tokens' or 'quantile,tokens' in its first line\n";

static const char help_convert[] =
    "usage: tandem trace convert IN OUT.csv [--format F] [--rate-scale X]\n"
    "\n"
    "Writes the trace IN as tandem's own format: arrival_s,input_tokens,output_tokens.\n"
    "\n"
    "  --format F       tandem, azure, mooncake or burstgpt; by default guessed\n"
    "  --rate-scale X   arrivals come X times as fast (default 1)\n";

/* A subcommand: the name it is called by, its help, and what does it. */
struct subcommand {
    const char *name;
    const char *help;
    int (*run)(int argc, char **argv, struct error *error); /* 0 or negative */
};

/*
 * The next option, of `letters` or `words`: its character, -1 at the end, or '?' with `error`
 * filled in. `letters` starts with a colon, which has getopt tell a missing value from an unknown
 * option and print neither.
 */
static int next_option(int argc, char **argv, const char *letters, const struct option *words,
                       struct error *error)
{
    int option = getopt_long(argc, argv, letters, words, NULL);
    if (option != '?' && option != ':')
        return option;
    (void)command_bad_option(argv, option, error);
    return '?';
}

/* The whole of `text` as a number. */
static int parse_number(const char *option, const char *text, double *value, struct error *error)
{
    char *end;
    *value = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(*value))
        return error_set(error, ERROR_USAGE, "%s: expected a number, found '%s'", option, text);
    return 0;
}

static int parse_whole(const char *option, const char *text, uint64_t *value, struct error *error)
{
    char *end;
    errno = 0;
    *value = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0)
        return error_set(error, ERROR_USAGE, "%s: expected a whole number, found '%s'", option,
                         text);
    return 0;
}

static int parse_format(const char *text, enum trace_format *format, struct error *error)
{
    if (trace_format_from_name(text, format))
        return 0;
    return error_set(error, ERROR_USAGE,
                     "--format: expected tandem, azure, mooncake, burstgpt or auto, found '%s'",
                     text);
}

static int parse_process(const char *text, enum arrival_process *process, struct error *error)
{
    static const char *const names[] = {
#define X(name, text) text,
        ARRIVAL_PROCESSES(X)
#undef X
    };
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        /* A closed loop has no arrival times until it is served, so no trace can hold it. */
        if (i != ARRIVAL_CLOSED_LOOP && strcmp(text, names[i]) == 0) {
            *process = (enum arrival_process)i;
            return 0;
        }
    }
    return error_set(error, ERROR_USAGE,
                     "--process: expected poisson, gamma or constant, found "
                     "'%s'",
                     text);
}

static void warn_of_skipped(const struct trace *trace, const char *path)
{
    unsigned long long skipped = trace_skipped(trace);
    if (skipped > 0)
        (void)fprintf(stderr,
                      "%s: warning: %llu request%s without input or output tokens left "
                      "out\n",
                      path, skipped, skipped == 1 ? "" : "s");
}

/* Reads `path` to its end into `stats`. */
static int collect(const char *path, struct trace *trace, struct trace_stats *stats,
                   struct error *error)
{
    struct arrival_source source = trace_source(trace);
    struct arrival arrival;
    int status;
    while ((status = source.next(source.context, &arrival, error)) > 0) {
        status = trace_stats_add(stats, &arrival, error);
        if (status < 0)
            return status;
    }
    warn_of_skipped(trace, path);
    return status;
}

static int run_info(int argc, char **argv, struct error *error)
{
    static const struct option words[] = {{"format", required_argument, NULL, 'f'},
                                          {"json", no_argument, NULL, 'j'},
                                          {NULL, 0, NULL, 0}};
    struct trace_options options = {.format = TRACE_AUTO, .rate_scale = 1};
    bool is_json = false;
    int option;
    while ((option = next_option(argc, argv, ":", words, error)) != -1) {
        if (option == 'j')
            is_json = true;
        else if (option == '?' || parse_format(optarg, &options.format, error) < 0)
            return -(int)error->code;
    }
    if (argc - optind != 1)
        return error_set(error, ERROR_USAGE, "expected one file, found %d", argc - optind);
    const char *path = argv[optind];
    struct trace *trace = trace_open(path, options, error);
    if (!trace)
        return -(int)error->code;
    struct trace_stats stats;
    trace_stats_init(&stats);
    int status = collect(path, trace, &stats, error);
    if (status == 0)
        status = trace_report_print(path, trace, &stats, is_json, error);
    trace_stats_release(&stats);
    trace_close(trace);
    return status;
}

/* Writes all that `source` yields to `path`, or to standard output where it is NULL. */
static int write_trace(struct arrival_source source, const char *path, struct error *error)
{
    struct trace_writer writer;
    struct arrival arrival;
    /* A source that has not even one leaves nothing behind, on standard output either. */
    int status = source.next(source.context, &arrival, error);
    if (status < 0 || trace_writer_open(&writer, path, error) < 0)
        return -(int)error->code;
    while (status > 0) {
        status = trace_writer_add(&writer, &arrival, error);
        if (status == 0)
            status = source.next(source.context, &arrival, error);
    }
    if (status == 0)
        return trace_writer_finish(&writer, error);
    trace_writer_abandon(&writer);
    return status;
}

static int run_convert(int argc, char **argv, struct error *error)
{
    static const struct option words[] = {{"format", required_argument, NULL, 'f'},
                                          {"rate-scale", required_argument, NULL, 'r'},
                                          {NULL, 0, NULL, 0}};
    struct trace_options options = {.format = TRACE_AUTO, .rate_scale = 1};
    int option;
    while ((option = next_option(argc, argv, ":", words, error)) != -1) {
        if (option == '?')
            return -(int)error->code;
        int status = option == 'f'
                         ? parse_format(optarg, &options.format, error)
                         : parse_number("--rate-scale", optarg, &options.rate_scale, error);
        if (status < 0)
            return status;
    }
    if (argc - optind != 2)
        return error_set(error, ERROR_USAGE, "expected two files, IN and OUT.csv, found %d",
                         argc - optind);
    if (!(options.rate_scale > 0))
        return error_set(error, ERROR_USAGE, "--rate-scale must be above 0, not %g",
                         options.rate_scale);
    if (command_check_output(argv[optind + 1], argv[optind], error) < 0)
        return -(int)error->code;
    struct trace *trace = trace_open(argv[optind], options, error);
    if (!trace)
        return -(int)error->code;
    int status = write_trace(trace_source(trace), argv[optind + 1], error);
    warn_of_skipped(trace, argv[optind]);
    trace_close(trace);
    return status;
}

/* What `synth` is asked for. */
struct synth {
    struct synthetic synthetic;
    uint64_t seed;
    const char *input; /* lengths as they are written; NULL: not given */
    const char *output;
    const char *path; /* NULL: standard output */
};

static int take_synth_option(struct synth *synth, int option, struct error *error)
{
    struct arrivals *arrivals = &synth->synthetic.arrivals;
    switch (option) {
    case 'r':
        return parse_number("--rate", optarg, &arrivals->rate_per_s, error);
    case 'p':
        return parse_process(optarg, &arrivals->process, error);
    case 'c':
        return parse_number("--cv", optarg, &arrivals->cv, error);
    case 'n':
        return parse_whole("--requests", optarg, &synth->synthetic.requests, error);
    case 's':
        return parse_whole("--seed", optarg, &synth->seed, error);
    case 'I':
        synth->input = optarg;
        return 0;
    case 'O':
        synth->output = optarg;
        return 0;
    case 'o':
        synth->path = optarg;
        return 0;
    default: /* '?': next_option() has said what is wrong */
        return -(int)error->code;
    }
}

/* Checks what no option alone can be blamed for. */
static int check_synth(const struct synth *synth, struct error *error)
{
    const struct arrivals *arrivals = &synth->synthetic.arrivals;
    bool is_gamma = arrivals->process == ARRIVAL_GAMMA;
    if (isnan(arrivals->rate_per_s))
        return error_set(error, ERROR_USAGE, "--rate is missing");
    if (!(arrivals->rate_per_s > 0))
        return error_set(error, ERROR_USAGE, "--rate must be above 0, not %g",
                         arrivals->rate_per_s);
    if (is_gamma && isnan(arrivals->cv))
        return error_set(error, ERROR_USAGE, "--process gamma needs --cv");
    if (!is_gamma && !isnan(arrivals->cv))
        return error_set(error, ERROR_USAGE, "--cv goes with --process gamma only");
    if (synth->synthetic.requests == 0)
        return error_set(error, ERROR_USAGE, "--requests must be at least 1");
    if (!synth->input || !synth->output)
        return error_set(error, ERROR_USAGE, "%s is missing",
                         synth->input ? "--output" : "--input");
    return 0;
}

/* Draws the trace and writes it. */
static int make_trace(const struct synth *synth, struct error *error)
{
    struct workload *workload = workload_new(&synth->synthetic, synth->seed, error);
    int status =
        workload ? write_trace(workload_source(workload), synth->path, error) : -(int)error->code;
    workload_free(workload);
    /* Values that no workload can have came from this command line. */
    if (status == -ERROR_CONFIG)
        error->code = ERROR_USAGE;
    return status < 0 ? -(int)error->code : 0;
}

static int run_synth(int argc, char **argv, struct error *error)
{
    static const struct option words[] = {
        {"rate", required_argument, NULL, 'r'},  {"process", required_argument, NULL, 'p'},
        {"cv", required_argument, NULL, 'c'},    {"requests", required_argument, NULL, 'n'},
        {"input", required_argument, NULL, 'I'}, {"output", required_argument, NULL, 'O'},
        {"seed", required_argument, NULL, 's'},  {NULL, 0, NULL, 0}};
    struct synth synth = {.seed = 1};
    struct synthetic *synthetic = &synth.synthetic;
    *synthetic = (struct synthetic){.requests = 10000};
    synthetic->arrivals = (struct arrivals){ARRIVAL_POISSON, NAN, NAN, 0};
    int option;
    while ((option = next_option(argc, argv, ":o:", words, error)) != -1) {
        if (take_synth_option(&synth, option, error) < 0)
            return -(int)error->code;
    }
    if (argc > optind)
        return error_set(error, ERROR_USAGE, "expected options only, found '%s'", argv[optind]);
    int status = check_synth(&synth, error);
    if (status == 0)
        status = length_spec_parse(&synthetic->input, synth.input, synth.path, error);
    if (status == 0)
        status = length_spec_parse(&synthetic->output, synth.output, synth.path, error);
    if (status == 0)
        status = make_trace(&synth, error);
    length_spec_release(&synthetic->input);
    length_spec_release(&synthetic->output);
    return status;
}

static const struct subcommand subcommands[] = {
    {"info", help_info, run_info},
    {"synth", help_synth, run_synth},
    {"convert", help_convert, run_convert},
};

static const struct subcommand *find_subcommand(const char *name)
{
    for (size_t i = 0; i < ARRAY_LENGTH(subcommands); i++) {
        if (strcmp(name, subcommands[i].name) == 0)
            return &subcommands[i];
    }
    return NULL;
}

static bool is_help(const char *argument)
{
    return strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0;
}

int command_trace(int argc, char **argv)
{
    const struct subcommand *subcommand = argc > 1 ? find_subcommand(argv[1]) : NULL;
    if (argc > 1 && is_help(argv[1])) {
        (void)fputs(help_trace, stdout);
        return 0;
    }
    if (!subcommand) {
        (void)fputs(help_trace, stderr);
        return error_exit_code(ERROR_USAGE);
    }
    for (int i = 2; i < argc; i++) {
        if (is_help(argv[i])) {
            (void)fputs(subcommand->help, stdout);
            return 0;
        }
    }
    /* 0 has GNU getopt start afresh: the program has parsed its own options by now. */
    optind = 0;
    struct error error = {.code = ERROR_NONE};
    if (subcommand->run(argc - 1, argv + 1, &error) == 0)
        return 0;
    char name[COMMAND_NAME_BYTES];
    (void)snprintf(name, sizeof(name), "trace %s", subcommand->name);
    return command_fail(name, &error);
}
