/* Do the selector's rules pick what they say, and do the static warnings show their numbers? */
#include "layout_warnings.h"
#include "recommend.h"

#include "fixtures.h"
#include "suite.h"

#include <string.h>

static struct arena arena;
static struct error error;
static struct scenario scenario;
static struct warning warnings[LAYOUT_WARNINGS_MAX];
static const struct stage_extras no_extras = {0};
static const struct memory_terms terms = {
    .model = &scenario.model, .cluster = &scenario.cluster, .serving = &scenario.serving};

static void setup(void)
{
    arena_init(&arena);
    scenario = (struct scenario){
        .model = fixture_llama_70b(),
        .cluster = fixture_nvlink_cluster(1, 8),
        .serving = fixture_serving(),
        .layout = {.tensor_parallel = 1,
                   .pipeline_parallel = 1,
                   .replicas = 1,
                   .split = STAGE_SPLIT_BALANCED},
    };
}

static void teardown(void)
{
    arena_release(&arena);
}

/* The rules pick TP x PP for `goal`, with `part` in the reason. */
static void check_recommends(enum recommend_goal goal, uint32_t tensor_parallel, uint32_t stages,
                             const char *part)
{
    struct recommendation recommendation;
    error.text[0] = '\0';
    int status = recommend_layout(&recommendation, goal, &terms, &error);
    ck_assert_msg(status == 0, "%s", error.text);
    ck_assert_uint_eq(recommendation.layout.tensor_parallel, tensor_parallel);
    ck_assert_uint_eq(recommendation.layout.pipeline_parallel, stages);
    ck_assert_uint_eq(recommendation.layout.replicas, 1);
    ck_assert_msg(strstr(recommendation.reason, part) != NULL, "'%s' lacks '%s'",
                  recommendation.reason, part);
}

START_TEST(small_model_stays_on_one_gpu)
{
    /* 16 GB of weights in 80 GB, whatever the goal and the links. */
    scenario.model = fixture_llama_8b();
    check_recommends(RECOMMEND_LATENCY, 1, 1, "fits on one GPU: 16.1 GB");
    scenario.cluster = fixture_pcie_cluster();
    check_recommends(RECOMMEND_THROUGHPUT, 1, 1, "fits on one GPU");
}
END_TEST

START_TEST(latency_on_nvlink_takes_tensor_parallel)
{
    check_recommends(RECOMMEND_LATENCY, 8, 1, "TP=8");
    /* A node of 6 can share 64 heads by 4 only; one of 16 stops at 8. */
    scenario.cluster = fixture_nvlink_cluster(1, 6);
    check_recommends(RECOMMEND_LATENCY, 4, 1, "TP=4");
    scenario.cluster = fixture_nvlink_cluster(1, 16);
    check_recommends(RECOMMEND_LATENCY, 8, 1, "TP=8");
}
END_TEST

START_TEST(throughput_takes_a_pipeline)
{
    check_recommends(RECOMMEND_THROUGHPUT, 1, 8, "throughput: stages of PP=8");
}
END_TEST

START_TEST(pcie_takes_a_pipeline_for_either_goal)
{
    scenario.cluster = fixture_pcie_cluster();
    check_recommends(RECOMMEND_LATENCY, 1, 8, "PCIe joins the GPUs");
    check_recommends(RECOMMEND_THROUGHPUT, 1, 8, "PCIe joins the GPUs");
}
END_TEST

/* A model of 400B: twice the layers of a wider 70B, 160 x 5 GB. */
static void use_400b(void)
{
    scenario.model.layers = 126;
    scenario.model.hidden = 16384;
    scenario.model.heads = 128;
    scenario.model.ffn = 53248;
    scenario.cluster = fixture_nvlink_cluster(4, 8);
}

