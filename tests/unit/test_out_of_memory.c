/*
 * Does every allocation that fails become an error, with nothing lost?
 *
 * Linked with --wrap for malloc, calloc, realloc and aligned_alloc (and free, to
 * count), so that the n-th allocation of the simulator fails, for n from 1 until
 * a run succeeds. Libraries' own allocations are not touched.
 */
#include "engine.h"
#include "fixtures.h"
#include "play.h"
#include "suite.h"

#include <stdlib.h>

#define REQUESTS 2000

/* Which allocation fails, and what is held. The wrappers have no other way to know. */
static struct {
    uint64_t fails_at; /* 0: none */
    uint64_t allocations;
    int64_t live;
} memory;

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *old, size_t bytes);
void *__real_aligned_alloc(size_t alignment, size_t bytes);
void __real_free(void *old);

void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *old, size_t bytes);
void *__wrap_aligned_alloc(size_t alignment, size_t bytes);
void __wrap_free(void *old);

static bool fails_now(void)
{
    return ++memory.allocations == memory.fails_at;
}

static void *counted(void *fresh)
{
    memory.live += fresh != NULL;
    return fresh;
}

void *__wrap_malloc(size_t bytes)
{
    return fails_now() ? NULL : counted(__real_malloc(bytes));
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    return fails_now() ? NULL : counted(__real_calloc(count, bytes));
}

void *__wrap_aligned_alloc(size_t alignment, size_t bytes)
{
    return fails_now() ? NULL : counted(__real_aligned_alloc(alignment, bytes));
}

void *__wrap_realloc(void *old, size_t bytes)
{
    if (fails_now())
        return NULL;
    return old ? __real_realloc(old, bytes) : counted(__real_realloc(old, bytes));
}

void __wrap_free(void *old)
{
    memory.live -= old != NULL;
    __real_free(old);
}

/* So many that come at once that memory for them is taken while the simulation runs, and for how
   they begin. */
static void fill_in_burst(struct arrival arrivals[REQUESTS])
{
    static const uint64_t ids[] = {1, 2};
    for (uint32_t i = 0; i < REQUESTS; i++)
        arrivals[i] = (struct arrival){
            .at = 0,
            .input_tokens = 1 + i % 300,
            .output_tokens = 1 + i % 4,
            .pieces = &ids[i % 2],
            .piece_count = 1,
            .shared_tokens = 1 + i % 300,
        };
}

static struct scenario small_scenario(void)
{
    const struct layout_spec layout = {.tensor_parallel = 2,
                                       .pipeline_parallel = 2,
                                       .replicas = 2,
                                       .router = ROUTER_LEAST_OUTSTANDING};
    struct scenario scenario = fixture_scenario(1, layout);
    scenario.output.timeline = TIMELINE_LAYERS;
    scenario.serving.prefix_caching = true;
    return scenario;
}

static int count_span(void *context, const struct span_record *record, struct error *error)
{
    (void)record;
    (void)error;
    ++*(uint64_t *)context;
    return 0;
}

/* One whole life of a simulation: 0, or the code of what failed. */
static int live_once(const struct scenario *scenario, const struct arrival *arrivals,
                     struct error *error)
{
    uint64_t spans = 0;
    struct arena arena;
    struct summary summary;
    struct script script = {.arrivals = arrivals, .count = REQUESTS};
    struct arrival_source source = {
        .context = &script, .next = script_next, .tells_prefixes = true};
    struct rows rows = {.context = &spans, .span = count_span};
    struct recorder recorder = {.context = &rows, .record = rows_record};
    arena_init(&arena);
    int status = simulation_play(scenario, source, recorder, &summary, &arena, error);
    arena_release(&arena);
    return status;
}

/*
 * Expectation: while the n-th allocation fails, the life ends in ERROR_MEMORY with
 * a text, and afterwards nothing is held; once there are fewer than n, it succeeds.
 */
static void check_every_failure(const struct scenario *scenario)
{
    static struct arrival arrivals[REQUESTS];
    uint64_t failures = 0;
    int status;
    fill_in_burst(arrivals);
    do {
        struct error error = {.code = ERROR_NONE};
        int64_t live = memory.live;
        memory.allocations = 0;
        memory.fails_at = ++failures;
        status = live_once(scenario, arrivals, &error);
        memory.fails_at = 0;
        ck_assert_int_eq(memory.live, live);
        ck_assert_msg(status == 0 || status == -ERROR_MEMORY, "allocation %llu: %d, %s",
                      (unsigned long long)failures, status, error.text);
        ck_assert(status == 0 || (error.code == ERROR_MEMORY && error.text[0] != '\0'));
    } while (status != 0);
    /* Expectation: the simulation has parts enough to fail at. */
    ck_assert_uint_ge(failures, 20);
}

