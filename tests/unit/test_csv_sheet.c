/* Does csv_sheet keep its contract? */
#include "base.h"
#include "csv_sheet.h"
#include "dice.h"
#include "suite.h"

#include <stdlib.h>
#include <string.h>

enum { NAME, SIZE, COLOR, COLUMNS };

static const char *const names[COLUMNS] = {"name", "size", "color"};
static struct error error;

static int open_sheet(struct csv_sheet *sheet, const char *text, enum csv_others others,
                      FILE **file)
{
    *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    ck_assert_ptr_nonnull(*file);
    return csv_sheet_init(sheet, *file, "f.csv", names, COLUMNS, others, &error);
}

START_TEST(test_rows)
{
    struct csv_sheet sheet;
    FILE *file;
    double size;
    ck_assert_int_eq(open_sheet(&sheet,
                                "# a comment\nsize,other,name\n\n-2.5,x,a\r\n# more\n1e3,y,b\n",
                                CSV_OTHERS_IGNORED, &file),
                     0);
    /* Columns in another order, one that is not there, one that nobody asked for. */
    ck_assert(csv_sheet_has(&sheet, SIZE));
    ck_assert(!csv_sheet_has(&sheet, COLOR));
    ck_assert_int_eq(csv_sheet_next(&sheet, &error), 1);
    ck_assert_str_eq(sheet.fields[NAME], "a");
    ck_assert_str_eq(sheet.fields[COLOR], "");
    ck_assert_int_eq(csv_sheet_number(&sheet, SIZE, &size, &error), 0);
    ck_assert_double_eq(size, -2.5);
    /* -2.5 is a number, but not a positive one; the message says where. */
    ck_assert_int_eq(csv_sheet_positive(&sheet, SIZE, &size, &error), -ERROR_CONFIG);
    assert_first_line(error.text, "f.csv:4:1: 'size' must be a positive number, not '-2.5'");
    ck_assert_int_eq(csv_sheet_next(&sheet, &error), 1);
    ck_assert_int_eq(csv_sheet_positive(&sheet, SIZE, &size, &error), 0);
    ck_assert_double_eq(size, 1000);
    ck_assert_int_eq(csv_sheet_next(&sheet, &error), 0);
    csv_sheet_release(&sheet);
    fclose(file);
}
END_TEST

START_TEST(test_numbers)
{
    static const char *const bad[] = {"", " ", "1 ", "1s", "nan", "inf", "-inf", "1e400", "1e15"};
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        char text[64];
        struct csv_sheet sheet;
        FILE *file;
        double size;
        (void)snprintf(text, sizeof(text), "name,size\nx,%s\n", bad[i]);
        ck_assert_int_eq(open_sheet(&sheet, text, CSV_KNOWN_ONLY, &file), 0);
        ck_assert_int_eq(csv_sheet_next(&sheet, &error), 1);
        /* Nothing but a finite number of sensible size is a number. */
        ck_assert_int_eq(csv_sheet_number(&sheet, SIZE, &size, &error), -ERROR_CONFIG);
        csv_sheet_release(&sheet);
        fclose(file);
    }
}
END_TEST

static void check_number(const char *field)
{
    char text[64];
    struct csv_sheet sheet;
    FILE *file;
    double number;
    (void)snprintf(text, sizeof(text), "size\n%s\n", field);
    ck_assert_int_eq(open_sheet(&sheet, text, CSV_KNOWN_ONLY, &file), 0);
    ck_assert_int_eq(csv_sheet_next(&sheet, &error), 1);
    ck_assert_msg(csv_sheet_number(&sheet, SIZE, &number, &error) == 0, "%s", error.text);
    ck_assert_msg(number == strtod(field, NULL), "%s is not %.17g", field, number);
    csv_sheet_release(&sheet);
    fclose(file);
}

START_TEST(test_numbers_are_strtod_s)
{
    /* To the bit, however they are written: digits with a point anywhere or none, few and many. */
    static const char *const others[] = {
        "0", "00.10", "5.", ".5", "1e3", "-2.5", "0x10", "123456789012345", "0.1234567890123456"};
    struct dice dice = {.state = dice_seed(1)};
    for (size_t i = 0; i < ARRAY_LENGTH(others); i++)
        check_number(others[i]);
    for (int round = 0; round < 20000; round++) {
        char field[32];
        size_t digits = 1 + dice_next(&dice) % 18;
        size_t point = dice_next(&dice) % (digits < 15 ? digits + 1 : 15);
        char *end = field;
        for (size_t i = 0; i < digits; i++) {
            if (i == point)
                *end++ = '.';
            *end++ = (char)('0' + dice_next(&dice) % 10);
        }
        *end = '\0';
        check_number(field);
    }
}
END_TEST

/* Expect a mistake to be shown in its line, all of it again, with a caret below: the line's number
   is the file's and the column counts characters. */
START_TEST(test_excerpt)
{
    struct csv_sheet sheet;
    FILE *file;
    double size;
    ck_assert_int_eq(
        open_sheet(&sheet, "name,size,color\na,1,red\n\u00fcb,x,blue\n", CSV_KNOWN_ONLY, &file), 0);
    ck_assert_int_eq(csv_sheet_next(&sheet, &error), 1);
    ck_assert_int_eq(csv_sheet_next(&sheet, &error), 1);
    ck_assert_int_eq(csv_sheet_positive(&sheet, SIZE, &size, &error), -ERROR_CONFIG);
    ck_assert_str_eq(error.text, "f.csv:3:4: 'size' must be a positive number, not 'x'\n"
                                 "    3 | \u00fcb,x,blue\n"
                                 "      |    ^");
    csv_sheet_release(&sheet);
    fclose(file);
}
END_TEST

START_TEST(test_headers)
{
    static const struct {
        const char *text;
        const char *expected;
    } faults[] = {
        {"", "f.csv: the file has no header"},
        {"# nothing\n", "f.csv: the file has no header"},
        {"name,shape\n", "f.csv:1:6: unknown column 'shape'"},
        {"name,sice\n", "f.csv:1:6: unknown column 'sice'; did you mean 'size'?"},
        {"name,name\n", "f.csv:1:6: column 'name' stands twice"},
        {"\x1f\x8b\x08rest", "f.csv: the file is compressed (gzip): unpack it first"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(faults); i++) {
        struct csv_sheet sheet;
        FILE *file = tmpfile();
        ck_assert_ptr_nonnull(file);
        fputs(faults[i].text, file);
        rewind(file);
        /* A header that cannot be meant is refused. */
        ck_assert_int_lt(
            csv_sheet_init(&sheet, file, "f.csv", names, COLUMNS, CSV_KNOWN_ONLY, &error), 0);
        assert_first_line(error.text, faults[i].expected);
        fclose(file);
    }
}
END_TEST

START_TEST(test_too_many_columns)
{
    char text[4 * CSV_COLUMNS_MAX] = "x";
    for (int i = 0; i < CSV_COLUMNS_MAX; i++)
        strcat(text, ",x");
    struct csv_sheet sheet;
    FILE *file;
    /* One column more than there is room for is refused, not written beyond it. */
    ck_assert_int_eq(open_sheet(&sheet, text, CSV_OTHERS_IGNORED, &file), -ERROR_CONFIG);
    assert_first_line(error.text, "f.csv:1:129: more than 64 columns");
    fclose(file);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {test_rows,    test_numbers, test_numbers_are_strtod_s,
                                  test_excerpt, test_headers, test_too_many_columns};
    return suite_run("csv_sheet", tests, ARRAY_LENGTH(tests));
}
