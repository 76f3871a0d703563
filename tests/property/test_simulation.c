/*
 * On random scenarios: the shortcuts give the records that playing out every
 * step and layer as its own event gives, to the bit; and the records add up.
 *
 * TANDEM_TEST_SEED sets the seed, TANDEM_TEST_COUNT the number of scenarios.
 */
#include "dice.h"
#include "fixtures.h"
#include "play.h"
#include "simulation.h"
#include "suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define SCENARIOS 400
#define REQUESTS_MAX 300
#define REPLICAS_MAX 8
#define STAGES_MAX 8
#define FAULTS_MAX 4

static double dice_real(struct dice *dice, double low, double high)
{
    return low + (high - low) * dice_unit(dice);
}

/* All records of one run, in the order in which they came. */
struct log {
    struct request_record *requests;
    struct step_record *steps;
    struct span_record *spans;
    size_t request_count;
    size_t step_count;
    size_t span_count;
    size_t request_room;
    size_t step_room;
    size_t span_room;
};

static void *grown(void *rows, size_t *room, size_t count, size_t row_bytes)
{
    if (count < *room)
        return rows;
    *room = *room ? 2 * *room : 1024;
    rows = realloc(rows, *room * row_bytes);
    ck_assert_ptr_nonnull(rows);
    return rows;
}

static int log_request(void *context, const struct request_record *record, struct error *error)
{
    (void)error;
    struct log *log = context;
    log->requests = grown(log->requests, &log->request_room, log->request_count, sizeof(*record));
    log->requests[log->request_count++] = *record;
    return 0;
}

static int log_step(void *context, const struct step_record *record, struct error *error)
{
    (void)error;
    struct log *log = context;
    log->steps = grown(log->steps, &log->step_room, log->step_count, sizeof(*record));
    log->steps[log->step_count++] = *record;
    return 0;
}

static int log_span(void *context, const struct span_record *record, struct error *error)
{
    (void)error;
    struct log *log = context;
    log->spans = grown(log->spans, &log->span_room, log->span_count, sizeof(*record));
    log->spans[log->span_count++] = *record;
    return 0;
}

static void log_release(struct log *log)
{
    free(log->requests);
    free(log->steps);
    free(log->spans);
}

struct trial {
    struct scenario decode; /* where there are two pools */
    struct scenario scenario;
    struct fault faults[FAULTS_MAX];
    struct arrival arrivals[REQUESTS_MAX];
    size_t count;
    uint32_t concurrency;
};

/* A model small enough that a step is some hundred microseconds, with few KV blocks. */
static void roll_model(struct dice *dice, struct trial *trial)
{
    trial->scenario.model = fixture_llama_8b();
    trial->scenario.model.layers = dice_between(dice, 4, 12);
    if (dice_between(dice, 0, 3) == 0) {
        trial->scenario.model.experts = 8;
        trial->scenario.model.experts_per_token = 2;
    }
}

/* Now and then what makes replicas meet on links: few NICs, PCIe switches, leaves. */
static void roll_links(struct dice *dice, struct trial *trial)
{
    struct cluster *cluster = &trial->scenario.cluster;
    if (dice_between(dice, 0, 1))
        cluster->nics_per_node = dice_between(dice, 1, 2);
    if (dice_between(dice, 0, 2) == 0) {
        cluster->gpus_per_pcie_switch = 2;
        cluster->pcie_uplink = cluster->pcie;
    }
    if (dice_between(dice, 0, 2) == 0) {
        cluster->nodes_per_leaf = dice_between(dice, 1, 3);
        cluster->oversubscription = dice_between(dice, 1, 3);
        cluster->spine_latency_s = 1e-6;
    }
    trial->scenario.run.links = (enum link_policy)dice_between(dice, 0, LINK_POLICY_PRIVATE);
    trial->scenario.layout.placement =
        (enum layout_placement)dice_between(dice, 0, LAYOUT_PLACEMENT_SPREAD);
}