START_TEST(more_than_a_node_pipelines_nodes)
{
    use_400b();
    /* 810 GB on 32 GPUs of 80 GB in four nodes: TP=8 x PP=4 either way. */
    check_recommends(RECOMMEND_LATENCY, 8, 4, "needs more than the 8 GPUs of a node");
    check_recommends(RECOMMEND_THROUGHPUT, 8, 4, "TP=8 stays on its NVLink");
    scenario.cluster.nvlink.bytes_per_s = 0;
    check_recommends(RECOMMEND_LATENCY, 1, 32, "which PCIe joins: PP=32");
}
END_TEST

static bool has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

START_TEST(nothing_that_fits_is_an_error)
{
    use_400b();
    scenario.cluster.nodes = 1;
    struct recommendation recommendation;
    ck_assert_int_eq(recommend_layout(&recommendation, RECOMMEND_LATENCY, &terms, &error),
                     -ERROR_CONFIG);
    /* 800 GB of layers on eight GPUs of 72 GB: 30 GB too few on each; two nodes are enough. */
    ck_assert_msg(has(error.text, "'llama-3.1-70b' does not fit with tensor_parallel 8 x "
                                  "pipeline_parallel 1: each GPU of stage 0 (126 layers) needs "),
                  "%s", error.text);
    ck_assert_msg(has(error.text, " GB too few; no layout of one replica fits on cluster "
                                  "fixture-nvlink; on more of its nodes would fit "),
                  "%s", error.text);
    ck_assert_msg(has(error.text, "TP=8 x PP=2 (16 GPUs)"), "%s", error.text);
    /* A pipeline is what throughput would take. */
    ck_assert_int_eq(recommend_layout(&recommendation, RECOMMEND_THROUGHPUT, &terms, &error),
                     -ERROR_CONFIG);
    ck_assert(has(error.text, "tensor_parallel 1 x pipeline_parallel 8"));
    /* A GPU that the engine's reserve fills holds nothing, however many there are. */
    scenario.serving.reserve_bytes = scenario.cluster.gpu.memory_bytes;
    ck_assert_int_eq(recommend_layout(&recommendation, RECOMMEND_LATENCY, &terms, &error),
                     -ERROR_CONFIG);
    ck_assert_msg(has(error.text, "; nor does any on more of its nodes"), "%s", error.text);
    ck_assert_str_eq(recommend_goal_name(RECOMMEND_THROUGHPUT), "throughput");
}
END_TEST

START_TEST(what_the_rules_pass_over_is_named)
{
    /* 141 GB over four of a node's six GPUs of 36 GB are too much, over five they are not. */
    scenario.cluster = fixture_nvlink_cluster(1, 6);
    scenario.cluster.gpu.memory_bytes = 36e9;
    struct recommendation recommendation;
    ck_assert_int_eq(recommend_layout(&recommendation, RECOMMEND_LATENCY, &terms, &error),
                     -ERROR_CONFIG);
    ck_assert_msg(has(error.text, "tensor_parallel 4 x pipeline_parallel 1"), "%s", error.text);
    ck_assert_msg(has(error.text, "; layouts that fit: TP=1 x PP=5 (5 GPUs), TP=2 x PP=3 (6 "),
                  "%s", error.text);
    ck_assert(!has(error.text, "more of its nodes"));
}
END_TEST

/* The warnings of the scenario's layout, whether or not memory holds it; their count. */
static uint32_t warn_of(bool has_measured_sums)
{
    static const struct cost_grid grid;
    static struct deployment deployment;
    deployment = (struct deployment){.scenario = &scenario};
    int status = layout_resolve(&deployment.layout, &scenario.layout, &scenario.model,
                                &scenario.cluster, no_extras, &arena, &error);
    ck_assert_msg(status == 0, "%s", error.text);
    ck_assert_int_eq(topology_build(&deployment.topology, &scenario.cluster, &arena, &error), 0);
    deployment.measured = measured_node_new(&scenario.cluster, &arena, &error);
    ck_assert_ptr_nonnull(deployment.measured);
    deployment.cost.group.scale = 1;
    deployment.cost.class_count = 1;
    if (has_measured_sums)
        deployment.cost.classes[0].measured[EXCHANGE_ALL_REDUCE] = &grid;
    int count = layout_warnings_of(&deployment, warnings, &error);
    ck_assert_int_ge(count, 0);
    return (uint32_t)count;
}

