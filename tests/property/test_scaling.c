/*
 * Hardware twice as fast with latencies half as long halves every time; the same
 * seed gives the same bytes; and two simulations side by side do not meet.
 *
 * On random scenarios. TANDEM_TEST_SEED sets the first seed.
 */
#include "dice.h"
#include "fixtures.h"
#include "play.h"
#include "suite.h"

#include <pthread.h>

#define SCENARIOS 200
#define REQUESTS 150

static struct host random_host(struct dice *dice)
{
    return (struct host){
        .schedule_s = dice_unit(dice) * 100e-6,
        .schedule_per_request_s = dice_unit(dice) * 2e-6,
        .return_s = dice_unit(dice) * 60e-6,
        .launch_s = dice_unit(dice) * 8e-6,
        .launch_collective_s = dice_unit(dice) * 20e-6,
        .launch_graph_s = dice_unit(dice) * 20e-6,
        .send_tensors = dice_between(dice, 1, 2),
        .send_scattered = dice_between(dice, 0, 1),
        .graphs_prefill = dice_between(dice, 0, 1),
        .captured_count = 4,
        .captured_sizes = {1, 4, 16, 64},
    };
}

static struct serving random_serving(struct dice *dice)
{
    return (struct serving){
        .policy = (enum batcher_policy)dice_between(dice, 0, BATCHER_CHUNKED_PREFILL),
        .max_step_tokens = dice_between(dice, 300, 1024),
        .max_sequences = dice_between(dice, 1, 40),
        .steps_in_flight = dice_between(dice, 1, 4),
        .step_share = (enum step_share)dice_between(dice, 0, STEP_SHARE_GREEDY),
        .kv_block_tokens = 16,
        .kv_admission = (enum kv_admission)dice_between(dice, 0, KV_ADMISSION_RESERVED),
        .memory_utilization = 0.9,
        .reserve_bytes = 1e9,
        .kv_tokens = dice_between(dice, 1000, 8000),
        .host = random_host(dice),
    };
}

static struct scenario random_scenario(struct dice *dice)
{
    bool is_pcie = dice_between(dice, 0, 1);
    const struct layout_spec layout = {
        .tensor_parallel = 1u << dice_between(dice, 0, 1),
        .pipeline_parallel = dice_between(dice, 1, 3),
        .replicas = 1,
        .split = STAGE_SPLIT_BALANCED,
    };
    struct scenario scenario = fixture_scenario(2, layout);
    if (is_pcie)
        scenario.cluster = fixture_pcie_cluster();
    scenario.serving = random_serving(dice);
    scenario.model.layers = dice_between(dice, 3, 12);
    return scenario;
}

/* At even picoseconds, so that half of each is exact. */
static void random_arrivals(struct dice *dice, struct arrival arrivals[REQUESTS])
{
    double mean_gap_s = 0.0001 + 0.01 * dice_unit(dice);
    double at_s = 0;
    for (size_t i = 0; i < REQUESTS; i++) {
        at_s += dice_exponential(dice, mean_gap_s);
        arrivals[i] = (struct arrival){
            .at = 2 * sim_ps_from_s(at_s / 2),
            .input_tokens = dice_between(dice, 1, 300),
            .output_tokens = dice_between(dice, 1, 100),
        };
    }
}

static void hasten_link(struct link_kind *link)
{
    link->bytes_per_s *= 2;
    link->latency_s /= 2;
}

static void hasten_gpu(struct gpu *gpu)
{
    gpu->memory_bytes_per_s *= 2;
    for (size_t dtype = 0; dtype < DTYPE_COUNT; dtype++)
        gpu->flops_per_s[dtype] *= 2;
    gpu->kernel_gap_s /= 2;
    gpu->elementwise_gap_s /= 2;
}

static void hasten_host(struct host *host)
{
    double *times_s[] = {&host->schedule_s, &host->schedule_per_request_s, &host->return_s,
                         &host->launch_s,   &host->launch_collective_s,    &host->launch_graph_s};
    for (size_t i = 0; i < ARRAY_LENGTH(times_s); i++)
        *times_s[i] /= 2;
}

/* Twice every rate and half of every latency; memory stays. */
static void hasten(struct scenario *scenario, struct arrival arrivals[REQUESTS])
{
    struct cluster *cluster = &scenario->cluster;
    struct link_kind *links[] = {&cluster->nvlink, &cluster->pcie, &cluster->inter_socket,
                                 &cluster->host_memory, &cluster->nic};
    for (size_t i = 0; i < ARRAY_LENGTH(links); i++)
        hasten_link(links[i]);
    hasten_gpu(&cluster->gpu);
    hasten_host(&scenario->serving.host);
    cluster->collective_start_s /= 2;
    cluster->simple_start_s /= 2;
    for (size_t i = 0; i < REQUESTS; i++)
        arrivals[i].at /= 2;
}

/* Expectation: twice the hastened time is the time, to `bound`. */
static void check_half(sim_ps whole, sim_ps half, sim_ps bound)
{
    ck_assert_int_le(2 * half - whole, bound);
    ck_assert_int_ge(2 * half - whole, -bound);
}

