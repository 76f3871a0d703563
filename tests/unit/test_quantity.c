/*
 * Do quantities come out in SI, and do wrong ones say what a right one looks like?
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "quantity.h"
#include "suite.h"

struct expectation {
    const char *text;
    enum quantity_kind kind;
    double value;
};

START_TEST(test_values)
{
    /* Prefixes are powers of 1000, Ki to Pi of 1024, b is a bit: each value is exact. */
    static const struct expectation expected[] = {
        {"80 GB", QUANTITY_BYTES, 80e9},
        {"141GB", QUANTITY_BYTES, 141e9},
        {"80 GiB", QUANTITY_BYTES, 80.0 * 1024 * 1024 * 1024},
        {"512 B", QUANTITY_BYTES, 512},
        {"1.5 kB", QUANTITY_BYTES, 1500},
        {"450 GB/s", QUANTITY_BYTES_PER_S, 450e9},
        {"4.8 TB/s", QUANTITY_BYTES_PER_S, 4.8e12},
        {"400 Gb/s", QUANTITY_BYTES_PER_S, 50e9},
        {"3 us", QUANTITY_SECONDS, 3e-6},
        {"3 \u00B5s", QUANTITY_SECONDS, 3e-6},
        {"3 \u03BCs", QUANTITY_SECONDS, 3e-6},
        {"500 ms", QUANTITY_SECONDS, 0.5},
        {"1e3 ps", QUANTITY_SECONDS, 1e-9},
        {"10 min", QUANTITY_SECONDS, 600},
        {"2 h", QUANTITY_SECONDS, 7200},
        {"1 d", QUANTITY_SECONDS, 86400},
        {"0 s", QUANTITY_SECONDS, 0},
        {"8 /s", QUANTITY_PER_S, 8},
        {"8/s", QUANTITY_PER_S, 8},
        {"3 /min", QUANTITY_PER_S, 0.05},
        {"989 TFLOP/s", QUANTITY_FLOPS_PER_S, 989e12},
        {"4.5 PFLOP/s", QUANTITY_FLOPS_PER_S, 4.5e15},
        {"700 W", QUANTITY_WATTS, 700},
        {"1.2 kW", QUANTITY_WATTS, 1200},
        {"3.5 USD/h", QUANTITY_USD_PER_HOUR, 3.5},
        {"30000 USD", QUANTITY_USD, 30000},
        {"0.08 USD/kWh", QUANTITY_USD_PER_KWH, 0.08},
        {"+.5 s", QUANTITY_SECONDS, 0.5},
        {"5. s", QUANTITY_SECONDS, 5},
    };
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        struct error error = {0};
        double value = -1;
        ck_assert_msg(quantity_parse(expected[i].text, expected[i].kind, &value, &error) == 0,
                      "%s: %s", expected[i].text, error.text);
        ck_assert_msg(value == expected[i].value, "%s came out as %.17g", expected[i].text, value);
    }
}
END_TEST

struct mistake {
    const char *text;
    enum quantity_kind kind;
    const char *message;
};

