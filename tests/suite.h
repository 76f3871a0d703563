/*
 * suite: a test program's main in one line, and an assertion for hot loops.
 */
#ifndef TANDEM_TESTS_SUITE_H
#define TANDEM_TESTS_SUITE_H

#include "base.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define SUITE_TIMEOUT_S 600

/* As ck_assert, for loops of millions: it costs nothing until it fails. */
#define EXPECT(condition)                             \
    do {                                              \
        if (!(condition))                             \
            ck_abort_msg("expected: %s", #condition); \
    } while (0)

/* Whether a message's first line, before an excerpt of the file, is the one expected. */
static inline void assert_first_line(const char *text, const char *expected)
{
    char line[1024];
    size_t bytes = strcspn(text, "\n");
    ck_assert_uint_lt(bytes, sizeof(line));
    memcpy(line, text, bytes);
    line[bytes] = '\0';
    ck_assert_str_eq(line, expected);
}

/*
 * Runs `count` tests as the suite `name`, each after `setup` and before
 * `teardown`, which may be NULL; returns the program's exit status.
 */
static inline int suite_run_between(const char *name, SFun setup, SFun teardown,
                                    const TTest *const tests[], size_t count)
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);
    tcase_set_timeout(tcase, SUITE_TIMEOUT_S);
    tcase_add_checked_fixture(tcase, setup, teardown);
    for (size_t i = 0; i < count; i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* The same for tests that need nothing prepared. */
static inline int suite_run(const char *name, const TTest *const tests[], size_t count)
{
    return suite_run_between(name, NULL, NULL, tests, count);
}

#endif
