/*
 * Do sequence and expert parallelism cost what their definitions say?
 *
 * Llama-3.1-8B, also as a mixture of 8 experts, two a token, on eight GPUs of NVLink: 400 GB/s,
 * 1 us from GPU to GPU, 3 us to start.
 */
#include "step_bench.h"

#define TOKENS 800 /* a multiple of the ranks, but for the tests of remainders */
#define HIDDEN_BYTES 2.0

static void set_up(struct step_bench *bench, uint32_t experts)
{
    step_bench_init(bench);
    bench->model.experts = experts;
    bench->model.experts_per_token = experts > 0 ? 2 : 0;
    bench->serving.host.send_tensors = 2;
    bench->serving.host.launch_collective_s = 15e-6;
}

/* A step of so many prompt tokens. */
static struct step_work work_of(struct step_cost *cost, struct chunk *chunk, uint32_t tokens)
{
    *chunk = (struct chunk){.length = tokens};
    struct batch batch = {.chunks = chunk, .chunk_count = 1, .prefill_tokens = tokens};
    return step_work_of(cost, &batch, NULL);
}

/* What it takes on a stage in the middle of a pipeline, of ten layers. */
static struct stage_work on_stage(struct step_cost *cost, const struct step_work *work)
{
    const struct stage_part part = {.layers = 10};
    return step_work_on_stage(cost, work, &part);
}

static void check_close(double actual, double expected)
{
    ck_assert_double_eq_tol(actual, expected, 1e-9 * fabs(expected));
}

/* Collectives' times that are measured; a reduce-scatter or all-gather takes half an all-reduce. */
static void measure_halves(struct collective_table *table)
{
    static const enum collective_operation operations[] = {
        OPERATION_ALL_REDUCE, OPERATION_REDUCE_SCATTER, OPERATION_ALL_GATHER};
    struct collective_sample samples[64];
    size_t count = 0;
    struct error error;
    for (size_t i = 0; i < ARRAY_LENGTH(operations); i++)
        for (double bytes = 1024; bytes < 1e9; bytes *= 4)
            samples[count++] = (struct collective_sample){
                .kind = {operations[i], false, COLLECTIVE_FABRIC_PEER, true},
                .ranks = RANKS,
                .bytes = bytes,
                .seconds = (i == 0 ? 2 : 1) * (9e-6 + bytes / 300e9 + 1e-9 * sqrt(bytes)),
            };
    ck_assert_int_eq(collective_table_init(table, samples, count, &error), 0);
}

START_TEST(sequence_parallel_collectives_cost_an_all_reduce_where_halves_do)
{
    /* An all-reduce is a reduce-scatter and an all-gather: where each takes half its time, a
       layer's two all-reduces and its four collectives take the same. */
    struct collective_table table;
    struct step_bench bench;
    struct chunk chunk;
    set_up(&bench, 0);
    measure_halves(&table);
    bench.measured.collectives = &table;
    struct step_cost *cost = step_bench_prepare(&bench, (struct sharding){0});
    struct step_work work = work_of(cost, &chunk, TOKENS);
    sim_ps plain = on_stage(cost, &work).collective;
    cost = step_bench_prepare(&bench, (struct sharding){.sequence_parallel = true});
    work = work_of(cost, &chunk, TOKENS);
    sim_ps scattered = on_stage(cost, &work).collective;
    check_close(sim_s_from_ps(scattered), sim_s_from_ps(plain));
    collective_table_release(&table);
    arena_release(&bench.arena);
}
END_TEST

START_TEST(sequence_parallel_rings_add_a_start_each)
{
    /* Rings of p ranks: an all-reduce starts once and takes 2(p-1) rounds, a reduce-scatter and an
       all-gather start twice and take p-1 each. */
    struct step_bench bench;
    set_up(&bench, 0);
    struct step_cost *cost =
        step_bench_prepare(&bench, (struct sharding){.sequence_parallel = true});
    double bytes = 1000.0 * 4096 * HIDDEN_BYTES;
    const struct collective_group *group = &cost->classes[0].group;
    double ring_s = collective_s(group, OPERATION_ALL_REDUCE, COLLECTIVE_RING, bytes);
    double halves_s = collective_s(group, OPERATION_REDUCE_SCATTER, COLLECTIVE_RING, bytes) +
                      collective_s(group, OPERATION_ALL_GATHER, COLLECTIVE_RING, bytes);
    check_close(halves_s, ring_s + 3e-6);
    arena_release(&bench.arena);
}
END_TEST

