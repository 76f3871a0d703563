/*
 * Does a GPU compute hot work at the full clock until its delay is spent, more slowly then, and
 * recover as it rests?
 */
#include "power.h"
#include "suite.h"

#define MS (SIM_PS_PER_S / 1000)

/* Capped after 60 ms, 1.25 times as slow; 30 ms of rest restore all, 10 after the first 10 where it
   was capped; other kernels half as much as they take. */
static const struct power_capping capping = {
    .slowdown = 1.25,
    .delay_s = 60e-3,
    .release_s = 10e-3,
    .recovery_s = 30e-3,
    .busy_recovery_s = 120e-3,
};

struct gpu_at_work {
    struct power_limit limit;
    struct power power;
    sim_ps now; /* it has been idle since */
};

static struct gpu_at_work rested(void)
{
    struct gpu_at_work gpu = {.limit = power_limit_of(&capping)};
    gpu.power = power_rested(&gpu.limit);
    return gpu;
}

/* How much longer it takes for `compute`, `hot` of it hot, after having been idle for `rest`. */
static sim_ps longer(struct gpu_at_work *gpu, sim_ps rest, sim_ps compute, sim_ps hot)
{
    sim_ps start = gpu->now + rest;
    sim_ps extra = power_compute(&gpu->power, &gpu->limit, gpu->now, start, compute, hot);
    gpu->now = start + compute + extra;
    return extra;
}

START_TEST(without_capping_nothing_takes_longer)
{
    struct power_limit limit = power_limit_of(&(struct power_capping){.slowdown = 0});
    struct power power = power_rested(&limit);
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(power_compute(&power, &limit, 0, i * MS, 1000 * MS, 1000 * MS), 0);
}
END_TEST

START_TEST(hot_work_beyond_the_delay_takes_longer)
{
    struct gpu_at_work gpu = rested();
    ck_assert_int_eq(longer(&gpu, 0, 40 * MS, 40 * MS), 0);
    ck_assert_int_eq(longer(&gpu, 0, 40 * MS, 40 * MS), 5 * MS); /* a quarter of 20 */
    ck_assert_int_eq(longer(&gpu, 0, 40 * MS, 40 * MS), 10 * MS);
}
END_TEST

START_TEST(it_does_not_matter_how_work_is_cut)
{
    struct gpu_at_work whole = rested(), cut = rested();
    sim_ps sum = 0;
    for (int i = 0; i < 20; i++)
        sum += longer(&cut, 0, 10 * MS, 8 * MS);
    ck_assert_int_eq(sum, longer(&whole, 0, 200 * MS, 160 * MS));
    ck_assert_int_eq(whole.power.left, cut.power.left);
}
END_TEST

START_TEST(rest_restores_after_the_clock_is_released)
{
    static const sim_ps rests_ms[] = {0, 5, 10, 25, 40, 1000};
    static const sim_ps restored_ms[] = {0, 0, 0, 30, 60, 60};
    for (size_t i = 0; i < ARRAY_LENGTH(rests_ms); i++) {
        struct gpu_at_work gpu = rested();
        longer(&gpu, 0, 100 * MS, 100 * MS);
        ck_assert_int_eq(longer(&gpu, rests_ms[i] * MS, 80 * MS, 80 * MS),
                         (80 - restored_ms[i]) * MS / 4);
    }
}
END_TEST

START_TEST(a_gpu_that_was_not_capped_has_no_clock_to_release)
{
    struct gpu_at_work gpu = rested();
    longer(&gpu, 0, 50 * MS, 50 * MS);
    ck_assert_int_eq(longer(&gpu, 10 * MS, 40 * MS, 40 * MS), (40 - 10 - 20) * MS / 4);
}
END_TEST

START_TEST(other_kernels_restore_less)
{
    /* Half as much: 60 ms beside 80 hot ones leave 50 of them capped, once the delay is spent. */
    struct gpu_at_work gpu = rested();
    longer(&gpu, 0, 100 * MS, 100 * MS);
    ck_assert_int_eq(longer(&gpu, 0, 140 * MS, 80 * MS), 50 * MS / 4);
    /* And so do 40 ms of steps between two. */
    gpu.now += 40 * MS;
    ck_assert_int_eq(longer(&gpu, 0, 80 * MS, 80 * MS), 60 * MS / 4);
}
END_TEST

START_TEST(no_work_takes_longer_than_anything_may)
{
    struct power_limit limit = power_limit_of(&(struct power_capping){
        .slowdown = 10, .delay_s = 0, .release_s = 0, .recovery_s = 1, .busy_recovery_s = 1});
    struct power power = power_rested(&limit);
    ck_assert_int_eq(power_compute(&power, &limit, 0, 0, SIM_SPAN_MAX, SIM_SPAN_MAX), 0);
    ck_assert_int_eq(power_compute(&power, &limit, 0, 0, SIM_SPAN_MAX / 2, SIM_SPAN_MAX / 2),
                     SIM_SPAN_MAX / 2);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        without_capping_nothing_takes_longer,
        hot_work_beyond_the_delay_takes_longer,
        it_does_not_matter_how_work_is_cut,
        rest_restores_after_the_clock_is_released,
        a_gpu_that_was_not_capped_has_no_clock_to_release,
        other_kernels_restore_less,
        no_work_takes_longer_than_anything_may,
    };
    return suite_run("power", tests, ARRAY_LENGTH(tests));
}
