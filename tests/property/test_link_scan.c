/*
 * Never is a collective slower over better links, nor changed by more than they are.
 *
 * Scans what a link has and what starts cost on shipped clusters, from half of what they say to
 * twice as much: where one of them is f times as good, a collective takes at least 1/f of the time
 * and at most all of it, so that it jumps nowhere.
 */
#include "group_cost.h"

#include "config_cluster.h"
#include "fixtures.h"
#include "gpu_tables.h"
#include "suite.h"

#define STEP 1.02
#define STEPS 35 /* 1.02^35 is 2 */
#define ROUNDING 1e-9
#define TOKENS_MAX 2048

static const uint32_t sizes[] = {1, 32, TOKENS_MAX};

/* A cluster's group whose links are scanned. */
struct scan {
    struct cluster cluster;
    const struct collective_table *table;
    uint32_t ranks;
    bool custom;
};

/* Times of the sizes' all-reduces, then of their gathers. */
#define TIMES (2 * 3)

static void time_exchanges(const struct scan *scan, double times_s[TIMES])
{
    const struct model model = fixture_llama_70b();
    const struct group_cost_setup setup = {
        .model = &model,
        .table = scan->table,
        .custom_all_reduce = scan->custom,
        .gathers_input = true,
        .scale = 1,
        .tokens_max = TOKENS_MAX,
        .rows_max = 1,
    };
    const uint32_t gpus[] = {0, 1, 2, 3, 4, 5, 6, 7};
    struct group_cost cost;
    struct topology topology;
    struct error error;
    struct arena arena;
    arena_init(&arena);
    ck_assert_int_eq(topology_build(&topology, &scan->cluster, &arena, &error), 0);
    struct measured_node *node = measured_node_new(&scan->cluster, &arena, &error);
    ck_assert_ptr_nonnull(node);
    struct collective_group group = collective_group_of(&topology, gpus, scan->ranks);
    struct group_links links = group_links_of(&topology, node, gpus, scan->ranks);
    ck_assert_int_eq(group_cost_init(&cost, &setup, &group, &links, &arena, &error), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
        times_s[i] = group_cost_exchange(&cost, EXCHANGE_ALL_REDUCE, sizes[i], 1)->cost.seconds;
        times_s[ARRAY_LENGTH(sizes) + i] = group_cost_input(&cost, sizes[i], 1)->cost.seconds;
    }
    arena_release(&arena);
}

/* One number of a cluster. */
struct knob {
    const char *name;
    size_t offset;
    double min;
    double max;
    bool more_is_better;
};

#define KNOB(field) #field, offsetof(struct cluster, field)

static const struct knob nvlink_knobs[] = {
    {KNOB(nvlink.bytes_per_s), 0, INFINITY, true}, {KNOB(nvlink.efficiency), 0, 1, true},
    {KNOB(nvlink.latency_s), 0, INFINITY, false},  {KNOB(collective_start_s), 0, INFINITY, false},
    {KNOB(simple_start_s), 0, INFINITY, false},
};

static const struct knob pcie_knobs[] = {
    {KNOB(pcie.bytes_per_s), 0, INFINITY, true},
    {KNOB(pcie.efficiency), 0, 1, true},
    {KNOB(pcie.latency_s), 0, INFINITY, false},
    {KNOB(pcie_uplink.bytes_per_s), 0, INFINITY, true},
    {KNOB(pcie_uplink.efficiency), 0, 1, true},
    {KNOB(pcie_uplink.latency_s), 0, INFINITY, false},
    {KNOB(inter_socket.bytes_per_s), 0, INFINITY, true},
    {KNOB(inter_socket.efficiency), 0, 1, true},
    {KNOB(inter_socket.latency_s), 0, INFINITY, false},
    {KNOB(host_memory.bytes_per_s), 0, INFINITY, true},
    {KNOB(host_memory.efficiency), 0, 1, true},
    {KNOB(host_memory.latency_s), 0, INFINITY, false},
    {KNOB(collective_start_s), 0, INFINITY, false},
    {KNOB(simple_start_s), 0, INFINITY, false},
    {KNOB(host_staging_factor), 1, 16, false},
};

