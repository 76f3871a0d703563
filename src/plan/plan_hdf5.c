#include "plan_hdf5.h"

#include "hdf5_attribute.h"
#include "hdf5_error.h"
#include "hdf5_file.h"
#include "hdf5_table.h"

#include <stdio.h>
#include <string.h>

#define CHUNK_ROWS 256
#define WORD_BYTES 16

/* An option, what it costs and how it did; NaN, 0 and "" for what is not known. Members come in the
   order of columns. */
struct row {
    uint32_t rank;
    uint32_t tensor_parallel;
    uint32_t pipeline_parallel;
    uint32_t replicas;
    uint32_t nodes;
    uint32_t nodes_lost;
    uint32_t racks;
    uint32_t gpus;
    uint32_t billed_gpus;
    uint32_t padding;
    double load;
    double usd_per_hour;
    double usd_per_million_output_tokens;
    double purchase_usd;
    double power_w;
    double wh_per_million_output_tokens;
    double ttft_s;
    double ttft_half_s;
    double tpot_s;
    double tpot_half_s;
    double margin;
    double served;
    double good;
    double within;
    double within_half;
    double rejected;
    double lost;
    double requests_per_s;
    double output_tokens_per_s;
    double lasting_tokens_per_s;
    double lasting_busy;
    double busy;
    double kv;
    double backlog_growth;
    double backlog_growth_half;
    double requests_to_tell;
    char kind[NAME_BYTES];
    char engine[PLAN_ENGINE_NAME_BYTES];
    char state[WORD_BYTES];
    char outcome[WORD_BYTES];
    char figure[WORD_BYTES];
    char resource[WORD_BYTES];
    char constraint[WORD_BYTES];
    char why[PLAN_REASON_BYTES];
};

#define COLUMN(member, units)             \
    {                                     \
        HDF5_COLUMN(row, member, (units)) \
    }
#define TEXT(member) COLUMN(member, "1")

/* What every table has; between, each may have more. */
#define SIZES                                                                                    \
    COLUMN(tensor_parallel, "GPUs"), COLUMN(pipeline_parallel, "stages"), COLUMN(replicas, "1"), \
        COLUMN(nodes, "1")
#define GPUS COLUMN(racks, "1"), COLUMN(gpus, "GPUs"), COLUMN(billed_gpus, "GPUs")
#define COSTS                                                                    \
    COLUMN(usd_per_hour, "USD/h"), COLUMN(usd_per_million_output_tokens, "USD"), \
        COLUMN(purchase_usd, "USD"), COLUMN(power_w, "W"),                       \
        COLUMN(wh_per_million_output_tokens, "Wh")
#define RESULTS                                                                                   \
    COLUMN(ttft_s, "s"), COLUMN(ttft_half_s, "s"), COLUMN(tpot_s, "s"), COLUMN(tpot_half_s, "s"), \
        COLUMN(margin, "1"), COLUMN(served, "1"), COLUMN(good, "1"), COLUMN(within, "1"),         \
        COLUMN(within_half, "1"), COLUMN(rejected, "1"), COLUMN(lost, "1"),                       \
        COLUMN(requests_per_s, "requests/s"), COLUMN(output_tokens_per_s, "tokens/s"),            \
        COLUMN(lasting_tokens_per_s, "tokens/s"), COLUMN(lasting_busy, "1"), COLUMN(busy, "1"),   \
        COLUMN(kv, "1"), COLUMN(backlog_growth, "1"), COLUMN(backlog_growth_half, "1"),           \
        COLUMN(requests_to_tell, "1")
#define NAMES TEXT(kind), TEXT(engine)
#define VERDICT TEXT(outcome), TEXT(figure), TEXT(resource)

static const struct hdf5_column plan_columns[] = {COLUMN(rank, "1"), SIZES,    GPUS,        COSTS,
                                                  RESULTS,           NAMES,    TEXT(state), VERDICT,
                                                  TEXT(constraint),  TEXT(why)};
static const struct hdf5_column growth_columns[] = {
    COLUMN(rank, "1"), SIZES,    COLUMN(nodes_lost, "1"), COLUMN(load, "1"), RESULTS, NAMES,
    VERDICT,           TEXT(why)};
static const struct hdf5_column trial_columns[] = {SIZES, GPUS,   COLUMN(load, "1"), COSTS, RESULTS,
                                                   NAMES, VERDICT};

static void put(char *to, size_t bytes, const char *text)
{
    (void)snprintf(to, bytes, "%s", text);
}

/* What is not known of an option until it is judged or billed. */
static const struct row unknown = {
    .usd_per_hour = NAN,
    .usd_per_million_output_tokens = NAN,
    .purchase_usd = NAN,
    .power_w = NAN,
    .wh_per_million_output_tokens = NAN,
    .ttft_s = NAN,
    .ttft_half_s = NAN,
    .tpot_s = NAN,
    .tpot_half_s = NAN,
    .margin = NAN,
    .served = NAN,
    .good = NAN,
    .within = NAN,
    .within_half = NAN,
    .rejected = NAN,
    .lost = NAN,
    .requests_per_s = NAN,
    .output_tokens_per_s = NAN,
    .lasting_tokens_per_s = NAN,
    .lasting_busy = NAN,
    .busy = NAN,
    .kv = NAN,
    .backlog_growth = NAN,
    .backlog_growth_half = NAN,
    .requests_to_tell = NAN,
};

static struct row row_of(const struct plan *plan, const struct plan_hardware *hardware,
                         const struct plan_option *option)
{
    struct row row = unknown;
    row.load = option->load / plan->load_factor;
    row.tensor_parallel = option->tensor_parallel;
    row.pipeline_parallel = option->pipeline_parallel;
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
    bool is_final = candidate->state == PLAN_FOUND || candidate->option.is_own;
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
