/*
 * Does each kernel do the FLOPs and bytes of its formula, and take its roofline's time?
 *
 * Llama-3.1-70B on 4 GPUs: 16 heads and 2 KV heads of 128 a GPU, hidden 8192, FFN 7168.
 */
#include "compute.h"
#include "fixtures.h"
#include "suite.h"

#define BF16_BYTES 2.0

struct bench {
    struct model model;
    struct gpu gpu;
    struct compute compute;
};

static void set_up(struct bench *bench)
{
    bench->model = fixture_llama_70b();
    bench->gpu = fixture_gpu();
    bench->compute =
        (struct compute){.gpu = &bench->gpu, .model = &bench->model, .tensor_parallel = 4};
}

static void check_kernel(const struct kernel *kernel, enum span_kind kind, double flops,
                         double bytes)
{
    ck_assert_int_eq(kernel->kind, kind);
    ck_assert_double_le(fabs(kernel->work.flops - flops), 1e-12 * flops);
    ck_assert_double_le(fabs(kernel->work.bytes - bytes), 1e-12 * bytes);
}

/* Expectation: 2 m n k FLOPs; the weights once, the rows in and out, all bf16. */
static void check_gemm(const struct kernel *kernel, enum span_kind kind, double m, double n,
                       double k)
{
    check_kernel(kernel, kind, 2 * m * n * k, (n * k + m * k + m * n) * BF16_BYTES);
}

START_TEST(a_dense_layer_s_kernels)
{
    struct bench bench;
    struct kernel kernels[LAYER_KERNELS_MAX];
    set_up(&bench);
    ck_assert_uint_eq(compute_layer_kernels(&bench.compute, 100, kernels), 8);
    double norm_bytes = 4 * 100 * 8192 * BF16_BYTES; /* x and residual in, residual and y out */
    check_kernel(&kernels[0], SPAN_NORM, 0, norm_bytes);
    check_gemm(&kernels[1], SPAN_QKV, 100, (16 + 2 * 2) * 128, 8192);
    check_kernel(&kernels[2], SPAN_ROPE_KV, 0, 2 * 100 * 2560 * BF16_BYTES);
    check_gemm(&kernels[3], SPAN_OUTPUT, 100, 8192, 16 * 128);
    check_kernel(&kernels[4], SPAN_NORM, 0, norm_bytes);
    check_gemm(&kernels[5], SPAN_GATE_UP, 100, 2 * 7168, 8192);
    check_kernel(&kernels[6], SPAN_ACTIVATION, 0, 3 * 100 * 7168 * BF16_BYTES);
    check_gemm(&kernels[7], SPAN_DOWN, 100, 8192, 7168);
}
END_TEST

START_TEST(a_mixture_s_kernels_read_the_experts_that_are_reached)
{
    struct bench bench;
    struct kernel kernels[LAYER_KERNELS_MAX];
    set_up(&bench);
    bench.model.experts = 8;
    bench.model.experts_per_token = 2;
    ck_assert_uint_eq(compute_layer_kernels(&bench.compute, 3, kernels), 9);
    check_gemm(&kernels[5], SPAN_ROUTER, 3, 8, 8192);
    /* Expectation: 3 tokens x 2 experts are 6 rows; they reach 8 (1 - (6/8)^3) = 4.625 experts,
     * whose weights are read. */
    double weights = 2.0 * 7168 * 8192;
    double rows = 6.0 * (8192 + 2 * 7168);
    check_kernel(&kernels[6], SPAN_GATE_UP, 2 * 6 * weights, (4.625 * weights + rows) * BF16_BYTES);
    ck_assert_double_eq_tol(kernels[6].groups, 4.625, 1e-12);
    check_kernel(&kernels[7], SPAN_ACTIVATION, 0, 3 * 6 * 7168 * BF16_BYTES);
}
END_TEST