static uint32_t warn(void)
{
    return warn_of(false);
}

/* The layout has this warning alone, with `part` in its text. */
static void check_warns(const char *code, const char *part)
{
    ck_assert_uint_eq(warn(), 1);
    ck_assert_str_eq(warnings[0].code, code);
    ck_assert_msg(strstr(warnings[0].text, part) != NULL, "'%s' lacks '%s'", warnings[0].text,
                  part);
}

START_TEST(sound_layouts_have_no_warnings)
{
    scenario.layout.tensor_parallel = 8;
    ck_assert_uint_eq(warn(), 0);
    scenario.layout.tensor_parallel = 1;
    scenario.layout.pipeline_parallel = 8;
    scenario.serving.steps_in_flight = 8;
    ck_assert_uint_eq(warn(), 0);
    scenario.layout.pipeline_parallel = 1;
    ck_assert_uint_eq(warn(), 0);
}
END_TEST

START_TEST(tensor_parallel_over_pcie_shows_its_price)
{
    scenario.cluster = fixture_pcie_cluster();
    scenario.layout.tensor_parallel = 4;
    check_warns("tp_over_pcie", "groups of 4 GPUs talk over PCIe");
    /* 2,048 tokens x 8192 x 2 bytes = 33.6 MB: 3 us to start, a ring of 6 steps of 2 us and
       2 x 3/4 of them at 25 GB/s is 2,028.3 us; over NVLink, with steps of 0.6 us and 450 GB/s, it
       is 118.4 us. A layer has two of them. */
    ck_assert_ptr_nonnull(strstr(warnings[0].text, "with 1 and 2048 tokens"));
    ck_assert_ptr_nonnull(strstr(warnings[0].text, "4056.5 us"));
    ck_assert_ptr_nonnull(strstr(warnings[0].text, "17.1x an H100's NVLink (450 GB/s)"));
}
END_TEST

START_TEST(tensor_parallel_across_nodes_shows_its_price)
{
    scenario.cluster = fixture_nvlink_cluster(2, 4);
    scenario.layout.tensor_parallel = 8;
    check_warns("tp_across_nodes", "groups of 8 GPUs talk over the network");
}
END_TEST

START_TEST(sequence_parallel_of_few_tokens_shows_its_price)
{
    /* Four collectives of a start each for two, where a decode step's norms are short. */
    scenario.layout.tensor_parallel = 8;
    scenario.layout.sharding.sequence_parallel = true;
    scenario.serving.max_sequences = 8;
    check_warns("sequence_parallel_slower", "with 8 tokens, the fullest decode step");
    /* One GPU has nothing to scatter: it is no slower, nor anything else. */
    scenario.model = fixture_llama_8b();
    scenario.layout.tensor_parallel = 1;
    check_warns("without_effect", "without effect here: sequence_parallel, for a stage is one GPU");
}
END_TEST

START_TEST(keys_that_change_nothing_are_named)
{
    /* Each where it has nothing to act on, together in one warning; none where it has. */
    scenario.model = fixture_llama_8b();
    scenario.layout.tensor_parallel = 8;
    scenario.layout.sharding.expert_imbalance = 1.5;
    scenario.layout.placement = LAYOUT_PLACEMENT_SPREAD;
    scenario.cluster = fixture_nvlink_cluster(1, 8);
    check_warns("without_effect", "expert_imbalance, for no GPU holds whole experts");
    ck_assert_ptr_nonnull(strstr(warnings[0].text, "; placement: spread, for there is one node"));
    /* Two replicas of two stages lie otherwise than packed, on one node too. */
    scenario.layout = (struct layout_spec){.tensor_parallel = 2,
                                           .pipeline_parallel = 2,
                                           .replicas = 2,
                                           .split = STAGE_SPLIT_BALANCED,
                                           .placement = LAYOUT_PLACEMENT_SPREAD};
    scenario.serving.steps_in_flight = 2;
    ck_assert_uint_eq(warn(), 0);
    /* Switches that reduce do by the models, and not by a table. */
    scenario.cluster.nvlink_reduces = true;
    ck_assert_uint_eq(warn(), 0);
    ck_assert_uint_eq(warn_of(true), 1);
    ck_assert_ptr_nonnull(strstr(warnings[0].text, "nvlink_reduces, for the GPU's measured"));
}
END_TEST

