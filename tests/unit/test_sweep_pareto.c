/* Is the Pareto front the points that no other beats? */
#include "balance_json.h"
#include "sweep_pareto.h"

#include "../suite.h"

static json_t *records;

static void add_refusing(const char *status, double growth, double tpot_s, double tokens_per_s,
                         int gpus, bool is_refusing)
{
    const struct balance balance = {growth, 0.07, 0, 0, 1000, 1000};
    json_t *record =
        json_pack("{s:s, s:b, s:o, s:i, s:{s:f, s:{s:f}}}", "status", status, "refusing",
                  (int)is_refusing, "balance", balance_json_new(&balance), "gpus", gpus, "summary",
                  "output_tokens_per_s", tokens_per_s, "tpot_s", "p50", tpot_s);
    ck_assert_int_eq(json_array_append_new(records, record), 0);
}

static void add(const char *status, double growth, double tpot_s, double tokens_per_s, int gpus)
{
    add_refusing(status, growth, tpot_s, tokens_per_s, gpus, false);
}

START_TEST(keeps_what_nothing_beats)
{
    /* Per user and per GPU: (100, 10), (50, 40), (50, 30) beaten, (20, 35) beaten, (10, 80); those
       that failed, were saturated, too short to tell or refused requests would win if they
       counted. */
    struct sweep_pareto_point front[9];
    records = json_array();
    add("done", 0, 0.01, 80, 8);
    add("done", 0, 0.02, 30, 1);
    add("done", 0, 0.02, 320, 8);
    add("done", 0, 0.05, 35, 1);
    add("done", 0, 0.1, 160, 2);
    add("failed", 0, 0.001, 9000, 1);
    add("done", 1, 0.001, 9000, 1);
    add("done", 0.04, 0.001, 9000, 1);
    add_refusing("done", 0, 0.001, 9000, 1, true);
    ck_assert_uint_eq(sweep_pareto_front(records, front), 3);
    ck_assert_uint_eq(front[0].index, 4);
    ck_assert_double_eq_tol(front[0].per_user, 10, 1e-9);
    ck_assert_double_eq_tol(front[0].per_gpu, 80, 1e-9);
    ck_assert_uint_eq(front[1].index, 2);
    ck_assert_uint_eq(front[2].index, 0);
    json_decref(records);
}
END_TEST

START_TEST(equal_points_count_once)
{
    /* Two the same: the first is on the front. No points: no front. */
    struct sweep_pareto_point front[2];
    records = json_array();
    ck_assert_uint_eq(sweep_pareto_front(records, front), 0);
    add("done", 0, 0.02, 30, 1);
    add("done", 0, 0.02, 30, 1);
    ck_assert_uint_eq(sweep_pareto_front(records, front), 1);
    ck_assert_uint_eq(front[0].index, 0);
    json_decref(records);
}
END_TEST

START_TEST(a_run_s_end_does_not_count)
{
    /* Of 100 requests a tenth was rejected; 20/s came, of which 18/s were served 10 tokens each:
       180 tokens/s, where the run, its end included, has 9/s and 90 tokens/s. */
    struct sweep_pareto_point front[1];
    records = json_array();
    add("done", 0, 0.02, 90, 1);
    json_t *record = json_array_get(records, 0);
    ck_assert_int_eq(json_object_set_new(record, "offered_requests_per_s", json_real(20)), 0);
    json_t *summary = json_object_get(record, "summary");
    ck_assert_int_eq(json_object_set_new(summary, "requests_per_s", json_real(9)), 0);
    json_t *requests = json_pack("{s:i, s:i}", "arrived", 100, "rejected", 10);
    ck_assert_int_eq(json_object_set_new(summary, "requests", requests), 0);
    ck_assert_uint_eq(sweep_pareto_front(records, front), 1);
    ck_assert_double_eq_tol(front[0].per_gpu, 180, 1e-9);
    json_decref(records);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {keeps_what_nothing_beats, equal_points_count_once,
                                  a_run_s_end_does_not_count};
    return suite_run("sweep_pareto", tests, ARRAY_LENGTH(tests));
}
