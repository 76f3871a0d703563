#include "plan_candidate.h"

#include "deployment.h"
#include "human.h"
#include "plan_bound.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *plan_state_name(enum plan_state state)
{
    static const char *const names[] = {PLAN_STATES(LIST_TEXT)};
    return names[state];
}

const char *plan_constraint_name(enum plan_constraint constraint)
{
    static const char *const names[] = {
#define X(name, key, words) key,
        PLAN_CONSTRAINTS(X)
#undef X
    };
    return names[constraint];
}

const char *plan_constraint_words(enum plan_constraint constraint)
{
    static const char *const texts[] = {
#define X(name, key, words) words,
        PLAN_CONSTRAINTS(X)
#undef X
    };
    return texts[constraint];
}

enum plan_constraint plan_constraint_of(const struct plan_verdict *verdict)
{
    switch (verdict->figure) {
    case PLAN_FIGURE_TTFT:
        return PLAN_CONSTRAINT_TTFT;
    case PLAN_FIGURE_TPOT:
        return PLAN_CONSTRAINT_TPOT;
    case PLAN_FIGURE_THROUGHPUT:
        return PLAN_CONSTRAINT_THROUGHPUT;
    case PLAN_FIGURE_REFUSED:
        return PLAN_CONSTRAINT_REFUSED;
    case PLAN_FIGURE_NONE:
        break;
    }
    return verdict->outcome == PLAN_TOO_SHORT ? PLAN_CONSTRAINT_TOO_SHORT : PLAN_CONSTRAINT_RUN;
}

void plan_candidate_rule_out(struct plan_candidate *candidate, enum plan_constraint constraint,
                             const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(candidate->why, sizeof(candidate->why), format, arguments);
    va_end(arguments);
    candidate->why[strcspn(candidate->why, "\n")] = '\0';
    candidate->state = PLAN_RULED_OUT;
    candidate->constraint = constraint;
}

bool plan_candidate_is_final(const struct plan_candidate *candidate)
{
    return candidate->state == PLAN_FOUND || candidate->option.is_own;
}

const char *plan_candidate_bound(const struct plan_candidate *candidate)
{
    return candidate->is_one_node ? " (one node: the cluster has no 'nic')" : "";
}

uint32_t plan_candidate_capacity(const struct plan_candidate *candidate, uint32_t nodes)
{
    const struct plan_option *option = &candidate->option;
    const struct cluster cluster = {.nodes = nodes,
                                    .gpus_per_node = candidate->hardware.gpus_per_node};
    uint64_t groups = layout_group_capacity(&cluster, option->tensor_parallel);
    return (uint32_t)(groups / option->pipeline_parallel);
}

void plan_candidate_resize(struct plan_candidate *candidate, const struct plan *plan,
                           uint32_t replicas)
{
    struct plan_option *option = &candidate->option;
    uint32_t groups_per_node = candidate->hardware.gpus_per_node / option->tensor_parallel;
    assert(groups_per_node > 0); /* a search rules out groups that span nodes */
    option->replicas = replicas;
    option->nodes = u32_ceil_div(replicas * option->pipeline_parallel, groups_per_node);
    candidate->bill = plan_cost_bill(plan, &candidate->hardware, option, 0);
    candidate->bill.power_w = NAN;
}

void plan_candidate_find(struct plan_candidate *candidate, const struct plan *plan)
{
    candidate->state = PLAN_FOUND;
    candidate->bill = plan_cost_bill(plan, &candidate->hardware, &candidate->option,
                                     candidate->verdict.lasting_busy);
}

/* Rules out what not even one replica is possible of, on `nodes` at most. */
static void rule_out_by_limits(struct plan_candidate *candidate, const struct plan *plan,
                               uint32_t nodes)
{
    const struct plan_option *option = &candidate->option;
    const struct plan_hardware *hardware = &candidate->hardware;
    uint32_t gpus = option->tensor_parallel * option->pipeline_parallel;
    uint32_t groups_per_node = hardware->gpus_per_node / option->tensor_parallel;
    uint32_t needed = u32_ceil_div(option->pipeline_parallel, groups_per_node);
    if (nodes == 0)
        plan_candidate_rule_out(candidate, PLAN_CONSTRAINT_LIMITS,
                                "limits.gpus %u is less than a node's %u GPUs, which %s",
                                plan->limits.gpus, hardware->gpus_per_node,
                                hardware->kind->is_bought ? "are bought together"
                                                          : "are all paid (billing: node)");
    else if (plan->limits.gpus < gpus)
        plan_candidate_rule_out(candidate, PLAN_CONSTRAINT_LIMITS,
                                "limits.gpus %u is less than one replica's %u GPUs",
                                plan->limits.gpus, gpus);
    else if (needed <= nodes && candidate->is_one_node)
        plan_candidate_rule_out(candidate, PLAN_CONSTRAINT_LIMITS,
                                "one replica takes %u nodes, and these have no network", needed);
    else
        plan_candidate_rule_out(candidate, PLAN_CONSTRAINT_LIMITS,
                                "one replica takes %u nodes, and the limits hold %u", needed,
                                nodes);
}

