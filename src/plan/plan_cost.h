/*
 * plan_cost: what an option costs by the hour and by the token, and what it draws.
 *
 * Rented: the price of a GPU and hour times the GPUs billed; electricity is in
 * it. Bought: the prices of GPUs, nodes, racks and switches, spread evenly over
 * the years of ownership (straight line, no value left), and electricity.
 *
 * A GPU draws its idle power and, for the share of time in which its stage
 * works, the rest up to its board power: P = idle + (board - idle) x busy. The
 * line is that of Fan, Weber and Barroso, "Power provisioning for a
 * warehouse-sized computer", ISCA 2007. It errs on the high side: a matrix
 * multiplication of 32 tokens, a decode step's, drew 605 of an H100's 700 W and
 * 659 of an H200's, one of 4,096 tokens 700 W and 692 W (tandem's own
 * measurements, nvidia-smi, 2026-11-22). Nodes draw their own power all the time; of one
 * that is rented in part, GPUs and power are that part.
 */
#ifndef TANDEM_PLAN_COST_H
#define TANDEM_PLAN_COST_H

#include "cluster.h"
#include "plan_option.h"

/* One kind of machine as its files describe it. */
struct plan_hardware {
    const struct plan_kind *kind; /* NULL: the scenario's own cluster, which is rented */
    char name[NAME_BYTES];
    uint32_t gpus_per_node;
    uint32_t nodes_per_rack; /* 0: racks are not counted; see plan_hardware_init() */
    bool is_whole;           /* nodes are paid for with all their GPUs */
    double usd_per_gpu_hour; /* to rent; NaN: unknown */
    double gpu_w;            /* board power; NaN: unknown */
    double gpu_idle_w;
    bool has_power_capping; /* what the GPUs' power limit costs prompts is known, and counted */
};

/* -ERROR_CONFIG where a rack does not hold one node. */
int plan_hardware_init(struct plan_hardware *hardware, const struct plan *plan,
                       const struct plan_kind *kind, const struct cluster *cluster,
                       struct error *error);

/* What its cost cannot be worked out for lack of; NULL: nothing. */
const char *plan_hardware_lack(const struct plan_hardware *hardware);

/* The nodes of one kind that the plan's limits allow. */
uint32_t plan_hardware_nodes_max(const struct plan_hardware *hardware, const struct plan *plan);

struct plan_bill {
    uint32_t gpus;        /* in use */
    uint32_t billed_gpus; /* paid for */
    uint32_t nodes;
    uint32_t racks; /* 0: not counted */
    double purchase_usd;
    double usd_per_hour; /* NaN: unknown */
    double power_w;      /* drawn on average by the machines; NaN: unknown */
};

/* What `option` takes whose GPUs work for the share `busy` of the time; at 0, no less can be paid.
 */
struct plan_bill plan_cost_bill(const struct plan *plan, const struct plan_hardware *hardware,
                                const struct plan_option *option, double busy);

/* US dollars, and watt-hours drawn from the grid, for a million output tokens. */
double plan_cost_usd_per_million(const struct plan_bill *bill, double output_tokens_per_s);
double plan_cost_wh_per_million(const struct plan *plan, const struct plan_bill *bill,
                                double output_tokens_per_s);

#endif
