#include "plan_hdf5.h"

#include "hdf5_attribute.h"
#include "hdf5_error.h"
#include "hdf5_file.h"
#include "hdf5_table.h"

#include <stdio.h>
#include <string.h>

#define CHUNK_ROWS 256
#define WORD_BYTES 16

/* Texts, filled up with NUL. */
typedef char kind_text[NAME_BYTES];
typedef char engine_text[PLAN_ENGINE_NAME_BYTES];
typedef char word_text[WORD_BYTES];
typedef char reason_text[PLAN_REASON_BYTES];

/* X(column, C type, units, what it holds where it is not known) */
#define RANK(X) X(rank, uint32_t, "1", 0)
#define SIZES(X)                                \
    X(tensor_parallel, uint32_t, "GPUs", 0)     \
    X(pipeline_parallel, uint32_t, "stages", 0) \
    X(expert_parallel, uint32_t, "GPUs", 0)     \
    X(replicas, uint32_t, "1", 0)               \
    X(nodes, uint32_t, "1", 0)
#define NODES_LOST(X) X(nodes_lost, uint32_t, "1", 0)
#define GPUS(X)                  \
    X(racks, uint32_t, "1", 0)   \
    X(gpus, uint32_t, "GPUs", 0) \
    X(billed_gpus, uint32_t, "GPUs", 0)
#define LOAD(X) X(load, double, "1", NAN)
#define COSTS(X)                                         \
    X(usd_per_hour, double, "USD/h", NAN)                \
    X(usd_per_million_output_tokens, double, "USD", NAN) \
    X(purchase_usd, double, "USD", NAN)                  \
    X(power_w, double, "W", NAN)                         \
    X(wh_per_million_output_tokens, double, "Wh", NAN)
#define RESULTS(X)                                   \
    X(ttft_s, double, "s", NAN)                      \
    X(ttft_half_s, double, "s", NAN)                 \
    X(tpot_s, double, "s", NAN)                      \
    X(tpot_half_s, double, "s", NAN)                 \
    X(margin, double, "1", NAN)                      \
    X(served, double, "1", NAN)                      \
    X(good, double, "1", NAN)                        \
    X(within, double, "1", NAN)                      \
    X(within_half, double, "1", NAN)                 \
    X(rejected, double, "1", NAN)                    \
    X(lost, double, "1", NAN)                        \
    X(requests_per_s, double, "requests/s", NAN)     \
    X(output_tokens_per_s, double, "tokens/s", NAN)  \
    X(lasting_tokens_per_s, double, "tokens/s", NAN) \
    X(lasting_busy, double, "1", NAN)                \
    X(busy, double, "1", NAN)                        \
    X(kv, double, "1", NAN)                          \
    X(crowded, double, "1", NAN)                     \
    X(backlog_growth, double, "1", NAN)              \
    X(backlog_growth_half, double, "1", NAN)         \
    X(requests_to_tell, double, "1", NAN)
#define NAMES(X)                \
    X(kind, kind_text, "1", "") \
    X(engine, engine_text, "1", "")
#define VERDICT(X)                 \
    X(outcome, word_text, "1", "") \
    X(figure, word_text, "1", "")  \
    X(resource, word_text, "1", "")
#define STATE(X) X(state, word_text, "1", "")
#define CONSTRAINT(X) X(constraint, word_text, "1", "")
#define WHY(X) X(why, reason_text, "1", "")

/* The tables, in the order of their columns. */
#define PLAN_COLUMNS(X) \
    RANK(X) SIZES(X) GPUS(X) COSTS(X) RESULTS(X) NAMES(X) STATE(X) VERDICT(X) CONSTRAINT(X) WHY(X)
#define GROWTH_COLUMNS(X) \
    RANK(X) SIZES(X) NODES_LOST(X) LOAD(X) RESULTS(X) NAMES(X) VERDICT(X) WHY(X)
#define TRIAL_COLUMNS(X) SIZES(X) GPUS(X) LOAD(X) COSTS(X) RESULTS(X) NAMES(X) VERDICT(X)

/* An option, what it costs and how it did. */
#define MEMBER(column, c_type, unit, unknown) c_type column;
struct row {
    PLAN_COLUMNS(MEMBER)
    NODES_LOST(MEMBER)
    LOAD(MEMBER)
};
#undef MEMBER

