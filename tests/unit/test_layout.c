/* Does layout place groups and split layers as its contract says, and refuse what cannot be? */
#include "layout.h"

#include "fixtures.h"
#include "suite.h"

#include <string.h>

static struct arena arena;
static struct error error;
static const struct stage_extras no_extras = {0};

static void setup(void)
{
    arena_init(&arena);
}

static void teardown(void)
{
    arena_release(&arena);
}

static struct layout_spec spec_of(uint32_t tensor_parallel, uint32_t stages, uint32_t replicas)
{
    return (struct layout_spec){.tensor_parallel = tensor_parallel,
                                .pipeline_parallel = stages,
                                .replicas = replicas,
                                .split = STAGE_SPLIT_BALANCED};
}

/* A 70B model resolved on `cluster`. */
static struct layout resolve(struct layout_spec spec, struct cluster cluster)
{
    struct model model = fixture_llama_70b();
    struct layout layout;
    error.text[0] = '\0';
    int status = layout_resolve(&layout, &spec, &model, &cluster, no_extras, &arena, &error);
    ck_assert_msg(status == 0, "%s", error.text);
    return layout;
}

/* Resolving fails as a configuration error with this text. */
static void check_refused(struct layout_spec spec, struct model model, struct cluster cluster,
                          const char *expected)
{
    struct layout layout;
    int status = layout_resolve(&layout, &spec, &model, &cluster, no_extras, &arena, &error);
    ck_assert_int_eq(status, -ERROR_CONFIG);
    ck_assert_str_eq(error.text, expected);
}

static void check_gpus(const uint32_t *actual, const uint32_t *expected, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        ck_assert_uint_eq(actual[i], expected[i]);
}

START_TEST(groups_fill_a_node_in_order)
{
    struct layout layout = resolve(spec_of(2, 2, 2), fixture_nvlink_cluster(1, 8));
    /* Replica by replica, stage by stage, rank by rank. */
    check_gpus(layout_group(&layout, 0, 0), (const uint32_t[]){0, 1}, 2);
    check_gpus(layout_group(&layout, 0, 1), (const uint32_t[]){2, 3}, 2);
    check_gpus(layout_group(&layout, 1, 0), (const uint32_t[]){4, 5}, 2);
    check_gpus(layout_group(&layout, 1, 1), (const uint32_t[]){6, 7}, 2);
}
END_TEST

START_TEST(groups_leave_gpus_rather_than_cross)
{
    struct model model = fixture_llama_70b();
    model.heads = 48;
    model.kv_heads = 6;
    struct cluster cluster = fixture_nvlink_cluster(2, 8);
    struct layout_spec spec = spec_of(3, 4, 1);
    model.ffn = 24576;
    struct layout layout;
    ck_assert_int_eq(layout_resolve(&layout, &spec, &model, &cluster, no_extras, &arena, &error),
                     0);
    /* Two groups of 3 in a node; GPUs 6 and 7 stay idle, and the third group starts node 1. */
    check_gpus(layout_group(&layout, 0, 1), (const uint32_t[]){3, 4, 5}, 3);
    check_gpus(layout_group(&layout, 0, 2), (const uint32_t[]){8, 9, 10}, 3);
}
END_TEST

START_TEST(groups_larger_than_a_node_take_equal_shares)
{
    struct layout layout = resolve(spec_of(16, 2, 1), fixture_nvlink_cluster(4, 8));
    /* 16 GPUs are two nodes of eight; the second stage takes the other two. */
    for (uint32_t rank = 0; rank < 16; rank++) {
        ck_assert_uint_eq(layout_group(&layout, 0, 0)[rank], rank);
        ck_assert_uint_eq(layout_group(&layout, 0, 1)[rank], 16 + rank);
    }
    /* 8 GPUs on nodes of 6 are 4 and 4, not 6 and 2. */
    layout = resolve(spec_of(8, 1, 1), fixture_nvlink_cluster(2, 6));
    check_gpus(layout_group(&layout, 0, 0), (const uint32_t[]){0, 1, 2, 3, 6, 7, 8, 9}, 8);
}
END_TEST

