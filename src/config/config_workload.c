#include "config_workload.h"

#include "config_lengths.h"
#include "config_limits.h"

#include <stdio.h>

#define REQUESTS_MAX UINT64_C(1000000000000)
#define CONCURRENCY_MAX 16777216
#define CV_MIN 0.001
#define CV_MAX 1000.0
#define PREFIXES_MAX 16777216
#define PREFIX_EXPONENT_MAX 20
#define RATE_SCALE_MIN 1e-6
#define RATE_SCALE_MAX 1e6

static const char *const process_names[] = {ARRIVAL_PROCESSES(LIST_TEXT)};

static const char *const format_names[] = {TRACE_FORMATS(LIST_TEXT)};

static void read_trace(struct config_loader *loader, struct config_reader *parent,
                       struct workload_spec *workload)
{
    static const char *const suffixes[] = {"", NULL};
    struct config_reader reader;
    config_reader_enter(&reader, parent, "trace", CONFIG_REQUIRED);
    const struct yaml_node *file = config_read_node(&reader, "file", CONFIG_REQUIRED);
    const char *name;
    if (file && config_value_text(loader->diagnostics, file, "file", FILENAME_MAX, &name))
        workload->trace_path = config_file_find(loader, file->position, name, suffixes);
    workload->is_trace = true;
    workload->format = (enum trace_format)config_read_choice(
        &reader, "format", CONFIG_OPTIONAL, format_names, ARRAY_LENGTH(format_names), TRACE_AUTO);
    if (config_reader_has(&reader, "format"))
        workload->format_position = config_read_node(&reader, "format", CONFIG_OPTIONAL)->position;
    workload->rate_scale = 1;
    config_read_number(&reader, "rate_scale", CONFIG_OPTIONAL, RATE_SCALE_MIN, RATE_SCALE_MAX,
                       &workload->rate_scale);
    config_reader_close(&reader);
}

static void read_process(struct config_reader *reader, struct arrivals *arrivals)
{
    char what[64];
    snprintf(what, sizeof(what), "process '%s'", process_names[arrivals->process]);
    if (arrivals->process == ARRIVAL_CLOSED_LOOP) {
        config_reader_refuse(reader, "rate", what);
        config_read_count(reader, "concurrency", CONFIG_REQUIRED, 1, CONCURRENCY_MAX,
                          &arrivals->concurrency);
    } else {
        config_reader_refuse(reader, "concurrency", what);
        config_read_quantity(reader, "rate", CONFIG_REQUIRED, QUANTITY_PER_S, CONFIG_RATE_PER_S_MIN,
                             CONFIG_RATE_PER_S_MAX, &arrivals->rate_per_s);
    }
    if (arrivals->process == ARRIVAL_GAMMA)
        config_read_number(reader, "cv", CONFIG_REQUIRED, CV_MIN, CV_MAX, &arrivals->cv);
    else
        config_reader_refuse(reader, "cv", what);
}

static void read_arrivals(struct config_reader *parent, struct arrivals *arrivals)
{
    struct config_reader reader;
    config_reader_enter(&reader, parent, "arrivals", CONFIG_REQUIRED);
    uint32_t count = ARRAY_LENGTH(process_names);
    uint32_t index =
        config_read_choice(&reader, "process", CONFIG_REQUIRED, process_names, count, count);
    if (index == count) {
        config_reader_abandon(&reader);
    } else {
        arrivals->process = (enum arrival_process)index;
        read_process(&reader, arrivals);
    }
    config_reader_close(&reader);
}

static void read_prefixes(struct config_reader *parent, struct prefixes *prefixes)
{
    struct config_reader reader;
    if (!config_reader_has(parent, "prefixes"))
        return;
    config_reader_enter(&reader, parent, "prefixes", CONFIG_REQUIRED);
    config_read_count(&reader, "count", CONFIG_REQUIRED, 1, PREFIXES_MAX, &prefixes->count);
    config_read_count(&reader, "tokens", CONFIG_REQUIRED, 1, CONFIG_TOKENS_MAX, &prefixes->tokens);
    config_read_number(&reader, "exponent", CONFIG_OPTIONAL, 0, PREFIX_EXPONENT_MAX,
                       &prefixes->exponent);
    config_reader_close(&reader);
}

static void read_synthetic(struct config_loader *loader, struct config_reader *reader,
                           struct synthetic *synthetic)
{
    read_arrivals(reader, &synthetic->arrivals);
    config_read_count64(reader, "requests", CONFIG_REQUIRED, 1, REQUESTS_MAX, &synthetic->requests);
    config_lengths_read(loader, reader, "input_tokens", &synthetic->input);
    config_lengths_read(loader, reader, "output_tokens", &synthetic->output);
    read_prefixes(reader, &synthetic->prefixes);
}

/* Everything but `trace` says how to draw requests. */
static void refuse_synthetic(struct config_reader *reader)
{
    static const char *const keys[] = {"arrivals", "requests", "input_tokens", "output_tokens",
                                       "prefixes"};
    for (size_t i = 0; i < ARRAY_LENGTH(keys); i++)
        config_reader_refuse(reader, keys[i], "'trace', which has requests of its own");
}

bool workload_spec_is_drawn(const struct workload_spec *workload)
{
    const struct synthetic *synthetic = &workload->synthetic;
    enum arrival_process process = synthetic->arrivals.process;
    bool is_even = process == ARRIVAL_CONSTANT || process == ARRIVAL_CLOSED_LOOP;
    bool is_fixed = synthetic->input.distribution == LENGTH_FIXED &&
                    synthetic->output.distribution == LENGTH_FIXED;
    return !workload->is_trace && !(is_even && is_fixed);
}

void config_workload_read(struct config_loader *loader, const struct yaml_node *node,
                          struct workload_spec *workload)
{
    struct config_reader reader;
    config_reader_open(&reader, loader->diagnostics, node, "workload");
    if (config_reader_has(&reader, "trace")) {
        read_trace(loader, &reader, workload);
        refuse_synthetic(&reader);
    } else if (config_reader_has(&reader, "arrivals")) {
        read_synthetic(loader, &reader, &workload->synthetic);
    } else if (reader.node) {
        config_reader_report(&reader, "arrivals",
                             "'workload' needs a 'trace', or 'arrivals' and lengths to draw");
        config_reader_abandon(&reader);
    }
    config_reader_close(&reader);
}
