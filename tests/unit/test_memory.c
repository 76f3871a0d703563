/* Does memory count what a GPU holds, and explain what does not fit? */
#include "memory.h"

#include "fixtures.h"
#include "suite.h"

#include <string.h>

/* Llama-3.1-70B, bf16, by hand: parameters of one layer's projections and of its norms. */
#define LAYER_PROJECTIONS (8192.0 * 128 * (2 * 64 + 2 * 8) + 3 * 8192.0 * 28672)
#define LAYER_NORMS (2 * 8192.0)
#define TABLE_BYTES (128256.0 * 8192 * 2)

static struct model model;
static struct cluster cluster;
static struct serving serving;
static struct error error;
static const struct stage_extras no_extras = {0};

static const struct memory_terms terms = {
    .model = &model, .cluster = &cluster, .serving = &serving};

static const struct sharding plain;

static void setup(void)
{
    model = fixture_llama_70b();
    cluster = fixture_nvlink_cluster(1, 8);
    serving = fixture_serving();
}

static struct layout layout_of(uint32_t tensor_parallel, uint32_t stages)
{
    struct layout layout = {.tensor_parallel = tensor_parallel, .stages = stages, .replicas = 1};
    layout_balance(model.layers, stages, no_extras, layout.stage_layers);
    return layout;
}

static struct memory_plan plan_of(uint32_t tensor_parallel, uint32_t stages)
{
    struct layout layout = layout_of(tensor_parallel, stages);
    struct memory_plan plan;
    error.text[0] = '\0';
    int status = memory_plan_resolve(&plan, &layout, &terms, &error);
    ck_assert_msg(status == 0, "%s", error.text);
    return plan;
}

/* Planning fails as a configuration error with this text. */
static void check_refused(uint32_t tensor_parallel, uint32_t stages, const char *expected)
{
    struct layout layout = layout_of(tensor_parallel, stages);
    struct memory_plan plan;
    int status = memory_plan_resolve(&plan, &layout, &terms, &error);
    ck_assert_int_eq(status, -ERROR_CONFIG);
    ck_assert_str_eq(error.text, expected);
}

START_TEST(weights_divide_by_tensor_parallel)
{
    /* TP=4: a quarter of the projections, whole norms, the whole embedding, a quarter of the head
       and the final norm: 36.9 GB, of which the layers are the 34.2 that "140 GB / 4" means. */
    struct memory_plan plan = plan_of(4, 1);
    double layers_bytes = 80 * (LAYER_PROJECTIONS / 4 + LAYER_NORMS) * 2;
    double expected = layers_bytes + TABLE_BYTES + TABLE_BYTES / 4 + 8192 * 2;
    ck_assert_double_eq_tol(plan.stage[0].weights_bytes, expected, 1);
    ck_assert_double_eq_tol(layers_bytes, 34.2e9, 0.1e9);
}
END_TEST

START_TEST(pipeline_ends_hold_the_tables)
{
    /* PP=4: 20 layers each; the embedding first, the head and final norm last, nothing between. */
    struct memory_plan plan = plan_of(1, 4);
    double layers_bytes = 20 * (LAYER_PROJECTIONS + LAYER_NORMS) * 2;
    ck_assert_double_eq_tol(plan.stage[0].weights_bytes, layers_bytes + TABLE_BYTES, 1);
    ck_assert_double_eq_tol(plan.stage[1].weights_bytes, layers_bytes, 1);
    ck_assert_double_eq_tol(plan.stage[3].weights_bytes, layers_bytes + TABLE_BYTES + 8192 * 2, 1);
    ck_assert_uint_eq(plan.stages, 4);
    ck_assert_uint_eq(plan.stage[3].stage, 3);
}
END_TEST

