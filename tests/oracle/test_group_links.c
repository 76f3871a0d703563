/*
 * Do measured collectives go over to other links as the models say?
 *
 * A table of times 1.5 times those of the model over a GPU's measured links, which are not the
 * clusters' own: over any others, the times are 1.5 times the model's over those.
 */
#include "group_links.h"

#include "collective.h"
#include "fixtures.h"
#include "suite.h"

#define RANKS 4
#define SLOWER 1.5
#define BYTES_MAX 0x1p28

static struct arena arena;
static struct error error;
static const uint32_t gpus[RANKS] = {4, 5, 6, 7};

static void setup(void)
{
    arena_init(&arena);
}

static void teardown(void)
{
    arena_release(&arena);
}

static const struct measured_medium measured_nvlink = {
    {.bytes_per_s = 500e9, .efficiency = 0.6, .latency_s = 0.7e-6}, 4e-6, 12e-6};
static const struct measured_medium measured_pcie = {
    {.bytes_per_s = 32e9, .efficiency = 0.8, .latency_s = 1.2e-6}, 9e-6, 20e-6};

/* The cluster with links and starts such as were measured. */
static struct cluster on_measured(struct cluster cluster, const struct measured_medium *medium)
{
    *(medium == &measured_pcie ? &cluster.pcie : &cluster.nvlink) = medium->link;
    cluster.collective_start_s = medium->start_s;
    cluster.simple_start_s = medium->simple_start_s;
    if (medium == &measured_pcie) {
        cluster.host_staging_factor = 2;
        cluster.gpus_per_host_bridge = cluster.gpus_per_node;
    }
    return cluster;
}

/* Whose all-reduces are measured. */
enum { NCCL, CUSTOM };

static struct collective_group group_on(const struct cluster *cluster)
{
    struct topology topology;
    ck_assert_int_eq(topology_build(&topology, cluster, &arena, &error), 0);
    return collective_group_of(&topology, gpus, RANKS);
}

static double model_s(const struct cluster *cluster, bool is_custom, double bytes)
{
    struct collective_group group = group_on(cluster);
    return is_custom ? collective_s(&group, OPERATION_ALL_REDUCE, COLLECTIVE_DIRECT, bytes)
                     : collective_best_s(&group, OPERATION_ALL_REDUCE, bytes, NULL);
}

static void measure(struct collective_table *table, const struct cluster *on, bool is_custom,
                    enum collective_fabric fabric)
{
    struct collective_sample samples[128];
    size_t count = 0;
    for (double bytes = 256; bytes <= BYTES_MAX; bytes *= 1.25)
        samples[count++] =
            (struct collective_sample){{OPERATION_ALL_REDUCE, is_custom, fabric, true},
                                       RANKS,
                                       bytes,
                                       SLOWER * model_s(on, is_custom, bytes)};
    ck_assert_int_eq(collective_table_init(table, samples, count, &error), 0);
}

/* What the table says of the cluster's group; NULL: nothing. */
static const struct cost_grid *prepare(const struct collective_table *table,
                                       const struct cluster *cluster, bool is_custom)
{
    struct topology topology;
    const struct cost_grid *grid;
    ck_assert_int_eq(topology_build(&topology, cluster, &arena, &error), 0);
    struct measured_node *node = measured_node_new(cluster, &arena, &error);
    ck_assert_ptr_nonnull(node);
    struct group_links links = group_links_of(&topology, node, gpus, RANKS);
    struct collective_group group = collective_group_of(&topology, gpus, RANKS);
    int status = is_custom ? group_links_prepare_custom(table, &group, &links, BYTES_MAX, &grid,
                                                        &arena, &error)
                           : group_links_prepare(table, &group, &links, OPERATION_ALL_REDUCE,
                                                 BYTES_MAX, &grid, &arena, &error);
    ck_assert_int_eq(status, 0);
    return grid;
}

/* The table's times are near those that it was made of, over these links. */
static void check_times(const struct collective_table *table, const struct cluster *cluster,
                        bool is_custom)
{
    const struct cost_grid *grid = prepare(table, cluster, is_custom);
    ck_assert_ptr_nonnull(grid);
    for (double bytes = 1000; bytes < BYTES_MAX; bytes *= 3) {
        double expected_s = SLOWER * model_s(cluster, is_custom, bytes);
        ck_assert_double_eq_tol(cost_grid_at(grid, bytes, 1).seconds / expected_s, 1, 0.03);
    }
}

/* Two nodes of eight GPUs, of which a GPU's file says what was measured. */
static struct cluster nvlink_cluster(void)
{
    struct cluster cluster = fixture_nvlink_cluster(2, 8);
    cluster.gpu.measured_links.nvlink = measured_nvlink;
    return cluster;
}

static struct cluster pcie_cluster(void)
{
    struct cluster cluster = fixture_pcie_cluster();
    cluster.gpu.measured_links.pcie = measured_pcie;
    cluster.gpu.measured_links.host_staging_factor = 2;
    return cluster;
}