START_TEST(test_mistakes)
{
    /* Each names what is wrong and shows a right one; the value stays as it was. */
    static const struct mistake mistakes[] = {
        {"80", QUANTITY_BYTES, "'80' has no unit; write it like '80 GB'"},
        {"80 GB", QUANTITY_BYTES_PER_S,
         "'80 GB' is a memory size, not a bandwidth; write it like '450 GB/s'"},
        {"80 KB", QUANTITY_BYTES, "'KB' is no unit of a memory size; write it like '80 GB'"},
        {"3 gb/s", QUANTITY_BYTES_PER_S,
         "'gb/s' is no unit of a bandwidth; write it like '450 GB/s'"},
        {"3 Ms", QUANTITY_SECONDS, "'Ms' is no unit of a time; write it like '500 ms'"},
        {"3 Kis", QUANTITY_SECONDS, "'Kis' is no unit of a time; write it like '500 ms'"},
        {"fast", QUANTITY_PER_S, "'fast' is not a rate; write it like '8 /s'"},
        {"", QUANTITY_WATTS, "'' is not a power; write it like '700 W'"},
        {"nan W", QUANTITY_WATTS, "'nan W' is not a power; write it like '700 W'"},
        {"inf s", QUANTITY_SECONDS, "'inf s' is not a time; write it like '500 ms'"},
        {"0x10 s", QUANTITY_SECONDS, "'x10 s' is no unit of a time; write it like '500 ms'"},
        {"1e s", QUANTITY_SECONDS, "'e s' is no unit of a time; write it like '500 ms'"},
        {"-3 us", QUANTITY_SECONDS, "'-3 us' is negative; write it like '500 ms'"},
        {"1e999 s", QUANTITY_SECONDS, "'1e999 s' is too large; write it like '500 ms'"},
        {"1e300 EB", QUANTITY_BYTES, "'1e300 EB' is too large; write it like '80 GB'"},
        {"3 s s", QUANTITY_SECONDS, "'s s' is no unit of a time; write it like '500 ms'"},
    };
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        struct error error = {0};
        double value = -1;
        ck_assert_int_eq(quantity_parse(mistakes[i].text, mistakes[i].kind, &value, &error),
                         -ERROR_CONFIG);
        ck_assert_str_eq(error.text, mistakes[i].message);
        ck_assert_double_eq(value, -1);
    }
}
END_TEST

START_TEST(test_examples_are_right)
{
    /* What the messages recommend is accepted. */
    static const char *const examples[] = {
#define X(name, what, example) example,
        QUANTITIES(X)
#undef X
    };
    for (int kind = 0; kind < QUANTITY_KIND_COUNT; kind++) {
        struct error error = {0};
        double value;
        ck_assert_int_eq(quantity_parse(examples[kind], (enum quantity_kind)kind, &value, &error),
                         0);
        ck_assert(value > 0);
    }
}
END_TEST

START_TEST(test_formats)
{
    static const struct expectation expected[] = {
        {"80 GB", QUANTITY_BYTES, 80e9},
        {"1 MB", QUANTITY_BYTES, 1e6},
        {"999 B", QUANTITY_BYTES, 999},
        {"0 s", QUANTITY_SECONDS, 0},
        {"60 s", QUANTITY_SECONDS, 60},
        {"500 ms", QUANTITY_SECONDS, 0.5},
        {"1 ps", QUANTITY_SECONDS, 1e-12},
        {"50 GB/s", QUANTITY_BYTES_PER_S, 50e9},
        {"0.125 B/s", QUANTITY_BYTES_PER_S, 0.125},
    };
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        char text[QUANTITY_TEXT_BYTES];
        quantity_format(expected[i].value, expected[i].kind, text);
        ck_assert_str_eq(text, expected[i].text);
    }
}
END_TEST

START_TEST(test_random_values_survive)
{
    /* format, then parse, gives the value back to the ten digits that are written. */
    unsigned seed = (unsigned)time(NULL);
    printf("seed %u\n", seed);
    srand(seed);
    for (int i = 0; i < 20000; i++) {
        enum quantity_kind kind = (enum quantity_kind)(rand() % QUANTITY_KIND_COUNT);
        double value = pow(10, (double)rand() / RAND_MAX * 30 - 12);
        char text[QUANTITY_TEXT_BYTES];
        quantity_format(value, kind, text);
        struct error error = {0};
        double again;
        ck_assert_msg(quantity_parse(text, kind, &again, &error) == 0, "%s: %s", text, error.text);
        ck_assert_msg(fabs(again - value) <= 1e-9 * value, "%s for %.17g", text, value);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_values,
        test_mistakes,
        test_examples_are_right,
        test_formats,
        test_random_values_survive,
    };
    return suite_run("quantity", tests, ARRAY_LENGTH(tests));
}
