/*
 * Sends of which each GPU has a share, and the all-gathers that follow: do they
 * cost what their definition says?
 *
 * Llama-3.1-8B on groups of NVLink: 400 GB/s, 1 us from GPU to GPU, 3 us to start.
 */
#include "play.h"
#include "step_bench.h"

#define TOKENS 803 /* no multiple of the ranks: hidden states are split, not tokens */
#define TENSORS 2
#define TOKEN_BYTES (4096 * 2.0)
#define LAUNCH_S 15e-6
#define LAYERS 10

static const struct stage_part first = {.layers = LAYERS, .is_first = true};
static const struct stage_part later = {.layers = LAYERS};

static struct step_cost *prepare(struct step_bench *bench, bool scattered, struct sharding sharding)
{
    step_bench_init(bench);
    bench->serving.host.send_tensors = TENSORS;
    bench->serving.host.launch_collective_s = LAUNCH_S;
    bench->serving.host.send_scattered = scattered;
    return step_bench_prepare(bench, sharding);
}

/* A step of one prompt. */
static struct step_work work_of(struct step_cost *cost)
{
    struct chunk chunk = {.length = TOKENS};
    struct batch batch = {.chunks = &chunk, .chunk_count = 1, .prefill_tokens = TOKENS};
    return step_work_of(cost, &batch, NULL);
}

/* What each GPU of the stage sends in collectives. */
static double sent_bytes(const struct stage_work *work)
{
    double bytes = 0;
    for (int way = 0; way < COLLECTIVE_WAY_COUNT; way++)
        bytes += work->sent.bytes[way];
    return bytes;
}

/* An all-gather round the ring: start, seven hops, 7/8 of all over 400 GB/s. */
static double gather_s(double tokens)
{
    return 3e-6 + 7e-6 + 7.0 / 8 * tokens * TOKEN_BYTES / 400e9;
}

START_TEST(each_gpu_sends_its_share)
{
    /* Two tensors of 803 tokens, whole from each of 8 GPUs, or an eighth from each. */
    struct step_bench bench;
    double whole = TENSORS * TOKENS * TOKEN_BYTES;
    ck_assert_double_eq(work_of(prepare(&bench, false, (struct sharding){0})).send_bytes, whole);
    arena_release(&bench.arena);
    ck_assert_double_eq(work_of(prepare(&bench, true, (struct sharding){0})).send_bytes, whole / 8);
    arena_release(&bench.arena);
}
END_TEST

START_TEST(later_stages_gather_each_tensor)
{
    /* Beyond its layers' collectives, a stage with a stage before it has an all-gather for each
       tensor, of which each GPU sends 7/8 of what it received to 7 others, and a launch for each;
       the first stage has what it has where sends are whole. */
    struct step_bench bench;
    struct step_cost *cost = prepare(&bench, false, (struct sharding){0});
    struct step_work work = work_of(cost);
    struct stage_work plain = step_work_on_stage(cost, &work, &later);
    arena_release(&bench.arena);
    cost = prepare(&bench, true, (struct sharding){0});
    work = work_of(cost);
    struct stage_work of_first = step_work_on_stage(cost, &work, &first);
    struct stage_work of_later = step_work_on_stage(cost, &work, &later);
    ck_assert_int_eq(of_first.collective, plain.collective);
    ck_assert_int_eq(of_first.launch, plain.launch);
    ck_assert_double_eq(sent_bytes(&of_first), sent_bytes(&plain));
    ck_assert_double_eq_tol(sim_s_from_ps(of_later.collective - plain.collective),
                            TENSORS * gather_s(TOKENS), 1e-12);
    ck_assert_double_eq_tol(sim_s_from_ps(of_later.launch - plain.launch), TENSORS * LAUNCH_S,
                            1e-12);
    ck_assert_double_eq_tol(sent_bytes(&of_later) - sent_bytes(&plain),
                            TENSORS * 7.0 / 8 * TOKENS * TOKEN_BYTES, 1e-3);
    arena_release(&bench.arena);
}
END_TEST

/* Kernels and collectives of all steps so far. */
static double spent_s(const struct step_cost *cost)
{
    struct cost_sum spent = step_cost_spent(cost);
    double seconds = 0;
    for (int provenance = 0; provenance < COST_PROVENANCE_COUNT; provenance++)
        seconds += (double)spent.by_provenance[provenance] / COST_SUM_FS_PER_S;
    return seconds;
}

START_TEST(gathers_are_counted)
{
    /* Expectation: five more such steps add what the stage's collectives take, five times. */
    struct step_bench bench;
    struct step_cost *cost = prepare(&bench, true, (struct sharding){0});
    struct step_work work = work_of(cost);
    double collective_s = sim_s_from_ps(step_work_on_stage(cost, &work, &later).collective);
    double before_s = spent_s(cost);
    step_work_count_on_stage(cost, &work, &later, 5);
    ck_assert_double_eq_tol(spent_s(cost) - before_s, 5 * collective_s, 1e-11);
    arena_release(&bench.arena);
}
END_TEST

