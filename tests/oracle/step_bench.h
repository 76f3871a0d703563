/*
 * step_bench: the cost of steps of Llama-3.1-8B on eight GPUs of NVLink.
 *
 *     step_bench_init(&bench)
 *     bench.serving.host.launch_s = 20e-6 ...      what the test is about
 *     step_bench_prepare(&bench, sharding)
 *     arena_release(&bench.arena)
 */
#ifndef TANDEM_TESTS_STEP_BENCH_H
#define TANDEM_TESTS_STEP_BENCH_H

#include "fixtures.h"
#include "step_work.h"
#include "suite.h"

#define RANKS 8
#define STAGES 4
#define CONTEXT_MAX 4096

struct step_bench {
    struct model model;
    struct gpu gpu;
    struct cluster cluster;
    struct serving serving;
    struct measured measured;
    struct topology topology;
    struct step_cost cost;
    struct arena arena;
};

static inline void step_bench_init(struct step_bench *bench)
{
    *bench = (struct step_bench){
        .model = fixture_llama_8b(),
        .gpu = fixture_gpu(),
        .cluster = fixture_nvlink_cluster(1, RANKS),
        .serving = fixture_serving(),
    };
    arena_init(&bench->arena);
}

/* The cost of steps on all ranks, sharded so, each a stage's of a pipeline. */
static inline struct step_cost *step_bench_prepare(struct step_bench *bench,
                                                   struct sharding sharding)
{
    struct error error;
    uint32_t gpus[RANKS];
    const struct layout_spec layout = {
        .tensor_parallel = RANKS, .sharding = sharding, .pipeline_parallel = STAGES};
    const struct step_cost_setup setup = {
        .model = &bench->model,
        .gpu = &bench->gpu,
        .serving = &bench->serving,
        .measured = &bench->measured,
        .layout = &layout,
        .context_max = CONTEXT_MAX,
        .scale = 1,
    };
    for (uint32_t i = 0; i < RANKS; i++)
        gpus[i] = i;
    int status = topology_build(&bench->topology, &bench->cluster, &bench->arena, &error);
    if (status == 0)
        status = step_cost_init(&bench->cost, &setup, &bench->arena, &error);
    ck_assert_msg(status == 0, "%s", error.text);
    struct collective_group group = collective_group_of(&bench->topology, gpus, RANKS);
    struct measured_node *node = measured_node_new(&bench->cluster, &bench->arena, &error);
    ck_assert_ptr_nonnull(node);
    struct group_links links = group_links_of(&bench->topology, node, gpus, RANKS);
    ck_assert_int_eq(step_cost_class(&bench->cost, &group, &links, &bench->arena, &error), 0);
    return &bench->cost;
}

#endif
