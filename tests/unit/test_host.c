/* Does host keep its contract? */
#include "host.h"
#include "suite.h"

START_TEST(the_slowest_of_processes_grows_with_each_doubling)
{
    const struct host host = {.process_spread = 0.1};
    ck_assert_double_eq(host_slowest(&host, 1), 1);
    ck_assert_double_eq(host_slowest(&host, 2), 1.1);
    ck_assert_double_eq_tol(host_slowest(&host, 8), 1.3, 1e-12);
}
END_TEST

START_TEST(a_layer_s_launches_sum_up)
{
    const struct host host = {
        .launch_s = 1, .launch_decode_s = 10, .launch_chunk_s = 100, .launch_history_s = 1000};
    const struct host_launches decodes = {.kernels = 8, .decodes = 1};
    const struct host_launches prompts = {.kernels = 8, .chunks = 3, .histories = 2};
    ck_assert_double_eq(host_launches_s(&host, &decodes), 18);
    /* A chunk that has KV before it costs that in addition. */
    ck_assert_double_eq(host_launches_s(&host, &prompts), 2308);
}
END_TEST

START_TEST(a_batch_is_padded_to_the_next_captured_size)
{
    const struct host host = {.captured_count = 3, .captured_sizes = {1, 4, 16}};
    ck_assert_uint_eq(host_captured_size(&host, 1), 1);
    ck_assert_uint_eq(host_captured_size(&host, 5), 16);
    /* Beyond the largest nothing was captured. */
    ck_assert_uint_eq(host_captured_size(&host, 17), 0);
}
END_TEST

START_TEST(padding_is_largest_for_the_first_beyond_a_size)
{
    const struct host host = {.captured_count = 3, .captured_sizes = {1, 4, 16}};
    /* 5 of 3 to 10 are padded by the most, to 16; of 7 to 10 it is 7; 16 is a size. */
    ck_assert_uint_eq(host_padding_max(&host, 3, 10), 11);
    ck_assert_uint_eq(host_padding_max(&host, 7, 10), 9);
    ck_assert_uint_eq(host_padding_max(&host, 3, 4), 1);
    ck_assert_uint_eq(host_padding_max(&host, 16, 1000), 0);
    ck_assert_uint_eq(host_padding_max(&(struct host){.captured_count = 0}, 1, 1000), 0);
}
END_TEST

START_TEST(a_slower_cpu_takes_longer_for_all_that_is_its_own)
{
    /* Twice as long for each time of the host's; what kernels wait for on the GPU stays. */
    struct host host = {.schedule_s = 1,
                        .launch_graph_s = 2,
                        .new_shape_first_s = 3,
                        .kernel_gap_s = 4,
                        .collective_overlap_s = 5,
                        .process_spread = 0.5,
                        .new_shape_halving = 6};
    host_slow_down(&host, 2);
    ck_assert_double_eq(host.schedule_s, 2);
    ck_assert_double_eq(host.launch_graph_s, 4);
    ck_assert_double_eq(host.new_shape_first_s, 6);
    ck_assert_double_eq(host.kernel_gap_s, 4);
    ck_assert_double_eq(host.collective_overlap_s, 5);
    ck_assert_double_eq(host.process_spread, 0.5);
    ck_assert_double_eq(host.new_shape_halving, 6);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        the_slowest_of_processes_grows_with_each_doubling,
        a_layer_s_launches_sum_up,
        a_batch_is_padded_to_the_next_captured_size,
        padding_is_largest_for_the_first_beyond_a_size,
        a_slower_cpu_takes_longer_for_all_that_is_its_own,
    };
    return suite_run("host", tests, ARRAY_LENGTH(tests));
}