static void roll_layout(struct dice *dice, struct trial *trial)
{
    static const uint32_t tensor_parallel[] = {1, 2, 4};
    static const enum stage_split splits[] = {STAGE_SPLIT_EVEN, STAGE_SPLIT_BALANCED};
    uint32_t nodes = dice_between(dice, 1, 4);
    trial->scenario.cluster = dice_between(dice, 0, 1) && nodes == 1
                                  ? fixture_pcie_cluster()
                                  : fixture_nvlink_cluster(nodes, 8);
    struct layout_spec *layout = &trial->scenario.layout;
    layout->tensor_parallel = tensor_parallel[dice_between(dice, 0, 2)];
    layout->pipeline_parallel = dice_between(dice, 1, 2 * nodes > 4 ? 4 : 2 * nodes);
    uint32_t room = nodes * 8 / (layout->tensor_parallel * layout->pipeline_parallel);
    layout->replicas = dice_between(dice, 1, room > 3 ? 3 : room);
    layout->split = splits[dice_between(dice, 0, 1)];
    layout->router = dice_between(dice, 0, 1) ? ROUTER_ROUND_ROBIN : ROUTER_LEAST_OUTSTANDING;
}

/* The options of a tensor-parallel group, alone and together. */
static void roll_sharding(struct dice *dice, struct trial *trial)
{
    bool has_experts = trial->scenario.model.experts > 0;
    trial->scenario.layout.sharding = (struct sharding){
        .sequence_parallel = dice_between(dice, 0, 2) == 0,
        .expert_parallel = has_experts && dice_between(dice, 0, 1),
        .expert_imbalance = dice_real(dice, 1, 3),
    };
}

static uint32_t gpus_of(const struct layout_spec *layout)
{
    return layout->tensor_parallel * layout->pipeline_parallel * layout->replicas;
}

/* Now and then a second pool decodes what the first one prefills, where the cluster has room. */
static void roll_pools(struct dice *dice, struct trial *trial)
{
    static const uint32_t tensor_parallel[] = {1, 2, 4};
    struct scenario *scenario = &trial->scenario;
    uint32_t gpus = scenario->cluster.nodes * scenario->cluster.gpus_per_node;
    uint32_t used = (gpus_of(&scenario->layout) + 7) / 8 * 8;
    if (dice_between(dice, 0, 1) || scenario->serving.policy == BATCHER_STATIC || used + 8 > gpus)
        return;
    scenario->layout.placement = LAYOUT_PLACEMENT_PACKED;
    trial->decode = *scenario;
    struct layout_spec *layout = &trial->decode.layout;
    layout->tensor_parallel = tensor_parallel[dice_between(dice, 0, 2)];
    layout->pipeline_parallel = dice_between(dice, 1, 2);
    layout->replicas = dice_between(dice, 1, 8 / layout->tensor_parallel / 2);
    trial->decode.serving.max_sequences = dice_between(dice, 1, 40);
    trial->decode.serving.steps_in_flight = dice_between(dice, 1, 3);
    if (dice_between(dice, 0, 1))
        (void)snprintf(trial->decode.cluster.gpu.name, NAME_BYTES, "another");
    scenario->kv_transfer = (enum kv_transfer)dice_between(dice, 0, KV_TRANSFER_LAYERWISE);
    scenario->decode = &trial->decode;
}

/* The name of a link that replicas have a use for. */
static const char *link_of(const struct cluster *cluster)
{
    if (cluster->nodes > 1)
        return cluster->nodes_per_leaf > 0 ? "node0/nic0>leaf0" : "node0/nic0>network";
    return cluster->gpus_per_pcie_switch > 0 ? "node0/gpu0>pcieswitch0" : "node0/gpu0>bridge0";
}

