/*
 * Do diagnostics come out as a compiler's would, in order, and never too many?
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diagnostic.h"
#include "spelling.h"
#include "suite.h"

static struct source file_of(const char *text)
{
    return (struct source){.name = "a.yaml", .directory = "", .text = text, .bytes = strlen(text)};
}

static struct position at(const struct source *source, uint32_t line, uint32_t column)
{
    return (struct position){.source = source, .line = line, .column = column};
}

static void expect(const struct diagnostics *diagnostics, const char *text)
{
    struct error error = {0};
    ck_assert_int_eq(diagnostics_to_error(diagnostics, &error), -ERROR_CONFIG);
    ck_assert_str_eq(error.text, text);
}

START_TEST(test_none_is_no_error)
{
    struct diagnostics diagnostics;
    struct error error = {0};
    diagnostics_init(&diagnostics);
    ck_assert(diagnostics_is_empty(&diagnostics));
    ck_assert_int_eq(diagnostics_to_error(&diagnostics, &error), 0);
    ck_assert_int_eq(error.code, ERROR_NONE);
}
END_TEST

START_TEST(test_caret_stands_under_the_column)
{
    struct diagnostics diagnostics;
    struct source source = file_of("one: 1\r\n\ttwo: \xC3\xA4\xC3\xB6 3\nthree: 3");
    diagnostics_init(&diagnostics);
    /* Columns are characters, not bytes; a tab is as wide as one; the line's end is not shown. */
    diagnostics_add(&diagnostics, at(&source, 2, 9), "no '%s'", "3");
    expect(&diagnostics, "a.yaml:2:9: no '3'\n"
                         "    2 |  two: \xC3\xA4\xC3\xB6 3\n"
                         "      |         ^");
}
END_TEST

START_TEST(test_order_is_the_readers)
{
    struct diagnostics diagnostics;
    struct source source = file_of("a\nb\n");
    struct source option = {.name = "--set b=1", .directory = "", .ordinal = 1};
    diagnostics_init(&diagnostics);
    /* By source, line and column, whatever the order of finding; the same mistake comes once. */
    diagnostics_add(&diagnostics, at(&option, 1, 1), "fourth");
    diagnostics_add(&diagnostics, at(&source, 2, 1), "second");
    diagnostics_add(&diagnostics, at(&source, 2, 1), "third");
    diagnostics_add(&diagnostics, at(&source, 2, 1), "second");
    diagnostics_add(&diagnostics, at(&source, 0, 0), "first");
    expect(&diagnostics, "a.yaml: first\n"
                         "a.yaml:2:1: second\n    2 | b\n      | ^\n"
                         "a.yaml:2:1: third\n    2 | b\n      | ^\n"
                         "--set b=1: fourth");
    ck_assert_uint_eq(diagnostics.count, 4);
}
END_TEST

START_TEST(test_long_lines_show_the_part_that_matters)
{
    char text[1001];
    memset(text, '.', 1000);
    text[1000] = '\0';
    text[699] = 'X';
    struct diagnostics diagnostics;
    struct source source = file_of(text);
    struct error error = {0};
    diagnostics_init(&diagnostics);
    diagnostics_add(&diagnostics, at(&source, 1, 700), "here");
    ck_assert_int_eq(diagnostics_to_error(&diagnostics, &error), -ERROR_CONFIG);

    /* The caret stands under the X, and no line is longer than a wide terminal. */
    const char *line = strchr(error.text, '\n') + 1;
    const char *caret = strchr(line, '\n') + 1;
    ck_assert_int_eq(strchr(line, 'X') - line, strchr(caret, '^') - caret);
    ck_assert_int_lt(caret - line, 120);
}
END_TEST

START_TEST(test_terminal_is_safe)
{
    struct diagnostics diagnostics;
    struct source source = file_of("\x1B[2J: 1\n");
    diagnostics_init(&diagnostics);
    /* Escape sequences in the file, its text or its name do not reach the terminal. */
    diagnostics_add(&diagnostics, at(&source, 1, 1), "key '\x1B[2J\xC2\x9B'");
    expect(&diagnostics, "a.yaml:1:1: key '?[2J?\?'\n    1 | ?[2J: 1\n      | ^");
    /* Nor do control characters of two bytes, nor what is no UTF-8; what is stays as it is. */
    struct source damaged = file_of("\xC3\xA9\xC2\x9B\xE2\x82: 1\n");
    diagnostics_init(&diagnostics);
    diagnostics_add(&diagnostics, at(&damaged, 1, 2), "control characters");
    expect(&diagnostics, "a.yaml:1:2: control characters\n    1 | \xC3\xA9??\?: 1\n      |  ^");
}
END_TEST