#define COLUMN(column, c_type, unit, unknown) {HDF5_COLUMN(row, column, unit)},
static const struct hdf5_column plan_columns[] = {PLAN_COLUMNS(COLUMN)};
static const struct hdf5_column growth_columns[] = {GROWTH_COLUMNS(COLUMN)};
static const struct hdf5_column trial_columns[] = {TRIAL_COLUMNS(COLUMN)};
#undef COLUMN

/* An option that is neither judged nor billed. */
#define UNKNOWN(column, c_type, unit, unknown) .column = unknown,
static const struct row unknown_row = {PLAN_COLUMNS(UNKNOWN) NODES_LOST(UNKNOWN) LOAD(UNKNOWN)};
#undef UNKNOWN

static void put(char *to, size_t bytes, const char *text)
{
    (void)snprintf(to, bytes, "%s", text);
}

static struct row row_of(const struct plan *plan, const struct plan_hardware *hardware,
                         const struct plan_option *option)
{
    struct row row = unknown_row;
    row.load = option->load / plan->load_factor;
    row.tensor_parallel = option->tensor_parallel;
    row.pipeline_parallel = option->pipeline_parallel;
    row.expert_parallel = option->expert_parallel ? option->tensor_parallel : 1;
    row.replicas = option->replicas;
    row.nodes = option->nodes;
    put(row.kind, sizeof(row.kind), hardware->name);
    if (!option->is_own)
        plan_engine_name(plan, option->engine, row.engine);
    return row;
}

static void put_machines(struct row *row, const struct plan_bill *bill)
{
    row->racks = bill->racks;
    row->gpus = bill->gpus;
    row->billed_gpus = bill->billed_gpus;
}

static void put_bill(struct row *row, const struct plan *plan, const struct plan_bill *bill,
                     double output_tokens_per_s)
{
    put_machines(row, bill);
    row->usd_per_hour = bill->usd_per_hour;
    row->purchase_usd = bill->purchase_usd;
    row->power_w = bill->power_w;
    row->usd_per_million_output_tokens = plan_cost_usd_per_million(bill, output_tokens_per_s);
    row->wh_per_million_output_tokens = plan_cost_wh_per_million(plan, bill, output_tokens_per_s);
}

static void put_verdict(struct row *row, const struct plan_verdict *verdict)
{
    const struct plan_pressure *pressure = &verdict->pressure;
    row->ttft_s = verdict->ttft_s.mean;
    row->ttft_half_s = verdict->ttft_s.half;
    row->tpot_s = verdict->tpot_s.mean;
    row->tpot_half_s = verdict->tpot_s.half;
    row->margin = verdict->margin;
    row->served = verdict->served;
    row->good = verdict->good;
    row->within = verdict->within.mean;
    row->within_half = verdict->within.half;
    row->rejected = verdict->rejected;
    row->lost = verdict->lost;
    row->requests_per_s = verdict->requests_per_s;
    row->output_tokens_per_s = verdict->output_tokens_per_s;
    row->lasting_tokens_per_s = verdict->lasting_tokens_per_s;
    row->lasting_busy = verdict->lasting_busy;
    row->busy = pressure->busy;
    row->kv = pressure->kv;
    row->crowded = pressure->crowded;
    row->backlog_growth = verdict->balance.growth;
    row->backlog_growth_half = verdict->balance.half;
    row->requests_to_tell = verdict->balance.requests_to_tell;
    put(row->outcome, sizeof(row->outcome), plan_outcome_name(verdict->outcome));
    put(row->figure, sizeof(row->figure), plan_figure_name(verdict->figure));
    put(row->resource, sizeof(row->resource), plan_resource_name(plan_pressure_first(pressure)));
}

static struct row candidate_row(const struct plan_answer *answer, size_t index)
{
    const struct plan *plan = answer->search->plan;
    const struct plan_candidate *candidate = &answer->search->candidates[index];
    bool is_final = plan_candidate_is_final(candidate);
    struct row row = row_of(plan, &candidate->hardware, &candidate->option);
    row.rank = (uint32_t)(plan_answer_rank(answer, index) + 1);
    if (candidate->is_judged)
        put_verdict(&row, &candidate->verdict);
    if (is_final || candidate->state == PLAN_OPEN)
        put_bill(&row, plan, &candidate->bill,
                 is_final ? candidate->verdict.lasting_tokens_per_s : (double)NAN);
    else if (candidate->is_judged)
        put_machines(&row, &candidate->bill);
    else
        row.replicas = row.nodes = 0;
    put(row.state, sizeof(row.state), plan_state_name(candidate->state));
    put(row.constraint, sizeof(row.constraint), plan_constraint_name(candidate->constraint));
    put(row.why, sizeof(row.why), candidate->why);
    return row;
}

