#include "plan_cost.h"

#include "human.h"

#include <stdio.h>

#define HOURS_PER_YEAR 8766.0 /* of 365.25 days */
#define SECONDS_PER_HOUR 3600.0
#define TOKENS 1e6

/* The nodes that one rack holds; UINT32_MAX: as many as one likes. */
static uint32_t nodes_per_rack(const struct plan_hardware *hardware, const struct plan *plan,
                               double node_w)
{
    const struct plan_rack *rack = &plan->rack;
    double by_gpus = rack->gpus > 0 ? rack->gpus / hardware->gpus_per_node : UINT32_MAX;
    double by_power = rack->power_w > 0 && node_w > 0 ? floor(rack->power_w / node_w) : UINT32_MAX;
    return (uint32_t)fmin(fmin(by_gpus, by_power), UINT32_MAX);
}

/* Specifications have 0 for what they do not say. */
static double known(double value)
{
    return value > 0 ? value : (double)NAN;
}

int plan_hardware_init(struct plan_hardware *hardware, const struct plan *plan,
                       const struct plan_kind *kind, const struct cluster *cluster,
                       struct error *error)
{
    const struct gpu *gpu = &cluster->gpu;
    bool is_bought = kind && kind->is_bought;
    *hardware = (struct plan_hardware){
        .kind = kind,
        .gpus_per_node = cluster->gpus_per_node,
        .is_whole = is_bought || plan->billing == PLAN_BILLING_NODE,
        .usd_per_gpu_hour =
            known(kind && kind->usd_per_hour > 0 ? kind->usd_per_hour : gpu->usd_per_hour),
        .gpu_w = known(gpu->power_w),
        .gpu_idle_w = gpu->idle_power_w,
        .has_power_capping = gpu->power_capping.slowdown > 1,
    };
    (void)snprintf(hardware->name, sizeof(hardware->name), "%s",
                   kind && kind->name ? kind->name : cluster->name);
    double node_w = gpu->power_w * cluster->gpus_per_node + (kind ? kind->node_power_w : 0);
    uint32_t nodes = nodes_per_rack(hardware, plan, node_w);
    hardware->nodes_per_rack = nodes < UINT32_MAX ? nodes : 0;
    if (nodes > 0)
        return 0;
    return error_set(error, ERROR_CONFIG,
                     "a rack does not hold one of its nodes: %u GPUs that draw up to %s kW",
                     cluster->gpus_per_node, human_number(node_w / 1000).text);
}

const char *plan_hardware_lack(const struct plan_hardware *hardware)
{
    if (!hardware->kind->is_bought)
        return isnan(hardware->usd_per_gpu_hour) ? "its GPU's file gives no price" : NULL;
    return isnan(hardware->gpu_w) ? "its GPU's file gives no power" : NULL;
}

uint32_t plan_hardware_nodes_max(const struct plan_hardware *hardware, const struct plan *plan)
{
    const struct plan_limits *limits = &plan->limits;
    uint32_t nodes = limits->nodes;
    if (hardware->is_whole)
        nodes = u32_min(nodes, limits->gpus / hardware->gpus_per_node);
    uint64_t in_racks = (uint64_t)limits->racks * hardware->nodes_per_rack;
    return hardware->nodes_per_rack > 0 && in_racks < nodes ? (uint32_t)in_racks : nodes;
}

static double purchase_usd(const struct plan *plan, const struct plan_hardware *hardware,
                           const struct plan_bill *bill)
{
    const struct plan_purchase *purchase = &hardware->kind->purchase;
    return bill->billed_gpus * purchase->gpu_usd + bill->nodes * purchase->node_usd +
           bill->racks * (purchase->rack_usd + plan->rack.switches * purchase->switch_usd);
}

/* What the machines draw on average; GPUs that are paid for and not used wait, and those that are
   not paid for answer for their part of the node. */
static double power_w(const struct plan_hardware *hardware, const struct plan_bill *bill,
                      double busy)
{
    double nodes = (double)bill->billed_gpus / hardware->gpus_per_node;
    double nodes_w = hardware->kind ? nodes * hardware->kind->node_power_w : 0;
    return bill->billed_gpus * hardware->gpu_idle_w +
           bill->gpus * (hardware->gpu_w - hardware->gpu_idle_w) * busy + nodes_w;
}

struct plan_bill plan_cost_bill(const struct plan *plan, const struct plan_hardware *hardware,
                                const struct plan_option *option, double busy)
{
    const struct plan_ownership *ownership = &plan->ownership;
    bool is_bought = hardware->kind && hardware->kind->is_bought;
    struct plan_bill bill = {
        .gpus = option->replicas * option->tensor_parallel * option->pipeline_parallel,
        .nodes = option->nodes,
    };
    bill.billed_gpus = hardware->is_whole ? option->nodes * hardware->gpus_per_node : bill.gpus;
    if (hardware->nodes_per_rack > 0)
        bill.racks = u32_ceil_div(option->nodes, hardware->nodes_per_rack);
    bill.power_w = power_w(hardware, &bill, busy);
    if (!is_bought) {
        bill.usd_per_hour = bill.billed_gpus * hardware->usd_per_gpu_hour;
        return bill;
    }
    bill.purchase_usd = purchase_usd(plan, hardware, &bill);
    bill.usd_per_hour = bill.purchase_usd / (ownership->years * HOURS_PER_YEAR) +
                        bill.power_w * ownership->pue / 1000 * ownership->usd_per_kwh;
    return bill;
}

double plan_cost_usd_per_million(const struct plan_bill *bill, double output_tokens_per_s)
{
    return bill->usd_per_hour / (output_tokens_per_s * SECONDS_PER_HOUR) * TOKENS;
}

double plan_cost_wh_per_million(const struct plan *plan, const struct plan_bill *bill,
                                double output_tokens_per_s)
{
    return bill->power_w * plan->ownership.pue / (output_tokens_per_s * SECONDS_PER_HOUR) * TOKENS;
}