/* The knob moves by `factor` between two neighbours. */
static void check_step(const struct scan *scan, const struct knob *knob, double at, double factor,
                       const double before_s[TIMES], const double after_s[TIMES])
{
    const double *worse_s = knob->more_is_better ? before_s : after_s;
    const double *better_s = knob->more_is_better ? after_s : before_s;
    for (size_t i = 0; i < TIMES; i++) {
        double ratio = worse_s[i] / better_s[i];
        ck_assert_msg(ratio >= 1 - ROUNDING && ratio <= factor * (1 + ROUNDING),
                      "%s, %u GPUs, %s from %g by %g: time %zu is %g us, then %g us",
                      scan->cluster.name, scan->ranks, knob->name, at, factor, i, before_s[i] * 1e6,
                      after_s[i] * 1e6);
    }
}

static double *knob_of(struct cluster *cluster, const struct knob *knob)
{
    return (double *)((char *)cluster + knob->offset);
}

static void scan_knob(struct scan scan, const struct knob *knob)
{
    double usual = *knob_of(&scan.cluster, knob);
    double before = 0, before_s[TIMES], after_s[TIMES];
    if (usual == 0)
        return;
    for (int step = -STEPS; step <= STEPS; step++) {
        double at = fmin(fmax(usual * pow(STEP, step), knob->min), knob->max);
        if (at == before)
            continue;
        *knob_of(&scan.cluster, knob) = at;
        time_exchanges(&scan, after_s);
        if (before > 0)
            check_step(&scan, knob, before, at / before, before_s, after_s);
        memcpy(before_s, after_s, sizeof(before_s));
        before = at;
    }
}

/* All knobs that the cluster has, over its first `ranks` GPUs. */
static void scan_cluster(const char *name, uint32_t ranks, bool custom)
{
    const char *root = getenv("TANDEM_DATA_DIR");
    char configs[4096];
    const char *const search[] = {configs, NULL};
    const char *folder;
    struct scan scan = {.ranks = ranks, .custom = custom};
    struct gpu_samples samples = {.folders = NULL};
    struct gpu_tables tables;
    struct diagnostics diagnostics;
    struct error error;
    struct arena arena;
    arena_init(&arena);
    (void)snprintf(configs, sizeof(configs), "%s/configs", root ? root : ".");
    int status =
        config_cluster_load(name, search, &arena, &diagnostics, &scan.cluster, &folder, &error);
    ck_assert_msg(status == 0, "%s", error.text);
    const struct gpu_folder *measured = gpu_samples_of(&samples, folder, &error);
    ck_assert_msg(measured != NULL, "%s", error.text);
    ck_assert_int_eq(gpu_tables_init(&tables, &scan.cluster.gpu, measured, &error), 0);
    scan.table = &tables.collectives;
    bool has_nvlink = scan.cluster.nvlink.bytes_per_s > 0;
    const struct knob *knobs = has_nvlink ? nvlink_knobs : pcie_knobs;
    size_t count = has_nvlink ? ARRAY_LENGTH(nvlink_knobs) : ARRAY_LENGTH(pcie_knobs);
    for (size_t i = 0; i < count; i++)
        scan_knob(scan, &knobs[i]);
    gpu_tables_release(&tables);
    gpu_samples_release(&samples);
    arena_release(&arena);
}

START_TEST(nvlink)
{
    scan_cluster("clusters/hgx-h100", 8, false);
    scan_cluster("clusters/hgx-b200", 8, true);
}
END_TEST

START_TEST(nvlink_whose_custom_kernel_is_modelled)
{
    scan_cluster("clusters/hgx-h200", 4, true);
}
END_TEST

START_TEST(pcie)
{
    scan_cluster("clusters/pcie-h200", 4, false);
    scan_cluster("clusters/pcie-l40s", 8, true);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {nvlink, nvlink_whose_custom_kernel_is_modelled, pcie};
    return suite_run("link scan", tests, ARRAY_LENGTH(tests));
}