START_TEST(the_first_and_last_stage_s_kernels)
{
    struct bench bench;
    set_up(&bench);
    struct kernel embedding = compute_embedding(&bench.compute, 10);
    struct kernel norm = compute_final_norm(&bench.compute, 10);
    struct kernel head = compute_lm_head(&bench.compute, 10);
    struct kernel sample = compute_sample(&bench.compute, 10);
    double vocab = 128256 / 4.0;
    check_kernel(&embedding, SPAN_EMBEDDING, 0, 2 * 10 * 8192 * BF16_BYTES);
    check_kernel(&norm, SPAN_FINAL_NORM, 0, 4 * 10 * 8192 * BF16_BYTES);
    check_gemm(&head, SPAN_LM_HEAD, 10, vocab, 8192);
    check_kernel(&sample, SPAN_SAMPLE, 0, 10 * vocab * (2 + 4)); /* as bf16, then as fp32 */
}
END_TEST

START_TEST(decode_attention_reads_all_kv)
{
    /* Expectation: each row scores every token of its KV (2 FLOPs a value) and sums them (2 more),
     * for 16 heads of 128; K and V of 2 KV heads are read once; Q and the output are 16-bit. */
    struct bench bench;
    set_up(&bench);
    struct kernel kernel = compute_attention_decode(&bench.compute, 5, 6000);
    check_kernel(&kernel, SPAN_ATTENTION_DECODE, 4.0 * 6000 * 16 * 128,
                 6000 * (2 * 2 * 128 * BF16_BYTES) + 2 * 5 * 16 * 128 * BF16_BYTES);
    /* Expectation: KV in fp8 halves its bytes. */
    bench.model.kv = DTYPE_FP8;
    kernel = compute_attention_decode(&bench.compute, 5, 6000);
    check_kernel(&kernel, SPAN_ATTENTION_DECODE, 4.0 * 6000 * 16 * 128,
                 6000 * (2 * 2 * 128 * 1.0) + 2 * 5 * 16 * 128 * BF16_BYTES);
}
END_TEST

START_TEST(prefill_attention_is_causal)
{
    /* Expectation: token i of a chunk after 100 sees 100 + i others and itself: for 3 tokens
     * 101 + 102 + 103 pairs. */
    struct bench bench;
    set_up(&bench);
    struct kernel kernel = compute_attention_prefill(&bench.compute, 100, 3);
    check_kernel(&kernel, SPAN_ATTENTION_PREFILL, 4.0 * (101 + 102 + 103) * 16 * 128,
                 103 * (2 * 2 * 128 * BF16_BYTES) + 2 * 3 * 16 * 128 * BF16_BYTES);
}
END_TEST

START_TEST(chunks_of_a_prompt_score_what_the_whole_does)
{
    struct bench bench;
    set_up(&bench);
    struct kernel whole = compute_attention_prefill(&bench.compute, 0, 1000);
    struct kernel first = compute_attention_prefill(&bench.compute, 0, 300);
    struct kernel rest = compute_attention_prefill(&bench.compute, 300, 700);
    ck_assert_double_eq(first.work.flops + rest.work.flops, whole.work.flops);
}
END_TEST

static double time_of(const struct bench *bench, const struct kernel *kernel)
{
    return compute_kernel(&bench->compute, kernel).seconds;
}

START_TEST(the_roofline_has_its_corner_where_both_sides_meet)
{
    /* Expectation: at an intensity of peak / bandwidth = 1e15 / 3e12 FLOPs a byte both limits give
     * the same; below it memory is the limit, above it compute. And a gap follows each. */
    struct bench bench;
    set_up(&bench);
    struct kernel corner = {.kind = SPAN_QKV, .work.flops = 1e12, .work.bytes = 3e9};
    struct kernel memory_bound = corner;
    struct kernel compute_bound = corner;
    memory_bound.work.bytes *= 2;
    compute_bound.work.flops *= 3;
    ck_assert_double_eq_tol(time_of(&bench, &corner), 1e-3 + 1e-6, 1e-15);
    ck_assert_double_eq_tol(time_of(&bench, &memory_bound), 2e-3 + 1e-6, 1e-15);
    ck_assert_double_eq_tol(time_of(&bench, &compute_bound), 3e-3 + 1e-6, 1e-15);
}
END_TEST