START_TEST(hidden_states_of_sequence_parallelism_stay_scattered)
{
    /* Expectation: each GPU sends the tokens that it has and nothing is gathered, either way. */
    const struct sharding sharding = {.sequence_parallel = true};
    struct stage_work works[2];
    double bytes[2];
    for (int scattered = 0; scattered < 2; scattered++) {
        struct step_bench bench;
        struct step_cost *cost = prepare(&bench, scattered, sharding);
        struct step_work work = work_of(cost);
        works[scattered] = step_work_on_stage(cost, &work, &later);
        bytes[scattered] = work.send_bytes;
        arena_release(&bench.arena);
    }
    ck_assert_double_eq(bytes[0], bytes[1]);
    ck_assert_int_eq(works[0].collective, works[1].collective);
    ck_assert_int_eq(works[0].launch, works[1].launch);
}
END_TEST

/* The links' bytes and a timeline's all-gathers. */
struct watched {
    uint32_t nic; /* of node 0, on its way out */
    double nic_bytes;
    struct span_record visit; /* the last stage's first */
    struct span_record gathers[TENSORS];
    uint32_t gather_count;
};

static int watch_link(void *context, const struct link_record *row, struct error *error)
{
    (void)error;
    struct watched *watched = context;
    if (row->link == watched->nic)
        watched->nic_bytes += row->bytes;
    return 0;
}

static int watch_span(void *context, const struct span_record *span, struct error *error)
{
    (void)error;
    struct watched *watched = context;
    if (span->kind == SPAN_STAGE && span->stage == 1)
        watched->visit = *span;
    if (span->kind != SPAN_ALL_GATHER)
        return 0;
    ck_assert_uint_eq(span->stage, 1);
    ck_assert_uint_eq(span->layer, SPAN_NO_LAYER);
    ck_assert_uint_lt(watched->gather_count, TENSORS);
    watched->gathers[watched->gather_count++] = *span;
    return 0;
}

/* One prompt through two stages of eight GPUs, each on a node of one NIC. */
static struct watched run(bool scattered)
{
    const struct layout_spec layout = {.tensor_parallel = RANKS,
                                       .pipeline_parallel = 2,
                                       .replicas = 1,
                                       .placement = LAYOUT_PLACEMENT_SPREAD};
    struct scenario scenario = fixture_scenario(2, layout);
    scenario.output.timeline = TIMELINE_LAYERS;
    scenario.cluster.nics_per_node = 1;
    scenario.serving.max_step_tokens = TOKENS;
    scenario.serving.host.send_tensors = TENSORS;
    scenario.serving.host.send_scattered = scattered;
    struct watched watched = {.nic_bytes = 0};
    struct topology topology;
    struct arena arena;
    struct error error;
    arena_init(&arena);
    ck_assert_int_eq(topology_build(&topology, &scenario.cluster, &arena, &error), 0);
    ck_assert(topology_find_link(&topology, "node0/nic0>network", &watched.nic));
    arena_release(&arena);
    struct arrival arrival = {.at = 0, .input_tokens = TOKENS, .output_tokens = 1};
    struct rows rows = {.context = &watched, .span = watch_span, .link = watch_link};
    play_rows(&scenario, &arrival, 1, &rows);
    return watched;
}

START_TEST(as_many_times_fewer_bytes_cross_a_nic)
{
    /* Eight GPUs' whole tensors cross node 0's one NIC, or each tensor once. */
    double once = TENSORS * TOKENS * TOKEN_BYTES;
    ck_assert_double_eq_tol(run(false).nic_bytes, 8 * once, 1);
    ck_assert_double_eq_tol(run(true).nic_bytes, once, 1);
}
END_TEST

START_TEST(a_timeline_begins_later_stages_with_their_gathers)
{
    /* Expectation: one after the other from the visit's start on, each of a whole tensor; none
       where sends are whole. */
    struct watched watched = run(true);
    sim_ps at = watched.visit.start;
    ck_assert_uint_eq(run(false).gather_count, 0);
    ck_assert_uint_eq(watched.gather_count, TENSORS);
    for (uint32_t i = 0; i < TENSORS; i++) {
        ck_assert_int_eq(watched.gathers[i].start, at);
        ck_assert_double_eq_tol(sim_s_from_ps(watched.gathers[i].duration), gather_s(TOKENS),
                                2e-12);
        ck_assert_uint_eq(watched.gathers[i].bytes, (uint64_t)(TOKENS * TOKEN_BYTES));
        at += watched.gathers[i].duration;
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        each_gpu_sends_its_share,
        later_stages_gather_each_tensor,
        gathers_are_counted,
        hidden_states_of_sequence_parallelism_stay_scattered,
        as_many_times_fewer_bytes_cross_a_nic,
        a_timeline_begins_later_stages_with_their_gathers,
    };
    return suite_run("scattered sends", tests, ARRAY_LENGTH(tests));
}
