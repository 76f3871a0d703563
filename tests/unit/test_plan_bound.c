/* Are the bounds of a plan what peak rates allow, and no more? */
#include "plan_bound.h"

#include "../suite.h"
#include "fixtures.h"

START_TEST(bounds_follow_from_peak_rates)
{
    /* A GPU of 1e15 FLOP/s and 1e12 B/s, and Llama-70B: 80 layers of 2 h^2 + 2 h kv + 3 h f
       parameters (norms are a millionth of them). A token takes two FLOPs of each, and reads its
       two bytes once; four GPUs read side by side, eight compute. */
    const struct gpu gpu = {.memory_bytes_per_s = 1e12, .flops_per_s = {[DTYPE_BF16] = 1e15}};
    const struct model model = fixture_llama_70b();
    const double h = 8192;
    const double parameters = 80 * (2 * h * h + 2 * h * 1024 + 3 * h * 28672);
    double tpot_s = plan_bound_tpot_s(&model, &gpu, 4);
    double ttft_s = plan_bound_ttft_s(&model, &gpu, 8, 1000);
    ck_assert_double_eq_tol(tpot_s / (2 * parameters / 4e12), 1, 1e-4);
    ck_assert_double_eq_tol(ttft_s / (2 * parameters * 1000 / 8e15), 1, 1e-4);
    /* Requests of as many tokens in and out follow each other at that distance. */
    double rate = plan_bound_requests_per_s(&model, &gpu, 8, 1000);
    ck_assert_double_eq_tol(rate * ttft_s, 1, 1e-12);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {bounds_follow_from_peak_rates};
    return suite_run("plan_bound", tests, ARRAY_LENGTH(tests));
}
