/* Do costs and power follow from prices, watts and the share of time at work? */
#include "plan_cost.h"

#include "../suite.h"

#include <string.h>

static struct plan plan;
static struct plan_kind kind;
static struct plan_hardware hardware;
static struct error error;
static struct cluster cluster;

/* A node of eight GPUs at 2 USD/h, 700 W at work and 100 W idle, as the plan and kind say. */
static int make_hardware(void)
{
    cluster = (struct cluster){
        .name = "box",
        .gpus_per_node = 8,
        .gpu = {.usd_per_hour = 2, .power_w = 700, .idle_power_w = 100},
    };
    return plan_hardware_init(&hardware, &plan, &kind, &cluster, &error);
}

static void reset(void)
{
    plan = (struct plan){
        .limits = {.nodes = 10, .gpus = UINT32_MAX, .racks = UINT32_MAX},
        .ownership = {.pue = 1},
    };
    kind = (struct plan_kind){.name = NULL};
}

/* Three replicas of TP=4, which take 12 of the 16 GPUs of two nodes. */
static const struct plan_option option = {
    .tensor_parallel = 4, .pipeline_parallel = 1, .replicas = 3, .nodes = 2};

START_TEST(rent_is_by_node_or_by_gpu)
{
    /* Two nodes are 16 GPUs at 2 USD/h; by the GPU only 12 are paid for. Nothing else is. */
    reset();
    ck_assert_int_eq(make_hardware(), 0);
    ck_assert_double_eq(plan_cost_bill(&plan, &hardware, &option, 0.5).usd_per_hour, 32);
    plan.billing = PLAN_BILLING_GPU;
    ck_assert_int_eq(make_hardware(), 0);
    ck_assert_double_eq(plan_cost_bill(&plan, &hardware, &option, 0.5).usd_per_hour, 24);
    kind.usd_per_hour = 1;
    ck_assert_int_eq(make_hardware(), 0);
    ck_assert_double_eq(plan_cost_bill(&plan, &hardware, &option, 0.5).usd_per_hour, 12);
}
END_TEST

START_TEST(power_is_between_idle_and_board)
{
    /* 16 GPUs idle at 100 W; the 12 in use draw 600 W more for half of the time; two nodes 1 kW. */
    reset();
    kind.node_power_w = 1000;
    ck_assert_int_eq(make_hardware(), 0);
    struct plan_bill bill = plan_cost_bill(&plan, &hardware, &option, 0.5);
    ck_assert_double_eq(bill.power_w, 1600 + 3600 + 2000);
    /* 7.2 kW at 1,000 tokens/s are 2 kWh a million tokens, and 3 with the building's share. */
    ck_assert_double_eq_tol(plan_cost_wh_per_million(&plan, &bill, 1000), 2000, 1e-9);
    plan.ownership.pue = 1.5;
    ck_assert_double_eq_tol(plan_cost_wh_per_million(&plan, &bill, 1000), 3000, 1e-9);
    /* By the GPU, 12 of the 16 idle at 100 W, and three quarters of the nodes' 2 kW are theirs. */
    plan.billing = PLAN_BILLING_GPU;
    ck_assert_int_eq(make_hardware(), 0);
    ck_assert_double_eq(plan_cost_bill(&plan, &hardware, &option, 0.5).power_w, 1200 + 3600 + 1500);
    /* 32 USD/h at 3.6 million tokens an hour. */
    ck_assert_double_eq_tol(plan_cost_usd_per_million(&bill, 1000), 32 / 3.6, 1e-12);
}
END_TEST