START_TEST(every_allocation_may_fail)
{
    struct scenario scenario = small_scenario();
    check_every_failure(&scenario);
}
END_TEST

START_TEST(every_allocation_may_fail_in_an_exact_run)
{
    struct scenario scenario = small_scenario();
    scenario.run.exact = true;
    scenario.serving.steps_in_flight = 4;
    check_every_failure(&scenario);
}
END_TEST

START_TEST(every_allocation_may_fail_in_static_batching)
{
    struct scenario scenario = small_scenario();
    scenario.serving.policy = BATCHER_STATIC;
    check_every_failure(&scenario);
}
END_TEST

/* Two pools that meet on one NIC, a link of which slows down: moves, flows and faults. */
START_TEST(every_allocation_may_fail_with_shared_links)
{
    struct scenario scenario = small_scenario();
    struct scenario decode;
    struct fault fault = {.from = SIM_PS_PER_S,
                          .until = 2 * SIM_PS_PER_S,
                          .slowdown = 3,
                          .target = FAULT_LINK,
                          .link = "node0/nic0>network"};
    scenario.cluster = fixture_nvlink_cluster(2, 8);
    scenario.cluster.nics_per_node = 1;
    scenario.layout.replicas = 1;
    scenario.layout.placement = LAYOUT_PLACEMENT_SPREAD;
    scenario.kv_transfer = KV_TRANSFER_LAYERWISE;
    scenario.faults = &fault;
    scenario.fault_count = 1;
    decode = scenario;
    decode.layout.placement = LAYOUT_PLACEMENT_PACKED;
    scenario.decode = &decode;
    check_every_failure(&scenario);
}
END_TEST

static void count_event(void *context, uint64_t unused)
{
    (void)unused;
    ++*(uint32_t *)context;
}

START_TEST(every_allocation_may_fail_in_a_workload)
{
    /* Expectation: no workload and ERROR_MEMORY, until there is one. GSL frees what it was given,
     * unseen by the count above; a sanitizer's run sees leaks. */
    struct synthetic synthetic = {
        .arrivals = {.process = ARRIVAL_POISSON, .rate_per_s = 1},
        .requests = 1,
        .input = {.distribution = LENGTH_ZIPF, .exponent = 1, .min = 1, .max = 500},
        .output = {.distribution = LENGTH_LOGNORMAL, .mean = 10, .sd = 5, .min = 1, .max = 50},
    };
    struct workload *workload = NULL;
    for (uint64_t n = 1; !workload; n++) {
        struct error error = {.code = ERROR_NONE};
        memory.allocations = 0;
        memory.fails_at = n;
        workload = workload_new(&synthetic, 1, &error);
        memory.fails_at = 0;
        ck_assert(workload || error.code == ERROR_MEMORY);
        ck_assert(!workload || n > 1);
    }
    workload_free(workload);
}
END_TEST

START_TEST(an_engine_that_cannot_grow_says_so)
{
    /* Expectation: once an allocation fails there is no event, those before it still come. */
    struct error error;
    struct engine *engine = engine_new(&error);
    ck_assert_ptr_nonnull(engine);
    memory.allocations = 0;
    memory.fails_at = 1;
    uint32_t events = 0;
    uint32_t scheduled = 0;
    while (engine_schedule(engine, 1, EVENT_STAGE, 0, count_event, &events, 0) != 0)
        scheduled++;
    memory.fails_at = 0;
    ck_assert_uint_gt(scheduled, 0);
    while (engine_step(engine))
        continue;
    ck_assert_uint_eq(events, scheduled);
    engine_free(engine);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        every_allocation_may_fail,
        every_allocation_may_fail_in_an_exact_run,
        every_allocation_may_fail_in_static_batching,
        every_allocation_may_fail_with_shared_links,
        every_allocation_may_fail_in_a_workload,
        an_engine_that_cannot_grow_says_so,
    };
    return suite_run("out of memory", tests, ARRAY_LENGTH(tests));
}
