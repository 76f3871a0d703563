/*
 * Does the simulator agree with queueing theory?
 *
 * M/D/1, Little's law, the utilization law, the closed network's response-time
 * law, and a pipeline's fill and drain. TANDEM_TEST_SEED sets the draws.
 */
#include "dice.h"
#include "fixtures.h"
#include "play.h"
#include "suite.h"

/* Requests that come after the run has warmed up, in batches for the standard error. */
#define MD1_BATCHES 100
#define MD1_BATCH 4000

static struct scenario one_gpu(void)
{
    const struct layout_spec layout = {.tensor_parallel = 1, .pipeline_parallel = 1, .replicas = 1};
    return fixture_scenario(1, layout);
}

/* A server of one request at a time, each one step of the same length. */
static struct scenario deterministic_server(void)
{
    struct scenario scenario = one_gpu();
    scenario.serving.max_sequences = 1;
    return scenario;
}

static struct arrival *arrivals_new(size_t count)
{
    struct arrival *arrivals = calloc(count, sizeof(*arrivals));
    ck_assert_ptr_nonnull(arrivals);
    return arrivals;
}

/* `count` one-step requests, Poisson with this mean gap. */
static struct arrival *poisson_arrivals(struct dice *dice, size_t count, double mean_gap_s)
{
    struct arrival *arrivals = arrivals_new(count);
    double at_s = 0;
    for (size_t i = 0; i < count; i++) {
        at_s += dice_exponential(dice, mean_gap_s);
        arrivals[i] =
            (struct arrival){.at = sim_ps_from_s(at_s), .input_tokens = 128, .output_tokens = 1};
    }
    return arrivals;
}

/* How long one request that arrives at an empty server takes. */
static double service_s(const struct scenario *scenario)
{
    struct arrival arrival = {.at = 0, .input_tokens = 128, .output_tokens = 1};
    struct played played = play(scenario, &arrival, 1);
    double seconds = sim_s_from_ps(played.requests[0].done);
    played_release(&played);
    return seconds;
}

static double mean_wait_s(const struct request_record *requests, size_t count)
{
    sim_ps sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += requests[i].scheduled - requests[i].arrival;
    return sim_s_from_ps(sum) / (double)count;
}

/* The mean of the batches' means and its standard error; the first batch is left out. */
static void batch_means(const struct played *played, double *mean_s, double *error_s)
{
    double sum = 0;
    double squares = 0;
    for (size_t b = 1; b < MD1_BATCHES; b++) {
        double wait_s = mean_wait_s(&played->requests[b * MD1_BATCH], MD1_BATCH);
        sum += wait_s;
        squares += wait_s * wait_s;
    }
    double n = MD1_BATCHES - 1;
    *mean_s = sum / n;
    *error_s = sqrt((squares / n - *mean_s * *mean_s) / (n - 1));
}

/*
 * M/D/1, Pollaczek and Khinchine: the mean wait is rho D / (2 (1 - rho)).
 * Expectation: within four standard errors of batch means, and these within 4%
 * of the wait, so that the test can tell.
 */
static void check_md1(struct dice *dice, double rho)
{
    struct scenario scenario = deterministic_server();
    double d_s = service_s(&scenario);
    struct arrival *arrivals = poisson_arrivals(dice, MD1_BATCHES * MD1_BATCH, d_s / rho);
    struct played played = play(&scenario, arrivals, MD1_BATCHES * MD1_BATCH);
    double mean_s;
    double error_s;
    batch_means(&played, &mean_s, &error_s);
    double expected_s = rho * d_s / (2 * (1 - rho));
    ck_assert_double_le(error_s, 0.04 * expected_s);
    ck_assert_double_eq_tol(mean_s, expected_s, 4 * error_s);
    played_release(&played);
    free(arrivals);
}

START_TEST(md1_mean_wait)
{
    struct dice dice = {.state = dice_seed(11)};
    const double rhos[] = {0.2, 0.5, 0.7, 0.9};
    for (size_t i = 0; i < ARRAY_LENGTH(rhos); i++)
        check_md1(&dice, rhos[i]);
}
END_TEST

START_TEST(utilization_is_throughput_times_service_time)
{
    /* Expectation: the stage is busy for n D of the run, to a picosecond a request. */
    enum { COUNT = 5000 };
    struct dice dice = {.state = dice_seed(12)};
    struct scenario scenario = deterministic_server();
    double d_s = service_s(&scenario);
    struct arrival *arrivals = poisson_arrivals(&dice, COUNT, d_s / 0.6);
    struct played played = play(&scenario, arrivals, COUNT);
    double run_s = played.summary.duration_s;
    ck_assert_double_eq_tol(played.summary.stages[0].busy_compute * run_s, COUNT * d_s,
                            COUNT * 1e-12);
    played_release(&played);
    free(arrivals);
}
END_TEST

