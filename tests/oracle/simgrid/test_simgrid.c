/*
 * Do flows end when SimGrid says, whose fluid model is the field's reference?
 *
 * Built where libsimgrid is. SimGrid keeps its engine in globals, so each set is
 * played in a process of its own.
 */
#include "fluid.h"

#include "flow_set.h"
#include "suite.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SETS 200
#define TOLERANCE 1e-6
#define PORT_BYTES_PER_S 50e9

static struct flow_set *new_set(void)
{
    struct flow_set *set = calloc(1, sizeof(*set));
    ck_assert_ptr_nonnull(set);
    return set;
}

/* In the child: what SimGrid says of `set`. */
static void play_in_simgrid(const struct flow_set *set, double *ends_s)
{
    struct fluid_flow *flows = calloc(set->flow_count, sizeof(*flows));
    if (!flows)
        _exit(EXIT_FAILURE);
    for (uint32_t i = 0; i < set->flow_count; i++)
        flows[i] = (struct fluid_flow){
            .start_s = set->flows[i].start_s,
            .bytes = (uint64_t)set->flows[i].bytes,
            .then = set->flows[i].then,
            .is_chained = set->flows[i].is_chained,
            .link_count = set->flows[i].link_count,
            .links = set->flows[i].links,
        };
    fluid_play(set->bytes_per_s, set->link_count, flows, set->flow_count, set->flows[0].latency_s,
               ends_s);
    free(flows);
}

/* Every end within TOLERANCE of SimGrid's. */
static void check_set(const struct flow_set *set)
{
    static double ends_s[SET_FLOWS_MAX];
    size_t bytes = set->flow_count * sizeof(double);
    double *expected_s =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(expected_s, MAP_FAILED);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        play_in_simgrid(set, expected_s);
        _exit(EXIT_SUCCESS);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS);
    flow_set_play(set, ends_s);
    for (uint32_t i = 0; i < set->flow_count; i++)
        ck_assert_double_eq_tol(ends_s[i], expected_s[i], TOLERANCE * expected_s[i]);
    ck_assert_int_eq(munmap(expected_s, bytes), 0);
}

/* The end of the last flow. */
static double last_end_s(const struct flow_set *set)
{
    static double ends_s[SET_FLOWS_MAX];
    double last_s = 0;
    flow_set_play(set, ends_s);
    for (uint32_t i = 0; i < set->flow_count; i++)
        last_s = fmax(last_s, ends_s[i]);
    return last_s;
}

START_TEST(ring_all_reduce)
{
    /* 1 GB on 8 hosts at 50 GB/s and 1 us: 14 steps of 2.5 ms and 1 us, 35.014 ms; and on 64. */
    struct flow_set *set = new_set();
    flow_set_crossbar(set, 8, PORT_BYTES_PER_S);
    flow_set_ring_all_reduce(set, 8, 1e9 / 8, 1e-6);
    check_set(set);
    ck_assert_double_eq_tol(last_end_s(set), 35.014e-3, 1e-12);
    flow_set_crossbar(set, 64, PORT_BYTES_PER_S);
    flow_set_ring_all_reduce(set, 64, 1e9 / 64, 1e-6);
    check_set(set);
    free(set);
}
END_TEST

START_TEST(all_to_all)
{
    struct flow_set *set = new_set();
    flow_set_crossbar(set, 8, PORT_BYTES_PER_S);
    flow_set_all_to_all(set, 8, 1e8, 1e-6);
    check_set(set);
    flow_set_crossbar(set, 64, PORT_BYTES_PER_S);
    flow_set_all_to_all(set, 64, 1e7, 1e-6);
    check_set(set);
    free(set);
}
END_TEST

START_TEST(random_sets)
{
    struct dice dice = {dice_seed(20140110)};
    struct flow_set *set = new_set();
    for (uint32_t i = 0; i < SETS; i++) {
        flow_set_random(set, &dice, 200);
        check_set(set);
    }
    free(set);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {ring_all_reduce, all_to_all, random_sets};
    return suite_run("simgrid", tests, ARRAY_LENGTH(tests));
}
