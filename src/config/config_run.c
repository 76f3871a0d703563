#include "config_run.h"

#include "config_limits.h"
#include "config_value.h"

#include <stdlib.h>

#define TICK_S 1e-12 /* the clock's */
#define PERCENTILE_MIN 1
#define PERCENTILE_MAX 100
#define COST_SCALE_MIN 0.01
#define COST_SCALE_MAX 100

static const char *const timeline_names[] = {TIMELINES(LIST_TEXT)};

static const char *const on_loss_names[] = {ON_LOSSES(LIST_TEXT)};

static const char *const link_policy_names[] = {LINK_POLICIES(LIST_TEXT)};

/* Whether what stands there for a percentage is a share: 0.95. */
static bool is_share(const struct yaml_node *node, double *share)
{
    char *end = NULL;
    *share = node->kind == YAML_KIND_SCALAR ? strtod(node->text, &end) : 0;
    return end && *end == '\0' && *share * 100 >= PERCENTILE_MIN && *share < PERCENTILE_MIN;
}

static void read_percentile(struct config_reader *reader, double *percentile)
{
    const struct yaml_node *node = config_read_node(reader, "percentile", CONFIG_OPTIONAL);
    double share;
    if (node && is_share(node, &share))
        config_reader_report(reader, "percentile",
                             "'percentile' must be a number from %d to %d, not %g: is %g meant?",
                             PERCENTILE_MIN, PERCENTILE_MAX, share, share * 100);
    else if (node)
        config_value_number(reader->diagnostics, node, "percentile", PERCENTILE_MIN, PERCENTILE_MAX,
                            percentile);
}

void config_slo_read(struct diagnostics *diagnostics, const struct yaml_node *node, struct slo *slo)
{
    *slo = (struct slo){.percentile = 95};
    struct config_reader reader;
    config_reader_open(&reader, diagnostics, node, "slo");
    config_read_quantity(&reader, "ttft", CONFIG_OPTIONAL, QUANTITY_SECONDS, TICK_S,
                         CONFIG_CLOCK_S_MAX, &slo->ttft_s);
    config_read_quantity(&reader, "tpot", CONFIG_OPTIONAL, QUANTITY_SECONDS, TICK_S,
                         CONFIG_CLOCK_S_MAX, &slo->tpot_s);
    read_percentile(&reader, &slo->percentile);
    config_reader_close(&reader);
}

void config_run_read(struct diagnostics *diagnostics, const struct yaml_node *node, struct run *run)
{
    *run = (struct run){.seed = 1, .duration = SIM_PS_MAX};
    struct config_reader reader;
    config_reader_open(&reader, diagnostics, node, "run");
    double warmup_s;
    double duration_s;
    config_read_count64(&reader, "seed", CONFIG_OPTIONAL, 0, UINT64_MAX, &run->seed);
    if (config_read_quantity(&reader, "warmup", CONFIG_OPTIONAL, QUANTITY_SECONDS, 0,
                             CONFIG_CLOCK_S_MAX, &warmup_s))
        run->warmup = sim_ps_from_s(warmup_s);
    if (config_read_quantity(&reader, "duration", CONFIG_OPTIONAL, QUANTITY_SECONDS, TICK_S,
                             CONFIG_CLOCK_S_MAX, &duration_s))
        run->duration = sim_ps_from_s(duration_s);
    if (run->warmup >= run->duration)
        config_reader_report(&reader, "warmup", "'warmup' must be shorter than 'duration'");
    config_read_flag(&reader, "exact", &run->exact);
    run->links =
        (enum link_policy)config_read_choice(&reader, "links", CONFIG_OPTIONAL, link_policy_names,
                                             ARRAY_LENGTH(link_policy_names), LINK_POLICY_AUTO);
    run->on_loss =
        (enum on_loss)config_read_choice(&reader, "on_loss", CONFIG_OPTIONAL, on_loss_names,
                                         ARRAY_LENGTH(on_loss_names), ON_LOSS_RETRY);
    run->cost_scale = 1;
    config_read_number(&reader, "cost_scale", CONFIG_OPTIONAL, COST_SCALE_MIN, COST_SCALE_MAX,
                       &run->cost_scale);
    config_reader_close(&reader);
}

/* `[60 s, 62 s]`. */
static void read_window(struct config_reader *reader, struct output *output)
{
    const struct yaml_node *node = config_read_node(reader, "window", CONFIG_OPTIONAL);
    if (!node)
        return;
    if (node->kind != YAML_KIND_SEQUENCE || node->entry_count != 2) {
        config_reader_report(reader, "window",
                             "'window' must be a start and an end, such as [60 s, 62 s]");
        return;
    }
    double start_s;
    double end_s;
    bool has_start = config_value_quantity(reader->diagnostics, node->first->value, "window",
                                           QUANTITY_SECONDS, 0, CONFIG_CLOCK_S_MAX, &start_s);
    bool has_end = config_value_quantity(reader->diagnostics, node->last->value, "window",
                                         QUANTITY_SECONDS, 0, CONFIG_CLOCK_S_MAX, &end_s);
    if (!has_start || !has_end)
        return;
    output->window_start = sim_ps_from_s(start_s);
    output->window_end = sim_ps_from_s(end_s);
    if (output->window_start >= output->window_end)
        config_reader_report(reader, "window", "'window' must end after it starts");
}

void config_output_read(struct diagnostics *diagnostics, const struct yaml_node *node,
                        struct output *output)
{
    *output = (struct output){.window_end = SIM_PS_MAX};
    struct config_reader reader;
    config_reader_open(&reader, diagnostics, node, "output");
    output->timeline =
        (enum timeline)config_read_choice(&reader, "timeline", CONFIG_OPTIONAL, timeline_names,
                                          ARRAY_LENGTH(timeline_names), TIMELINE_NONE);
    read_window(&reader, output);
    config_reader_close(&reader);
}