START_TEST(a_sharded_table_splits_by_vocabulary)
{
    /* TP=4: a quarter of the embedding, beside a quarter of the head. */
    double layers_bytes = 80 * (LAYER_PROJECTIONS / 4 + LAYER_NORMS) * 2;
    ck_assert_double_eq_tol(memory_weights_bytes(&model, 4, 0, 1, 80, true),
                            layers_bytes + TABLE_BYTES / 4 + TABLE_BYTES / 4 + 8192 * 2, 1);
    ck_assert_double_eq_tol(memory_weights_bytes(&model, 4, 0, 1, 80, false),
                            layers_bytes + TABLE_BYTES + TABLE_BYTES / 4 + 8192 * 2, 1);
}
END_TEST

START_TEST(tied_table_counts_once_on_a_single_stage)
{
    model.tied_embeddings = true;
    double alone = memory_weights_bytes(&model, 4, 0, 1, 80, false);
    double layers_bytes = 80 * (LAYER_PROJECTIONS / 4 + LAYER_NORMS) * 2;
    /* One stage: the embedding serves as head. Two: each end needs its own. */
    ck_assert_double_eq_tol(alone, layers_bytes + TABLE_BYTES + 8192 * 2, 1);
    ck_assert_double_eq_tol(memory_weights_bytes(&model, 1, 1, 2, 0, false), TABLE_BYTES + 8192 * 2,
                            1);
}
END_TEST

START_TEST(activations_are_states_intermediate_and_logits)
{
    /* 2,048 tokens, TP=4, one stage: residual and input of 8192; gate and up of 28672 / 4 each;
       128 rows of 128256 / 4 logits in bf16 and fp32. */
    double states = 2 * 2048.0 * 8192 * 2;
    double gate_up = 2048.0 * 2 * 28672 / 4 * 2;
    double logits = 128.0 * 128256 / 4 * 6;
    ck_assert_double_eq(memory_activation_bytes(&model, &serving, 4, &plain, 0, 1),
                        states + gate_up + logits);
    /* In a pipeline with 3 steps in flight, stages behind the first receive into 3 buffers; only
       the last has logits. */
    serving.steps_in_flight = 3;
    ck_assert_double_eq(memory_activation_bytes(&model, &serving, 4, &plain, 0, 3),
                        states + gate_up);
    ck_assert_double_eq(memory_activation_bytes(&model, &serving, 4, &plain, 1, 3),
                        states + gate_up + 3 * states);
    ck_assert_double_eq(memory_activation_bytes(&model, &serving, 4, &plain, 2, 3),
                        states + gate_up + 3 * states + logits);
}
END_TEST

START_TEST(activations_take_the_widest_intermediate)
{
    /* With a narrow FFN, Q and K and V are widest: (64 + 2 x 8) heads of 128. */
    model.ffn = 1024;
    double states = 2 * 2048.0 * 8192 * 2;
    double qkv = 2048.0 * (64 + 2 * 8) * 128 * 2;
    ck_assert_double_eq(memory_activation_bytes(&model, &serving, 1, &plain, 0, 2), states + qkv);
    /* In an MoE each token's gate and up exist for each expert it is sent to. */
    model.experts = 64;
    model.experts_per_token = 8;
    double gate_up = 2048.0 * 8 * 2 * 1024 * 2;
    ck_assert_double_eq(memory_activation_bytes(&model, &serving, 1, &plain, 0, 2),
                        states + gate_up);
}
END_TEST

START_TEST(sequence_parallel_holds_a_share_of_the_residual)
{
    /* 2,048 tokens on 4 GPUs: 512 of the residual, all of the input; two buffers of 512 for each of
       3 steps in flight. */
    const struct sharding scattered = {.sequence_parallel = true};
    serving.steps_in_flight = 3;
    double state = 8192.0 * 2;
    double gate_up = 2048.0 * 2 * 28672 / 4 * 2;
    ck_assert_double_eq(memory_activation_bytes(&model, &serving, 4, &scattered, 1, 3),
                        (512 + 2048) * state + gate_up + 3 * 2 * 512 * state);
}
END_TEST

