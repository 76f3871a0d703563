/*
 * What a GPU's power limit does to prompts: their GEMMs take as many times as long as the GPU's
 * file says once it is capped, all else as long as before, and a rest restores it.
 *
 * Prompts of 2,000 tokens, a step each, on one GPU; without a host.
 */
#include "fixtures.h"
#include "play.h"
#include "suite.h"

#define PROMPT 2000
#define STEPS 3
#define SLOWDOWN 1.25

/* What the kernels of each step took, and the step itself. */
struct watched {
    sim_ps gemms[STEPS];
    sim_ps others[STEPS];
    sim_ps whole[STEPS];
};

static bool is_gemm(enum span_kind kind)
{
    return kind == SPAN_QKV || kind == SPAN_OUTPUT || kind == SPAN_GATE_UP || kind == SPAN_DOWN;
}

static int watch_span(void *context, const struct span_record *span, struct error *error)
{
    (void)error;
    struct watched *watched = context;
    if (span->step >= STEPS)
        return 0;
    if (span->kind == SPAN_STAGE)
        watched->whole[span->step] += span->duration;
    else if (is_gemm(span->kind))
        watched->gemms[span->step] += span->duration;
    else if (span->layer != SPAN_NO_LAYER)
        watched->others[span->step] += span->duration;
    return 0;
}

static struct scenario scenario_of(const struct power_capping *capping)
{
    const struct layout_spec layout = {.tensor_parallel = 1, .pipeline_parallel = 1, .replicas = 1};
    struct scenario scenario = fixture_scenario(1, layout);
    scenario.output.timeline = TIMELINE_LAYERS;
    scenario.serving.max_step_tokens = PROMPT;
    scenario.cluster.gpu.power_capping = *capping;
    return scenario;
}

/* Two prompts at once, and one that comes later. */
static void arrive(struct arrival arrivals[STEPS], sim_ps later)
{
    for (size_t i = 0; i < STEPS; i++)
        arrivals[i] =
            (struct arrival){.at = i < 2 ? 0 : later, .input_tokens = PROMPT, .output_tokens = 1};
}

/* The later one comes `rest` after the two are done, which `worked` is. */
static struct watched run(const struct power_capping *capping, sim_ps worked, sim_ps rest)
{
    struct scenario scenario = scenario_of(capping);
    struct arrival arrivals[STEPS];
    arrive(arrivals, worked + rest);
    struct watched watched = {.whole = {0}};
    struct rows rows = {.context = &watched, .span = watch_span};
    play_rows(&scenario, arrivals, STEPS, &rows);
    return watched;
}

/* To a picosecond for each span: their ends are rounded. */
static void check_close(sim_ps actual, double expected)
{
    ck_assert_double_eq_tol((double)actual, expected, 300);
}

START_TEST(a_capped_gpu_is_slower_at_gemms_alone)
{
    const struct power_capping none = {.slowdown = 1};
    const struct power_capping always = {
        .slowdown = SLOWDOWN, .recovery_s = 1, .busy_recovery_s = 1};
    struct watched full = run(&none, 0, 0), capped = run(&always, 0, 0);
    for (size_t step = 0; step < STEPS; step++) {
        check_close(capped.gemms[step], SLOWDOWN * (double)full.gemms[step]);
        check_close(capped.others[step], (double)full.others[step]);
        check_close(capped.whole[step],
                    (double)full.whole[step] + (SLOWDOWN - 1) * (double)full.gemms[step]);
    }
}
END_TEST

START_TEST(a_summary_says_what_the_limit_costs)
{
    const struct power_capping none = {.slowdown = 1};
    const struct power_capping always = {
        .slowdown = SLOWDOWN, .recovery_s = 1, .busy_recovery_s = 1};
    struct scenario scenario = scenario_of(&always);
    struct arrival arrivals[STEPS];
    arrive(arrivals, 0);
    struct played played = play(&scenario, arrivals, STEPS);
    struct watched full = run(&none, 0, 0), capped = run(&always, 0, 0);
    double longer = 0;
    for (size_t step = 0; step < STEPS; step++)
        longer += (double)(capped.whole[step] - full.whole[step]);
    ck_assert_double_eq_tol(played.summary.stages[0].power_capped * played.summary.duration_s,
                            longer / (double)SIM_PS_PER_S, 1e-9);
    played_release(&played);
}
END_TEST