START_TEST(sequence_parallel_norms_and_sends_are_of_the_gpu_s_share)
{
    /* 803 tokens over 8 GPUs: the fullest has 101. It norms as many, embeds as many, and sends two
       tensors of as many x hidden; projections work on all. */
    struct step_bench bench;
    struct chunk chunk;
    struct kernel plain[LAYER_KERNELS_MAX];
    struct kernel scattered[LAYER_KERNELS_MAX];
    set_up(&bench, 0);
    struct step_cost *cost = step_bench_prepare(&bench, (struct sharding){0});
    uint32_t count = compute_layer_kernels(&cost->compute, 803, plain);
    check_close(work_of(cost, &chunk, 803).send_bytes, 2 * 803.0 * 4096 * HIDDEN_BYTES);
    cost = step_bench_prepare(&bench, (struct sharding){.sequence_parallel = true});
    ck_assert_uint_eq(compute_layer_kernels(&cost->compute, 803, scattered), count);
    for (uint32_t i = 0; i < count; i++) {
        ck_assert_int_eq(scattered[i].kind, plain[i].kind);
        ck_assert_double_eq(scattered[i].m, plain[i].kind == SPAN_NORM ? 101 : plain[i].m);
    }
    ck_assert_double_eq(compute_embedding(&cost->compute, 803).m, 101);
    check_close(work_of(cost, &chunk, 803).send_bytes, 2 * 101.0 * 4096 * HIDDEN_BYTES);
    arena_release(&bench.arena);
}
END_TEST

START_TEST(sequence_parallel_rings_move_as_many_bytes)
{
    /* Each GPU sends 2(p-1)/p of an all-reduce's buffer, and (p-1)/p of each half's. */
    struct step_bench bench;
    struct chunk chunk;
    const struct stage_part part = {.layers = 10};
    set_up(&bench, 0);
    struct step_cost *cost = step_bench_prepare(&bench, (struct sharding){0});
    struct step_work work = work_of(cost, &chunk, TOKENS);
    double plain = step_work_on_stage(cost, &work, &part).sent.bytes[COLLECTIVE_WAY_RING];
    check_close(plain, 10 * 2 * 2 * 7.0 / 8 * TOKENS * 4096 * HIDDEN_BYTES);
    cost = step_bench_prepare(&bench, (struct sharding){.sequence_parallel = true});
    check_close(step_work_on_stage(cost, &work, &part).sent.bytes[COLLECTIVE_WAY_RING], plain);
    arena_release(&bench.arena);
}
END_TEST

START_TEST(dispatch_sends_each_token_to_each_of_its_experts)
{
    /* A GPU has 800 / 8 tokens, and sends each to two experts: 200 rows of 4,096 x 2 bytes, 1/8 of
       them to itself. All pairs at once: start, a hop, 7/8 of them over 400 GB/s. */
    struct step_bench bench;
    set_up(&bench, 8);
    struct step_cost *cost = step_bench_prepare(
        &bench, (struct sharding){.expert_parallel = true, .expert_imbalance = 1});
    double bytes = 200.0 * 4096 * HIDDEN_BYTES;
    ck_assert_double_eq(step_cost_exchange_bytes(cost, EXCHANGE_DISPATCH, TOKENS), bytes);
    ck_assert_double_eq(step_cost_exchange_bytes(cost, EXCHANGE_COMBINE, TOKENS), bytes);
    check_close(step_cost_exchange(cost, 0, EXCHANGE_DISPATCH, TOKENS).seconds,
                3e-6 + 1e-6 + 7.0 / 8 * bytes / 400e9);
    /* One token is on one GPU, in a share of one. */
    ck_assert_double_eq(step_cost_exchange_bytes(cost, EXCHANGE_DISPATCH, 1),
                        2 * 4096 * HIDDEN_BYTES);
    arena_release(&bench.arena);
}
END_TEST

/* The kernel of a kind among a layer's, of `tokens`. */
static struct kernel kernel_of(const struct step_cost *cost, enum span_kind kind, double tokens)
{
    struct kernel kernels[LAYER_KERNELS_MAX];
    uint32_t count = compute_layer_kernels(&cost->compute, tokens, kernels);
    for (uint32_t i = 0; i < count; i++)
        if (kernels[i].kind == kind)
            return kernels[i];
    ck_abort_msg("no kernel of kind %d", (int)kind);
}