/* Now and then hardware slows down or fails, and mostly comes back. */
static void roll_faults(struct dice *dice, struct trial *trial)
{
    struct scenario *scenario = &trial->scenario;
    uint32_t gpus = scenario->cluster.nodes * scenario->cluster.gpus_per_node;
    if (dice_between(dice, 0, 2) > 0)
        return;
    scenario->run.on_loss = (enum on_loss)dice_between(dice, 0, ON_LOSS_LOSE);
    scenario->fault_count = dice_between(dice, 1, FAULTS_MAX);
    scenario->faults = trial->faults;
    for (uint32_t i = 0; i < scenario->fault_count; i++) {
        struct fault *fault = &trial->faults[i];
        fault->target = (enum fault_target)dice_between(dice, FAULT_GPU, FAULT_NODE);
        fault->index = dice_between(
            dice, 0, (fault->target == FAULT_NODE ? scenario->cluster.nodes : gpus) - 1);
        fault->link = link_of(&scenario->cluster);
        fault->from = sim_ps_from_s(dice_real(dice, 0, 1));
        fault->until = dice_between(dice, 0, 4) == 0
                           ? SIM_PS_MAX
                           : fault->from + sim_ps_from_s(dice_real(dice, 0.001, 1));
        fault->slowdown = dice_between(dice, 0, 1) ? 0 : dice_real(dice, 1, 5);
    }
}

static void roll_host(struct dice *dice, struct host *host)
{
    *host = (struct host){
        .admission_s = dice_between(dice, 0, 2) * 2e-3,
        .schedule_s = dice_between(dice, 0, 2) * 50e-6,
        .schedule_per_request_s = dice_between(dice, 0, 1) * 1e-6,
        .return_s = dice_between(dice, 0, 2) * 30e-6,
        .prepare_s = dice_between(dice, 0, 2) * 40e-6,
        .prepare_per_request_s = dice_between(dice, 0, 1) * 2e-6,
        .receive_s = dice_between(dice, 0, 1) * 60e-6,
        .new_shape_s = dice_between(dice, 0, 1) * 300e-6,
        .new_shape_first_s = dice_between(dice, 0, 2) * 1e-3,
        .new_shape_halving = dice_between(dice, 0, 10),
        .eager_synchronous = dice_between(dice, 0, 1),
        .kernel_gap_s = 1e-6,
        .kernel_gap_eager_s = dice_between(dice, 1, 3) * 1e-6,
        .launch_s = dice_between(dice, 0, 2) * 4e-6,
        .launch_decode_s = dice_between(dice, 0, 2) * 6e-6,
        .launch_chunk_s = dice_between(dice, 0, 2) * 9e-6,
        .launch_history_s = dice_between(dice, 0, 1) * 12e-6,
        .process_spread = dice_between(dice, 0, 2) * 0.05,
        .collective_overlap_s = dice_between(dice, 0, 1) * 3e-6,
        .launch_collective_s = dice_between(dice, 0, 2) * 15e-6,
        .launch_graph_s = dice_between(dice, 0, 1) * 10e-6,
        .send_tensors = dice_between(dice, 1, 2),
        .launches_layer_extra = dice_between(dice, 0, 2),
        .graphs_prefill = dice_between(dice, 0, 3) == 0,
        .async_scheduling = dice_between(dice, 0, 2) == 0,
    };
    for (uint32_t size = 1; size <= 64 && dice_between(dice, 0, 5) > 0; size *= 2)
        host->captured_sizes[host->captured_count++] = size;
}

static void roll_serving(struct dice *dice, struct trial *trial)
{
    struct serving *serving = &trial->scenario.serving;
    *serving = (struct serving){
        .policy = (enum batcher_policy)dice_between(dice, 0, BATCHER_CHUNKED_PREFILL),
        .max_step_tokens = dice_between(dice, 200, 1024),
        .max_sequences = dice_between(dice, 1, 40),
        .steps_in_flight = dice_between(dice, 1, 5),
        .step_share = (enum step_share)dice_between(dice, 0, 1),
        .kv_block_tokens = 1u << dice_between(dice, 0, 5),
        .kv_admission = (enum kv_admission)dice_between(dice, 0, 1),
        .memory_utilization = 0.9,
        .reserve_bytes = 1e9,
        .kv_tokens = dice_between(dice, 600, 8000),
    };
    roll_host(dice, &serving->host);
}