/* Rules out what the model's shape, the limits or a lack of prices forbid. */
static void check_cut(struct plan_candidate *candidate, const struct plan *plan,
                      const struct scenario *scenario)
{
    const struct plan_option *option = &candidate->option;
    const struct plan_hardware *hardware = &candidate->hardware;
    const char *lack = plan_hardware_lack(hardware);
    if (lack)
        plan_candidate_rule_out(candidate, PLAN_CONSTRAINT_PRICE, "%s", lack);
    else if (option->tensor_parallel > hardware->gpus_per_node)
        plan_candidate_rule_out(candidate, PLAN_CONSTRAINT_SHAPE,
                                "tensor_parallel exceeds a node's GPUs");
    else if (!layout_divides(&scenario->model, option->tensor_parallel))
        plan_candidate_rule_out(candidate, PLAN_CONSTRAINT_SHAPE,
                                "tensor_parallel does not divide the model's heads");
    else if (option->pipeline_parallel > scenario->model.layers)
        plan_candidate_rule_out(candidate, PLAN_CONSTRAINT_SHAPE,
                                "there are more stages than layers");
    if (candidate->state == PLAN_RULED_OUT)
        return;
    uint32_t nodes = plan_hardware_nodes_max(hardware, plan);
    uint32_t gpus = option->tensor_parallel * option->pipeline_parallel;
    candidate->is_one_node = nodes > 1 && scenario->cluster.nic.bytes_per_s == 0;
    candidate->replicas_max =
        u32_min(plan_candidate_capacity(candidate, candidate->is_one_node ? 1 : nodes),
                plan->limits.gpus / gpus);
    if (candidate->replicas_max == 0)
        rule_out_by_limits(candidate, plan, nodes);
}

/* Rules out latencies that the peak rates forbid. */
static void check_latency(struct plan_candidate *candidate, const struct plan_terms *terms,
                          const struct scenario *scenario)
{
    const struct plan_option *option = &candidate->option;
    const struct gpu *gpu = &scenario->cluster.gpu;
    double share = 1 - terms->plan->headroom;
    double gpus = option->tensor_parallel * option->pipeline_parallel;
    double tpot_s = plan_bound_tpot_s(&scenario->model, gpu, option->tensor_parallel);
    double ttft_s =
        plan_bound_ttft_s(&scenario->model, gpu, gpus, terms->traffic.computed_tokens_high);
    if (scenario->slo.tpot_s > 0 && tpot_s > scenario->slo.tpot_s * share)
        plan_candidate_rule_out(candidate, PLAN_CONSTRAINT_TPOT,
                                "reading the weights takes %s a token", human_seconds(tpot_s).text);
    else if (scenario->slo.ttft_s > 0 && ttft_s > scenario->slo.ttft_s * share)
        plan_candidate_rule_out(
            candidate, PLAN_CONSTRAINT_TTFT, "computing a prompt of %s tokens takes %s",
            human_number(terms->traffic.computed_tokens_high).text, human_seconds(ttft_s).text);
}

/* Starts at the fewest replicas whose peak rate is the load. */
static void check_rate(struct plan_candidate *candidate, const struct plan_terms *terms,
                       const struct scenario *scenario)
{
    const struct plan_option *option = &candidate->option;
    const struct plan_traffic *traffic = &terms->traffic;
    double gpus = option->tensor_parallel * option->pipeline_parallel;
    double served = plan_bound_requests_per_s(&scenario->model, &scenario->cluster.gpu, gpus,
                                              traffic->computed_tokens + traffic->output_tokens);
    double fewest = isnan(traffic->requests_per_s) ? 1 : ceil(traffic->requests_per_s / served);
    if (fewest > candidate->replicas_max)
        plan_candidate_rule_out(candidate, PLAN_CONSTRAINT_THROUGHPUT,
                                "no fewer than %.0f replicas could, and the limits hold %u%s",
                                fewest, candidate->replicas_max, plan_candidate_bound(candidate));
    else
        plan_candidate_resize(candidate, terms->plan, (uint32_t)fmax(fewest, 1));
}