/* Expectation: what kernel_table's roofline says of the kernel's shape. */
static void check_shape(const struct bench *bench, const struct kernel *kernel,
                        struct kernel_shape shape, double y)
{
    double expected_s = kernel_roofline_s(&bench->gpu, &shape, kernel->m, y);
    ck_assert_double_eq_tol(time_of(bench, kernel), expected_s, 1e-12 * expected_s);
}

START_TEST(measured_times_are_ratios_to_the_same_work)
{
    /* Expectation: beside gaps a kernel takes what the roofline says that its measured times would
       be ratios to, at any batch. An embedding is a copy, whose n is bytes. */
    struct bench bench;
    set_up(&bench);
    bench.gpu.kernel_gap_s = bench.gpu.elementwise_gap_s = 0;
    for (double tokens = 1; tokens <= 4096; tokens *= 8) {
        struct kernel kernels[LAYER_KERNELS_MAX + 4];
        uint32_t count = compute_layer_kernels(&bench.compute, tokens, kernels);
        kernels[count++] = compute_embedding(&bench.compute, tokens);
        kernels[count++] = compute_final_norm(&bench.compute, tokens);
        kernels[count++] = compute_lm_head(&bench.compute, tokens);
        kernels[count++] = compute_sample(&bench.compute, tokens);
        for (uint32_t i = 0; i < count; i++) {
            enum kernel_op op = kernel_op_of_span(kernels[i].kind);
            double unit = op == KERNEL_COPY ? BF16_BYTES : 1;
            struct kernel_shape shape = {.op = op, .n = unit * kernels[i].n, .k = kernels[i].k};
            check_shape(&bench, &kernels[i], shape, 1);
        }
    }
}
END_TEST

START_TEST(measured_experts_are_ratios_to_the_same_work)
{
    /* Expectation: gate-up, activation and down take together what the roofline says of the one
       operation that measured times are of. */
    struct bench bench;
    set_up(&bench);
    bench.gpu.kernel_gap_s = bench.gpu.elementwise_gap_s = 0;
    bench.model.experts = 8;
    bench.model.experts_per_token = 2;
    for (double tokens = 4; tokens <= 4096; tokens *= 4) {
        struct kernel kernels[LAYER_KERNELS_MAX];
        ck_assert_uint_eq(compute_layer_kernels(&bench.compute, tokens, kernels), 9);
        struct kernel_shape shape = {
            .op = KERNEL_EXPERTS, .n = 7168, .k = 8192, .experts = 8, .top_k = 2, .ranks = 1};
        double expected_s = kernel_roofline_s(&bench.gpu, &shape, 2 * tokens, kernels[6].groups);
        double seconds = time_of(&bench, &kernels[6]) + time_of(&bench, &kernels[7]) +
                         time_of(&bench, &kernels[8]);
        ck_assert_double_eq_tol(seconds, expected_s, 1e-12 * expected_s);
    }
}
END_TEST

START_TEST(measured_attention_is_a_ratio_to_the_same_work)
{
    /* Expectation: the roofline of measured attention adds up what the other takes the larger of:
       where either of a GPU's peaks is without bound, both say the same. */
    struct bench bench;
    set_up(&bench);
    bench.gpu.kernel_gap_s = 0;
    struct kernel decode = compute_attention_decode(&bench.compute, 5, 5 * 1200);
    struct kernel prefill = compute_attention_prefill(&bench.compute, 300, 700);
    struct kernel_shape shape = {.heads = 16, .kv_heads = 2};
    double *const peaks[] = {&bench.gpu.flops_per_s[DTYPE_BF16], &bench.gpu.memory_bytes_per_s};
    for (size_t i = 0; i < ARRAY_LENGTH(peaks); i++) {
        double usual = *peaks[i];
        *peaks[i] = INFINITY;
        shape.op = KERNEL_ATTENTION_DECODE;
        check_shape(&bench, &decode, shape, 1200);
        shape.op = KERNEL_ATTENTION_PREFILL;
        check_shape(&bench, &prefill, shape, 300);
        *peaks[i] = usual;
    }
}
END_TEST