START_TEST(all_but_the_last_keep_others_waiting)
{
    /* Expectation: of ten requests that come at once to a server of one, somebody waits for a place
       while the first nine are served: nine tenths of the time with work. With ten places nobody
       ever does. */
    enum { COUNT = 10 };
    struct scenario scenario = deterministic_server();
    struct arrival arrivals[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        arrivals[i] = (struct arrival){.input_tokens = 128, .output_tokens = 1};
    struct played played = play(&scenario, arrivals, COUNT);
    ck_assert_double_eq_tol(played.summary.pools[0].crowded, 0.9, 1e-9);
    ck_assert_uint_eq(played.summary.warning_count, 1);
    ck_assert_str_eq(played.summary.warnings[0].code, "sequences_full");
    played_release(&played);
    scenario.serving.max_sequences = COUNT;
    played = play(&scenario, arrivals, COUNT);
    ck_assert_double_eq(played.summary.pools[0].crowded, 0);
    ck_assert_uint_eq(played.summary.warning_count, 0);
    played_release(&played);
}
END_TEST

/* Poisson requests of random lengths, many at once, on two replicas of two stages. */
static struct scenario busy_cluster(void)
{
    struct scenario scenario = one_gpu();
    scenario.layout.pipeline_parallel = 2;
    scenario.layout.replicas = 2;
    scenario.serving.steps_in_flight = 2;
    scenario.serving.host.schedule_s = 50e-6;
    return scenario;
}

static struct arrival *random_arrivals(struct dice *dice, size_t count, double mean_gap_s)
{
    struct arrival *arrivals = poisson_arrivals(dice, count, mean_gap_s);
    for (size_t i = 0; i < count; i++) {
        arrivals[i].input_tokens = dice_between(dice, 1, 1000);
        arrivals[i].output_tokens = dice_between(dice, 1, 200);
    }
    return arrivals;
}

/* One request more (+1) or less (-1) in the system. */
struct change {
    sim_ps at;
    int difference;
};

static int compare_changes(const void *a, const void *b)
{
    sim_ps x = ((const struct change *)a)->at;
    sim_ps y = ((const struct change *)b)->at;
    return (x > y) - (x < y);
}

/* The integral of the number in the system over the run, in request-seconds. */
static double population_s(const struct played *played)
{
    size_t count = 2 * played->count;
    struct change *changes = calloc(count, sizeof(*changes));
    ck_assert_ptr_nonnull(changes);
    for (size_t i = 0; i < played->count; i++) {
        changes[2 * i] = (struct change){played->requests[i].arrival, 1};
        changes[2 * i + 1] = (struct change){played->requests[i].done, -1};
    }
    qsort(changes, count, sizeof(*changes), compare_changes);
    double integral_s = 0;
    int present = 0;
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            integral_s += present * sim_s_from_ps(changes[i].at - changes[i - 1].at);
        present += changes[i].difference;
    }
    ck_assert_int_eq(present, 0);
    free(changes);
    return integral_s;
}

START_TEST(littles_law)
{
    /* L = lambda W. Expectation: over a run that starts and ends empty the time average of the
     * number in the system, from the records, is the summary's rate x its mean E2E, to rounding. */
    enum { COUNT = 20000 };
    struct dice dice = {.state = dice_seed(13)};
    struct scenario scenario = busy_cluster();
    struct arrival *arrivals = random_arrivals(&dice, COUNT, 0.02);
    struct played played = play(&scenario, arrivals, COUNT);
    double average = population_s(&played) / played.summary.duration_s;
    double expected = played.summary.requests_per_s * played.summary.e2e.mean;
    ck_assert_uint_eq(played.summary.completed, COUNT);
    ck_assert_double_ge(average, 2); /* a system with something in it */
    ck_assert_double_eq_tol(average, expected, 1e-9 * expected);
    played_release(&played);
    free(arrivals);
}
END_TEST

START_TEST(response_time_law_of_a_closed_loop)
{
    /* R = N / X with no time to think. Expectation: N requests are there all the time but for the
     * last ones' end, which takes no longer than the longest request. */
    enum { COUNT = 4000, CONCURRENCY = 24 };
    struct dice dice = {.state = dice_seed(14)};
    struct scenario scenario = busy_cluster();
    struct arrival *arrivals = random_arrivals(&dice, COUNT, 0);
    struct script script = {.arrivals = arrivals, .count = COUNT};
    struct played played = play_source(&scenario, (struct arrival_source){
                                                      .context = &script,
                                                      .next = script_next,
                                                      .concurrency = CONCURRENCY,
                                                  });
    const struct summary *summary = &played.summary;
    double population = summary->requests_per_s * summary->e2e.mean;
    double drain = CONCURRENCY * summary->e2e.max / summary->duration_s;
    ck_assert_double_le(drain, 0.05 * CONCURRENCY);
    ck_assert_double_le(population, CONCURRENCY * (1 + 1e-9));
    ck_assert_double_ge(population, CONCURRENCY - drain);
    played_release(&played);
    free(arrivals);
}
END_TEST