START_TEST(whole_experts_get_rows_from_all)
{
    /* 2,048 tokens x 2 over 4 GPUs, half as many again on the busiest: 1,536 rows, each of hidden
       and of gate and up. */
    const struct sharding whole = {.expert_parallel = true, .expert_imbalance = 1.5};
    model.experts = 8;
    model.experts_per_token = 2;
    double states = 2 * 2048.0 * 8192 * 2;
    double rows = 1536.0 * (8192 + 2 * 28672) * 2;
    ck_assert_double_eq(memory_activation_bytes(&model, &serving, 4, &whole, 0, 2), states + rows);
}
END_TEST

START_TEST(parts_sum_to_the_usable_memory)
{
    struct memory_plan plan = plan_of(4, 2);
    for (uint32_t stage = 0; stage < 2; stage++) {
        const struct memory_summary *part = &plan.stage[stage];
        /* 80 GB x 0.9. */
        ck_assert_double_eq_tol(part->weights_bytes + part->activation_bytes + part->reserve_bytes +
                                    part->kv_bytes,
                                72e9, 1);
        ck_assert_double_eq(part->reserve_bytes, 2e9);
    }
}
END_TEST

START_TEST(capacity_is_the_tightest_stages)
{
    struct memory_plan plan = plan_of(1, 4);
    /* A block takes 16 tokens x 20 layers x K and V of 8 heads of 128 in bf16 on each stage; the
       last, with head, logits and receive buffer, has room for fewest. */
    double block_bytes = 16.0 * 20 * 2 * 8 * 128 * 2;
    ck_assert_uint_eq(plan.tightest_stage, 3);
    ck_assert_uint_eq(plan.kv_blocks, (uint32_t)(plan.stage[3].kv_bytes / block_bytes));
    ck_assert_double_lt(plan.stage[3].kv_bytes, plan.stage[0].kv_bytes);
    ck_assert_uint_eq(plan.kv_tokens, 16 * (uint64_t)plan.kv_blocks);
}
END_TEST

START_TEST(kv_tokens_caps_in_whole_blocks)
{
    serving.kv_tokens = 1000;
    /* 1000 tokens hold 62 whole blocks of 16. */
    struct memory_plan plan = plan_of(4, 1);
    ck_assert_uint_eq(plan.kv_blocks, 62);
    ck_assert_uint_eq(plan.kv_tokens, 992);
    /* A cap above the room changes nothing. */
    serving.kv_tokens = 0;
    uint32_t room = plan_of(4, 1).kv_blocks;
    serving.kv_tokens = UINT64_MAX;
    ck_assert_uint_eq(plan_of(4, 1).kv_blocks, room);
    serving.kv_tokens = 15;
    check_refused(4, 1, "kv_tokens 15 is less than one block of 16 tokens");
}
END_TEST

START_TEST(replicated_kv_heads_take_their_memory)
{
    /* 8 KV heads on 8 or on 16 GPUs: one a GPU either way, so a block is as large. */
    cluster = fixture_nvlink_cluster(2, 8);
    struct memory_plan eight = plan_of(8, 1);
    struct memory_plan sixteen = plan_of(16, 1);
    double block_bytes = 16.0 * 80 * 2 * 128 * 2;
    ck_assert_uint_eq(eight.kv_blocks, (uint32_t)(eight.stage[0].kv_bytes / block_bytes));
    ck_assert_uint_eq(sixteen.kv_blocks, (uint32_t)(sixteen.stage[0].kv_bytes / block_bytes));
}
END_TEST

START_TEST(too_large_a_model_is_explained)
{
    /* 141 GB of weights on one GPU of 80: the sum, the shortfall, and the smallest that fit. */
    check_refused(1, 1,
                  "'llama-3.1-70b' does not fit with tensor_parallel 1 x pipeline_parallel 1: each "
                  "GPU of stage 0 (80 layers) needs 143.51 GB (weights 141.11, activations 0.40, "
                  "reserve 2.00, one KV block 0.005) and has 72.00 GB (80 GB x utilization 0.9), "
                  "71.51 GB too few; layouts that fit: TP=1 x PP=3 (3 GPUs), TP=4 (4 GPUs), TP=2 x "
                  "PP=2 (4 GPUs), TP=1 x PP=4 (4 GPUs), TP=1 x PP=5 (5 GPUs), TP=2 x PP=3 (6 "
                  "GPUs)");
}
END_TEST