START_TEST(each_kind_of_kernel_has_its_own_efficiency)
{
    struct bench bench;
    set_up(&bench);
    bench.gpu.kernel_gap_s = 0;
    bench.gpu.elementwise_gap_s = 0;
    bench.gpu.efficiency = (struct gpu_efficiency){
        .gemm_compute = 0.5,
        .gemm_memory = 0.8,
        .attention_compute = 0.25,
        .attention_memory = 0.4,
        .elementwise_memory = 0.2,
    };
    const struct kernel flops = {.work.flops = 1e12};
    const struct kernel bytes = {.work.bytes = 3e9};
    const struct {
        struct kernel kernel;
        enum span_kind kind;
        double efficiency;
    } cases[] = {
        {flops, SPAN_QKV, 0.5},
        {flops, SPAN_ROUTER, 0.5},
        {flops, SPAN_LM_HEAD, 0.5},
        {flops, SPAN_ATTENTION_PREFILL, 0.25},
        {bytes, SPAN_DOWN, 0.8},
        {bytes, SPAN_GATE_UP, 0.8},
        {bytes, SPAN_ATTENTION_DECODE, 0.4},
        {bytes, SPAN_NORM, 0.2},
        {bytes, SPAN_SAMPLE, 0.2},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct kernel kernel = cases[i].kernel;
        kernel.kind = cases[i].kind;
        ck_assert_double_eq_tol(time_of(&bench, &kernel), 1e-3 / cases[i].efficiency, 1e-15);
    }
}
END_TEST

START_TEST(elementwise_kernels_have_their_own_gap)
{
    /* Expectation: kernels without work take 3 us where they multiply or attend, else 2. */
    struct bench bench;
    set_up(&bench);
    bench.gpu.kernel_gap_s = 3e-6;
    bench.gpu.elementwise_gap_s = 2e-6;
    const struct kernel gemm = {.kind = SPAN_QKV};
    const struct kernel attention = {.kind = SPAN_ATTENTION_DECODE};
    const struct kernel norm = {.kind = SPAN_NORM};
    const struct kernel rope = {.kind = SPAN_ROPE_KV};
    ck_assert_double_eq_tol(time_of(&bench, &gemm), 3e-6, 1e-15);
    ck_assert_double_eq_tol(time_of(&bench, &attention), 3e-6, 1e-15);
    ck_assert_double_eq_tol(time_of(&bench, &norm), 2e-6, 1e-15);
    ck_assert_double_eq_tol(time_of(&bench, &rope), 2e-6, 1e-15);
}
END_TEST

START_TEST(weights_set_the_rate_of_multiplication)
{
    /* Expectation: fp8 at its own peak, twice bf16's; int4, which has none, at bf16's. */
    struct bench bench;
    set_up(&bench);
    bench.gpu.kernel_gap_s = 0;
    struct kernel kernel = {.kind = SPAN_QKV, .work.flops = 1e12};
    const double expected_s[DTYPE_COUNT] = {
        [DTYPE_BF16] = 1e-3, [DTYPE_FP8] = 0.5e-3, [DTYPE_INT4] = 1e-3, [DTYPE_FP4] = 1e-3};
    for (int dtype = 0; dtype < DTYPE_COUNT; dtype++) {
        kernel.weights = (enum dtype)dtype;
        ck_assert_double_eq_tol(time_of(&bench, &kernel), expected_s[dtype], 1e-15);
    }
}
END_TEST

START_TEST(quantized_weights_are_read_in_fewer_bytes)
{
    struct bench bench;
    struct kernel kernels[LAYER_KERNELS_MAX];
    set_up(&bench);
    bench.model.weights = DTYPE_INT4;
    compute_layer_kernels(&bench.compute, 1, kernels);
    double weights = 8192.0 * 7168;
    ck_assert_double_eq(kernels[7].work.bytes, weights * 4.125 / 8 + (8192 + 7168) * BF16_BYTES);
    /* Expectation: the LM head stays 16-bit. */
    struct kernel head = compute_lm_head(&bench.compute, 1);
    check_gemm(&head, SPAN_LM_HEAD, 1, 128256 / 4.0, 8192);
}
END_TEST