START_TEST(capacity_counts_whole_groups)
{
    struct cluster cluster = fixture_nvlink_cluster(3, 8);
    /* 3 nodes of 8: 24 of 1, 6 of 3 or 4, 3 of 8; one of 16, which leaves a node over. */
    ck_assert_uint_eq(layout_group_capacity(&cluster, 1), 24);
    ck_assert_uint_eq(layout_group_capacity(&cluster, 3), 6);
    ck_assert_uint_eq(layout_group_capacity(&cluster, 4), 6);
    ck_assert_uint_eq(layout_group_capacity(&cluster, 8), 3);
    ck_assert_uint_eq(layout_group_capacity(&cluster, 16), 1);
    /* 13 divide over no 2 or 3 nodes, 32 are more than there are, 0 is none. */
    ck_assert_uint_eq(layout_group_capacity(&cluster, 13), 0);
    ck_assert_uint_eq(layout_group_capacity(&cluster, 32), 0);
    ck_assert_uint_eq(layout_group_capacity(&cluster, 0), 0);
}
END_TEST

START_TEST(kv_heads_divide_either_way)
{
    struct model model = fixture_llama_70b();
    /* 8 KV heads: 4 GPUs hold 2 each; 16 and 64 hold copies; 28672 / 3 and 64 / 5 are not whole. */
    ck_assert(layout_divides(&model, 4));
    ck_assert(layout_divides(&model, 16));
    ck_assert(layout_divides(&model, 64));
    ck_assert(!layout_divides(&model, 3));
    ck_assert(!layout_divides(&model, 5));
    ck_assert(!layout_divides(&model, 0));
    /* 6 GPUs and 4 KV heads: neither divides the other. */
    model.heads = 12;
    model.kv_heads = 4;
    model.ffn = 12;
    ck_assert(!layout_divides(&model, 6));
    ck_assert(layout_divides(&model, 12));
}
END_TEST

START_TEST(even_split_gives_early_stages_the_rest)
{
    struct layout_spec spec = spec_of(1, 3, 1);
    spec.split = STAGE_SPLIT_EVEN;
    struct layout layout = resolve(spec, fixture_nvlink_cluster(1, 8));
    /* 80 = 27 + 27 + 26. */
    check_gpus(layout.stage_layers, (const uint32_t[]){27, 27, 26}, 3);
}
END_TEST

START_TEST(listed_split_is_taken_as_it_is)
{
    struct layout_spec spec = spec_of(1, 4, 1);
    spec.split = STAGE_SPLIT_LISTED;
    memcpy(spec.listed_layers, (const uint32_t[]){26, 18, 18, 18}, 4 * sizeof(uint32_t));
    struct layout layout = resolve(spec, fixture_nvlink_cluster(1, 8));
    check_gpus(layout.stage_layers, spec.listed_layers, 4);
}
END_TEST

START_TEST(balanced_split_makes_room_for_the_head)
{
    uint32_t split[LAYOUT_STAGES_MAX];
    /* A head worth 4 layers: (80 + 4) / 4 = 21 each, so the last stage holds 17. */
    layout_balance(80, 4, (struct stage_extras){.last_layers = 4}, split);
    check_gpus(split, (const uint32_t[]){21, 21, 21, 17}, 4);
    ck_assert_double_eq(layout_slowest_stage(split, 4, (struct stage_extras){.last_layers = 4}),
                        21);
    /* Gathers worth 4 layers on all stages but the first: (80 + 3 * 4) / 4 = 23 each. */
    layout_balance(80, 4, (struct stage_extras){.later_layers = 4}, split);
    check_gpus(split, (const uint32_t[]){23, 19, 19, 19}, 4);
    /* A head heavier than any stage still leaves the last stage its one layer. */
    layout_balance(8, 2, (struct stage_extras){.last_layers = 100}, split);
    check_gpus(split, (const uint32_t[]){7, 1}, 2);
    /* Beyond the slowest, stages stay even: 10 over 4 is 3, 3, 2, 2 and not 3, 3, 3, 1. */
    layout_balance(10, 4, no_extras, split);
    check_gpus(split, (const uint32_t[]){3, 3, 2, 2}, 4);
    /* One stage holds everything, its cost both extras. */
    layout_balance(80, 1, (struct stage_extras){.first_layers = 1, .last_layers = 4}, split);
    ck_assert_uint_eq(split[0], 80);
    ck_assert_double_eq(
        layout_slowest_stage(split, 1, (struct stage_extras){.first_layers = 1, .last_layers = 4}),
        85);
}
END_TEST

