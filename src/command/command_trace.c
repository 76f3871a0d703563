#include "command.h"

#include "config_limits.h"
#include "length_spec.h"
#include "spelling.h"
#include "trace.h"
#include "trace_report.h"
#include "trace_stats.h"
#include "trace_writer.h"

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
    "  --format F   tandem, azure, mooncake, burstgpt or auto, the default: guessed from the "
    "first\n"
    "               line\n"
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
    "  --format F       tandem, azure, mooncake, burstgpt or auto, the default: guessed\n"
    "  --rate-scale X   arrivals come X times as fast (default 1)\n";

/* A subcommand: the name it is called by, and what does it. */
struct subcommand {
    const char *name;
    int (*run)(int argc, char **argv, struct error *error); /* negative where that fails */
};

/* The whole of `value` as a number. */
static int parse_number(const struct command_option *option, const char *value, struct error *error)
{
    double *number = option->target;
    char *end;
    *number = strtod(value, &end);
    if (end == value || *end != '\0' || !isfinite(*number))
        return error_set(error, ERROR_USAGE, "--%s: expected a number, found '%s'", option->name,
                         value);
    return 0;
}

static int parse_whole(const struct command_option *option, const char *value, struct error *error)
{
    uint64_t *number = option->target;
    const char *end = command_parse_count(value, 0, UINT64_MAX, number);
    if (!end || *end != '\0')
        return error_set(error, ERROR_USAGE, "--%s: expected a whole number, found '%s'",
                         option->name, value);
    return 0;
}

static int parse_format(const struct command_option *option, const char *value, struct error *error)
{
    enum trace_format *format = option->target;
    if (trace_format_from_name(value, format))
        return 0;
    return error_set(error, ERROR_USAGE,
                     "--format: expected tandem, azure, mooncake, burstgpt or auto, found '%s'",
                     value);
}

static int parse_process(const struct command_option *option, const char *value,
                         struct error *error)
{
    static const char *const names[] = {ARRIVAL_PROCESSES(LIST_TEXT)};
    enum arrival_process *process = option->target;
    size_t index = spelling_index(value, names, ARRAY_LENGTH(names));
    /* A closed loop has no arrival times until it is served, so no trace can hold it. */
    if (index < ARRAY_LENGTH(names) && index != ARRIVAL_CLOSED_LOOP) {
        *process = (enum arrival_process)index;
        return 0;
    }
    return error_set(error, ERROR_USAGE,
                     "--process: expected poisson, gamma or constant, found '%s'", value);
}

/* Standard output where it is "-". */
static int parse_output(const struct command_option *option, const char *value, struct error *error)
{
    const char **path = option->target;
    (void)error;
    *path = strcmp(value, "-") == 0 ? NULL : value;
    return 0;
}

