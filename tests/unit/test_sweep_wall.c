/* Is what a series is said to carry, within its SLO too, what its points tell? */
#include "balance_json.h"
#include "sweep_wall.h"

#include "../suite.h"

#include <math.h>

#define KEPT_UP 0.0
#define SATURATED 1.0
#define TOO_SHORT 0.04

static json_t *records;
static bool has_slo;
static struct sweep_wall wall;

static void setup(void)
{
    records = json_array();
    has_slo = true;
}

static void teardown(void)
{
    json_decref(records);
}

/* A point of `series` at `load`, whose backlog grows so much. */
static void add(int series, double load, double growth, bool meets_slo, bool is_refusing)
{
    const struct balance balance = {growth, 0.07, 0, 0, 1000, 1000};
    json_t *record = json_pack("{s:i, s:s, s:f, s:o, s:b, s:b, s:{s:{s:b}}}", "series", series,
                               "status", "done", "offered_requests_per_s", load, "balance",
                               balance_json_new(&balance), "refusing", (int)is_refusing, "has_slo",
                               (int)has_slo, "summary", "slo", "met", (int)meets_slo);
    ck_assert_int_eq(json_array_append_new(records, record), 0);
}

static size_t find(size_t at)
{
    return sweep_wall_find(&wall, records, at, SWEEP_LOAD_RATE);
}

START_TEST(slo_is_left_before_the_wall)
{
    /* In any order: 1 to 4 and 6 are kept up with, 8 saturates; 4 is beyond the SLO, and so 6 is no
       load within it, be it by chance. The next series is read by itself. */
    add(0, 6, KEPT_UP, true, false);
    add(0, 1, KEPT_UP, true, false);
    add(0, 2, KEPT_UP, true, false);
    add(0, 8, SATURATED, false, false);
    add(0, 4, KEPT_UP, false, false);
    add(1, 3, KEPT_UP, false, false);
    ck_assert_uint_eq(find(0), 5);
    ck_assert_uint_eq(wall.points, 5);
    ck_assert_ptr_eq(wall.first, json_array_get(records, 1));
    ck_assert_double_eq(sweep_record_load(wall.within_slo, SWEEP_LOAD_RATE), 2);
    ck_assert_double_eq(sweep_record_load(wall.sustained, SWEEP_LOAD_RATE), 6);
    ck_assert_double_eq(wall.saturated_from, 8);
    ck_assert_uint_eq(find(5), 6);
    ck_assert_ptr_null(wall.within_slo);
    ck_assert_double_nan(sweep_record_load(wall.within_slo, SWEEP_LOAD_RATE));
    ck_assert_double_eq(sweep_record_load(wall.sustained, SWEEP_LOAD_RATE), 3);
    ck_assert_double_nan(wall.saturated_from);
}
END_TEST

START_TEST(only_points_that_tell_count)
{
    /* Runs too short to tell and points that refuse requests are neither carried nor beyond the
       SLO; what seems kept up with above a load that saturated is not carried. */
    add(0, 1, KEPT_UP, true, false);
    add(0, 2, TOO_SHORT, false, false);
    add(0, 3, KEPT_UP, false, true);
    add(0, 4, KEPT_UP, true, false);
    add(0, 5, TOO_SHORT, true, false);
    add(0, 6, KEPT_UP, true, true);
    add(0, 7, SATURATED, false, false);
    add(0, 8, KEPT_UP, true, false);
    ck_assert_uint_eq(find(0), 8);
    ck_assert_double_eq(sweep_record_load(wall.within_slo, SWEEP_LOAD_RATE), 4);
    ck_assert_double_eq(sweep_record_load(wall.sustained, SWEEP_LOAD_RATE), 4);
    ck_assert_double_eq(wall.saturated_from, 7);
    ck_assert_uint_eq(wall.too_short, 2);
    ck_assert_uint_eq(wall.refusing, 2);
}
END_TEST

START_TEST(without_an_slo_nothing_is_within)
{
    /* A load may be carried then, but there is nothing to be within. */
    has_slo = false;
    add(0, 1, KEPT_UP, true, false);
    ck_assert_uint_eq(find(0), 1);
    ck_assert_ptr_null(wall.within_slo);
    ck_assert_ptr_nonnull(wall.sustained);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        slo_is_left_before_the_wall,
        only_points_that_tell_count,
        without_an_slo_nothing_is_within,
    };
    return suite_run_between("sweep_wall", setup, teardown, tests,
                             sizeof(tests) / sizeof(tests[0]));
}