START_TEST(too_few_gpus_are_refused)
{
    check_refused(spec_of(8, 2, 1), fixture_llama_70b(), fixture_nvlink_cluster(1, 8),
                  "tensor_parallel 8 x pipeline_parallel 2 x 1 replica needs 16 GPUs; cluster "
                  "'fixture-nvlink' has 8");
    check_refused(spec_of(2, 2, 4000000000), fixture_llama_70b(), fixture_nvlink_cluster(1, 8),
                  "tensor_parallel 2 x pipeline_parallel 2 x 4000000000 replicas needs 16000000000 "
                  "GPUs; cluster 'fixture-nvlink' has 8");
}
END_TEST

START_TEST(groups_without_a_place_are_refused)
{
    /* A node of 5 holds two groups of 2, and one GPU is left over: 4 groups on 10 GPUs, not 5. */
    check_refused(spec_of(2, 5, 1), fixture_llama_70b(), fixture_nvlink_cluster(2, 5),
                  "5 groups of tensor_parallel 2 are needed and cluster 'fixture-nvlink' holds 4, "
                  "as a group takes equal shares of as few nodes of 5 GPUs as it can; use a "
                  "tensor_parallel that divides 5, or fewer stages or replicas");
    /* Another pool fills a node of 8, or takes a GPU of the first of two groups of 2. */
    struct layout_spec second = spec_of(2, 1, 1);
    second.gpus_before = 8;
    check_refused(second, fixture_llama_70b(), fixture_nvlink_cluster(1, 8),
                  "1 group of tensor_parallel 2 is needed, and cluster 'fixture-nvlink' has room "
                  "for 0 beside the 8 GPUs of the other pool");
    second = spec_of(2, 2, 1);
    second.gpus_before = 1;
    check_refused(second, fixture_llama_70b(), fixture_nvlink_cluster(1, 4),
                  "2 groups of tensor_parallel 2 are needed, and cluster 'fixture-nvlink' has room "
                  "for 1 beside the 1 GPU of the other pool");
    /* 8 GPUs over three nodes of 3: neither 3 + 3 + 2 nor anything else is equal. */
    check_refused(spec_of(8, 1, 1), fixture_llama_70b(), fixture_nvlink_cluster(3, 3),
                  "tensor_parallel 8 cannot be spread equally over up to 3 nodes of 3 GPUs; use a "
                  "divisor of 3 or a multiple of it");
}
END_TEST

START_TEST(indivisible_models_are_refused)
{
    struct model model = fixture_llama_70b();
    check_refused(spec_of(3, 1, 1), model, fixture_nvlink_cluster(1, 8),
                  "heads 64 of 'llama-3.1-70b' is not divisible by tensor_parallel 3; use 1, 2, 4, "
                  "8, 16, 32, 64");
    model.ffn = 12;
    check_refused(spec_of(8, 1, 1), model, fixture_nvlink_cluster(1, 8),
                  "ffn 12 of 'llama-3.1-70b' is not divisible by tensor_parallel 8; use 1, 2, 4");
    model.ffn = 28672;
    model.kv_heads = 6;
    check_refused(spec_of(4, 1, 1), model, fixture_nvlink_cluster(1, 8),
                  "kv_heads 6 of 'llama-3.1-70b' is not divisible by tensor_parallel 4; use 1, 2");
    model = fixture_llama_70b();
    model.heads = 2520;
    model.kv_heads = 2520;
    model.ffn = 2520;
    check_refused(spec_of(11, 1, 1), model, fixture_nvlink_cluster(2, 8),
                  "heads 2520 of 'llama-3.1-70b' is not divisible by tensor_parallel 11; use 1, 2, "
                  "3, 4, 5, 6, 7, 8, ...");
}
END_TEST