START_TEST(purchases_are_spread_over_years)
{
    /* 16 GPUs, 2 nodes and 1 rack of 2 switches: 163,400 USD over one year of 8,766 hours, and
       5.2 kW x 1.5 at 0.1 USD/kWh. */
    reset();
    kind.is_bought = true;
    kind.purchase = (struct plan_purchase){10000, 1000, 400, 500};
    plan.rack = (struct plan_rack){.gpus = 16, .switches = 2};
    plan.ownership = (struct plan_ownership){.years = 1, .usd_per_kwh = 0.1, .pue = 1.5};
    plan.billing = PLAN_BILLING_GPU; /* what is bought is bought whole */
    ck_assert_int_eq(make_hardware(), 0);
    struct plan_bill bill = plan_cost_bill(&plan, &hardware, &option, 0.5);
    ck_assert_uint_eq(bill.billed_gpus, 16);
    ck_assert_uint_eq(bill.racks, 1);
    ck_assert_double_eq(bill.purchase_usd, 163400);
    ck_assert_double_eq_tol(bill.usd_per_hour, 163400 / 8766.0 + 5.2 * 1.5 * 0.1, 1e-12);
    /* At rest it cannot cost less than with its GPUs idle. */
    ck_assert_double_eq_tol(plan_cost_bill(&plan, &hardware, &option, 0).usd_per_hour,
                            163400 / 8766.0 + 1.6 * 1.5 * 0.1, 1e-12);
}
END_TEST

START_TEST(limits_are_in_whole_nodes)
{
    /* 10 nodes; 70 GPUs hold 8 nodes of 8; three racks of 20 GPUs hold two nodes each; racks of
       13 kW hold two nodes of 5.6 kW. Rented by the GPU, a limit on GPUs is no limit on nodes. */
    reset();
    ck_assert_int_eq(make_hardware(), 0);
    ck_assert_uint_eq(plan_hardware_nodes_max(&hardware, &plan), 10);
    plan.limits.gpus = 70;
    ck_assert_uint_eq(plan_hardware_nodes_max(&hardware, &plan), 8);
    plan.limits.racks = 3;
    plan.rack.gpus = 20;
    ck_assert_int_eq(make_hardware(), 0);
    ck_assert_uint_eq(plan_hardware_nodes_max(&hardware, &plan), 6);
    plan.rack = (struct plan_rack){.power_w = 13000};
    ck_assert_int_eq(make_hardware(), 0);
    ck_assert_uint_eq(plan_hardware_nodes_max(&hardware, &plan), 6);
    plan.billing = PLAN_BILLING_GPU;
    plan.limits = (struct plan_limits){10, 70, UINT32_MAX};
    ck_assert_int_eq(make_hardware(), 0);
    ck_assert_uint_eq(plan_hardware_nodes_max(&hardware, &plan), 10);
}
END_TEST

START_TEST(too_small_a_rack_is_an_error)
{
    /* A rack of 5 kW does not hold a node of 5.6 kW. */
    reset();
    plan.rack.power_w = 5000;
    ck_assert_int_eq(make_hardware(), -ERROR_CONFIG);
    ck_assert_ptr_nonnull(strstr(error.text, "8 GPUs that draw up to 5.60 kW"));
}
END_TEST

START_TEST(what_is_unknown_stays_unknown)
{
    /* Without a price there is no cost, without a power no energy; and each says so. */
    reset();
    ck_assert_int_eq(make_hardware(), 0);
    ck_assert_ptr_null(plan_hardware_lack(&hardware));
    cluster.gpu = (struct gpu){.power_w = 0};
    ck_assert_int_eq(plan_hardware_init(&hardware, &plan, &kind, &cluster, &error), 0);
    struct plan_bill bill = plan_cost_bill(&plan, &hardware, &option, 0.5);
    ck_assert(isnan(bill.usd_per_hour) && isnan(bill.power_w));
    ck_assert_str_eq(plan_hardware_lack(&hardware), "its GPU's file gives no price");
    kind.is_bought = true;
    ck_assert_str_eq(plan_hardware_lack(&hardware), "its GPU's file gives no power");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        rent_is_by_node_or_by_gpu, power_is_between_idle_and_board, purchases_are_spread_over_years,
        limits_are_in_whole_nodes, too_small_a_rack_is_an_error,    what_is_unknown_stays_unknown,
    };
    return suite_run("plan_cost", tests, ARRAY_LENGTH(tests));
}
