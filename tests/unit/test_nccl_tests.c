/* Does nccl_tests read what nccl-tests print, of any version, as text and as JSON? */
#include "nccl_tests.h"
#include "suite.h"

#include <string.h>

#define RANKS                                                                  \
    "#  Rank  0 Group  0 Pid   8317 on  host1 device  0 [0000:18:00] NVIDIA\n" \
    "#  Rank  1 Group  0 Pid   8317 on  host1 device  1 [0000:2a:00] NVIDIA\n"
#define HEADER                                                                              \
    "#       size         count      type   redop    root     time   algbw   busbw  #wrong" \
    "     time   algbw   busbw  #wrong\n"
#define ROW \
    "        1024           256     float     sum      -1     9.50    0.11    0.11  0  9.7\n"

static struct error error;
static struct arena arena;
static struct measurements measurements;

static int read_text(const char *name, const char *text)
{
    FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    ck_assert_ptr_nonnull(file);
    arena_init(&arena);
    measurements_init(&measurements, &arena);
    int status = nccl_tests_read(&measurements, file, name, COLLECTIVE_FABRIC_PEER, &error);
    fclose(file);
    return status;
}

START_TEST(test_newer_text)
{
    /* The program's name is in the output; the time is the out-of-place one, in microseconds. */
    int status =
        read_text("out.txt", "# Collective test starting: all_gather_perf\n" RANKS HEADER ROW);
    ck_assert_msg(status == 0, "%s", error.text);
    ck_assert_uint_eq(measurements.collective_count, 1);
    const struct collective_sample *sample = &measurements.collectives[0];
    ck_assert_int_eq(sample->kind.operation, OPERATION_ALL_GATHER);
    ck_assert_int_eq(sample->kind.fabric, COLLECTIVE_FABRIC_PEER);
    ck_assert(sample->kind.graph);
    ck_assert_double_eq(sample->ranks, 2);
    ck_assert_double_eq(sample->bytes, 1024);
    ck_assert_double_eq_tol(sample->seconds, 9.5e-6, 1e-15);
    ck_assert_str_eq(measurements.collective_places[0], "out.txt:5");
    arena_release(&arena);
}
END_TEST

START_TEST(test_older_text)
{
    /* Older versions print neither the program nor groups, nor a column for the root. */
    int status = read_text("runs/reduce_scatter_perf.log",
                           "#   Rank  0 Pid  8317 on  host1 device  0 [0x18] NVIDIA\n"
                           "#   Rank  1 Pid  8317 on  host1 device  1 [0x2a] NVIDIA\n"
                           "#   Rank  2 Pid  8317 on  host1 device  2 [0x3a] NVIDIA\n"
                           "#       size         count      type   redop     time   algbw\n"
                           "        2048           512     float     sum    12.25    0.11\n");
    ck_assert_msg(status == 0, "%s", error.text);
    ck_assert_int_eq(measurements.collectives[0].kind.operation, OPERATION_REDUCE_SCATTER);
    ck_assert_double_eq(measurements.collectives[0].ranks, 3);
    ck_assert_double_eq_tol(measurements.collectives[0].seconds, 12.25e-6, 1e-15);
    arena_release(&arena);
}
END_TEST

START_TEST(test_wrong_results)
{
    /* A time whose results were wrong is refused where it stands, be it text or JSON; in-place
       results are not taken, and so need not be right; nor is "N/A", which nobody checked, wrong.
     */
    static const char wrong[] = "#  all_reduce\n" RANKS HEADER
                                "  1024  256  float  sum  -1  9.5  0.1  0.1  5  9.7  0.1  0.1  0\n";
    ck_assert_int_lt(read_text("all_reduce.txt", wrong), 0);
    ck_assert_str_eq(error.text, "all_reduce.txt:5: 5 of its results were wrong: the time is not a "
                                 "collective's");
    arena_release(&arena);
    static const char *const right[] = {
        RANKS HEADER "  1024  256  float  sum  -1  9.5  0.1  0.1  0  9.7  0.1  0.1  3\n",
        RANKS HEADER "  1024  256  float  sum  -1  9.5  0.1  0.1  N/A  9.7  0.1  0.1  N/A\n"};
    for (size_t i = 0; i < ARRAY_LENGTH(right); i++) {
        ck_assert_int_eq(read_text("all_reduce.txt", right[i]), 0);
        arena_release(&arena);
    }
    static const char *const counts[] = {"5", "\"5\"", "0", "\"0\"", "\"N/A\""};
    for (size_t i = 0; i < ARRAY_LENGTH(counts); i++) {
        char text[512];
        (void)snprintf(text, sizeof(text),
                       "{\"config\": {\"nthreads\": 1, \"ngpus\": 2, \"devices\": [{\"hostname\":"
                       " \"a\"}]}, \"results\": [{\"size\": 8, \"out_of_place\": {\"time\": 7.5,"
                       " \"nwrong\": %s}}]}",
                       counts[i]);
        ck_assert_int_eq(read_text("all_reduce.json", text) < 0, i < 2);
        if (i < 2)
            ck_assert_str_eq(error.text, "all_reduce.json: result 1: 5 of its results were wrong: "
                                         "the time is not a collective's");
        arena_release(&arena);
    }
}
END_TEST

