#include "plan_candidate.h"

#include "deployment.h"
#include "human.h"
#include "plan_bound.h"
#include "workload_source.h"

#include <stdio.h>
#include <string.h>

/* Enough requests for their means. */
#define TRAFFIC_REQUESTS 20000

int plan_traffic_read(struct plan_traffic *traffic, const struct config *config,
                      struct error *error)
{
    struct workload_source source;
    struct arrival arrival;
    double input = 0;
    double output = 0;
    sim_ps first = 0;
    sim_ps last = 0;
    uint64_t count = 0;
    int status = workload_source_open(&source, &config->workload, config->scenario.run.seed, error);
    if (status < 0)
        return status;
    struct arrival_source arrivals = workload_source_arrivals(&source);
    while (count < TRAFFIC_REQUESTS &&
           (status = arrivals.next(arrivals.context, &arrival, error)) > 0) {
        first = count == 0 ? arrival.at : first;
        last = arrival.at;
        input += arrival.input_tokens;
        output += arrival.output_tokens;
        count++;
    }
    workload_source_close(&source);
    if (status < 0)
        return status;
    bool has_rate = arrivals.concurrency == 0 && last > first;
    *traffic = (struct plan_traffic){
        .requests_per_s =
            has_rate ? (double)(count - 1) / sim_s_from_ps(last - first) : (double)NAN,
        .input_tokens = input / (double)count,
        .output_tokens = output / (double)count,
    };
    return 0;
}

static void rule_out(struct plan_candidate *candidate, const char *why)
{
    candidate->state = PLAN_RULED_OUT;
    (void)snprintf(candidate->why, sizeof(candidate->why), "%.*s", (int)strcspn(why, "\n"), why);
}

uint32_t plan_candidate_capacity(const struct plan_candidate *candidate, uint32_t nodes)
{
    const struct plan_option *option = &candidate->option;
    uint64_t groups = (uint64_t)nodes * (candidate->gpus_per_node / option->tensor_parallel);
    return (uint32_t)(groups / option->pipeline_parallel);
}

void plan_candidate_resize(struct plan_candidate *candidate, uint32_t replicas)
{
    struct plan_option *option = &candidate->option;
    uint32_t groups_per_node = candidate->gpus_per_node / option->tensor_parallel;
    option->replicas = replicas;
    option->nodes = u32_ceil_div(replicas * option->pipeline_parallel, groups_per_node);
}

uint32_t plan_candidate_gpus(const struct plan_candidate *candidate)
{
    const struct plan_option *option = &candidate->option;
    return option->replicas * option->tensor_parallel * option->pipeline_parallel;
}

uint32_t plan_candidate_billed_gpus(const struct plan_candidate *candidate,
                                    enum plan_billing billing)
{
    return billing == PLAN_BILLING_NODE ? candidate->option.nodes * candidate->gpus_per_node
                                        : plan_candidate_gpus(candidate);
}

double plan_candidate_usd_per_hour(const struct plan_candidate *candidate,
                                   enum plan_billing billing)
{
    return plan_candidate_billed_gpus(candidate, billing) * candidate->usd_per_gpu_hour;
}

/* Rules out what the model's shape, the limits, memory or the peak rates forbid. */
static int check_bounds(struct plan_candidate *candidate, const struct plan *plan,
                        const struct config *config, const struct plan_traffic *traffic,
                        struct error *error)
{
    const struct scenario *scenario = &config->scenario;
    const struct model *model = &scenario->model;
    const struct gpu *gpu = &scenario->cluster.gpu;
    const struct plan_option *option = &candidate->option;
    char why[PLAN_REASON_BYTES];
    double tpot_s = plan_bound_tpot_s(model, gpu, option->tensor_parallel);
    if (scenario->slo.tpot_s > 0 && tpot_s > scenario->slo.tpot_s * (1 - plan->headroom)) {
        (void)snprintf(why, sizeof(why), "reading the weights takes %s a token",
                       human_seconds(tpot_s).text);
        rule_out(candidate, why);
        return 0;
    }
    struct deployment deployment;
    struct arena arena;
    arena_init(&arena);
    int status = deployment_resolve(&deployment, scenario, NULL, &arena, error);
    arena_release(&arena);
    if (status < 0 && error->code == ERROR_CONFIG) {
        rule_out(candidate, error->text);
        return 0;
    }
    double gpus = option->tensor_parallel * option->pipeline_parallel;
    double served =
        plan_bound_requests_per_s(model, gpu, gpus, traffic->input_tokens + traffic->output_tokens);
    double fewest = isnan(traffic->requests_per_s) ? 1 : ceil(traffic->requests_per_s / served);
    if (fewest > candidate->replicas_max) {
        (void)snprintf(why, sizeof(why),
                       "no fewer than %.0f replicas could, and the limits hold %u", fewest,
                       candidate->replicas_max);
        rule_out(candidate, why);
    } else {
        plan_candidate_resize(candidate, (uint32_t)fmax(fewest, 1));
    }
    return status;
}