/* Decode attention of 8 heads and 8 KV heads: 10 us alone; `beside_s` beside chunks of 64 tokens.
 */
static size_t fill_decodes(struct kernel_sample samples[32], double beside_s)
{
    size_t count = 0;
    for (double batch = 1; batch <= 8; batch *= 2)
        for (double context = 128; context <= 1024; context *= 2) {
            struct kernel_sample sample = {
                .shape = {.op = KERNEL_ATTENTION_DECODE, .n = 1, .heads = 16, .kv_heads = 2},
                .x = batch,
                .y = context,
                .seconds = 10e-6};
            samples[count++] = sample;
            sample.shape.op = KERNEL_ATTENTION_BESIDE;
            sample.shape.beside = 64;
            sample.seconds = beside_s;
            samples[count++] = sample;
        }
    return count;
}

START_TEST(decodes_beside_a_prompt_take_what_was_measured_so)
{
    struct bench bench;
    struct arena arena;
    struct error error;
    struct kernel_table table;
    struct kernel_sample samples[32];
    set_up(&bench);
    arena_init(&arena);
    size_t count = fill_decodes(samples, 25e-6);
    ck_assert_int_eq(kernel_table_init(&table, &bench.gpu, samples, count, &error), 0);
    struct compute_setup setup = {.gpu = &bench.gpu,
                                  .model = &bench.model,
                                  .tensor_parallel = 4,
                                  .table = &table,
                                  .decode_op = KERNEL_ATTENTION_DECODE,
                                  .tokens_max = 2048,
                                  .sequences_max = 8,
                                  .context_max = 1024};
    ck_assert_int_eq(compute_init(&bench.compute, &setup, &arena, &error), 0);
    struct kernel decode = compute_attention_decode(&bench.compute, 4, 4 * 512);
    /* Expectation: 10 us alone, and 25 us in one kernel with 64 tokens of a prompt, to 10%: the
     * ratio to a roofline that is not flat is interpolated. */
    ck_assert_double_eq_tol(time_of(&bench, &decode), 10e-6, 1e-6);
    decode.beside = 64;
    ck_assert_double_eq_tol(time_of(&bench, &decode), 25e-6, 2.5e-6);
    kernel_table_release(&table);
    arena_release(&arena);
}
END_TEST

/* Experts' times as one operation, 100 us whatever the rows, of one of `ranks` GPUs. */
static size_t fill_experts(const struct model *model, double ffn, double ranks,
                           struct kernel_sample samples[16])
{
    size_t count = 0;
    for (double tokens = 1; tokens <= 2048; tokens *= 2)
        samples[count++] = (struct kernel_sample){
            .shape = {.op = ranks > 1 ? KERNEL_EXPERTS_PARALLEL : KERNEL_EXPERTS,
                      .n = ffn,
                      .k = model->hidden,
                      .experts = 8,
                      .top_k = 2,
                      .ranks = ranks},
            .x = tokens * 2 / ranks,
            .y = fmin(8 / ranks, tokens * 2),
            .seconds = 100e-6};
    return count;
}

/* Sets the bench up as a GPU of four with a mixture of 8, 2 a token, and its experts measured. */
static void set_up_experts(struct bench *bench, struct sharding sharding,
                           struct kernel_table *table, struct arena *arena)
{
    struct error error;
    struct kernel_sample samples[16];
    set_up(bench);
    arena_init(arena);
    bench->model.experts = 8;
    bench->model.experts_per_token = 2;
    double ffn = sharding.expert_parallel ? bench->model.ffn : bench->model.ffn / 4.0;
    size_t count = fill_experts(&bench->model, ffn, sharding.expert_parallel ? 4 : 1, samples);
    ck_assert_int_eq(kernel_table_init(table, &bench->gpu, samples, count, &error), 0);
    struct compute_setup setup = {.gpu = &bench->gpu,
                                  .model = &bench->model,
                                  .tensor_parallel = 4,
                                  .sharding = sharding,
                                  .table = table,
                                  .measured_gap_s = 1e-6,
                                  .tokens_max = 2048,
                                  .sequences_max = 8,
                                  .context_max = 1024};
    ck_assert_int_eq(compute_init(&bench->compute, &setup, arena, &error), 0);
}