START_TEST(the_same_links_leave_times_as_they_are)
{
    struct cluster own = nvlink_cluster();
    struct cluster cluster = on_measured(own, &measured_nvlink);
    struct collective_table table;
    struct cost_grid alone;
    const struct collective_kind kind = {OPERATION_ALL_REDUCE, false, COLLECTIVE_FABRIC_PEER, true};
    measure(&table, &cluster, kind.is_custom, kind.fabric);
    const struct cost_grid *grid = prepare(&table, &cluster, kind.is_custom);
    /* To the bit, and as measured. */
    ck_assert_int_eq(
        collective_table_prepare(&table, &kind, RANKS, BYTES_MAX, &arena, &alone, &error), 0);
    ck_assert_mem_eq(grid->seconds, alone.seconds, alone.x.nodes * sizeof(*alone.seconds));
    ck_assert_mem_eq(grid->provenance, alone.provenance, alone.x.nodes);
    ck_assert_int_eq(cost_grid_at(grid, 0x1p20, 1).provenance, COST_MEASURED);
    collective_table_release(&table);
}
END_TEST

START_TEST(other_links_change_times_as_they_change_the_model)
{
    struct cluster own = nvlink_cluster();
    struct cluster cluster = on_measured(own, &measured_nvlink);
    struct collective_table table;
    measure(&table, &cluster, NCCL, COLLECTIVE_FABRIC_PEER);
    check_times(&table, &own, NCCL);
    double *const knobs[] = {&cluster.nvlink.bytes_per_s, &cluster.nvlink.efficiency,
                             &cluster.nvlink.latency_s, &cluster.collective_start_s,
                             &cluster.simple_start_s};
    for (size_t i = 0; i < ARRAY_LENGTH(knobs); i++) {
        double usual = *knobs[i];
        for (double factor = 0.25; factor <= 1.5; factor *= 2) {
            *knobs[i] = usual * factor;
            check_times(&table, &cluster, NCCL);
        }
        *knobs[i] = usual;
    }
    collective_table_release(&table);
}
END_TEST

START_TEST(the_engines_kernel_changes_as_its_own_model)
{
    /* Eight hops' latency would tell a ring's model from the kernel's two. */
    struct cluster own = nvlink_cluster();
    struct cluster cluster = on_measured(own, &measured_nvlink);
    struct collective_table table;
    measure(&table, &cluster, CUSTOM, COLLECTIVE_FABRIC_PEER);
    cluster.nvlink.latency_s *= 10;
    check_times(&table, &cluster, CUSTOM);
    collective_table_release(&table);
}
END_TEST

START_TEST(staging_and_sockets_count_as_links)
{
    /* Measured through the host on one socket: a table of its rows says what peer access, another
       factor and a second socket would make of them. */
    struct cluster own = pcie_cluster();
    struct cluster cluster = on_measured(own, &measured_pcie);
    struct collective_table table;
    measure(&table, &cluster, NCCL, COLLECTIVE_FABRIC_HOST);
    for (double factor = 1; factor <= 4; factor += 0.5) {
        cluster.host_staging_factor = factor;
        check_times(&table, &cluster, NCCL);
    }
    cluster.gpus_per_host_bridge = 2;
    cluster.inter_socket.bytes_per_s = 5e9;
    check_times(&table, &cluster, NCCL);
    collective_table_release(&table);
}
END_TEST

START_TEST(far_links_make_estimates)
{
    /* Large buffers, bound by bandwidth, over 1.5 times as much and 3 times as much. */
    struct cluster cluster = on_measured(nvlink_cluster(), &measured_nvlink);
    struct collective_table table;
    measure(&table, &cluster, NCCL, COLLECTIVE_FABRIC_PEER);
    cluster.nvlink.bytes_per_s *= 1.5;
    const struct cost_grid *grid = prepare(&table, &cluster, NCCL);
    ck_assert_int_eq(cost_grid_at(grid, BYTES_MAX, 1).provenance, COST_EXTRAPOLATED);
    cluster.nvlink.bytes_per_s *= 2;
    grid = prepare(&table, &cluster, NCCL);
    ck_assert_int_eq(cost_grid_at(grid, BYTES_MAX, 1).provenance, COST_ESTIMATED);
    collective_table_release(&table);
}
END_TEST

START_TEST(a_table_is_of_no_medium_that_its_gpu_does_not_name)
{
    struct cluster cluster = on_measured(nvlink_cluster(), &measured_nvlink);
    struct collective_table table;
    measure(&table, &cluster, NCCL, COLLECTIVE_FABRIC_PEER);
    struct cluster pcie = cluster;
    pcie.nvlink.bytes_per_s = 0;
    pcie.pcie.bytes_per_s = 300e9;
    ck_assert_ptr_null(prepare(&table, &pcie, NCCL));
    /* Of a GPU that names none, it is of what is about as fast. */
    pcie.gpu.measured_links = (struct measured_links){.host_staging_factor = 0};
    pcie.inter_socket.bytes_per_s = 300e9;
    ck_assert_ptr_nonnull(prepare(&table, &pcie, NCCL));
    pcie.pcie.bytes_per_s = 60e9;
    ck_assert_ptr_null(prepare(&table, &pcie, NCCL));
    collective_table_release(&table);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        the_same_links_leave_times_as_they_are,
        other_links_change_times_as_they_change_the_model,
        the_engines_kernel_changes_as_its_own_model,
        staging_and_sockets_count_as_links,
        far_links_make_estimates,
        a_table_is_of_no_medium_that_its_gpu_does_not_name,
    };
    return suite_run_between("group links", setup, teardown, tests, ARRAY_LENGTH(tests));
}