/* Takes over what the cluster's file says. */
static void measure(struct plan_candidate *candidate, const struct cluster *cluster)
{
    (void)snprintf(candidate->cluster_name, sizeof(candidate->cluster_name), "%s", cluster->name);
    candidate->gpus_per_node = cluster->gpus_per_node;
    candidate->usd_per_gpu_hour = cluster->gpu.usd_per_hour;
    candidate->power_w = cluster->gpu.power_w;
}

/* Rules out what cannot even be laid out; false where that is so. */
static bool check_cluster(struct plan_candidate *candidate, const struct plan *plan,
                          const struct scenario *scenario)
{
    const struct cluster *cluster = &scenario->cluster;
    const struct plan_option *option = &candidate->option;
    bool has_network = cluster->nic.bytes_per_s > 0;
    measure(candidate, cluster);
    if (cluster->gpu.usd_per_hour == 0)
        rule_out(candidate, "its GPU's file gives no price");
    else if (option->tensor_parallel > cluster->gpus_per_node)
        rule_out(candidate, "tensor_parallel exceeds a node's GPUs");
    else if (!layout_divides(&scenario->model, option->tensor_parallel))
        rule_out(candidate, "tensor_parallel does not divide the model's heads");
    else if (option->pipeline_parallel > scenario->model.layers)
        rule_out(candidate, "there are more stages than layers");
    if (candidate->state == PLAN_RULED_OUT)
        return false;
    candidate->replicas_max = plan_candidate_capacity(candidate, has_network ? plan->nodes_max : 1);
    if (candidate->replicas_max == 0)
        rule_out(candidate, has_network ? "the limits do not hold one replica"
                                        : "it needs several nodes, and they have no network");
    return candidate->state == PLAN_OPEN;
}

int plan_candidate_init(struct plan_candidate *candidate, const struct plan *plan, size_t cluster,
                        uint32_t tensor_parallel, uint32_t pipeline_parallel,
                        const struct plan_traffic *traffic, struct error *error)
{
    *candidate = (struct plan_candidate){
        .option = {.cluster = cluster,
                   .tensor_parallel = tensor_parallel,
                   .pipeline_parallel = pipeline_parallel,
                   .replicas = 1,
                   .nodes = 1,
                   .load = plan->growth},
    };
    struct config config;
    int status = plan_load_option(plan, &candidate->option, 1, &config, error);
    bool is_open = status == 0 && check_cluster(candidate, plan, &config.scenario);
    if (is_open) {
        plan_candidate_resize(candidate, 1);
        config.scenario.cluster.nodes = candidate->option.nodes;
        status = check_bounds(candidate, plan, &config, traffic, error);
        status = candidate->state == PLAN_RULED_OUT ? 0 : status;
    }
    config_release(&config);
    return status;
}

int plan_candidate_init_own(struct plan_candidate *candidate, const struct plan *plan,
                            struct error *error)
{
    *candidate = (struct plan_candidate){.state = PLAN_OPEN};
    struct config config;
    int status = config_load_scenario_tree(&config, plan->scenario, NULL, 0, plan->sets,
                                           plan->set_count, plan->search, error);
    const struct layout_spec *layout = &config.scenario.layout;
    const struct cluster *cluster = &config.scenario.cluster;
    if (status == 0) {
        candidate->option = (struct plan_option){.is_own = true,
                                                 .tensor_parallel = layout->tensor_parallel,
                                                 .pipeline_parallel = layout->pipeline_parallel,
                                                 .replicas = layout->replicas,
                                                 .nodes = cluster->nodes,
                                                 .load = plan->growth};
        measure(candidate, cluster);
    }
    config_release(&config);
    return status;
}