static void roll_arrivals(struct dice *dice, struct trial *trial)
{
    double mean_gap_s = dice_real(dice, 0.0001, 0.02);
    double at_s = 0;
    trial->count = dice_between(dice, 1, REQUESTS_MAX);
    trial->concurrency = dice_between(dice, 0, 4) == 0 ? dice_between(dice, 1, 30) : 0;
    for (size_t i = 0; i < trial->count; i++) {
        if (dice_between(dice, 0, 3) > 0) /* else together with the last */
            at_s += -mean_gap_s * log(1 - dice_real(dice, 0, 1));
        trial->arrivals[i] = (struct arrival){
            .at = sim_ps_from_s(at_s),
            .input_tokens = dice_between(dice, 1, 600),
            .output_tokens = dice_between(dice, 1, dice_between(dice, 0, 1) ? 5 : 200),
        };
    }
}

static void roll(struct dice *dice, struct trial *trial)
{
    *trial = (struct trial){.count = 0};
    roll_model(dice, trial);
    roll_layout(dice, trial);
    roll_links(dice, trial);
    roll_sharding(dice, trial);
    roll_serving(dice, trial);
    roll_pools(dice, trial);
    roll_faults(dice, trial);
    roll_arrivals(dice, trial);
    trial->scenario.slo = (struct slo){.ttft_s = 0.1, .tpot_s = 0.01, .percentile = 95};
    trial->scenario.run.duration = SIM_PS_MAX;
    trial->scenario.output.window_end = SIM_PS_MAX;
}

static void play_logged(const struct trial *trial, bool exact, enum timeline timeline,
                        struct log *log, struct summary *summary, struct arena *arena)
{
    struct scenario scenario = trial->scenario;
    struct script script = {.arrivals = trial->arrivals, .count = trial->count};
    struct arrival_source source = {
        .context = &script, .next = script_next, .concurrency = trial->concurrency};
    struct recorder recorder = {
        .context = log, .request = log_request, .step = log_step, .span = log_span};
    struct error error = {.code = ERROR_NONE};
    scenario.run.exact = exact;
    scenario.output.timeline = timeline;
    struct simulation *simulation = simulation_new(&scenario, source, recorder, &error);
    ck_assert_msg(simulation != NULL, "%s", error.text);
    int more;
    while ((more = simulation_advance(simulation, 17, &error)) > 0)
        continue;
    ck_assert_msg(more == 0, "%s", error.text);
    ck_assert_int_eq(simulation_summarize(simulation, summary, arena, &error), 0);
    simulation_free(simulation);
}

/* Expectation: the same rows in the same order, every field equal. */
static void check_same_requests(const struct log *fast, const struct log *exact, uint64_t seed)
{
    ck_assert_msg(fast->request_count == exact->request_count,
                  "seed %llu: counts of requests differ", (unsigned long long)seed);
    for (size_t i = 0; i < fast->request_count; i++)
        EXPECT(memcmp(&fast->requests[i], &exact->requests[i], sizeof(fast->requests[i])) == 0);
}

