/*
 * Do a stage's host times and collectives come to what the engine's costs say?
 *
 * Llama-3.1-8B on eight GPUs of NVLink. A layer has eight kernels beside attention, and two
 * all-reduces; three decodes and two chunks of prompts, one with KV before it, make a step.
 */
#include "pipeline.h"
#include "step_bench.h"

#define LAYERS 10
#define LAYER_KERNELS 8

static void set_up(struct step_bench *bench)
{
    step_bench_init(bench);
    bench->serving.host = (struct host){
        .prepare_s = 60e-6,
        .prepare_per_request_s = 2e-6,
        .receive_s = 70e-6,
        .launch_s = 20e-6,
        .launch_decode_s = 40e-6,
        .launch_chunk_s = 60e-6,
        .launch_history_s = 110e-6,
        .launch_collective_s = 75e-6,
    };
}

/* The step on a stage of a pipeline. */
static struct stage_work work_on(struct step_bench *bench, const struct stage_part *part)
{
    struct chunk chunks[] = {{.length = 500}, {.start = 512, .length = 100}};
    const struct batch batch = {.decode_rows = 3,
                                .decode_context_tokens = 900,
                                .chunks = chunks,
                                .chunk_count = ARRAY_LENGTH(chunks),
                                .prefill_tokens = 600};
    step_bench_prepare(bench, (struct sharding){0});
    struct step_work work = step_work_of(&bench->cost, &batch, NULL);
    return step_work_on_stage(&bench->cost, &work, part);
}

/* The same in its middle. */
static struct stage_work work_of(struct step_bench *bench)
{
    static const struct stage_part part = {.layers = LAYERS};
    return work_on(bench, &part);
}

static void check_close(sim_ps actual, double expected_s)
{
    ck_assert_double_eq_tol(sim_s_from_ps(actual), expected_s, 1e-9 * expected_s);
}

START_TEST(a_stage_waits_for_its_slowest_process)
{
    /* Prepared: 60 us, 2 us for each of five requests, 70 us to receive. Launched, for each layer:
       eight kernels, the decodes', two chunks', one history, two collectives. Over 2^3 processes
       a spread of 10% makes both 1.3 times as long. */
    struct step_bench bench;
    double prepare_s = 60e-6 + 5 * 2e-6 + 70e-6;
    double layer_s = LAYER_KERNELS * 20e-6 + 40e-6 + 2 * 60e-6 + 110e-6 + 2 * 75e-6;
    set_up(&bench);
    struct stage_work even = work_of(&bench);
    check_close(even.prepare, prepare_s);
    check_close(even.launch, LAYERS * layer_s);
    bench.serving.host.process_spread = 0.1;
    struct stage_work uneven = work_of(&bench);
    check_close(uneven.prepare, 1.3 * prepare_s);
    check_close(uneven.launch, 1.3 * LAYERS * layer_s);
    ck_assert_int_eq(uneven.compute, even.compute);
    arena_release(&bench.arena);
}
END_TEST

/* Starts a step of no length `wait` after the process of a stage has launched the one before. */
static sim_ps start_after(const struct step_bench *bench, sim_ps wait)
{
    struct step_cost cost = {.host = &bench->serving.host};
    struct pipeline_stage stage = {.clock = {.launched = 1000}};
    struct pipeline pipeline = {.cost = &cost, .stages = &stage, .stage_count = 1};
    struct visit visit = {.work.prepare = 100};
    struct step step = {.launched = 1000 + wait, .visits = &visit};
    pipeline.cold_wait = sim_ps_from_s(bench->serving.host.cold_wait_s);
    pipeline_begin_visit(&pipeline, 0, &step);
    return visit.start - step.launched;
}

START_TEST(a_process_that_waited_prepares_more_slowly)
{
    /* As many times as long as it waited, in units of 5 ms, from once to three times. */
    struct step_bench bench;
    set_up(&bench);
    bench.serving.host.cold_wait_s = 5e-3;
    bench.serving.host.cold_most = 3;
    const double expected[][2] = {{0, 100}, {5e-3, 100}, {7.5e-3, 150}, {15e-3, 300}, {1, 300}};
    for (size_t i = 0; i < ARRAY_LENGTH(expected); i++)
        ck_assert_int_eq(start_after(&bench, sim_ps_from_s(expected[i][0])),
                         (sim_ps)expected[i][1]);
    arena_release(&bench.arena);
}
END_TEST

