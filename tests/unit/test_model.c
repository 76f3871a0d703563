/*
 * Do the shapes weigh what their publishers say?
 *
 * Exact counts are the parameter totals that Hugging Face shows for each
 * model's safetensors files; active counts those of the models' papers.
 */
#include "dice.h"
#include "fixtures.h"
#include "suite.h"

#define MONTE_CARLO_TRIALS 20000

static struct model llama_3_1_405b(void)
{
    struct model model = fixture_llama_70b();
    model.layers = 126;
    model.hidden = 16384;
    model.ffn = 53248;
    model.heads = 128;
    return model;
}

static struct model llama_2_70b(void)
{
    struct model model = fixture_llama_70b();
    model.vocab = 32000;
    return model;
}

static struct model qwen3_8b(void)
{
    struct model model = fixture_llama_8b();
    model.layers = 36;
    model.ffn = 12288;
    model.vocab = 151936;
    model.qk_norm = true;
    return model;
}

static struct model qwen3_32b(void)
{
    struct model model = qwen3_8b();
    model.layers = 64;
    model.hidden = 5120;
    model.ffn = 25600;
    model.heads = 64;
    return model;
}

static struct model mixtral_8x7b(void)
{
    struct model model = fixture_llama_8b();
    model.vocab = 32000;
    model.experts = 8;
    model.experts_per_token = 2;
    return model;
}

static struct model qwen3_30b_a3b(void)
{
    struct model model = qwen3_8b();
    model.layers = 48;
    model.hidden = 2048;
    model.ffn = 768;
    model.kv_heads = 4;
    model.experts = 128;
    model.experts_per_token = 8;
    return model;
}

static void check_parameters(struct model model, double published)
{
    ck_assert_double_eq(model_parameters(&model), published);
}

START_TEST(parameters_are_the_published_ones)
{
    check_parameters(fixture_llama_8b(), 8030261248.0);
    check_parameters(fixture_llama_70b(), 70553706496.0);
    check_parameters(llama_3_1_405b(), 405853388800.0);
    check_parameters(llama_2_70b(), 68976648192.0);
    check_parameters(qwen3_8b(), 8190735360.0);
    check_parameters(qwen3_32b(), 32762123264.0);
    check_parameters(mixtral_8x7b(), 46702792704.0);
    check_parameters(qwen3_30b_a3b(), 30532122624.0);
}
END_TEST

START_TEST(active_parameters_count_the_chosen_experts)
{
    struct model dense = fixture_llama_8b();
    struct model mixtral = mixtral_8x7b();
    struct model qwen = qwen3_30b_a3b();
    /* Expectation: all of a dense model. */
    ck_assert_double_eq(model_active_parameters(&dense), model_parameters(&dense));
    /* Expectation: 12.88 of Mixtral's 46.70 billion, 3.35 of Qwen3's 30.53. */
    ck_assert_double_eq_tol(model_active_parameters(&mixtral), 12.88e9, 0.005e9);
    ck_assert_double_eq_tol(model_active_parameters(&qwen), 3.35e9, 0.005e9);
}
END_TEST

START_TEST(tied_embeddings_count_once)
{
    struct model untied = qwen3_8b();
    struct model tied = untied;
    tied.tied_embeddings = true;
    double table = 151936.0 * 4096;
    ck_assert_double_eq(model_parameters(&untied) - model_parameters(&tied), table);
}
END_TEST

START_TEST(bytes_of_the_parts_are_bytes_of_the_whole)
{
    /* Expectation: layers, embedding and head in bf16 are two bytes a parameter. */
    struct model model = fixture_llama_70b();
    double bytes = model.layers * model_layer_bytes(&model, 1) + model_embedding_bytes(&model) +
                   model_head_bytes(&model, 1);
    ck_assert_double_eq(bytes, 2 * model_parameters(&model));
}
END_TEST

START_TEST(tensor_parallelism_splits_projections_and_not_norms)
{
    struct model model = fixture_llama_70b();
    double norms = 2.0 * model.hidden * 2;
    double whole = model_layer_bytes(&model, 1) - norms;
    for (uint32_t ranks = 1; ranks <= 8; ranks *= 2)
        ck_assert_double_eq_tol(model_layer_bytes(&model, ranks), whole / ranks + norms, 1e-3);
    /* Expectation: with more GPUs than KV heads, K and V stay at one head a GPU. */
    double kv_head = 2.0 * model.hidden * model.head_dim * 2;
    double kv_16 = whole / 16 - 8 * kv_head / 16 + kv_head;
    ck_assert_double_eq_tol(model_layer_bytes(&model, 16), kv_16 + norms, 1e-3);
}
END_TEST

START_TEST(quantized_weights_leave_norms_and_tables_alone)
{
    struct model bf16 = fixture_llama_70b();
    struct model fp8 = bf16;
    struct model int4 = bf16;
    fp8.weights = DTYPE_FP8;
    int4.weights = DTYPE_INT4;
    double norms = 2.0 * bf16.hidden * 2;
    double projections = model_layer_bytes(&bf16, 1) - norms;
    ck_assert_double_eq(model_layer_bytes(&fp8, 1), projections / 2 + norms);
    /* 4 bits a weight and a 16-bit scale for each 128 of them: 4.125 bits. */
    ck_assert_double_eq(model_layer_bytes(&int4, 1), projections * 4.125 / 16 + norms);
    ck_assert_double_eq(model_embedding_bytes(&int4), model_embedding_bytes(&bf16));
    ck_assert_double_eq(model_head_bytes(&int4, 2), model_head_bytes(&bf16, 2));
}
END_TEST