/* A table while it is written. */
struct writer {
    hid_t file;
    const char *path;
    struct error *error;
};

static int open_table(const struct writer *writer, const char *name,
                      const struct hdf5_column *columns, size_t count, struct hdf5_table *table)
{
    *table = (struct hdf5_table){0};
    return hdf5_table_create(table, writer->file, writer->path, name, columns, count, CHUNK_ROWS,
                             writer->error);
}

static int close_table(const struct writer *writer, struct hdf5_table *table, int status)
{
    if (status == 0)
        status = hdf5_table_finish(table, writer->error);
    hdf5_table_release(table);
    return status;
}

static int write_plans(const struct writer *writer, const struct plan_answer *answer)
{
    struct hdf5_table table;
    int status = open_table(writer, "plans", plan_columns, ARRAY_LENGTH(plan_columns), &table);
    for (size_t i = 0; i < answer->search->candidate_count && status == 0; i++) {
        const struct row row = candidate_row(answer, i);
        status = hdf5_table_append(&table, &row, writer->error);
    }
    return close_table(writer, &table, status);
}

/* What became of a ranked plan, `option`, under some load or without a node; of no replicas there
   is no verdict. */
static int append_growth(const struct writer *writer, const struct plan_answer *answer,
                         struct hdf5_table *table, size_t place, const struct plan_option *option,
                         const struct plan_verdict *verdict)
{
    char why[PLAN_PRESSURE_TEXT_BYTES] = "";
    const struct plan_search *search = answer->search;
    const struct plan_candidate *candidate = &search->candidates[search->ranked[place]];
    struct row row = row_of(search->plan, &candidate->hardware, option);
    row.rank = (uint32_t)place + 1;
    row.nodes_lost = option->nodes_lost;
    if (option->replicas > 0)
        put_verdict(&row, verdict);
    if (option->replicas > 0 && verdict->outcome != PLAN_MEETS)
        plan_pressure_text(&verdict->pressure, why);
    put(row.why, sizeof(row.why), why);
    return hdf5_table_append(table, &row, writer->error);
}

/* Every load that a ranked plan was put to, and the loss of a node. */
static int append_stress(const struct writer *writer, const struct plan_answer *answer,
                         struct hdf5_table *table, size_t place)
{
    const struct plan_search *search = answer->search;
    const struct plan_stress *stress = &answer->stresses[place];
    const struct plan_option *whole = &search->candidates[search->ranked[place]].option;
    int status = 0;
    for (size_t i = 0; i < stress->count && status == 0; i++) {
        struct plan_option grown = *whole;
        grown.load *= stress->points[i].load;
        status = append_growth(writer, answer, table, place, &grown, &stress->points[i].verdict);
    }
    struct plan_option left = *whole;
    left.nodes_lost = 1;
    left.replicas = stress->replicas_left;
    return status < 0 ? status
                      : append_growth(writer, answer, table, place, &left, &stress->without_node);
}

static int write_growth(const struct writer *writer, const struct plan_answer *answer)
{
    struct hdf5_table table;
    int status = open_table(writer, "growth", growth_columns, ARRAY_LENGTH(growth_columns), &table);
    for (size_t i = 0; i < answer->search->ranked_count && status == 0; i++)
        status = append_stress(writer, answer, &table, i);
    return close_table(writer, &table, status);
}

static int write_trials(const struct writer *writer, const struct plan_answer *answer)
{
    struct hdf5_table table;
    const struct plan_search *search = answer->search;
    const struct plan_runner *runner = &search->runner;
    int status = open_table(writer, "trials", trial_columns, ARRAY_LENGTH(trial_columns), &table);
    for (size_t i = 0; i < runner->trialled_count && status == 0; i++) {
        const struct plan_option *option = &runner->trialled[i].option;
        const struct plan_verdict *verdict = &runner->trialled[i].verdict;
        const struct plan_hardware *hardware = plan_answer_hardware(answer, option);
        struct plan_bill bill =
            plan_cost_bill(search->plan, hardware, option, verdict->lasting_busy);
        struct row row = row_of(search->plan, hardware, option);
        put_bill(&row, search->plan, &bill, verdict->lasting_tokens_per_s);
        put_verdict(&row, verdict);
        status = hdf5_table_append(&table, &row, writer->error);
    }
    return close_table(writer, &table, status);
}