/* Expectation: of a request from before the warm-up's end nothing counts, whenever its tokens come:
   of these two the only gap is that between the second one's two tokens. */
START_TEST(a_request_of_the_warm_up_counts_nowhere)
{
    struct scenario scenario = busy_cluster();
    scenario.run.warmup = SIM_PS_PER_S / 1000;
    const struct arrival arrivals[] = {
        {.at = 0, .input_tokens = 100, .output_tokens = 500},
        {.at = scenario.run.warmup, .input_tokens = 100, .output_tokens = 2}};
    struct played played = play(&scenario, arrivals, 2);
    ck_assert_uint_eq(played.requests[0].id, 1);
    ck_assert_uint_eq(played.summary.warmup, 1);
    ck_assert_uint_eq(played.summary.itl.count, 1);
    ck_assert_double_eq(played.summary.itl.max, played.summary.tpot.max);
    played_release(&played);
}
END_TEST

/*
 * Stages of one layer on a GPU where only the flops of GEMMs take time, and links
 * that take none. The hidden size is so small that the last stage's head, 2 x 16
 * flops, is 0.03 ps; a layer's 512 tokens are some 50 us.
 */
static struct scenario equal_stages(uint32_t stages)
{
    struct scenario scenario = one_gpu();
    scenario.model = (struct model){
        .layers = stages,
        .hidden = 16,
        .ffn = 1 << 20,
        .heads = 1,
        .kv_heads = 1,
        .head_dim = 16,
        .vocab = 1,
    };
    scenario.cluster.gpu.kernel_gap_s = 0;
    scenario.cluster.gpu.elementwise_gap_s = 0;
    scenario.cluster.gpu.efficiency = (struct gpu_efficiency){1, 1e15, 1e15, 1e15, 1e15, 1, 1};
    scenario.cluster.nvlink = (struct link_kind){.bytes_per_s = 1e24, .efficiency = 1};
    scenario.layout.pipeline_parallel = stages;
    scenario.serving.steps_in_flight = stages;
    scenario.serving.max_step_tokens = 512;
    return scenario;
}

/* 2 flops a weight and token over Q, K, V, output, gate, up and down, at 1,000 flops a ps. */
static sim_ps equal_stage_ps(void)
{
    double weights = 4.0 * 16 * 16 + 3.0 * 16 * (1 << 20);
    return sim_ps_from_s(2 * 512 * weights / 1e15);
}

/*
 * Expectation: m prompts of one step each that come together take (m + p - 1) stage
 * times D through p equal stages, the k-th (k + p) D; each stage is busy for m of
 * them, and fill and drain are the other (p - 1) / (m + p - 1): to the picosecond.
 */
static void check_fill_drain(uint32_t p, uint32_t m, bool exact)
{
    struct scenario scenario = equal_stages(p);
    struct arrival *arrivals = arrivals_new(m);
    for (uint32_t k = 0; k < m; k++)
        arrivals[k] = (struct arrival){.at = 0, .input_tokens = 512, .output_tokens = 1};
    scenario.run.exact = exact;
    struct played played = play(&scenario, arrivals, m);
    for (uint32_t k = 0; k < m; k++)
        ck_assert_int_eq(played.requests[k].done, (k + p) * equal_stage_ps());
    for (uint32_t s = 0; s < p; s++) {
        const struct stage_summary *stage = &played.summary.stages[s];
        double all = m + p - 1;
        ck_assert_double_eq_tol(stage->busy_compute, m / all, 1e-15);
        ck_assert_double_eq_tol(stage->idle_fill_drain, (p - 1) / all, 1e-15);
    }
    played_release(&played);
    free(arrivals);
}

START_TEST(a_pipeline_of_equal_stages_fills_and_drains)
{
    const uint32_t stages[] = {1, 2, 3, 8};
    const uint32_t steps[] = {1, 2, 3, 8, 50};
    for (size_t p = 0; p < ARRAY_LENGTH(stages); p++) {
        for (size_t m = 0; m < ARRAY_LENGTH(steps); m++) {
            check_fill_drain(stages[p], steps[m], false);
            check_fill_drain(stages[p], steps[m], true);
        }
    }
}
END_TEST