/* Rules out what does not fit in memory. ERROR_MEMORY. */
static int check_memory(struct plan_candidate *candidate, const struct scenario *scenario,
                        struct error *error)
{
    struct deployment deployment;
    struct arena arena;
    arena_init(&arena);
    int status = deployment_resolve(&deployment, scenario, NULL, &arena, error);
    arena_release(&arena);
    if (status == 0 || error->code != ERROR_CONFIG)
        return status;
    plan_candidate_rule_out(candidate, PLAN_CONSTRAINT_MEMORY, "%s", error->text);
    return 0;
}

static int check(struct plan_candidate *candidate, const struct plan_terms *terms,
                 struct scenario *scenario, struct error *error)
{
    int status = 0;
    check_cut(candidate, terms->plan, scenario);
    if (candidate->state == PLAN_OPEN)
        plan_candidate_resize(candidate, terms->plan, 1);
    if (!terms->is_bounded)
        return 0;
    if (candidate->state == PLAN_OPEN)
        check_latency(candidate, terms, scenario);
    if (candidate->state == PLAN_OPEN) {
        scenario->cluster.nodes = candidate->option.nodes;
        status = check_memory(candidate, scenario, error);
    }
    if (status == 0 && candidate->state == PLAN_OPEN)
        check_rate(candidate, terms, scenario);
    return status;
}

int plan_candidate_init(struct plan_candidate *candidate, const struct plan_terms *terms,
                        const struct plan_option *option, struct error *error)
{
    const struct plan_kind *kind = &terms->plan->kinds[option->kind];
    struct config config;
    *candidate = (struct plan_candidate){.option = *option};
    candidate->option.replicas = 1;
    candidate->option.nodes = 1;
    int status = plan_option_load(terms->plan, &candidate->option, 0, &config, error);
    if (status == 0) {
        struct error unheld;
        struct scenario *scenario = &config.scenario;
        if (plan_hardware_init(&candidate->hardware, terms->plan, kind, &scenario->cluster,
                               &unheld) < 0)
            plan_candidate_rule_out(candidate, PLAN_CONSTRAINT_LIMITS, "%s", unheld.text);
        else
            status = check(candidate, terms, scenario, error);
    }
    config_release(&config);
    return status;
}

int plan_candidate_init_own(struct plan_candidate *candidate, const struct plan *plan,
                            struct error *error)
{
    struct config config;
    *candidate = (struct plan_candidate){.state = PLAN_OPEN};
    int status =
        config_load_scenario_variant(&config, plan->scenario, NULL, 0, &plan->inputs, error);
    const struct layout_spec *layout = &config.scenario.layout;
    const struct cluster *cluster = &config.scenario.cluster;
    if (status == 0) {
        candidate->option = (struct plan_option){.is_own = true,
                                                 .tensor_parallel = layout->tensor_parallel,
                                                 .pipeline_parallel = layout->pipeline_parallel,
                                                 .expert_parallel = sharding_has_whole_experts(
                                                     &layout->sharding, layout->tensor_parallel),
                                                 .replicas = layout->replicas,
                                                 .nodes = cluster->nodes};
        status = plan_hardware_init(&candidate->hardware, plan, NULL, cluster, error);
    }
    config_release(&config);
    return status;
}

/* "TP=4 x PP=2, EP=4". */
static void write_cut(const struct plan_option *option, char cut[PLAN_NAME_BYTES])
{
    int length = snprintf(cut, PLAN_NAME_BYTES, "TP=%u", option->tensor_parallel);
    if (option->pipeline_parallel > 1)
        length += snprintf(cut + length, PLAN_NAME_BYTES - (size_t)length, " x PP=%u",
                           option->pipeline_parallel);
    if (option->expert_parallel)
        (void)snprintf(cut + length, PLAN_NAME_BYTES - (size_t)length, ", EP=%u",
                       option->tensor_parallel);
}

void plan_candidate_name(const struct plan_candidate *candidate, char name[PLAN_NAME_BYTES])
{
    const struct plan_option *option = &candidate->option;
    char cut[PLAN_NAME_BYTES];
    write_cut(option, cut);
    (void)snprintf(name, PLAN_NAME_BYTES, "%u x %.64s on %u node%s of %s", option->replicas, cut,
                   option->nodes, plural(option->nodes), candidate->hardware.name);
}

void plan_candidate_cut_name(const struct plan_candidate *candidate, char name[PLAN_NAME_BYTES])
{
    char cut[PLAN_NAME_BYTES];
    write_cut(&candidate->option, cut);
    (void)snprintf(name, PLAN_NAME_BYTES, "%.64s on %s", cut, candidate->hardware.name);
}