/* All-reduces that take 9 us and more. */
static void measure(struct collective_table *table)
{
    struct collective_sample samples[16];
    size_t count = 0;
    struct error error;
    for (double bytes = 1024; bytes < 1e9; bytes *= 4)
        samples[count++] = (struct collective_sample){
            .kind = {OPERATION_ALL_REDUCE, false, COLLECTIVE_FABRIC_PEER, true},
            .ranks = RANKS,
            .bytes = bytes,
            .seconds = 9e-6 + bytes / 150e9,
        };
    ck_assert_int_eq(collective_table_init(table, samples, count, &error), 0);
}

START_TEST(a_measured_collective_hides_its_start_behind_a_kernel)
{
    /* Two all-reduces a layer, each shorter by what overlaps; none is shorter than nothing. */
    struct collective_table table;
    struct step_bench bench;
    set_up(&bench);
    measure(&table);
    bench.measured.collectives = &table;
    double alone_s = sim_s_from_ps(work_of(&bench).collective);
    bench.serving.host.collective_overlap_s = 3e-6;
    check_close(work_of(&bench).collective, alone_s - 2 * LAYERS * 3e-6);
    bench.serving.host.collective_overlap_s = 1;
    ck_assert_int_eq(work_of(&bench).collective, 0);
    collective_table_release(&table);
    arena_release(&bench.arena);
}
END_TEST

START_TEST(only_an_engines_own_kernel_is_direct)
{
    /* Two all-reduces a layer of 603 tokens, each 3 us to start and then, of eight GPUs at 400
       GB/s, 14 hops of 1 us by a ring and 2 by the kernel; both move 14/8 of the bytes. Where NCCL
       was measured, at 42 us, an engine that has the kernel is as fast by model, and no faster. */
    struct collective_table table;
    struct step_bench bench;
    set_up(&bench);
    double move_s = 14.0 / 8 * 603 * bench.model.hidden * 2 / 400e9;
    check_close(work_of(&bench).collective, LAYERS * 2 * (3e-6 + 14e-6 + move_s));
    bench.serving.host.custom_all_reduce = true;
    check_close(work_of(&bench).collective, LAYERS * 2 * (3e-6 + 2e-6 + move_s));
    measure(&table);
    bench.measured.collectives = &table;
    check_close(work_of(&bench).collective, LAYERS * 2 * (3e-6 + 2e-6 + move_s));
    struct cost cost = step_cost_exchange(&bench.cost, 0, EXCHANGE_ALL_REDUCE, 603);
    ck_assert_int_eq(cost.provenance, COST_ESTIMATED);
    collective_table_release(&table);
    arena_release(&bench.arena);
}
END_TEST

START_TEST(a_sharded_embedding_costs_a_collective)
{
    /* One all-reduce more than two for each layer, and its launch; on the first stage alone. */
    static const struct stage_part first = {.layers = LAYERS, .is_first = true};
    struct step_bench bench;
    set_up(&bench);
    struct stage_work whole = work_on(&bench, &first);
    struct stage_work later = work_of(&bench);
    bench.serving.host.shard_embedding = true;
    struct stage_work sharded = work_on(&bench, &first);
    double one_s = sim_s_from_ps(whole.collective) / (2 * LAYERS);
    check_close(sharded.collective, (2 * LAYERS + 1) * one_s);
    check_close(sharded.launch, sim_s_from_ps(whole.launch) + 75e-6);
    ck_assert_int_eq(work_of(&bench).collective, later.collective);
    arena_release(&bench.arena);
}
END_TEST

START_TEST(a_modelled_collective_has_no_start_to_hide)
{
    /* By model a collective is what it takes behind a kernel. */
    struct step_bench bench;
    set_up(&bench);
    sim_ps alone = work_of(&bench).collective;
    bench.serving.host.collective_overlap_s = 3e-6;
    ck_assert_int_eq(work_of(&bench).collective, alone);
    arena_release(&bench.arena);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_stage_waits_for_its_slowest_process,
        a_process_that_waited_prepares_more_slowly,
        a_measured_collective_hides_its_start_behind_a_kernel,
        only_an_engines_own_kernel_is_direct,
        a_sharded_embedding_costs_a_collective,
        a_modelled_collective_has_no_start_to_hide,
    };
    return suite_run("host_times", tests, ARRAY_LENGTH(tests));
}