/* What m prompts of one step, `gap` picoseconds apart, make of a pipeline. */
static struct played play_prompts(struct scenario *scenario, uint32_t m, sim_ps gap, bool exact)
{
    struct arrival *arrivals = arrivals_new(m);
    for (uint32_t k = 0; k < m; k++)
        arrivals[k] = (struct arrival){.at = k * gap, .input_tokens = 512, .output_tokens = 1};
    scenario->run.exact = exact;
    struct played played = play(scenario, arrivals, m);
    free(arrivals);
    return played;
}

/*
 * Expectation: prompts that come every 3/2 D to two equal stages wait for nothing. Each stage has
 * nothing to do for D/2 before each but the first, and the second one D before that, the first one
 * D after the last: all of that is for want of steps, though while the second stage is at work
 * there are often two in flight.
 */
START_TEST(waiting_for_arrivals_is_no_imbalance)
{
    enum { PROMPTS = 20 };
    for (int exact = 0; exact <= 1; exact++) {
        struct scenario scenario = equal_stages(2);
        struct played played = play_prompts(&scenario, PROMPTS, equal_stage_ps() * 3 / 2, exact);
        double all = 1.5 * (PROMPTS - 1) + 2;
        ck_assert_double_eq(played.summary.queue.max, 0);
        for (uint32_t s = 0; s < 2; s++) {
            const struct stage_summary *stage = &played.summary.stages[s];
            ck_assert_double_eq(stage->idle_imbalance, 0);
            ck_assert_double_eq_tol(stage->idle_fill_drain, (0.5 * (PROMPTS - 1) + 1) / all, 1e-9);
        }
        played_release(&played);
    }
}
END_TEST

/*
 * Expectation: m prompts that come together to a stage of D and one of 2 D take (2 m + 1) D. The
 * first stage has two ready at once, and then waits D before each next one, for there are two in
 * flight: imbalance, and so is D after the last, until one is left in flight for 2 D. The second
 * stage waits for the first prompt alone.
 */
START_TEST(waiting_for_a_slower_stage_is_imbalance)
{
    for (uint32_t m = 2; m <= 20; m++) {
        for (int exact = 0; exact <= 1; exact++) {
            struct scenario scenario = equal_stages(2);
            scenario.model.layers = 3;
            scenario.layout.split = STAGE_SPLIT_LISTED;
            scenario.layout.listed_layers[0] = 1;
            scenario.layout.listed_layers[1] = 2;
            struct played played = play_prompts(&scenario, m, 0, exact);
            const struct stage_summary *stages = played.summary.stages;
            double all = 2 * m + 1;
            ck_assert_double_eq_tol(stages[0].busy_compute, m / all, 1e-9);
            ck_assert_double_eq_tol(stages[0].idle_imbalance, (m - 1) / all, 1e-9);
            ck_assert_double_eq_tol(stages[0].idle_fill_drain, 2 / all, 1e-9);
            ck_assert_double_eq(stages[1].idle_imbalance, 0);
            ck_assert_double_eq_tol(stages[1].idle_fill_drain, 1 / all, 1e-9);
            played_release(&played);
        }
    }
}
END_TEST

/*
 * Expectation: a prompt of m steps takes as long as m prompts of one where its chunks
 * follow each other, (m + p - 1) D; one after the other through all stages, m p D.
 */
static void check_chunks(uint32_t p, uint32_t m, bool chunked_pipeline, bool exact)
{
    struct scenario scenario = equal_stages(p);
    struct arrival arrival = {.at = 0, .input_tokens = 512 * m, .output_tokens = 1};
    scenario.serving.host.chunked_pipeline = chunked_pipeline;
    scenario.run.exact = exact;
    struct played played = play(&scenario, &arrival, 1);
    uint32_t stage_times = chunked_pipeline ? m + p - 1 : m * p;
    ck_assert_int_eq(played.requests[0].done, stage_times * equal_stage_ps());
    played_release(&played);
}

START_TEST(chunks_of_a_prompt_fill_a_chunked_pipeline)
{
    const uint32_t stages[] = {1, 2, 3, 8};
    const uint32_t chunks[] = {1, 2, 3, 20};
    for (size_t p = 0; p < ARRAY_LENGTH(stages); p++) {
        for (size_t m = 0; m < ARRAY_LENGTH(chunks); m++) {
            for (int way = 0; way < 4; way++)
                check_chunks(stages[p], chunks[m], way & 1, way & 2);
        }
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        md1_mean_wait,
        utilization_is_throughput_times_service_time,
        all_but_the_last_keep_others_waiting,
        littles_law,
        response_time_law_of_a_closed_loop,
        a_request_of_the_warm_up_counts_nowhere,
        a_pipeline_of_equal_stages_fills_and_drains,
        waiting_for_arrivals_is_no_imbalance,
        waiting_for_a_slower_stage_is_imbalance,
        chunks_of_a_prompt_fill_a_chunked_pipeline,
    };
    return suite_run("queueing", tests, ARRAY_LENGTH(tests));
}