START_TEST(worst_stage_is_named)
{
    /* Listed badly: stage 1 holds 60 layers, 103 GB of them, and is short of most. */
    struct layout layout = layout_of(1, 2);
    layout.stage_layers[0] = 20;
    layout.stage_layers[1] = 60;
    struct memory_plan plan;
    ck_assert_int_eq(memory_plan_resolve(&plan, &layout, &terms, &error), -ERROR_CONFIG);
    ck_assert_ptr_nonnull(strstr(error.text, "each GPU of stage 1 (60 layers)"));
}
END_TEST

START_TEST(hopeless_cluster_is_said_so)
{
    cluster = fixture_nvlink_cluster(1, 2);
    struct layout layout = layout_of(2, 1);
    struct memory_plan plan;
    ck_assert_int_eq(memory_plan_resolve(&plan, &layout, &terms, &error), -ERROR_CONFIG);
    ck_assert_ptr_nonnull(
        strstr(error.text, "no layout of one replica fits on cluster fixture-nvlink"));
}
END_TEST

START_TEST(listed_layouts_fit_when_taken)
{
    /* Each layout that the list names has a plan, and the one GPU and pairs it skips have none. */
    char text[256];
    ck_assert_uint_eq(memory_list_fitting(&terms, text, sizeof(text)), 6);
    ck_assert_ptr_nonnull(strstr(text, "TP=1 x PP=3 (3 GPUs)"));
    serving.steps_in_flight = 3;
    (void)plan_of(1, 3);
    ck_assert(memory_fits(&terms, 1, 3));
    ck_assert(!memory_fits(&terms, 1, 2));
    ck_assert(!memory_fits(&terms, 2, 1));
    /* More GPUs than there are, heads that do not divide, no stage at all. */
    ck_assert(!memory_fits(&terms, 8, 2));
    ck_assert(!memory_fits(&terms, 3, 2));
    ck_assert(!memory_fits(&terms, 8, 0));
    /* A short buffer is cut, not overrun. */
    char shorter[16];
    (void)memory_list_fitting(&terms, shorter, sizeof(shorter));
    ck_assert_str_eq(shorter, "TP=1 x PP=3 (3 ");
}
END_TEST

START_TEST(a_step_alone_may_be_too_large)
{
    /* A step's activations grow with its tokens: of one whose activations are just what a GPU may
       use, one token more is too many, on the stage that takes most, the last of two. */
    struct layout_spec spec = {.tensor_parallel = 4, .pipeline_parallel = 2};
    serving.max_step_tokens = 1000000;
    double bytes = memory_activation_bytes(&model, &serving, 4, &plain, 1, 2);
    ck_assert_double_gt(bytes, memory_activation_bytes(&model, &serving, 4, &plain, 0, 2));
    cluster.gpu.memory_bytes = bytes / serving.memory_utilization * (1 + 1e-12);
    ck_assert(memory_step_fits(&terms, &spec));
    serving.max_step_tokens++;
    ck_assert(!memory_step_fits(&terms, &spec));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_step_alone_may_be_too_large,
        weights_divide_by_tensor_parallel,
        pipeline_ends_hold_the_tables,
        a_sharded_table_splits_by_vocabulary,
        tied_table_counts_once_on_a_single_stage,
        activations_are_states_intermediate_and_logits,
        activations_take_the_widest_intermediate,
        parts_sum_to_the_usable_memory,
        capacity_is_the_tightest_stages,
        kv_tokens_caps_in_whole_blocks,
        replicated_kv_heads_take_their_memory,
        too_large_a_model_is_explained,
        worst_stage_is_named,
        hopeless_cluster_is_said_so,
        listed_layouts_fit_when_taken,
        sequence_parallel_holds_a_share_of_the_residual,
        whole_experts_get_rows_from_all,
    };
    return suite_run_between("memory", setup, NULL, tests, ARRAY_LENGTH(tests));
}