START_TEST(test_too_many)
{
    struct diagnostics diagnostics;
    struct source source = {.name = "a.yaml", .directory = ""};
    diagnostics_init(&diagnostics);
    for (int i = 0; i < 3 * DIAGNOSTICS_MAX; i++)
        diagnostics_add(&diagnostics, at(&source, 0, 0), "%0300d", i);

    /* As many whole ones as fit in an error, and the count of all the others. */
    struct error error = {0};
    ck_assert_int_eq(diagnostics_to_error(&diagnostics, &error), -ERROR_CONFIG);
    size_t lines = 0;
    for (const char *c = error.text; *c; c++)
        lines += *c == '\n';
    char last[64];
    snprintf(last, sizeof(last), "\nand %zu more", 3 * DIAGNOSTICS_MAX - lines);
    ck_assert_uint_gt(lines, 10);
    ck_assert_str_eq(error.text + strlen(error.text) - strlen(last), last);

    /* A stream gets all that were kept. */
    char *text = NULL;
    size_t bytes = 0;
    FILE *stream = open_memstream(&text, &bytes);
    ck_assert_ptr_nonnull(stream);
    ck_assert_int_eq(diagnostics_write(&diagnostics, stream), 0);
    fclose(stream);
    snprintf(last, sizeof(last), "\nand %d more\n", 2 * DIAGNOSTICS_MAX);
    ck_assert_str_eq(text + bytes - strlen(last), last);
    free(text);
}
END_TEST

START_TEST(test_memory_outweighs_mistakes)
{
    struct diagnostics diagnostics;
    struct source source = file_of("a\n");
    struct error error = {0};
    diagnostics_init(&diagnostics);
    diagnostics_add(&diagnostics, at(&source, 1, 1), "wrong");
    diagnostics_add_out_of_memory(&diagnostics);
    ck_assert_int_eq(diagnostics_to_error(&diagnostics, &error), -ERROR_MEMORY);
}
END_TEST

START_TEST(test_clip_cuts_no_character)
{
    /* Two bytes each: three bytes hold one of them. */
    ck_assert_int_eq(diagnostic_clip("\xC3\xA4\xC3\xB6", 3), 2);
    ck_assert_int_eq(diagnostic_clip("\xC3\xA4\xC3\xB6", 4), 4);
    ck_assert_int_eq(diagnostic_clip("abc", 9), 3);
}
END_TEST

START_TEST(test_spelling)
{
    static const char *const keys[] = {"tensor_parallel", "replicas", "router", "kv"};
    /* One edit each: a letter too few, too many, another, two swapped. */
    ck_assert_uint_eq(spelling_distance("tensor_paralel", "tensor_parallel"), 1);
    ck_assert_uint_eq(spelling_distance("routter", "router"), 1);
    ck_assert_uint_eq(spelling_distance("rooter", "router"), 1);
    ck_assert_uint_eq(spelling_distance("repilcas", "replicas"), 1);
    ck_assert_uint_eq(spelling_distance("", "kv"), 2);
    ck_assert_uint_eq(spelling_distance("kitten", "sitting"), 3);
    ck_assert_str_eq(spelling_nearest("tensor_paralel", keys, 4), "tensor_parallel");
    ck_assert_str_eq(spelling_nearest("kc", keys, 4), "kv");

    /* Nothing like it, and words too long to compare, suggest nothing. */
    ck_assert_ptr_null(spelling_nearest("width", keys, 4));
    char endless[SPELLING_WORD_BYTES + 2];
    memset(endless, 'r', sizeof(endless));
    endless[sizeof(endless) - 1] = '\0';
    ck_assert_ptr_null(spelling_nearest(endless, keys, 4));

    /* A word is found where it stands, and what is only like it is not. */
    ck_assert_uint_eq(spelling_index("router", keys, 4), 2);
    ck_assert_uint_eq(spelling_index("route", keys, 4), 4);
    ck_assert(spelling_is_one_of("kv", keys, 4));
    ck_assert(!spelling_is_one_of("kv", keys, 3));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_none_is_no_error,
        test_caret_stands_under_the_column,
        test_order_is_the_readers,
        test_long_lines_show_the_part_that_matters,
        test_terminal_is_safe,
        test_too_many,
        test_memory_outweighs_mistakes,
        test_clip_cuts_no_character,
        test_spelling,
    };
    return suite_run("diagnostic", tests, ARRAY_LENGTH(tests));
}