START_TEST(whole_experts_do_the_same_work_on_other_shapes)
{
    /* Of 800 tokens x 2 = 1,600 rows a GPU's one expert gets 200, over the whole FFN: as many FLOPs
       as 1,600 rows over an eighth of it. All 8 experts are reached, so one here. */
    struct step_bench bench;
    set_up(&bench, 8);
    struct kernel split =
        kernel_of(step_bench_prepare(&bench, (struct sharding){0}), SPAN_GATE_UP, TOKENS);
    struct sharding whole = {.expert_parallel = true, .expert_imbalance = 1};
    struct kernel own = kernel_of(step_bench_prepare(&bench, whole), SPAN_GATE_UP, TOKENS);
    ck_assert_double_eq(own.m, 200);
    ck_assert_double_eq(own.n, 2 * 14336);
    check_close(own.groups, 1);
    check_close(own.work.flops, split.work.flops);
    /* The router has the GPU's share of the tokens. */
    ck_assert_double_eq(kernel_of(&bench.cost, SPAN_ROUTER, TOKENS).m, TOKENS / RANKS);
    /* One token gives one GPU a row, at least, and it reads one expert. */
    own = kernel_of(&bench.cost, SPAN_GATE_UP, 1);
    ck_assert_double_eq(own.m, 1);
    ck_assert_double_eq(own.groups, 1);
    arena_release(&bench.arena);
}
END_TEST

START_TEST(whole_experts_may_be_summed_as_split_ones)
{
    /* Each GPU has all 800 tokens and adds what its experts make of them: two all-reduces a layer
       of 800 x 4,096 x 2 bytes, and a ring's GPU sends 2 x 7/8 of each. */
    struct step_bench bench;
    struct chunk chunk;
    const struct stage_part part = {.layers = 10};
    const struct sharding summed = {.expert_parallel = true,
                                    .expert_imbalance = 1,
                                    .expert_exchange = EXPERT_EXCHANGE_ALL_REDUCE};
    set_up(&bench, 8);
    struct step_cost *cost = step_bench_prepare(&bench, summed);
    ck_assert_uint_eq(cost->exchange_count, 2);
    ck_assert_int_eq(cost->exchanges[0].exchange, EXCHANGE_ALL_REDUCE);
    ck_assert_int_eq(cost->exchanges[0].kernel, SPAN_OUTPUT);
    ck_assert_int_eq(cost->exchanges[1].exchange, EXCHANGE_ALL_REDUCE);
    ck_assert_int_eq(cost->exchanges[1].kernel, SPAN_DOWN);
    struct step_work work = work_of(cost, &chunk, TOKENS);
    check_close(step_work_on_stage(cost, &work, &part).sent.bytes[COLLECTIVE_WAY_RING],
                10 * 2 * 2 * 7.0 / 8 * TOKENS * 4096 * HIDDEN_BYTES);
    /* It norms and routes all of them; of the 1,600 rows its expert gets 200, as where they are
       sent. */
    ck_assert_double_eq(kernel_of(cost, SPAN_NORM, TOKENS).m, TOKENS);
    ck_assert_double_eq(kernel_of(cost, SPAN_ROUTER, TOKENS).m, TOKENS);
    ck_assert_double_eq(kernel_of(cost, SPAN_GATE_UP, TOKENS).m, 200);
    arena_release(&bench.arena);
}
END_TEST

