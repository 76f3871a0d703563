/* error: does the text say what was set and added, as far as there is room? */
#include "error.h"

#include "../suite.h"

START_TEST(what_is_added_stands_around_the_text)
{
    /* Code and key stay: they are of what went wrong, whatever more is said of it. */
    struct error error;
    ck_assert_int_eq(error_set_key(&error, "layout.replicas", "%d is too many", 9), -ERROR_CONFIG);
    ck_assert_int_eq(error_append(&error, "; try %s", "8"), -ERROR_CONFIG);
    ck_assert_int_eq(error_prepend(&error, "%s:%d: ", "a.yaml", 3), -ERROR_CONFIG);
    ck_assert_str_eq(error.text, "a.yaml:3: 9 is too many; try 8");
    ck_assert_str_eq(error.key, "layout.replicas");
    ck_assert_int_eq(error.code, ERROR_CONFIG);
}
END_TEST

START_TEST(a_text_without_room_keeps_its_beginning)
{
    /* The room is ERROR_TEXT_BYTES with the end: what is added behind a full text is lost, and what
       is added in front pushes its end out. */
    char full[ERROR_TEXT_BYTES];
    struct error error;
    memset(full, 'x', sizeof(full) - 1);
    full[sizeof(full) - 1] = '\0';
    (void)error_set(&error, ERROR_IO, "%s", full);
    ck_assert_int_eq(error_append(&error, "more"), -ERROR_IO);
    ck_assert_str_eq(error.text, full);
    ck_assert_int_eq(error_prepend(&error, "front: "), -ERROR_IO);
    ck_assert_uint_eq(strlen(error.text), ERROR_TEXT_BYTES - 1);
    memcpy(full, "front: ", strlen("front: "));
    ck_assert_str_eq(error.text, full);
    /* In front of everything, it may fill all of the room itself. */
    ck_assert_int_eq(error_prepend(&error, "%s", full), -ERROR_IO);
    ck_assert_str_eq(error.text, full);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {what_is_added_stands_around_the_text,
                                  a_text_without_room_keeps_its_beginning};
    return suite_run("error", tests, ARRAY_LENGTH(tests));
}
