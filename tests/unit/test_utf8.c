/* utf8: is text counted and cut by characters, not by bytes? */
#include "suite.h"
#include "utf8.h"

/* Expect one for each character, of one to four bytes. */
START_TEST(test_length)
{
    ck_assert_uint_eq(utf8_length(""), 0);
    ck_assert_uint_eq(utf8_length("TP=8"), 4);
    ck_assert_uint_eq(utf8_length("TP=8 \u00d7 \u5927 \U0001F680"), 10);
}
END_TEST

/* Expect as much as fits without a part of a character: of a text of two bytes each, an even number
   of bytes; and all of a text that fits. */
START_TEST(test_cut)
{
    ck_assert_uint_eq(utf8_cut("\u00e9\u00e9\u00e9", 5), 4);
    ck_assert_uint_eq(utf8_cut("\u00e9\u00e9\u00e9", 4), 4);
    ck_assert_uint_eq(utf8_cut("\u00e9\u00e9\u00e9", 1), 0);
    ck_assert_uint_eq(utf8_cut("\u00e9\u00e9\u00e9", 100), 6);
    ck_assert_uint_eq(utf8_cut("a\U0001F680", 4), 1);
    ck_assert_uint_eq(utf8_cut("", 4), 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_length,
        test_cut,
    };
    return suite_run("utf8", tests, ARRAY_LENGTH(tests));
}
