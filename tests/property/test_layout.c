/*
 * Do placement and split keep their promises on random clusters and models?
 *
 * The seed is printed; TANDEM_TEST_SEED repeats a run.
 */
#include "layout.h"

#include "fixtures.h"
#include "suite.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#define TRIALS 2000

static uint64_t random_state;

/* splitmix64 (Steele, Lea and Flood, OOPSLA 2014). */
static uint64_t random_next(void)
{
    uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Uniform enough in [low, high]. */
static uint32_t random_between(uint32_t low, uint32_t high)
{
    return low + (uint32_t)(random_next() % (high - low + 1));
}

/* A multiple of 1/8, so that sums are exact and ties are real. */
static double random_extra(void)
{
    return random_between(0, 1) ? random_between(0, 64) / 8.0 : 0;
}

static void setup(void)
{
    const char *seed = getenv("TANDEM_TEST_SEED");
    random_state = seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
    printf("TANDEM_TEST_SEED=%" PRIu64 "\n", random_state);
    (void)fflush(stdout);
}

/* The slowest stage of the best of all splits of `layers` into the stages from `stage` on. */
static double best_of_all(uint32_t layers, uint32_t stages, uint32_t stage,
                          struct stage_extras extras, uint32_t split[])
{
    if (stage + 1 == stages) {
        split[stage] = layers;
        return layout_slowest_stage(split, stages, extras);
    }
    double best = INFINITY;
    uint32_t after = stages - stage - 1;
    for (split[stage] = 1; split[stage] + after <= layers; split[stage]++) {
        uint32_t rest = layers - split[stage];
        best = fmin(best, best_of_all(rest, stages, stage + 1, extras, split));
    }
    return best;
}

START_TEST(balanced_split_is_the_optimum)
{
    for (uint32_t trial = 0; trial < TRIALS; trial++) {
        uint32_t stages = random_between(1, 5);
        uint32_t layers = random_between(stages, 16);
        struct stage_extras extras = {random_extra(), random_extra(), random_extra()};
        uint32_t split[LAYOUT_STAGES_MAX];
        uint32_t scratch[LAYOUT_STAGES_MAX];
        layout_balance(layers, stages, extras, split);
        /* The layers are all there, one or more a stage, and no split has a faster slowest one. */
        uint32_t sum = 0;
        for (uint32_t stage = 0; stage < stages; stage++) {
            ck_assert_uint_ge(split[stage], 1);
            sum += split[stage];
        }
        ck_assert_uint_eq(sum, layers);
        ck_assert_double_eq(layout_slowest_stage(split, stages, extras),
                            best_of_all(layers, stages, 0, extras, scratch));
    }
}
END_TEST

START_TEST(balanced_split_gives_later_stages_the_fewer_of_equals)
{
    for (uint32_t trial = 0; trial < TRIALS; trial++) {
        uint32_t stages = random_between(2, 32);
        uint32_t layers = random_between(stages, 200);
        uint32_t split[LAYOUT_STAGES_MAX];
        layout_balance(layers, stages, (struct stage_extras){0}, split);
        /* Without extras: never more than the stage before, and never two fewer than the first. */
        for (uint32_t stage = 1; stage < stages; stage++)
            ck_assert_uint_le(split[stage], split[stage - 1]);
        ck_assert_uint_le(split[0] - split[stages - 1], 1);
    }
}
END_TEST

struct trial {
    struct cluster cluster;
    struct model model;
    struct layout_spec spec;
};

static struct trial random_trial(void)
{
    struct trial trial = {
        .cluster = fixture_nvlink_cluster(random_between(1, 6), random_between(1, 9)),
        .model = fixture_llama_70b(),
        .spec = {.tensor_parallel = random_between(1, 18),
                 .pipeline_parallel = random_between(1, 6),
                 .replicas = random_between(1, 4),
                 .split = random_between(0, 1) ? STAGE_SPLIT_EVEN : STAGE_SPLIT_BALANCED},
    };
    /* Divisible by whatever was drawn, so that placement alone decides. */
    trial.model.heads = trial.model.kv_heads = trial.spec.tensor_parallel * random_between(1, 4);
    trial.model.ffn = trial.spec.tensor_parallel * 128;
    return trial;
}

/* Every GPU exists and is used once. */
static void check_used_once(const struct layout *layout, const struct cluster *cluster)
{
    uint32_t gpus = cluster->nodes * cluster->gpus_per_node;
    uint32_t used[54] = {0};
    ck_assert_uint_le(gpus, ARRAY_LENGTH(used));
    uint32_t count = layout->replicas * layout->stages * layout->tensor_parallel;
    for (uint32_t i = 0; i < count; i++) {
        ck_assert_uint_lt(layout->gpus[i], gpus);
        ck_assert_uint_eq(used[layout->gpus[i]]++, 0);
    }
}

/* A group's GPUs ascend, and the nodes it touches hold equal shares of it. */
static void check_group(const uint32_t *gpus, uint32_t ranks, const struct cluster *cluster)
{
    uint32_t nodes = 1;
    uint32_t share = 0;
    for (uint32_t i = 1; i < ranks; i++) {
        ck_assert_uint_gt(gpus[i], gpus[i - 1]);
        if (gpus[i] / cluster->gpus_per_node == gpus[i - 1] / cluster->gpus_per_node)
            continue;
        uint32_t shares = i / nodes++;
        ck_assert(share == 0 || share == shares);
        share = shares;
    }
    ck_assert_uint_eq(ranks % nodes, 0);
    ck_assert(share == 0 || share == ranks / nodes);
    /* It stays in one node wherever it fits. */
    if (ranks <= cluster->gpus_per_node)
        ck_assert_uint_eq(nodes, 1);
}

START_TEST(groups_are_disjoint_and_stay_in_a_node)
{
    uint32_t resolved = 0;
    for (uint32_t i = 0; i < TRIALS; i++) {
        struct trial trial = random_trial();
        struct arena arena;
        struct layout layout;
        struct error error;
        arena_init(&arena);
        uint64_t groups = (uint64_t)trial.spec.pipeline_parallel * trial.spec.replicas;
        bool room = layout_group_capacity(&trial.cluster, trial.spec.tensor_parallel) >= groups;
        int status = layout_resolve(&layout, &trial.spec, &trial.model, &trial.cluster,
                                    (struct stage_extras){.last_layers = 2}, &arena, &error);
        /* It resolves exactly where the cluster holds the groups. */
        ck_assert_int_eq(status, room ? 0 : -ERROR_CONFIG);
        if (status == 0) {
            resolved++;
            check_used_once(&layout, &trial.cluster);
            for (uint32_t replica = 0; replica < layout.replicas; replica++)
                for (uint32_t stage = 0; stage < layout.stages; stage++)
                    check_group(layout_group(&layout, replica, stage), layout.tensor_parallel,
                                &trial.cluster);
        }
        arena_release(&arena);
    }
    /* Were the trials all refused, nothing would have been tested. */
    ck_assert_uint_gt(resolved, TRIALS / 20);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        balanced_split_is_the_optimum,
        balanced_split_gives_later_stages_the_fewer_of_equals,
        groups_are_disjoint_and_stay_in_a_node,
    };
    return suite_run_between("layout properties", setup, NULL, tests, ARRAY_LENGTH(tests));
}