START_TEST(kv_of_a_token_is_two_vectors_a_head_and_layer)
{
    /* Expectation: Llama-3.1-70B keeps 80 x 2 x 8 x 128 x 2 bytes = 320 KiB a token, the 8B
     * 128 KiB, the 405B 504 KiB, Qwen3-30B-A3B 96 KiB. */
    struct model models[] = {fixture_llama_70b(), fixture_llama_8b(), llama_3_1_405b(),
                             qwen3_30b_a3b()};
    const double kib[] = {320, 128, 504, 96};
    for (size_t i = 0; i < ARRAY_LENGTH(models); i++)
        ck_assert_double_eq(models[i].layers * model_kv_bytes_per_token_layer(&models[i], 1),
                            kib[i] * 1024);
    /* Expectation: 8 heads on 2 GPUs halve, on 8 take an eighth, on 16 no less; fp8 halves. */
    double whole = model_kv_bytes_per_token_layer(&models[0], 1);
    ck_assert_double_eq(model_kv_bytes_per_token_layer(&models[0], 2), whole / 2);
    ck_assert_double_eq(model_kv_bytes_per_token_layer(&models[0], 8), whole / 8);
    ck_assert_double_eq(model_kv_bytes_per_token_layer(&models[0], 16), whole / 8);
    models[0].kv = DTYPE_FP8;
    ck_assert_double_eq(model_kv_bytes_per_token_layer(&models[0], 1), whole / 2);
}
END_TEST

/* Distinct experts that `tokens` tokens reach when each picks `k` of `experts` at random. */
static uint32_t draw_experts(struct dice *dice, uint32_t experts, uint32_t k, uint32_t tokens)
{
    bool is_hit[128] = {false};
    uint32_t distinct = 0;
    for (uint32_t t = 0; t < tokens; t++) {
        uint32_t order[128];
        for (uint32_t e = 0; e < experts; e++)
            order[e] = e;
        for (uint32_t i = 0; i < k; i++) { /* the start of a Fisher-Yates shuffle */
            uint32_t j = dice_between(dice, i, experts - 1);
            uint32_t chosen = order[j];
            order[j] = order[i];
            distinct += !is_hit[chosen];
            is_hit[chosen] = true;
        }
    }
    return distinct;
}

/*
 * Expectation: the mean of many draws is within five of its standard errors. One
 * draw's deviation is below sqrt(E)/2, that of E independent halves; draws without
 * replacement vary less.
 */
static void check_expected_experts(struct dice *dice, const struct model *model, uint32_t tokens)
{
    double sum = 0;
    for (uint32_t i = 0; i < MONTE_CARLO_TRIALS; i++)
        sum += draw_experts(dice, model->experts, model->experts_per_token, tokens);
    double bound = 5 * sqrt(model->experts) / 2 / sqrt(MONTE_CARLO_TRIALS);
    ck_assert_double_eq_tol(model_expected_experts(model, tokens, 1), sum / MONTE_CARLO_TRIALS,
                            bound);
}

START_TEST(expected_experts_agree_with_draws)
{
    struct dice dice = {.state = dice_seed(5)};
    struct model mixtral = mixtral_8x7b();
    struct model qwen = qwen3_30b_a3b();
    const uint32_t tokens[] = {1, 2, 5, 16, 40};
    for (size_t i = 0; i < ARRAY_LENGTH(tokens); i++) {
        check_expected_experts(&dice, &mixtral, tokens[i]);
        check_expected_experts(&dice, &qwen, tokens[i]);
    }
}
END_TEST

START_TEST(expected_experts_at_the_ends)
{
    struct model dense = fixture_llama_8b();
    struct model mixtral = mixtral_8x7b();
    ck_assert_double_eq(model_expected_experts(&dense, 10, 1), 0);
    ck_assert_double_eq(model_expected_experts(&mixtral, 0, 1), 0);
    ck_assert_double_eq_tol(model_expected_experts(&mixtral, 1, 1), 2, 1e-12);
    ck_assert_double_eq_tol(model_expected_experts(&mixtral, 10000, 1), 8, 1e-12);
    /* Expectation: where every token takes every expert, all are reached. */
    mixtral.experts_per_token = 8;
    ck_assert_double_eq(model_expected_experts(&mixtral, 1, 1), 8);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        parameters_are_the_published_ones,
        active_parameters_count_the_chosen_experts,
        tied_embeddings_count_once,
        bytes_of_the_parts_are_bytes_of_the_whole,
        tensor_parallelism_splits_projections_and_not_norms,
        quantized_weights_leave_norms_and_tables_alone,
        kv_of_a_token_is_two_vectors_a_head_and_layer,
        expected_experts_agree_with_draws,
        expected_experts_at_the_ends,
    };
    return suite_run("model", tests, ARRAY_LENGTH(tests));
}