static void check_same(const struct log *fast, const struct log *exact, uint64_t seed)
{
    ck_assert_msg(fast->step_count == exact->step_count && fast->span_count == exact->span_count,
                  "seed %llu: counts of records differ", (unsigned long long)seed);
    check_same_requests(fast, exact, seed);
    for (size_t i = 0; i < fast->step_count; i++) {
        const struct step_record *a = &fast->steps[i];
        const struct step_record *b = &exact->steps[i];
        EXPECT(a->step == b->step && a->replica == b->replica && a->scheduled == b->scheduled &&
               a->done == b->done && a->decode_tokens == b->decode_tokens &&
               a->decode_context_tokens == b->decode_context_tokens &&
               a->prefill_tokens == b->prefill_tokens);
    }
    for (size_t i = 0; i < fast->span_count; i++) {
        const struct span_record *a = &fast->spans[i];
        const struct span_record *b = &exact->spans[i];
        EXPECT(a->start == b->start && a->duration == b->duration && a->step == b->step &&
               a->stage == b->stage && a->kind == b->kind && a->replica == b->replica);
    }
}

/* A summary without its arrays, and without what the number of events changes. */
static struct summary figures_of(const struct summary *summary)
{
    struct summary figures = *summary;
    figures.stages = NULL;
    figures.memory = NULL;
    figures.links = NULL;
    figures.warnings = NULL;
    figures.events = 0;
    return figures;
}

/* Expectation: every figure is the same, to the bit. */
static void check_same_summary(const struct summary *fast, const struct summary *exact,
                               uint64_t seed)
{
    struct summary a = figures_of(fast);
    struct summary b = figures_of(exact);
    ck_assert_msg(memcmp(&a, &b, sizeof(a)) == 0, "seed %llu: the summaries' figures differ",
                  (unsigned long long)seed);
    ck_assert_msg(memcmp(fast->stages, exact->stages, fast->stage_count * sizeof(*fast->stages)) ==
                      0,
                  "seed %llu: the summaries' stages differ", (unsigned long long)seed);
    ck_assert_msg(memcmp(fast->links, exact->links, fast->link_count * sizeof(*fast->links)) == 0,
                  "seed %llu: the summaries' links differ", (unsigned long long)seed);
    for (uint32_t i = 0; i < fast->warning_count; i++)
        ck_assert_str_eq(fast->warnings[i].text, exact->warnings[i].text);
}

/* Expectation: every request let in ends, in order arrival <= scheduled < first token <= done; all
   are, but for those of a closed loop whose places went down with the last replica. */
static void check_requests(const struct trial *trial, const struct log *log,
                           const struct summary *summary)
{
    if (trial->concurrency == 0 || summary->lost == 0)
        ck_assert_uint_eq(summary->arrived, trial->count);
    ck_assert_uint_eq(log->request_count + summary->rejected + summary->lost, summary->arrived);
    for (size_t i = 0; i < log->request_count; i++) {
        const struct request_record *r = &log->requests[i];
        EXPECT(r->arrival <= r->scheduled);
        EXPECT(r->scheduled < r->first_token);
        EXPECT(r->first_token <= r->done);
        EXPECT(r->input_tokens == trial->arrivals[r->id].input_tokens);
        EXPECT(r->output_tokens == trial->arrivals[r->id].output_tokens);
    }
}

/*
 * Expectation: prompts are prefilled once, and each output token but a prompt's
 * first is one decode row: sums over steps equal sums over requests, where nobody
 * was preempted and no finished row computes on.
 */
static void check_tokens(const struct trial *trial, const struct log *log,
                         const struct summary *summary)
{
    uint64_t input_tokens = 0;
    uint64_t decode_tokens = 0;
    if (summary->preemptions > 0 || trial->scenario.serving.policy == BATCHER_STATIC ||
        trial->scenario.fault_count > 0)
        return;
    for (size_t i = 0; i < log->request_count; i++) {
        input_tokens += log->requests[i].input_tokens;
        decode_tokens += log->requests[i].output_tokens - 1;
    }
    for (size_t i = 0; i < log->step_count; i++) {
        input_tokens -= log->steps[i].prefill_tokens;
        decode_tokens -= log->steps[i].decode_tokens;
    }
    ck_assert_uint_eq(input_tokens, 0);
    ck_assert_uint_eq(decode_tokens, 0);
}