START_TEST(test_json)
{
    /* Two processes of two GPUs each, listed by their first ranks, are four ranks. */
    int status = read_text(
        "out.json",
        "{\"args\": [\"./build/alltoall_perf\"], \"config\": {\"nthreads\": 1, \"ngpus\": 2,"
        " \"devices\": [{\"hostname\": \"a\"}, {\"hostname\": \"a\"}]}, \"results\": ["
        "{\"size\": 0, \"out_of_place\": {\"time\": 0.1}},"
        "{\"size\": 4096, \"out_of_place\": {\"time\": 7.5}, \"in_place\": {\"time\": 9}}]}");
    ck_assert_msg(status == 0, "%s", error.text);
    ck_assert_uint_eq(measurements.collective_count, 1);
    ck_assert_int_eq(measurements.collectives[0].kind.operation, OPERATION_ALL_TO_ALL);
    ck_assert_double_eq(measurements.collectives[0].ranks, 4);
    ck_assert_double_eq_tol(measurements.collectives[0].seconds, 7.5e-6, 1e-15);
    ck_assert_str_eq(measurements.collective_places[0], "out.json: result 2");
    arena_release(&arena);
}
END_TEST

/* Each output, and what must be said of it. */
static const struct {
    const char *name;
    const char *text;
    const char *expected;
} faults[] = {
    {"out.txt", RANKS HEADER ROW, "out.txt:4: which collective?"},
    {"all_reduce.txt", HEADER ROW, "all_reduce.txt:2: a collective takes at least 2 ranks"},
    {"all_reduce.txt", RANKS ROW, "all_reduce.txt:3: a result before the header of results"},
    {"all_reduce.txt", RANKS HEADER "1024 256\n", "all_reduce.txt:4: the result has no time"},
    {"all_reduce.txt", RANKS HEADER "1024 256 float sum -1 N/A\n",
     "all_reduce.txt:4: size and time of a result must be numbers"},
    {"all_reduce.txt", RANKS HEADER "1024 256 float sum -1 -3\n",
     "all_reduce.txt:4: a result has bytes and a time above 0"},
    {"all_reduce.txt", RANKS HEADER "1024 256 float sum -1 0x1p9999\n",
     "all_reduce.txt:4: a result has bytes and a time above 0"},
    {"all_reduce.txt", RANKS "#  Rank  2 Group  0 Pid  1 on  host2 device  0\n" HEADER ROW,
     "all_reduce.txt:3: ranks on several hosts"},
    {"all_reduce.txt", "", "all_reduce.txt: there are no results of nccl-tests"},
    {"all_reduce.json", "{", "all_reduce.json:1: "},
    {"all_reduce.json", "{\"results\": []}", "all_reduce.json:1: 'config' must have"},
    {"all_reduce.json",
     "{\"config\": {\"nthreads\": 1, \"ngpus\": 2, \"devices\": [{\"hostname\": \"a\"}]}}",
     "all_reduce.json:1: there are no 'results'"},
};

START_TEST(test_faults)
{
    /* A damaged output is a configuration error that says where. */
    for (size_t i = 0; i < ARRAY_LENGTH(faults); i++) {
        ck_assert_int_eq(read_text(faults[i].name, faults[i].text), -ERROR_CONFIG);
        ck_assert_msg(strncmp(error.text, faults[i].expected, strlen(faults[i].expected)) == 0,
                      "expected %s, found %s", faults[i].expected, error.text);
        arena_release(&arena);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {test_newer_text, test_older_text, test_json, test_wrong_results,
                                  test_faults};
    return suite_run("nccl_tests", tests, ARRAY_LENGTH(tests));
}
