/*
 * On random scenarios: the shortcuts give the records that playing out every
 * step and layer as its own event gives, to the bit; and the records add up.
 *
 * TANDEM_TEST_SEED sets the seed, TANDEM_TEST_COUNT the number of scenarios.
 */
#include "play.h"
#include "simulation.h"
#include "suite.h"
#include "trial.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define SCENARIOS 400

/* All records of one run, in the order in which they came. */
struct log {
    struct request_record *requests;
    struct step_record *steps;
    struct span_record *spans;
    struct link_record *links;
    size_t request_count;
    size_t step_count;
    size_t span_count;
    size_t link_count;
    size_t request_room;
    size_t step_room;
    size_t span_room;
    size_t link_room;
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

static int log_link(void *context, const struct link_record *record, struct error *error)
{
    (void)error;
    struct log *log = context;
    log->links = grown(log->links, &log->link_room, log->link_count, sizeof(*record));
    log->links[log->link_count++] = *record;
    return 0;
}

/* Spans as a recorder's desk takes them, up to `told` told to a log. */
struct log_desk {
    struct log *log;
    struct span_block block;
    size_t row;
    size_t told;
    uint32_t replica;
    uint64_t step;
};

static void log_desk_tell(struct log_desk *desk)
{
    const struct rows rows = {.context = desk->log, .span = log_span};
    const struct spans_record spans = {
        .type = RECORD_SPANS,
        .replica = desk->replica,
        .step = desk->step,
        .block = &desk->block,
        .first = (uint32_t)desk->told,
        .count = (uint32_t)(desk->row - desk->told),
    };
    ck_assert_int_eq(rows_tell_spans(&rows, &spans, NULL), 0);
    desk->told = desk->row;
}

static void log_desk_begin(void *context, uint32_t replica, uint64_t step)
{
    struct log_desk *desk = context;
    log_desk_tell(desk);
    desk->replica = replica;
    desk->step = step;
}

static int log_desk_turn(void *context, uint32_t replica, uint64_t step, struct error *error)
{
    struct log_desk *desk = context;
    (void)error;
    EXPECT(desk->row == SPAN_BLOCK && replica == desk->replica && step == desk->step);
    log_desk_tell(desk);
    desk->row = desk->told = 0;
    return 0;
}

static void log_release(struct log *log)
{
    free(log->requests);
    free(log->steps);
    free(log->spans);
    free(log->links);
}

/* The fast way has a desk for spans. */
static void play_logged(const struct trial *trial, bool exact, enum timeline timeline,
                        struct log *log, struct summary *summary, struct arena *arena)
{
    struct scenario scenario = trial->scenario;
    struct script script = {.arrivals = trial->arrivals, .count = trial->count};
    struct arrival_source source = {
        .context = &script,
        .next = script_next,
        .concurrency = trial->concurrency,
        .tells_prefixes = true,
    };
    struct rows rows = {
        .context = log,
        .request = log_request,
        .step = log_step,
        .span = log_span,
        .link = log_link,
    };
    struct log_desk desk = {.log = log};
    struct recorder recorder = {.context = &rows, .record = rows_record};
    if (!exact)
        recorder.desk = (struct span_desk){
            .context = &desk,
            .block = &desk.block,
            .row = &desk.row,
            .begin = log_desk_begin,
            .turn = log_desk_turn,
        };
    struct error error = {.code = ERROR_NONE};
    scenario.run.exact = exact;
    scenario.output.timeline = timeline;
    struct simulation *simulation = simulation_new(&scenario, source, recorder, &error);
    ck_assert_msg(simulation != NULL, "%s", error.text);
    int more;
    while ((more = simulation_advance(simulation, 17, &error)) > 0)
        continue;
    ck_assert_msg(more == 0, "%s", error.text);
    log_desk_tell(&desk);
    ck_assert_int_eq(simulation_summarize(simulation, summary, arena, &error), 0);
    simulation_free(simulation);
}

/* Expectation: the same rows in the same order, every field equal. */
static void check_same_requests(const struct log *fast, const struct log *exact, uint64_t seed)
{
    ck_assert_msg(fast->request_count == exact->request_count,
                  "seed %llu: counts of requests differ", (unsigned long long)seed);
    for (size_t i = 0; i < fast->request_count; i++)
        EXPECT(same_request(&fast->requests[i], &exact->requests[i]));
}

static void check_same(const struct log *fast, const struct log *exact, uint64_t seed)
{
    ck_assert_msg(fast->step_count == exact->step_count && fast->span_count == exact->span_count &&
                      fast->link_count == exact->link_count,
                  "seed %llu: counts of records differ", (unsigned long long)seed);
    check_same_requests(fast, exact, seed);
    for (size_t i = 0; i < fast->step_count; i++) {
        const struct step_record *a = &fast->steps[i];
        const struct step_record *b = &exact->steps[i];
        EXPECT(a->step == b->step && a->replica == b->replica && a->scheduled == b->scheduled &&
               a->done == b->done && a->decode_tokens == b->decode_tokens &&
               a->decode_context_tokens == b->decode_context_tokens &&
               a->prefill_tokens == b->prefill_tokens && a->prefill_chunks == b->prefill_chunks);
    }
    for (size_t i = 0; i < fast->span_count; i++) {
        const struct span_record *a = &fast->spans[i];
        const struct span_record *b = &exact->spans[i];
        EXPECT(a->start == b->start && a->duration == b->duration && a->step == b->step &&
               a->stage == b->stage && a->kind == b->kind && a->replica == b->replica &&
               a->bytes == b->bytes && a->layer == b->layer);
    }
    for (size_t i = 0; i < fast->link_count; i++) {
        const struct link_record *a = &fast->links[i];
        const struct link_record *b = &exact->links[i];
        EXPECT(a->start == b->start && a->duration == b->duration && a->link == b->link &&
               a->busy == b->busy && a->bytes == b->bytes);
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
 * Expectation: prompts are prefilled once, but for what is found in KV, and each output token but a
 * prompt's first is one decode row: sums over steps equal sums over requests, where nobody was
 * preempted and no finished row computes on.
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
        input_tokens += log->requests[i].input_tokens - log->requests[i].cached_tokens;
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
    sim_ps until[TRIAL_REPLICAS_MAX][TRIAL_STAGES_MAX] = {{0}};
    bool seen[TRIAL_REPLICAS_MAX][TRIAL_STAGES_MAX] = {{false}};
    sim_ps whole = 0;
    for (size_t i = 0; i < log->span_count; i++) {
        const struct span_record *span = &log->spans[i];
        EXPECT(span->replica < TRIAL_REPLICAS_MAX);
        EXPECT(span->stage < TRIAL_STAGES_MAX);
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
    for (uint32_t r = 0; r < TRIAL_REPLICAS_MAX; r++)
        for (uint32_t s = 0; s < TRIAL_STAGES_MAX; s++)
            ck_assert_int_eq(until[r][s], seen[r][s] ? whole : 0);
}

/* The steps of one replica, in order. */
struct flights {
    const struct step_record **steps; /* (count) */
    size_t count;
    uint32_t stages;
};

/* How many are in flight at `at`, and until when that is so; a step that comes when another is back
   takes its place. */
static uint32_t in_flight_at(const struct flights *flights, sim_ps at, sim_ps *until)
{
    size_t over = 0; /* both are in order of time */
    size_t begun = 0;
    for (size_t room = flights->count; room > 0; room /= 2) {
        while (over + room <= flights->count && flights->steps[over + room - 1]->done <= at)
            over += room;
        while (begun + room <= flights->count && flights->steps[begun + room - 1]->scheduled <= at)
            begun += room;
    }
    *until = SIM_PS_MAX;
    if (over < flights->count)
        *until = flights->steps[over]->done;
    if (begun < flights->count)
        *until = sim_ps_min(*until, flights->steps[begun]->scheduled);
    return (uint32_t)(begun - over);
}

/* Whether the pipeline was full when the scheduler turned to a step, the one that is back for it
   still counted. */
static bool was_full_before(const struct flights *flights, uint64_t step)
{
    if (step >= flights->count)
        return true; /* for none any more */
    sim_ps at = flights->steps[step]->scheduled;
    uint32_t before = 0;
    bool is_first = step == 0 || flights->steps[step - 1]->scheduled < at;
    for (uint64_t i = step; i-- > 0 && flights->steps[i]->done >= at;)
        before += flights->steps[i]->done > at || is_first;
    return before >= flights->stages;
}

/* Expectation: a stage waits for imbalance while there is a step in flight for each, and for fill
   and drain while there is not, or behind a step that came when there was not. */
static void check_wait(const struct flights *flights, const struct span_record *span)
{
    bool may_be_full = !was_full_before(flights, span->step);
    sim_ps end = span->start + span->duration;
    sim_ps until;
    for (sim_ps at = span->start; at < end; at = until) {
        bool is_full = in_flight_at(flights, at, &until) >= flights->stages;
        if (span->kind == SPAN_IDLE_IMBALANCE)
            EXPECT(is_full);
        else
            EXPECT(!is_full || may_be_full);
    }
}

/* The same of a whole run, where the scheduler takes no time in which steps are neither back nor
   begun, and a replica's steps are all that it has. */
static void check_waits(const struct trial *trial, const struct log *log)
{
    const struct host *host = &trial->scenario.serving.host;
    if (host->schedule_s > 0 || host->schedule_per_request_s > 0 || host->async_scheduling ||
        trial->scenario.decode || trial->scenario.fault_count > 0)
        return;
    struct flights flights = {.stages = trial->scenario.layout.pipeline_parallel};
    flights.steps = malloc((log->step_count + 1) * sizeof(struct step_record *));
    ck_assert_ptr_nonnull(flights.steps);
    for (uint32_t r = 0; r < trial->scenario.layout.replicas; r++) {
        flights.count = 0;
        for (size_t i = 0; i < log->step_count; i++)
            if (log->steps[i].replica == r)
                flights.steps[flights.count++] = &log->steps[i];
        for (size_t i = 0; i < log->span_count; i++) {
            enum span_kind kind = log->spans[i].kind;
            if (log->spans[i].replica == r &&
                (kind == SPAN_IDLE_IMBALANCE || kind == SPAN_IDLE_FILL_DRAIN))
                check_wait(&flights, &log->spans[i]);
        }
    }
    free(flights.steps);
}

/* Expectation: a link is busy for no longer than the time that its row is of, whole seconds. */
static void check_links(const struct log *log)
{
    for (size_t i = 0; i < log->link_count; i++) {
        const struct link_record *row = &log->links[i];
        EXPECT(row->start % SIM_PS_PER_S == 0);
        EXPECT(row->duration % SIM_PS_PER_S == 0);
        EXPECT(row->busy >= 0);
        EXPECT(row->busy <= row->duration);
    }
}

/* Expectation: a stage's shares sum to 1, where no time passed, too: all requests came at once, and
   all were rejected. */
static void check_shares(const struct summary *summary)
{
    for (uint32_t i = 0; i < summary->stage_count; i++) {
        const struct stage_summary *s = &summary->stages[i];
        double sum = s->busy_compute + s->busy_collective + s->idle_no_work + s->idle_fill_drain +
                     s->idle_imbalance + s->idle_transfer + s->idle_host + s->idle_down;
        ck_assert_double_eq_tol(sum, 1, 1e-12);
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
    trial_roll(trial, &dice);
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
    check_waits(trial, &fast);
    check_links(&fast);
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
    return suite_run("simulation, random scenarios", tests, ARRAY_LENGTH(tests));
}