START_TEST(a_rested_gpu_is_capped_after_its_delay)
{
    /* A delay of one step's GEMMs and a half; a rest of all that restores it, and one of less. */
    struct watched full = run(&(struct power_capping){.slowdown = 1}, 0, 0);
    sim_ps hot = full.gemms[0];
    struct power_capping capping = {
        .slowdown = SLOWDOWN,
        .delay_s = 1.5 * sim_s_from_ps(hot),
        .release_s = 0.1,
        .recovery_s = 0.3,
        .busy_recovery_s = 1e6,
    };
    sim_ps longer = (sim_ps)((SLOWDOWN - 1) * (double)hot / 2);
    sim_ps worked = full.whole[0] + full.whole[1] + longer;
    struct watched rested = run(&capping, worked, sim_ps_from_s(0.4));
    struct watched tired = run(&capping, worked, sim_ps_from_s(0.2));
    check_close(rested.whole[0], (double)full.whole[0]);
    check_close(rested.whole[1], (double)(full.whole[1] + longer));
    check_close(rested.whole[2], (double)full.whole[2]);
    /* A third of the delay is back, half of the GEMMs are capped. */
    check_close(tired.whole[2], (double)(full.whole[2] + longer));
}
END_TEST

START_TEST(a_slow_gpu_is_slow_at_every_kernel)
{
    const struct power_capping capping = {
        .slowdown = SLOWDOWN, .recovery_s = 1, .busy_recovery_s = 1};
    struct fault fault = {.until = SIM_PS_MAX, .slowdown = 1.5, .target = FAULT_GPU};
    struct watched capped = run(&capping, 0, 0);
    struct scenario scenario = scenario_of(&capping);
    struct arrival arrivals[STEPS];
    struct watched slow = {.whole = {0}};
    struct rows rows = {.context = &slow, .span = watch_span};
    scenario.faults = &fault;
    scenario.fault_count = 1;
    arrive(arrivals, 0);
    play_rows(&scenario, arrivals, STEPS, &rows);
    for (size_t step = 0; step < STEPS; step++) {
        check_close(slow.gemms[step], 1.5 * (double)capped.gemms[step]);
        check_close(slow.others[step], 1.5 * (double)capped.others[step]);
        check_close(slow.whole[step], 1.5 * (double)capped.whole[step]);
    }
}
END_TEST

START_TEST(what_a_failure_cut_off_heats_no_gpu)
{
    /* Prompts in two stages, and a failure before the second stage begins the first of them: played
       out event by event, no visit is known that never was. */
    const struct power_capping capping = {.slowdown = SLOWDOWN,
                                          .delay_s = 0.03,
                                          .release_s = 1,
                                          .recovery_s = 1,
                                          .busy_recovery_s = 1};
    struct fault fault = {.from = sim_ps_from_s(0.02),
                          .until = sim_ps_from_s(0.021),
                          .target = FAULT_GPU,
                          .index = 0};
    struct scenario scenario = scenario_of(&capping);
    struct arrival arrivals[STEPS];
    scenario.layout.pipeline_parallel = 2;
    scenario.serving.steps_in_flight = 2;
    scenario.output.timeline = TIMELINE_NONE;
    scenario.faults = &fault;
    scenario.fault_count = 1;
    arrive(arrivals, 0);
    struct played fast = play(&scenario, arrivals, STEPS);
    scenario.run.exact = true;
    struct played exact = play(&scenario, arrivals, STEPS);
    for (size_t i = 0; i < STEPS; i++)
        ck_assert(same_request(&fast.requests[i], &exact.requests[i]));
    played_release(&fast);
    played_release(&exact);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_capped_gpu_is_slower_at_gemms_alone,  a_summary_says_what_the_limit_costs,
        a_rested_gpu_is_capped_after_its_delay, a_slow_gpu_is_slow_at_every_kernel,
        what_a_failure_cut_off_heats_no_gpu,
    };
    return suite_run("power_limit", tests, ARRAY_LENGTH(tests));
}
