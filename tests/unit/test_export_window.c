/* export_window: is the window on the clock, to its end? */
#include "export_window.h"

#include "../suite.h"

START_TEST(seconds_stay_apart_up_to_the_end_of_the_clock)
{
    /* Requests that arrive last are served after the last arrival: each moment before the clock's
       end is its own. Beyond, of a file that says anything, it is the end; of no number, 0. */
    ck_assert_int_eq(export_window_ps(ARRIVAL_S_MAX + 1), 9000001 * SIM_PS_PER_S);
    ck_assert_int_eq(export_window_ps(SIM_CLOCK_END_S - 1), SIM_CLOCK_END - SIM_PS_PER_S);
    ck_assert_int_eq(export_window_ps(1e300), SIM_CLOCK_END);
    ck_assert_int_eq(export_window_ps(-1e300), -SIM_CLOCK_END);
    ck_assert_int_eq(export_window_ps((double)NAN), 0);
}
END_TEST

START_TEST(a_window_may_begin_after_the_last_arrival)
{
    struct export_window window;
    struct error error;
    ck_assert_int_eq(export_window_parse("9.02e6 s, 9.03e6 s", &window, &error), 0);
    ck_assert_int_eq(window.start, 9020000 * SIM_PS_PER_S);
    ck_assert_int_eq(window.end, 9030000 * SIM_PS_PER_S);
    ck_assert_int_eq(export_window_parse("9.05e6s,9.06e6s", &window, &error), -ERROR_USAGE);
    ck_assert_str_eq(error.text, "--window '9.05e6s,9.06e6s' starts beyond the 104 days that a run "
                                 "can last");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {seconds_stay_apart_up_to_the_end_of_the_clock,
                                  a_window_may_begin_after_the_last_arrival};
    return suite_run("export_window", tests, ARRAY_LENGTH(tests));
}