/*
 * Each time on record is a sum of costs that were rounded to the picosecond, half
 * of one at most each; doubling the hastened ones makes it 1.5 a cost. A step's
 * are its schedule, return, and compute, collective, launch and send on each stage.
 */
static sim_ps rounding_bound(const struct scenario *scenario, const struct played *played)
{
    uint64_t costs = played->summary.steps * (2 + 4 * scenario->layout.pipeline_parallel);
    return (sim_ps)(costs * 3 / 2);
}

static void check_halved(const struct scenario *scenario, const struct played *slow,
                         const struct played *fast)
{
    sim_ps bound = rounding_bound(scenario, slow);
    ck_assert_uint_eq(slow->count, fast->count);
    ck_assert_uint_eq(slow->summary.steps, fast->summary.steps);
    for (size_t i = 0; i < slow->count; i++) {
        const struct request_record *a = &slow->requests[i];
        const struct request_record *b = &fast->requests[i];
        ck_assert_uint_eq(a->id, b->id);
        ck_assert_uint_eq(a->preemptions, b->preemptions);
        check_half(a->arrival, b->arrival, 0);
        check_half(a->scheduled, b->scheduled, bound);
        check_half(a->first_token, b->first_token, bound);
        check_half(a->done, b->done, bound);
    }
}

START_TEST(twice_the_hardware_halves_every_time)
{
    uint64_t seed = dice_seed(31);
    for (uint64_t i = 0; i < SCENARIOS; i++) {
        (void)fprintf(stderr, "seed %llu\n", (unsigned long long)(seed + i));
        struct dice dice = {.state = seed + i};
        struct arrival arrivals[REQUESTS];
        struct scenario scenario = random_scenario(&dice);
        random_arrivals(&dice, arrivals);
        struct played slow = play(&scenario, arrivals, REQUESTS);
        hasten(&scenario, arrivals);
        struct played fast = play(&scenario, arrivals, REQUESTS);
        check_halved(&scenario, &slow, &fast);
        played_release(&slow);
        played_release(&fast);
    }
}
END_TEST

static struct synthetic random_load(void)
{
    return (struct synthetic){
        .arrivals = {.process = ARRIVAL_GAMMA, .rate_per_s = 200, .cv = 2},
        .requests = 500,
        .input = {.distribution = LENGTH_LOGNORMAL, .mean = 200, .sd = 200, .min = 1, .max = 300},
        .output = {.distribution = LENGTH_NORMAL, .mean = 40, .sd = 30, .min = 1, .max = 200},
    };
}

static struct played play_seed(uint64_t seed)
{
    struct error error;
    struct dice dice = {.state = seed};
    struct scenario scenario = random_scenario(&dice);
    struct synthetic synthetic = random_load();
    struct workload *workload = workload_new(&synthetic, seed, &error);
    EXPECT(workload);
    struct played played = play_source(&scenario, workload_source(workload));
    workload_free(workload);
    return played;
}

static bool same_records(const struct played *a, const struct played *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++)
        same = same_request(&a->requests[i], &b->requests[i]);
    return same;
}

START_TEST(the_same_seed_gives_the_same_bytes)
{
    uint64_t seed = dice_seed(41);
    for (uint64_t i = 0; i < 20; i++) {
        struct played first = play_seed(seed + i);
        struct played again = play_seed(seed + i);
        struct played other = play_seed(seed + i + 1);
        ck_assert(same_records(&first, &again));
        ck_assert(!same_records(&first, &other));
        played_release(&first);
        played_release(&again);
        played_release(&other);
    }
}
END_TEST

/* One thread's simulations, each from a seed of its own. */
struct worker {
    uint64_t seed;
    struct played played[10];
};

static void *work(void *context)
{
    struct worker *worker = context;
    for (size_t i = 0; i < ARRAY_LENGTH(worker->played); i++)
        worker->played[i] = play_seed(worker->seed + i);
    return NULL;
}

START_TEST(two_threads_give_what_each_gives_alone)
{
    pthread_t threads[2];
    struct worker workers[2] = {{.seed = dice_seed(51)}, {.seed = dice_seed(51) + 100}};
    for (size_t t = 0; t < 2; t++)
        ck_assert_int_eq(pthread_create(&threads[t], NULL, work, &workers[t]), 0);
    for (size_t t = 0; t < 2; t++)
        ck_assert_int_eq(pthread_join(threads[t], NULL), 0);
    for (size_t t = 0; t < 2; t++) {
        for (size_t i = 0; i < ARRAY_LENGTH(workers[t].played); i++) {
            struct played alone = play_seed(workers[t].seed + i);
            ck_assert(same_records(&workers[t].played[i], &alone));
            played_release(&alone);
            played_release(&workers[t].played[i]);
        }
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        twice_the_hardware_halves_every_time,
        the_same_seed_gives_the_same_bytes,
        two_threads_give_what_each_gives_alone,
    };
    return suite_run("scaling and repetition", tests, ARRAY_LENGTH(tests));
}