START_TEST(busy_experts_show_their_price)
{
    scenario.model = fixture_llama_8b();
    scenario.model.experts = 8;
    scenario.model.experts_per_token = 2;
    scenario.layout.tensor_parallel = 8;
    scenario.layout.sharding = (struct sharding){.expert_parallel = true, .expert_imbalance = 1.5};
    check_warns("experts_imbalanced", "which get 1.5 times the mean's tokens: with 2048 tokens");
    scenario.layout.sharding.expert_imbalance = 1;
    ck_assert_uint_eq(warn(), 0);
}
END_TEST

START_TEST(underfilled_pipelines_are_bounded)
{
    scenario.layout.pipeline_parallel = 4;
    scenario.serving.steps_in_flight = 1;
    check_warns("pipeline_underfilled",
                "steps_in_flight 1 cannot fill a pipeline of 4 stages: on average each works at "
                "most 25% of the time; set it to 4 or more");
    /* Enough steps, but too few sequences to put one in each. */
    scenario.serving.steps_in_flight = 4;
    scenario.serving.max_sequences = 2;
    check_warns("pipeline_underfilled", "max_sequences 2 cannot fill a pipeline of 4 stages");
}
END_TEST

START_TEST(unbalanced_stages_name_the_better_split)
{
    scenario.layout.pipeline_parallel = 4;
    scenario.layout.split = STAGE_SPLIT_LISTED;
    memcpy(scenario.layout.listed_layers, (const uint32_t[]){26, 18, 18, 18}, 4 * sizeof(uint32_t));
    scenario.serving.steps_in_flight = 4;
    /* 26 layers gate where 20 would do: 30% more. */
    check_warns("unbalanced_stages",
                "the slowest stage of [26, 18, 18, 18] gates the others with the work of 26.0 "
                "layers; [20, 20, 20, 20] has 20.0 at most, up to 30% more throughput");
}
END_TEST

START_TEST(long_splits_are_cut)
{
    scenario.cluster = fixture_nvlink_cluster(4, 8);
    scenario.layout.pipeline_parallel = 32;
    scenario.layout.split = STAGE_SPLIT_LISTED;
    scenario.layout.listed_layers[0] = 49;
    for (uint32_t stage = 1; stage < 32; stage++)
        scenario.layout.listed_layers[stage] = 1;
    scenario.serving.steps_in_flight = 32;
    check_warns("unbalanced_stages", "[49, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, ...]");
}
END_TEST

START_TEST(replicated_kv_heads_are_told)
{
    scenario.model.kv_heads = 2;
    scenario.layout.tensor_parallel = 8;
    check_warns("kv_heads_replicated",
                "tensor_parallel 8 exceeds the 2 KV heads: each is held by 4 GPUs");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        small_model_stays_on_one_gpu,
        latency_on_nvlink_takes_tensor_parallel,
        throughput_takes_a_pipeline,
        pcie_takes_a_pipeline_for_either_goal,
        more_than_a_node_pipelines_nodes,
        nothing_that_fits_is_an_error,
        what_the_rules_pass_over_is_named,
        sound_layouts_have_no_warnings,
        tensor_parallel_over_pcie_shows_its_price,
        tensor_parallel_across_nodes_shows_its_price,
        underfilled_pipelines_are_bounded,
        sequence_parallel_of_few_tokens_shows_its_price,
        keys_that_change_nothing_are_named,
        busy_experts_show_their_price,
        unbalanced_stages_name_the_better_split,
        long_splits_are_cut,
        replicated_kv_heads_are_told,
    };
    return suite_run_between("recommend", setup, teardown, tests, ARRAY_LENGTH(tests));
}
