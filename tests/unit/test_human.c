/* human: does a number read as a person would write it? */
#include "human.h"
#include "suite.h"

#include <math.h>

/* Expect three significant digits in the largest unit that leaves at least 1, where rounding may
   carry into the next unit. */
START_TEST(test_seconds)
{
    ck_assert_str_eq(human_seconds(0).text, "0 s");
    ck_assert_str_eq(human_seconds(5.12e-7).text, "512 ns");
    ck_assert_str_eq(human_seconds(3.1e-6).text, "3.10 us");
    ck_assert_str_eq(human_seconds(0.0872).text, "87.2 ms");
    ck_assert_str_eq(human_seconds(0.99949).text, "999 ms");
    ck_assert_str_eq(human_seconds(0.9996).text, "1.00 s");
    ck_assert_str_eq(human_seconds(9.996).text, "10.0 s");
    ck_assert_str_eq(human_seconds(7384.2).text, "7384 s");
    ck_assert_str_eq(human_seconds(NAN).text, "-");
}
END_TEST

/* Expect minutes from two minutes on, hours from one hour on, rounded to what is shown. */
START_TEST(test_duration)
{
    ck_assert_str_eq(human_duration(0.34).text, "340 ms");
    ck_assert_str_eq(human_duration(119).text, "119 s");
    ck_assert_str_eq(human_duration(250).text, "4 min 10 s");
    ck_assert_str_eq(human_duration(3599.4).text, "59 min 59 s");
    ck_assert_str_eq(human_duration(3599.6).text, "1 h 00 min");
    ck_assert_str_eq(human_duration(7500).text, "2 h 05 min");
    ck_assert_str_eq(human_duration(INFINITY).text, "-");
}
END_TEST

/* Expect decimal prefixes, as datasheets have them. */
START_TEST(test_bytes)
{
    ck_assert_str_eq(human_bytes(0).text, "0 B");
    ck_assert_str_eq(human_bytes(16384).text, "16.4 kB");
    ck_assert_str_eq(human_bytes(35.28e9).text, "35.3 GB");
    ck_assert_str_eq(human_bytes(999.6e9).text, "1.00 TB");
}
END_TEST

/* Expect groups of three, three significant digits below a thousand, and shares in percent. */
START_TEST(test_numbers)
{
    ck_assert_str_eq(human_count(0).text, "0");
    ck_assert_str_eq(human_count(999).text, "999");
    ck_assert_str_eq(human_count(19366).text, "19,366");
    ck_assert_str_eq(human_count(UINT64_MAX).text, "18,446,744,073,709,551,615");
    ck_assert_str_eq(human_number(0.012345).text, "0.0123");
    ck_assert_str_eq(human_number(5.5366).text, "5.54");
    ck_assert_str_eq(human_number(999.6).text, "1,000");
    ck_assert_str_eq(human_number(12345.6).text, "12,346");
    ck_assert_str_eq(human_percent(0.1234).text, "12.3%");
    ck_assert_str_eq(human_percent(1).text, "100.0%");
    ck_assert_str_eq(human_percent(NAN).text, "-");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_seconds,
        test_duration,
        test_bytes,
        test_numbers,
    };
    return suite_run("human", tests, ARRAY_LENGTH(tests));
}