/* Expectation: work and idle spans of a stage follow each other without gap or overlap from the
 * run's start to its end, the same for all; a step's sends start when its work ends, or later. */
static void check_tiling(const struct log *log)
{
    sim_ps until[REPLICAS_MAX][STAGES_MAX] = {{0}};
    bool seen[REPLICAS_MAX][STAGES_MAX] = {{false}};
    sim_ps whole = 0;
    for (size_t i = 0; i < log->span_count; i++) {
        const struct span_record *span = &log->spans[i];
        EXPECT(span->replica < REPLICAS_MAX);
        EXPECT(span->stage < STAGES_MAX);
        sim_ps *end = &until[span->replica][span->stage];
        seen[span->replica][span->stage] = true;
        if (span->kind == SPAN_KV_TRANSFER)
            continue;
        if (span->kind == SPAN_SEND) {
            EXPECT(span->start >= *end);
            continue;
        }
        EXPECT(span->start == *end);
        EXPECT(span->duration >= 0);
        *end += span->duration;
        whole = sim_ps_max(whole, *end);
    }
    for (uint32_t r = 0; r < REPLICAS_MAX; r++)
        for (uint32_t s = 0; s < STAGES_MAX; s++)
            ck_assert_int_eq(until[r][s], seen[r][s] ? whole : 0);
}

/* Expectation: a stage's shares sum to 1; or to 0, where no time passed: all requests came at once,
   and all were rejected. */
static void check_shares(const struct summary *summary)
{
    for (uint32_t i = 0; i < summary->stage_count; i++) {
        const struct stage_summary *s = &summary->stages[i];
        double sum = s->busy_compute + s->busy_collective + s->idle_no_work + s->idle_fill_drain +
                     s->idle_imbalance + s->idle_transfer + s->idle_host + s->idle_down;
        double whole = sum == 0 && summary->rejected == summary->arrived ? 0 : 1;
        ck_assert_double_eq_tol(sum, whole, 1e-12);
    }
}

static void try_scenario(uint64_t seed)
{
    struct dice dice = {.state = seed};
    struct trial *trial = malloc(sizeof(*trial));
    struct log fast = {.requests = NULL};
    struct log exact = {.requests = NULL};
    struct log unobserved = {.requests = NULL};
    struct summary summary;
    struct summary exact_summary;
    struct summary unobserved_summary;
    struct arena arena;
    ck_assert_ptr_nonnull(trial);
    arena_init(&arena);
    roll(&dice, trial);
    play_logged(trial, false, TIMELINE_STEPS, &fast, &summary, &arena);
    play_logged(trial, true, TIMELINE_STEPS, &exact, &exact_summary, &arena);
    check_same(&fast, &exact, seed);
    check_same_summary(&summary, &exact_summary, seed);
    /* steps that nobody records may be taken in another order */
    play_logged(trial, false, TIMELINE_NONE, &unobserved, &unobserved_summary, &arena);
    check_same_requests(&unobserved, &exact, seed);
    check_same_summary(&unobserved_summary, &exact_summary, seed);
    check_requests(trial, &fast, &summary);
    check_tokens(trial, &fast, &summary);
    check_tiling(&fast);
    check_shares(&summary);
    arena_release(&arena);
    log_release(&fast);
    log_release(&exact);
    log_release(&unobserved);
    free(trial);
}

static uint64_t number_from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

START_TEST(shortcuts_give_the_records_of_every_event)
{
    uint64_t seed = dice_seed(20261122);
    uint64_t count = number_from_environment("TANDEM_TEST_COUNT", SCENARIOS);
    for (uint64_t i = 0; i < count; i++) {
        (void)fprintf(stderr, "seed %llu\n", (unsigned long long)(seed + i));
        try_scenario(seed + i);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        shortcuts_give_the_records_of_every_event,
    };
    return suite_run("simulation, random scenarios", tests, sizeof(tests) / sizeof(tests[0]));
}
