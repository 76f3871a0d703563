/*
 * A timeline's rows of links: what crossed each, and for how long it was busy,
 * worked out from what a group of GPUs sends.
 */
#include "fixtures.h"
#include "play.h"
#include "suite.h"

#define PROMPT 2000
#define GROUP 4
#define ROWS_MAX 16

/* The one NIC of node 0, on its way out. */
#define NIC "node0/nic0>network"

/* A link's rows, and the longest span of a kind. */
struct watched {
    uint32_t link;
    enum span_kind kind;
    struct link_record rows[ROWS_MAX];
    uint32_t row_count;
    struct span_record span;
};

static int watch_link(void *context, const struct link_record *row, struct error *error)
{
    (void)error;
    struct watched *watched = context;
    if (row->link != watched->link)
        return 0;
    ck_assert_uint_lt(watched->row_count, ROWS_MAX);
    watched->rows[watched->row_count++] = *row;
    return 0;
}

static int watch_span(void *context, const struct span_record *span, struct error *error)
{
    (void)error;
    struct watched *watched = context;
    if (span->kind == watched->kind && span->duration > watched->span.duration)
        watched->span = *span;
    return 0;
}

static uint32_t nic_of(const struct scenario *scenario)
{
    struct topology topology;
    struct arena arena;
    struct error error;
    uint32_t link = 0;
    arena_init(&arena);
    ck_assert_int_eq(topology_build(&topology, &scenario->cluster, &arena, &error), 0);
    ck_assert(topology_find_link(&topology, NIC, &link));
    arena_release(&arena);
    return link;
}

/* What the NIC carries of some prompts that come together. */
static struct watched run(const struct scenario *scenario, enum span_kind kind, uint32_t prompts)
{
    struct watched watched = {.link = nic_of(scenario), .kind = kind};
    struct arrival arrivals[2];
    for (uint32_t i = 0; i < prompts; i++)
        arrivals[i] = (struct arrival){.at = 0, .input_tokens = PROMPT, .output_tokens = 2};
    struct rows rows = {.context = &watched, .span = watch_span, .link = watch_link};
    play_rows(scenario, arrivals, prompts, &rows);
    return watched;
}

/* Two nodes of one NIC each. */
static struct scenario two_nodes(void)
{
    const struct layout_spec layout = {
        .tensor_parallel = GROUP, .pipeline_parallel = 1, .replicas = 1};
    struct scenario scenario = fixture_scenario(2, layout);
    scenario.output.timeline = TIMELINE_STEPS;
    scenario.cluster.nics_per_node = 1;
    return scenario;
}

/* A stage on each node. */
static struct scenario two_stages(void)
{
    struct scenario scenario = two_nodes();
    scenario.layout.pipeline_parallel = 2;
    scenario.layout.placement = LAYOUT_PLACEMENT_SPREAD;
    scenario.serving.max_step_tokens = PROMPT;
    scenario.serving.host.send_tensors = 1;
    return scenario;
}

/* Expectation: the group's four sends are one row, of the bytes of all and the time of one; a
   second step, of one token, sends PROMPT times less. */
START_TEST(a_group_that_sends_keeps_a_link_busy_once)
{
    struct scenario scenario = two_stages();
    struct watched watched = run(&scenario, SPAN_SEND, 1);
    double prompt_bytes = GROUP * (double)watched.span.bytes;
    ck_assert_uint_eq(watched.row_count, 1);
    ck_assert_double_eq_tol(watched.rows[0].bytes, prompt_bytes * (1 + 1.0 / PROMPT), 1);
    ck_assert_int_ge(watched.rows[0].busy, watched.span.duration);
    ck_assert_int_lt(watched.rows[0].busy, watched.span.duration * 2);
}
END_TEST

/* Expectation: a send of some seconds keeps the link busy for as long, in rows that follow each
   other, none of them busier than it is long; its bytes count in the second in which it ends. */
START_TEST(a_long_send_goes_on_through_its_seconds)
{
    struct scenario scenario = two_stages();
    scenario.cluster.nic.bytes_per_s = 20e6;
    struct watched watched = run(&scenario, SPAN_SEND, 1);
    sim_ps busy = 0;
    sim_ps until = 0;
    ck_assert_int_gt(watched.span.duration, 2 * SIM_PS_PER_S);
    for (uint32_t i = 0; i < watched.row_count; i++) {
        ck_assert_int_eq(watched.rows[i].start, until);
        ck_assert_int_le(watched.rows[i].busy, watched.rows[i].duration);
        busy += watched.rows[i].busy;
        until += watched.rows[i].duration;
    }
    ck_assert_int_gt(until, watched.span.start + watched.span.duration);
    ck_assert_int_ge(busy, watched.span.duration);
    ck_assert_double_eq(watched.rows[0].bytes, 0);
    ck_assert_double_ge(watched.rows[watched.row_count - 1].bytes,
                        GROUP * (double)watched.span.bytes);
}
END_TEST

/* Expectation: two prompts' KV that leaves together, each from a group of four, is one row: of all
   bytes, and of the time of the longer transfer, whose GPUs are farther from the NIC. */
START_TEST(overlapping_kv_keeps_a_link_busy_once)
{
    struct scenario decode = two_nodes();
    struct scenario scenario = two_nodes();
    scenario.layout.replicas = 2;
    scenario.decode = &decode;
    (void)snprintf(decode.cluster.gpu.name, NAME_BYTES, "another");
    struct watched watched = run(&scenario, SPAN_KV_TRANSFER, 2);
    ck_assert_uint_eq(watched.row_count, 1);
    ck_assert_int_eq(watched.rows[0].busy, watched.span.duration);
    ck_assert_double_eq_tol(watched.rows[0].bytes, 2 * GROUP * (double)watched.span.bytes, 1);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_group_that_sends_keeps_a_link_busy_once,
        a_long_send_goes_on_through_its_seconds,
        overlapping_kv_keeps_a_link_busy_once,
    };
    return suite_run("link rows", tests, ARRAY_LENGTH(tests));
}