START_TEST(a_step_waits_for_the_busiest_gpu)
{
    /* At an imbalance of 2 the step is longer by what the busiest GPU's 400 rows take over the mean
       GPU's 200, in the experts' kernels and both all-to-alls, and by nothing else. */
    static const enum span_kind expert_kernels[] = {SPAN_GATE_UP, SPAN_ACTIVATION, SPAN_DOWN};
    struct step_bench balanced;
    struct step_bench busy;
    struct chunk chunk;
    set_up(&balanced, 8);
    set_up(&busy, 8);
    step_bench_prepare(&balanced,
                       (struct sharding){.expert_parallel = true, .expert_imbalance = 1});
    step_bench_prepare(&busy, (struct sharding){.expert_parallel = true, .expert_imbalance = 2});
    struct step_work balanced_work = work_of(&balanced.cost, &chunk, TOKENS);
    struct step_work busy_work = work_of(&busy.cost, &chunk, TOKENS);
    double longer_s = 0;
    ck_assert_double_eq(kernel_of(&busy.cost, SPAN_GATE_UP, TOKENS).m, 400);
    for (size_t i = 0; i < ARRAY_LENGTH(expert_kernels); i++) {
        struct kernel most = kernel_of(&busy.cost, expert_kernels[i], TOKENS);
        struct kernel mean = kernel_of(&balanced.cost, expert_kernels[i], TOKENS);
        longer_s += step_cost_kernel(&busy.cost, &most).seconds -
                    step_cost_kernel(&balanced.cost, &mean).seconds;
    }
    ck_assert_double_gt(longer_s, 0);
    double all_to_all_s = 200.0 * 4096 * HIDDEN_BYTES * 7 / 8 / 400e9;
    struct stage_work busy_stage = on_stage(&busy.cost, &busy_work);
    struct stage_work balanced_stage = on_stage(&balanced.cost, &balanced_work);
    ck_assert_double_eq_tol(sim_s_from_ps(busy_stage.compute - balanced_stage.compute),
                            10 * longer_s, 2e-12);
    ck_assert_double_eq_tol(sim_s_from_ps(busy_stage.collective - balanced_stage.collective),
                            10 * 2 * all_to_all_s, 2e-12);
    arena_release(&balanced.arena);
    arena_release(&busy.arena);
}
END_TEST

START_TEST(no_gpu_is_busier_than_all_tokens_make_it)
{
    /* Two picks of eight experts on eight GPUs: a GPU's one expert gets every token at most, which
       is 8 / 2 = 4 times the mean; four experts a GPU both picks, 2 times on two GPUs. */
    struct step_bench bench;
    set_up(&bench, 8);
    const struct sharding sharding = {.expert_parallel = true, .expert_imbalance = 100};
    ck_assert_double_eq(sharding_imbalance(&sharding, &bench.model, 8), 4);
    ck_assert_double_eq(sharding_expert_rows(&sharding, &bench.model, 8, TOKENS), TOKENS);
    ck_assert_double_eq(sharding_imbalance(&sharding, &bench.model, 2), 2);
    ck_assert_double_eq(sharding_experts_reached(&sharding, &bench.model, 2, 1e6), 4);
    arena_release(&bench.arena);
}
END_TEST

START_TEST(both_options_leave_one_gather_a_layer)
{
    /* Sequence and expert parallel: an all-gather before attention, a reduce-scatter after it, and
       the experts' two; launched one by one, four collectives a layer. */
    static const enum exchange expected[] = {EXCHANGE_ALL_GATHER, EXCHANGE_REDUCE_SCATTER,
                                             EXCHANGE_DISPATCH, EXCHANGE_COMBINE};
    struct step_bench bench;
    struct chunk chunk;
    set_up(&bench, 8);
    const struct sharding both = {
        .sequence_parallel = true, .expert_parallel = true, .expert_imbalance = 1};
    struct step_cost *cost = step_bench_prepare(&bench, both);
    ck_assert_uint_eq(cost->exchange_count, ARRAY_LENGTH(expected));
    for (size_t i = 0; i < ARRAY_LENGTH(expected); i++)
        ck_assert_int_eq(cost->exchanges[i].exchange, expected[i]);
    struct step_work work = work_of(cost, &chunk, TOKENS);
    ck_assert_int_eq(on_stage(cost, &work).launch,
                     sim_ps_from_s(10 * (work.layer_launch_s + 4 * 15e-6)));
    arena_release(&bench.arena);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        sequence_parallel_collectives_cost_an_all_reduce_where_halves_do,
        sequence_parallel_rings_add_a_start_each,
        sequence_parallel_norms_and_sends_are_of_the_gpu_s_share,
        sequence_parallel_rings_move_as_many_bytes,
        dispatch_sends_each_token_to_each_of_its_experts,
        whole_experts_do_the_same_work_on_other_shapes,
        whole_experts_may_be_summed_as_split_ones,
        a_step_waits_for_the_busiest_gpu,
        no_gpu_is_busier_than_all_tokens_make_it,
        both_options_leave_one_gather_a_layer,
    };
    return suite_run("sharding", tests, ARRAY_LENGTH(tests));
}