static int write_header(const struct writer *writer, const struct plan_answer *answer)
{
    const struct plan *plan = answer->search->plan;
    const struct {
        const char *name, *text;
    } attributes[] = {
        {"version", TANDEM_VERSION},
        {"name", plan->name},
        {"plan", plan->text},
        {"scenario", answer->scenario ? answer->scenario : ""},
    };
    int status = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(attributes) && status == 0; i++)
        status = hdf5_attribute_text(writer->file, writer->path, attributes[i].name,
                                     attributes[i].text, writer->error);
    return status;
}

/* The numbers that all of the plan's tables are to be read by. */
static int write_numbers(const struct writer *writer, hid_t group, const struct plan_answer *answer)
{
    const struct plan_search *search = answer->search;
    const struct plan_untold untold = plan_answer_untold(answer);
    const struct {
        const char *name;
        double value;
    } numbers[] = {
        {"requests_per_s", search->traffic.requests_per_s},
        {"concurrency", search->traffic.concurrency},
        {"input_tokens", search->traffic.input_tokens},
        {"output_tokens", search->traffic.output_tokens},
        {"slo.ttft_s", search->runner.slo.ttft_s},
        {"slo.tpot_s", search->runner.slo.tpot_s},
        {"slo.percentile", search->runner.slo.percentile},
        {"growth", search->plan->growth},
        {"headroom", search->plan->headroom},
        {"seeds", search->runner.seeds},
        {"runs", (double)search->runner.runs},
        {"untold", (double)untold.count},
        {"requests_to_tell", untold.requests_to_tell},
        {"pue", search->plan->ownership.pue},
        {"ownership_years", search->plan->ownership.years},
        {"usd_per_kwh", search->plan->ownership.usd_per_kwh},
    };
    int status = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(numbers) && status == 0; i++)
        status = hdf5_attribute_double(group, writer->path, numbers[i].name, numbers[i].value,
                                       writer->error);
    return status;
}

/* The kinds' names, a comma between two. */
static int write_uncapped(const struct writer *writer, hid_t group,
                          const struct plan_answer *answer)
{
    const struct plan_hardware *uncapped[PLAN_KINDS_MAX];
    char names[PLAN_KINDS_MAX * (NAME_BYTES + 2)] = "";
    size_t count = plan_answer_uncapped(answer, uncapped);
    for (size_t i = 0, length = 0; i < count; i++)
        length += (size_t)snprintf(names + length, sizeof(names) - length, "%s%s",
                                   i > 0 ? ", " : "", uncapped[i]->name);
    return hdf5_attribute_text(group, writer->path, "uncapped", names, writer->error);
}

static int write_summary(const struct writer *writer, const struct plan_answer *answer)
{
    char obstacles[PLAN_OBSTACLES_BYTES];
    hid_t group = H5Gcreate2(writer->file, "summary", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (group < 0)
        return hdf5_error_set(writer->error, "write", writer->path);
    plan_answer_obstacles(answer, obstacles);
    int status = write_numbers(writer, group, answer);
    if (status == 0)
        status = hdf5_attribute_bool(group, writer->path, "met", answer->search->ranked_count > 0,
                                     writer->error);
    if (status == 0)
        status = hdf5_attribute_text(group, writer->path, "obstacles", obstacles, writer->error);
    if (status == 0)
        status = write_uncapped(writer, group, answer);
    H5Gclose(group);
    return status;
}

static int fill(hid_t file, const char *path, const void *context, struct error *error)
{
    static int (*const parts[])(const struct writer *, const struct plan_answer *) = {
        write_header, write_summary, write_plans, write_growth, write_trials};
    const struct writer writer = {file, path, error};
    int status = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(parts) && status == 0; i++)
        status = parts[i](&writer, context);
    return status;
}

int plan_hdf5_write(const char *path, const struct plan_answer *answer, struct error *error)
{
    return hdf5_file_write(path, fill, answer, error);
}