static void warn_of_skipped(const struct trace *trace, const char *path)
{
    unsigned long long skipped = trace_skipped(trace);
    if (skipped > 0)
        (void)fprintf(stderr,
                      "%s: warning: %llu request%s without input or output tokens left "
                      "out\n",
                      path, skipped, plural(skipped));
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
    struct trace_options trace_options = {.format = TRACE_AUTO, .rate_scale = 1};
    bool is_json = false;
    const struct command_option options[] = {
        {"format", .parse = parse_format, .target = &trace_options.format},
        {"json", .flag = &is_json},
        {0},
    };
    int status = command_options_take(options, help_info, &argc, &argv, error);
    if (status != 0)
        return status;
    if (argc != 1)
        return error_set(error, ERROR_USAGE, "expected one file, found %d", argc);
    const char *path = argv[0];
    struct trace *trace = trace_open(path, trace_options, error);
    if (!trace)
        return -(int)error->code;
    struct trace_stats stats;
    trace_stats_init(&stats);
    status = collect(path, trace, &stats, error);
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
    struct trace_options trace_options = {.format = TRACE_AUTO, .rate_scale = 1};
    const struct command_option options[] = {
        {"format", .parse = parse_format, .target = &trace_options.format},
        {"rate-scale", .parse = parse_number, .target = &trace_options.rate_scale},
        {0},
    };
    int status = command_options_take(options, help_convert, &argc, &argv, error);
    if (status != 0)
        return status;
    if (argc != 2)
        return error_set(error, ERROR_USAGE, "expected two files, IN and OUT.csv, found %d", argc);
    if (!(trace_options.rate_scale > 0))
        return error_set(error, ERROR_USAGE, "--rate-scale must be above 0, not %g",
                         trace_options.rate_scale);
    if (command_check_output(argv[1], argv[0], error) < 0)
        return -(int)error->code;
    struct trace *trace = trace_open(argv[0], trace_options, error);
    if (!trace)
        return -(int)error->code;
    status = write_trace(trace_source(trace), argv[1], error);
    warn_of_skipped(trace, argv[0]);
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

/* Checks what no option alone can be blamed for. */
static int check_synth(const struct synth *synth, struct error *error)
{
    const struct arrivals *arrivals = &synth->synthetic.arrivals;
    bool is_gamma = arrivals->process == ARRIVAL_GAMMA;
    if (isnan(arrivals->rate_per_s))
        return error_set(error, ERROR_USAGE, "--rate is missing");
    if (!(arrivals->rate_per_s >= CONFIG_RATE_PER_S_MIN &&
          arrivals->rate_per_s <= CONFIG_RATE_PER_S_MAX))
        return error_set(error, ERROR_USAGE, "--rate must be a number from %g to %g, not %g",
                         CONFIG_RATE_PER_S_MIN, CONFIG_RATE_PER_S_MAX, arrivals->rate_per_s);
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

/* Draws the whole trace and forgets it. */
static int rehearse(struct arrival_source source, struct error *error)
{
    struct arrival arrival;
    int status;
    while ((status = source.next(source.context, &arrival, error)) > 0)
        continue;
    return status;
}

/* Draws the trace, and writes it if `is_written`. */
static int draw_trace(const struct synth *synth, bool is_written, struct error *error)
{
    struct workload *workload = workload_new(&synth->synthetic, synth->seed, error);
    int status = -(int)error->code;
    if (workload && is_written)
        status = write_trace(workload_source(workload), synth->path, error);
    else if (workload)
        status = rehearse(workload_source(workload), error);
    workload_free(workload);
    return status;
}

/* What went to standard output cannot be taken back: a trace that goes there is drawn once before,
   for it may turn out to run beyond the clock. */
static int make_trace(const struct synth *synth, struct error *error)
{
    int status = synth->path ? 0 : draw_trace(synth, false, error);
    if (status == 0)
        status = draw_trace(synth, true, error);
    /* Values that no workload can have came from this command line. */
    if (status == -ERROR_CONFIG)
        error->code = ERROR_USAGE;
    return status < 0 ? -(int)error->code : 0;
}

static int parse_synth(struct synth *synth, int argc, char **argv, struct error *error)
{
    struct arrivals *arrivals = &synth->synthetic.arrivals;
    const struct command_option options[] = {
        {"rate", .parse = parse_number, .target = &arrivals->rate_per_s},
        {"process", .parse = parse_process, .target = &arrivals->process},
        {"cv", .parse = parse_number, .target = &arrivals->cv},
        {"requests", .parse = parse_whole, .target = &synth->synthetic.requests},
        {"seed", .parse = parse_whole, .target = &synth->seed},
        {"input", .text = &synth->input},
        {"output", .text = &synth->output},
        {.letter = 'o', .parse = parse_output, .target = &synth->path},
        {0},
    };
    int status = command_options_take(options, help_synth, &argc, &argv, error);
    if (status != 0)
        return status;
    if (argc > 0)
        return error_set(error, ERROR_USAGE, "expected options only, found '%s'", argv[0]);
    return check_synth(synth, error);
}

static int run_synth(int argc, char **argv, struct error *error)
{
    struct synth synth = {.seed = 1};
    struct synthetic *synthetic = &synth.synthetic;
    *synthetic = (struct synthetic){.requests = 10000};
    synthetic->arrivals = (struct arrivals){ARRIVAL_POISSON, NAN, NAN, 0};
    int status = parse_synth(&synth, argc, argv, error);
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
    {"info", run_info},
    {"synth", run_synth},
    {"convert", run_convert},
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
        if (argc > 1)
            (void)fprintf(stderr, "tandem trace: there is no '%s'\n\n", argv[1]);
        (void)fputs(help_trace, stderr);
        return error_exit_code(ERROR_USAGE);
    }
    struct error error = {.code = ERROR_NONE};
    if (subcommand->run(argc - 1, argv + 1, &error) >= 0)
        return 0;
    char name[COMMAND_NAME_BYTES];
    (void)snprintf(name, sizeof(name), "trace %s", subcommand->name);
    return command_fail(name, &error);
}