START_TEST(impossible_stages_are_refused)
{
    struct model model = fixture_llama_70b();
    check_refused(spec_of(1, 81, 1), model, fixture_nvlink_cluster(16, 8),
                  "pipeline_parallel 81 is more than the 80 layers of 'llama-3.1-70b'; each stage "
                  "needs one");
    model.layers = 1000;
    check_refused(spec_of(1, 257, 1), model, fixture_nvlink_cluster(64, 8),
                  "pipeline_parallel 257 is more than the 256 supported");
    check_refused(spec_of(1, 0, 1), model, fixture_nvlink_cluster(1, 8),
                  "tensor_parallel, pipeline_parallel and replicas must be at least 1");
}
END_TEST

START_TEST(wrong_lists_are_refused)
{
    struct layout_spec spec = spec_of(1, 4, 1);
    spec.split = STAGE_SPLIT_LISTED;
    memcpy(spec.listed_layers, (const uint32_t[]){26, 18, 18, 17}, 4 * sizeof(uint32_t));
    check_refused(spec, fixture_llama_70b(), fixture_nvlink_cluster(1, 8),
                  "stage_layers sums to 79 layers; 'llama-3.1-70b' has 80");
    /* One stage too many, then one too few. */
    spec.listed_layers[4] = 1;
    check_refused(spec, fixture_llama_70b(), fixture_nvlink_cluster(1, 8),
                  "stage_layers lists 5 stages of one layer or more; pipeline_parallel 4 needs as "
                  "many");
    spec.listed_layers[3] = 0;
    check_refused(spec, fixture_llama_70b(), fixture_nvlink_cluster(1, 8),
                  "stage_layers lists 3 stages of one layer or more; pipeline_parallel 4 needs as "
                  "many");
}
END_TEST

START_TEST(experts_are_dealt_out_equally)
{
    struct cluster cluster = fixture_nvlink_cluster(2, 8);
    struct model model = fixture_llama_70b();
    struct layout_spec spec = spec_of(8, 1, 1);
    spec.sharding = (struct sharding){.expert_parallel = true, .expert_imbalance = 1};
    check_refused(spec, model, cluster, "'llama-3.1-70b' has no experts to be parallel in");
    model.experts = 12;
    model.experts_per_token = 2;
    check_refused(spec, model, cluster, "8 GPUs cannot hold equal numbers of 12 experts");
    /* What is asked for is what the layout has. */
    model.experts = 16;
    struct layout layout;
    ck_assert_int_eq(layout_resolve(&layout, &spec, &model, &cluster, no_extras, &arena, &error),
                     0);
    ck_assert(layout.sharding.expert_parallel && !layout.sharding.sequence_parallel);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        groups_fill_a_node_in_order,
        groups_leave_gpus_rather_than_cross,
        groups_larger_than_a_node_take_equal_shares,
        capacity_counts_whole_groups,
        kv_heads_divide_either_way,
        even_split_gives_early_stages_the_rest,
        listed_split_is_taken_as_it_is,
        balanced_split_makes_room_for_the_head,
        too_few_gpus_are_refused,
        groups_without_a_place_are_refused,
        indivisible_models_are_refused,
        impossible_stages_are_refused,
        wrong_lists_are_refused,
        experts_are_dealt_out_equally,
    };
    return suite_run_between("layout", setup, teardown, tests, ARRAY_LENGTH(tests));
}