START_TEST(measured_experts_are_shared_out_among_their_kernels)
{
    struct bench bench;
    struct arena arena;
    struct kernel_table table;
    struct kernel kernels[LAYER_KERNELS_MAX];
    set_up_experts(&bench, (struct sharding){.expert_parallel = false}, &table, &arena);
    compute_layer_kernels(&bench.compute, 512, kernels);
    double gate_up_s = time_of(&bench, &kernels[6]);
    double activation_s = time_of(&bench, &kernels[7]);
    double down_s = time_of(&bench, &kernels[8]);
    /* Expectation: together what was measured, 100 us, and one gap of 1 us, to 1%. */
    ck_assert_double_eq_tol(gate_up_s + activation_s + down_s, 101e-6, 1e-6);
    /* Expectation: shares as without the table. Nothing else was measured, so that is what a
     * compute without a table gives. */
    struct compute plain = bench.compute;
    plain.experts = NULL;
    double ratio = gate_up_s / compute_kernel(&plain, &kernels[6]).seconds;
    ck_assert_double_eq_tol(activation_s / compute_kernel(&plain, &kernels[7]).seconds, ratio,
                            1e-9 * ratio);
    ck_assert_double_eq_tol(down_s / compute_kernel(&plain, &kernels[8]).seconds, ratio,
                            1e-9 * ratio);
    /* Expectation: the router is no part of it. */
    ck_assert_double_eq(kernels[5].share, 0);
    kernel_table_release(&table);
    arena_release(&arena);
}
END_TEST

START_TEST(whole_experts_are_looked_up_by_the_gpus_that_share_them)
{
    struct bench bench;
    struct arena arena;
    struct kernel_table table;
    struct kernel kernels[LAYER_KERNELS_MAX];
    struct sharding sharding = {.expert_parallel = true, .expert_imbalance = 1};
    set_up_experts(&bench, sharding, &table, &arena);
    compute_layer_kernels(&bench.compute, 1024, kernels);
    /* Expectation: 2 of 8 experts on a GPU of four, as 1,024 tokens were measured over four: 100
     * us, on a measured point. */
    double seconds = 0;
    for (uint32_t i = 6; i < 9; i++)
        seconds += time_of(&bench, &kernels[i]);
    ck_assert_double_eq_tol(seconds, 101e-6, 1e-6);
    ck_assert_int_eq(compute_kernel(&bench.compute, &kernels[6]).provenance, COST_MEASURED);
    kernel_table_release(&table);
    arena_release(&arena);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_dense_layer_s_kernels,
        a_mixture_s_kernels_read_the_experts_that_are_reached,
        the_first_and_last_stage_s_kernels,
        decode_attention_reads_all_kv,
        prefill_attention_is_causal,
        chunks_of_a_prompt_score_what_the_whole_does,
        the_roofline_has_its_corner_where_both_sides_meet,
        measured_times_are_ratios_to_the_same_work,
        measured_experts_are_ratios_to_the_same_work,
        measured_attention_is_a_ratio_to_the_same_work,
        each_kind_of_kernel_has_its_own_efficiency,
        elementwise_kernels_have_their_own_gap,
        weights_set_the_rate_of_multiplication,
        quantized_weights_are_read_in_fewer_bytes,
        decodes_beside_a_prompt_take_what_was_measured_so,
        measured_experts_are_shared_out_among_their_kernels,
        whole_experts_are_looked_up_by_the_gpus_that_share_them,
    };
    return suite_run("compute", tests, ARRAY_LENGTH(tests));
}
