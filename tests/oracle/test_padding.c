/*
 * Does a step cost what a captured graph of its size does, whatever the most that the engine
 * lets into a step?
 *
 * Llama-3.1-8B on eight GPUs of NVLink, whose kernels were measured: kernels' times are tabulated
 * up to what steps may come to, and nothing may lie beyond.
 */
#include "step_bench.h"

#define SAMPLES_MAX 256

/* GEMMs and decode attention, which take 4 us for next to nothing. */
static size_t fill_samples(struct kernel_sample samples[SAMPLES_MAX])
{
    size_t count = 0;
    for (double n = 512; n <= 32768; n *= 4)
        for (double m = 1; m <= 4096; m *= 4)
            samples[count++] = (struct kernel_sample){
                .shape = {.op = KERNEL_GEMM, .n = n, .k = 4096},
                .x = m,
                .y = 1,
                .seconds = 4e-6 + n * (4096 + m) / 1e12,
            };
    for (double sequences = 1; sequences <= 256; sequences *= 4)
        for (double context = 64; context <= CONTEXT_MAX; context *= 4)
            samples[count++] = (struct kernel_sample){
                .shape = {.op = KERNEL_ATTENTION_DECODE, .heads = 4, .kv_heads = 1},
                .x = sequences,
                .y = context,
                .seconds = 4e-6 + sequences * context / 5e9,
            };
    return count;
}

/* A batch of an engine that captured graphs of some sizes. */
struct padded {
    struct host host;
    uint32_t decodes;
    uint32_t prompt; /* tokens of one */
    uint32_t tokens; /* that the graph has */
};

/* What it costs where a step has so many tokens and sequences at the most. */
static struct step_work work_of(const struct padded *padded, uint32_t tokens, uint32_t sequences)
{
    struct kernel_sample samples[SAMPLES_MAX];
    struct kernel_table table;
    struct step_bench bench;
    struct error error;
    step_bench_init(&bench);
    bench.serving.host = padded->host;
    bench.serving.max_step_tokens = tokens;
    bench.serving.max_sequences = sequences;
    size_t count = fill_samples(samples);
    ck_assert_int_eq(kernel_table_init(&table, &bench.gpu, samples, count, &error), 0);
    bench.measured.kernels = &table;
    struct chunk chunk = {.length = padded->prompt};
    const struct batch batch = {
        .decode_rows = padded->decodes,
        .decode_context_tokens = UINT64_C(1000) * padded->decodes,
        .chunks = &chunk,
        .chunk_count = padded->prompt > 0,
        .prefill_tokens = padded->prompt,
    };
    struct step_cost *cost = step_bench_prepare(&bench, (struct sharding){0});
    struct step_work work = step_work_of(cost, &batch, NULL);
    ck_assert(step_work_is_kept(cost, &work));
    kernel_table_release(&table);
    arena_release(&bench.arena);
    return work;
}

/* To 2%: where a table dips, times are levelled out with those of the steps beyond. */
static void check_close(double actual, double expected)
{
    ck_assert_double_eq_tol(actual / expected, 1, 0.02);
}

/* Expectation: an engine that lets no more into a step than the batch has, `sequences` of them,
   computes it in the same time as one that would let in 100 times as many. */
static void check_costs_the_same(const struct padded *padded, uint32_t sequences)
{
    uint32_t tokens = padded->decodes + padded->prompt;
    struct step_work tight = work_of(padded, tokens, sequences);
    struct step_work wide = work_of(padded, 100 * tokens, 100 * sequences);
    ck_assert_uint_eq(tight.tokens, padded->tokens);
    check_close(tight.layer_fixed_s, wide.layer_fixed_s);
    check_close(tight.layer_compute_s, wide.layer_compute_s);
    check_close(tight.head_s, wide.head_s);
}

START_TEST(decodes_cost_what_their_graph_does)
{
    const struct padded padded = {
        .host = {.captured_count = 3, .captured_sizes = {1, 8, 16}},
        .decodes = 9,
        .tokens = 16,
    };
    check_costs_the_same(&padded, 9);
}
END_TEST

START_TEST(prompts_beside_decodes_cost_what_their_graph_does)
{
    /* Rows of the head: 5 decodes', the prompt's, and 55 of padding. */
    const struct padded padded = {
        .host = {.captured_count = 3, .captured_sizes = {1, 8, 64}, .graphs_prefill = true},
        .decodes = 5,
        .prompt = 4,
        .tokens = 64,
    };
    check_costs_the_same(&padded, 6);
}
END_TEST

START_TEST(a_static_batch_decodes_more_than_the_budget)
{
    /* All of its sequences, which cost the same whatever the budget is. */
    const struct padded padded = {.decodes = 32, .tokens = 32};
    struct step_work tight = work_of(&padded, 8, 32);
    struct step_work wide = work_of(&padded, 2048, 32);
    check_close(tight.layer_fixed_s, wide.layer_fixed_s);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        decodes_cost_what_their_graph_does,
        prompts_beside_decodes_cost_what_their_graph_does,
        a_static_batch_decodes_more_than_the_budget,
    };
    return suite_run("padding", tests, ARRAY_LENGTH(tests));
}
