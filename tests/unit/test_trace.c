/*
 * Does each trace format read as it is published, and does each bad line say what is wrong?
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "line_reader.h"
#include "suite.h"
#include "trace.h"
#include "trace_prefixes.h"

#define TANDEM "arrival_s,input_tokens,output_tokens\n"
#define AZURE "TIMESTAMP,ContextTokens,GeneratedTokens\n"
#define BURSTGPT "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"

#define ARRIVALS_MAX 8

static const struct trace_options guessed = {.format = TRACE_AUTO, .rate_scale = 1};

/* What a trace read to its end, or to its first error, came to. */
struct reading {
    struct arrival arrivals[ARRIVALS_MAX];
    int count;
    uint64_t skipped;
    enum trace_format format;
    struct error error;
};

static FILE *file_of(const char *text, size_t bytes)
{
    FILE *file = tmpfile();
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(text, 1, bytes, file), bytes);
    rewind(file);
    return file;
}

static struct reading read_bytes(const char *text, size_t bytes, struct trace_options options)
{
    struct reading reading = {.count = 0};
    struct trace *trace =
        trace_open_file(file_of(text, bytes), "chat.csv", options, &reading.error);
    if (!trace)
        return reading;
    struct arrival_source source = trace_source(trace);
    struct arrival arrival;
    int status;
    while ((status = source.next(source.context, &arrival, &reading.error)) > 0) {
        ck_assert_int_lt(reading.count, ARRIVALS_MAX);
        reading.arrivals[reading.count++] = arrival;
    }
    ck_assert_int_eq(-status, (int)reading.error.code);
    reading.skipped = trace_skipped(trace);
    reading.format = trace_format(trace);
    trace_close(trace);
    return reading;
}

static struct reading read_text(const char *text)
{
    return read_bytes(text, strlen(text), guessed);
}

static void assert_arrival(const struct reading *reading, int index, sim_ps at,
                           uint32_t input_tokens, uint32_t output_tokens)
{
    ck_assert_msg(reading->error.code == ERROR_NONE, "%s", reading->error.text);
    ck_assert_int_lt(index, reading->count);
    ck_assert_int_eq(reading->arrivals[index].at, at);
    ck_assert_uint_eq(reading->arrivals[index].input_tokens, input_tokens);
    ck_assert_uint_eq(reading->arrivals[index].output_tokens, output_tokens);
}

static void assert_error(const char *text, const char *expected)
{
    struct reading reading = read_text(text);
    ck_assert_int_eq(reading.error.code, ERROR_TRACE);
    assert_first_line(reading.error.text, expected);
}

START_TEST(test_tandem_format)
{
    struct reading reading = read_text(TANDEM "0.5,100,20\n2,1,1\n2.000000000001,7,8\n3e0,9,10\n");
    ck_assert_int_eq(reading.format, TRACE_TANDEM);
    ck_assert_int_eq(reading.count, 4);
    /* Seconds stay where they are, to the picosecond, with an exponent too. */
    assert_arrival(&reading, 0, SIM_PS_PER_S / 2, 100, 20);
    assert_arrival(&reading, 1, 2 * SIM_PS_PER_S, 1, 1);
    assert_arrival(&reading, 2, 2 * SIM_PS_PER_S + 1, 7, 8);
    assert_arrival(&reading, 3, 3 * SIM_PS_PER_S, 9, 10);
}
END_TEST

START_TEST(test_azure_2023_format)
{
    /* Dates start at the first row: 0 and 4.314579 s; over midnight and into a leap day as well. */
    struct reading reading = read_text(AZURE "2023-11-16 18:15:46.6805900,374,44\n"
                                             "2023-11-16 18:15:50.9951690,396,109\n"
                                             "2023-11-17 00:00:00.0000000,396,109\n");
    ck_assert_int_eq(reading.format, TRACE_AZURE);
    assert_arrival(&reading, 0, 0, 374, 44);
    assert_arrival(&reading, 1, INT64_C(4314579) * 1000000, 396, 109);
    /* 5 h 44 min 13.31941 s to midnight. */
    assert_arrival(&reading, 2, INT64_C(20653319410) * 1000000, 396, 109);
}
END_TEST

START_TEST(test_azure_2024_format)
{
    /* With a zone, and without a fraction where it is zero. */
    struct reading reading = read_text(AZURE "2024-02-28 23:59:59.500000+00:00,10,5\n"
                                             "2024-02-29 00:00:00+00:00,11,6\n"
                                             "2024-03-01T01:00:00+01:00,12,7\n"
                                             "2024-03-01T00:00:01Z,13,8\n");
    assert_arrival(&reading, 0, 0, 10, 5);
    assert_arrival(&reading, 1, SIM_PS_PER_S / 2, 11, 6);
    /* 29 February lies between; 01:00 one hour ahead of UTC is midnight. */
    assert_arrival(&reading, 2, SIM_PS_PER_S / 2 + SIM_DAY_S * SIM_PS_PER_S, 12, 7);
    assert_arrival(&reading, 3, SIM_PS_PER_S / 2 + 86401 * SIM_PS_PER_S, 13, 8);
}
END_TEST

START_TEST(test_mooncake_format)
{
    /* Milliseconds; no header, so the guessed-at first line is a request too. */
    struct reading reading = read_text(
        "{\"timestamp\": 0, \"input_length\": 6758, \"output_length\": 500, \"hash_ids\": [0]}\n"
        "{\"timestamp\": 3052, \"input_length\": 7, \"output_length\": 1}\n"
        "{\"timestamp\": 3052.5, \"input_length\": 8, \"output_length\": 2}\n");
    ck_assert_int_eq(reading.format, TRACE_MOONCAKE);
    ck_assert_int_eq(reading.count, 3);
    assert_arrival(&reading, 0, 0, 6758, 500);
    assert_arrival(&reading, 1, 3052 * (SIM_PS_PER_S / 1000), 7, 1);
    assert_arrival(&reading, 2, 30525 * (SIM_PS_PER_S / 10000), 8, 2);
}
END_TEST

START_TEST(test_prefixes_are_remembered_to_a_bound)
{
    /* Every block is new once, zero and the largest hash too, however the set grows; beyond the
       bound what is remembered still is, and what is not never will be. */
    struct trace_prefixes prefixes = {.count = 0};
    struct error error;
    const uint64_t largest = INT64_MAX;
    ck_assert_int_eq(trace_prefixes_add(&prefixes, largest, &error), 0);
    for (uint64_t block = 0; block + 1 < TRACE_BLOCKS_MAX; block++)
        if (trace_prefixes_add(&prefixes, block * 4096, &error) != 0)
            ck_abort_msg("block %llu came before", (unsigned long long)block);
    ck_assert_uint_eq(prefixes.count, TRACE_BLOCKS_MAX);
    ck_assert_int_eq(trace_prefixes_add(&prefixes, 1, &error), 0);
    ck_assert_int_eq(trace_prefixes_add(&prefixes, 1, &error), 0);
    ck_assert_int_eq(trace_prefixes_add(&prefixes, 0, &error), 1);
    ck_assert_int_eq(trace_prefixes_add(&prefixes, largest, &error), 1);
    ck_assert_uint_eq(prefixes.room, 2 * TRACE_BLOCKS_MAX);
    trace_prefixes_release(&prefixes);
}
END_TEST

START_TEST(test_burstgpt_format)
{
    /* The failed request, with no response tokens, is left out and counted. */
    struct reading reading = read_text(BURSTGPT "5,ChatGPT,472,18,490,Conversation log\n"
                                                "45,ChatGPT,1087,0,1087,Conversation log\n"
                                                "118.0,GPT-4,417,276,693,API log\n");
    ck_assert_int_eq(reading.format, TRACE_BURSTGPT);
    ck_assert_int_eq(reading.count, 2);
    ck_assert_uint_eq(reading.skipped, 1);
    assert_arrival(&reading, 0, 5 * SIM_PS_PER_S, 472, 18);
    assert_arrival(&reading, 1, 118 * SIM_PS_PER_S, 417, 276);
}
END_TEST

START_TEST(test_columns_go_by_name)
{
    /* BurstGPT's second release has more columns. */
    struct reading reading = read_text(
        "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,"
        "Log Type\n5,17,0.4,ChatGPT,472,18,490,Conversation log\n");
    assert_arrival(&reading, 0, 5 * SIM_PS_PER_S, 472, 18);

    reading = read_text("output_tokens,input_tokens,arrival_s\n1,2,3\n");
    assert_arrival(&reading, 0, 3 * SIM_PS_PER_S, 2, 1);
}
END_TEST

START_TEST(test_line_ends)
{
    /* CRLF, no line end at the end, a byte-order mark, empty lines: all the same. */
    struct reading reading =
        read_text("\xef\xbb\xbf"
                  "arrival_s,input_tokens,output_tokens\r\n1,2,3\r\n\r\n4,5,6");
    ck_assert_int_eq(reading.count, 2);
    assert_arrival(&reading, 0, SIM_PS_PER_S, 2, 3);
    assert_arrival(&reading, 1, 4 * SIM_PS_PER_S, 5, 6);
}
END_TEST

START_TEST(test_equal_times_are_allowed)
{
    struct reading reading = read_text(TANDEM "1,2,3\n1,5,6\n");
    assert_arrival(&reading, 1, SIM_PS_PER_S, 5, 6);
}
END_TEST

START_TEST(test_rate_scale_divides_the_gaps)
{
    struct trace_options twice = {.format = TRACE_AUTO, .rate_scale = 2};
    const char *text = TANDEM "1,2,3\n4,5,6\n";
    struct reading reading = read_bytes(text, strlen(text), twice);
    assert_arrival(&reading, 0, SIM_PS_PER_S / 2, 2, 3);
    assert_arrival(&reading, 1, 2 * SIM_PS_PER_S, 5, 6);
}
END_TEST

START_TEST(test_impossible_rate_scale_is_an_error)
{
    const char *text = TANDEM "1,2,3\n";
    struct trace_options none = {.format = TRACE_AUTO, .rate_scale = 0};
    struct reading reading = read_bytes(text, strlen(text), none);
    ck_assert_int_eq(reading.error.code, ERROR_CONFIG);
    assert_first_line(reading.error.text, "rate_scale must be above 0, not 0");
}
END_TEST

START_TEST(test_named_format_must_fit)
{
    const char *text = TANDEM "1,2,3\n";
    struct trace_options azure = {.format = TRACE_AZURE, .rate_scale = 1};
    struct reading reading = read_bytes(text, strlen(text), azure);
    assert_first_line(reading.error.text,
                      "chat.csv:1:1: expected TIMESTAMP,ContextTokens,GeneratedTokens, found "
                      "'arrival_s,input_tokens,output_tokens'");
}
END_TEST

START_TEST(test_missing_content_is_an_error)
{
    assert_error("", "chat.csv: expected a trace, found an empty file");
    assert_error("\n\n", "chat.csv: expected a trace, found an empty file");
    assert_error(TANDEM, "chat.csv: expected requests, found none");
    /* A trace of failures only has none either. */
    assert_error(BURSTGPT "5,ChatGPT,472,0,472,API log\n",
                 "chat.csv: expected requests, found none");
    assert_error("time,in,out\n1,2,3\n",
                 "chat.csv:1:1: expected a header with arrival_s,input_tokens,output_tokens "
                 "(tandem), TIMESTAMP,ContextTokens,GeneratedTokens (azure) or Timestamp,Request "
                 "tokens,Response tokens (burstgpt), or a JSON object (mooncake), found "
                 "'time,in,out'");
}
END_TEST

START_TEST(test_bad_counts_are_errors)
{
    static const char *const counts[] = {
        "-1", "1.5", "", " 1", "1 ", "0x10", "many", "10000001", "99999999999999999999999999"};
    for (size_t i = 0; i < ARRAY_LENGTH(counts); i++) {
        char text[256], expected[256];
        snprintf(text, sizeof(text), TANDEM "1,2,3\n1,%s,3\n", counts[i]);
        snprintf(expected, sizeof(expected),
                 "chat.csv:3:3: expected input_tokens as a whole number from 1 to 10000000, found "
                 "'%s'",
                 counts[i]);
        assert_error(text, expected);
    }
}
END_TEST

START_TEST(test_bad_seconds_are_errors)
{
    static const char *const times[] = {"-1",
                                        "",
                                        ".5",
                                        "1.",
                                        "1:30",
                                        "nan",
                                        "inf",
                                        "1e",
                                        "0x1e5",
                                        "1e300",
                                        "99999999999999999999999"};
    for (size_t i = 0; i < ARRAY_LENGTH(times); i++) {
        char text[256], expected[256];
        snprintf(text, sizeof(text), TANDEM "%s,2,3\n", times[i]);
        snprintf(expected, sizeof(expected),
                 "chat.csv:2:1: expected arrival_s as seconds from 0, found '%s'", times[i]);
        assert_error(text, expected);
    }
}
END_TEST

START_TEST(test_bad_dates_are_errors)
{
    static const char *const times[] = {
        "2023-11-16",          "2023-13-16 18:15:46",      "2023-11-32 18:15:46",
        "2023-11-16 24:15:46", "2023-11-16 18:60:46",      "2023-11-16 18:15:61",
        "0000-11-16 18:15:46", "2023-11-16 18:15:46+0000", "2023-11-16 18:15:46.",
        "23-11-16 18:15:46",   "2023-11-16_18:15:46",      "2023-02-30 18:15:46",
        "2023-02-29 18:15:46", "1900-02-29 18:15:46",      "2024-04-31 18:15:46"};
    for (size_t i = 0; i < ARRAY_LENGTH(times); i++) {
        char text[256], expected[256];
        snprintf(text, sizeof(text), AZURE "%s,2,3\n", times[i]);
        snprintf(expected, sizeof(expected),
                 "chat.csv:2:1: expected TIMESTAMP as 2023-11-16 18:15:46.6805900 or 2024-05-10 "
                 "00:00:00.009930+00:00, found '%s'",
                 times[i]);
        assert_error(text, expected);
    }
}
END_TEST

START_TEST(test_bad_json_is_an_error)
{
    assert_error("{\"timestamp\": 0, \"input_length\": 1",
                 "chat.csv:1:35: expected a JSON object: '}' expected near end of file");
    assert_error("{}\n", "chat.csv:1:1: expected \"timestamp\" as milliseconds from 0, found '{}'");
    assert_error("{\"timestamp\": -1}\n",
                 "chat.csv:1:15: expected \"timestamp\" as milliseconds from 0, found '-1'");
    assert_error("{\"timestamp\":1,\"input_length\":1.5}\n",
                 "chat.csv:1:31: expected \"input_length\" as a whole number from 0 to 10000000, "
                 "found '1.5'");
    assert_error("{\"timestamp\":1,\"input_length\":1,\"output_length\":1,\"timestamp\":2}\n",
                 "chat.csv:1:52: expected each key once, found 'timestamp'");
    assert_error("{\"timestamp\":1,\"input_length\":1,\"output_length\":1}\n[1]\n",
                 "chat.csv:2:1: expected a JSON object, found '[1]'");
}
END_TEST

START_TEST(test_wrong_number_of_fields_is_an_error)
{
    /* A decimal comma would otherwise read as other numbers. */
    assert_error(TANDEM "1,5,2,3\n", "chat.csv:2:7: expected the 3 fields of the header "
                                     "(arrival_s,input_tokens,output_tokens), found 4");
    assert_error(TANDEM "1,5\n", "chat.csv:2:4: expected the 3 fields of the header "
                                 "(arrival_s,input_tokens,output_tokens), found 2");
}
END_TEST

START_TEST(test_quotes_are_an_error)
{
    /* Expect a spreadsheet's quotation marks to be named, whether the format is guessed or said. */
    const char *text = "arrival_s,\"input_tokens\",output_tokens\n1,2,3\n";
    const char *expected = "chat.csv:1:11: expected a header without quotation marks, found "
                           "'\"input_tokens\",output_tokens'";
    struct trace_options named = {.format = TRACE_TANDEM, .rate_scale = 1};
    struct reading reading = read_bytes(text, strlen(text), named);
    assert_first_line(reading.error.text, expected);
    assert_error(text, expected);
}
END_TEST

/* Expect a name that is nearly a column's to be shown with what may be meant. */
START_TEST(test_a_misspelt_column_is_named)
{
    assert_error("arival_s,input_tokens,output_tokens\n1,2,3\n",
                 "chat.csv:1:1: unknown column 'arival_s'; did you mean 'arrival_s'?");
    assert_error("TIMESTAMP,ContextTokens,GeneratedToken\n",
                 "chat.csv:1:25: unknown column 'GeneratedToken'; did you mean 'GeneratedTokens'?");
}
END_TEST

START_TEST(test_a_column_twice_is_an_error)
{
    /* Expect the second of a name to be shown, whichever of the two would have been read. */
    assert_error("arrival_s,input_tokens,output_tokens,input_tokens\n1,5,2,3\n",
                 "chat.csv:1:38: expected each column once, found 'input_tokens'");
    assert_error("TIMESTAMP,TIMESTAMP,ContextTokens,GeneratedTokens\n",
                 "chat.csv:1:11: expected each column once, found 'TIMESTAMP'");
}
END_TEST

START_TEST(test_time_must_not_go_back)
{
    assert_error(TANDEM "1,2,3\n0.75,2,3\n",
                 "chat.csv:3:1: expected times in ascending order, found one 0.250000 s before the "
                 "line above");
    assert_error(AZURE "2023-11-16 18:15:46.5,374,44\n2023-11-16 18:15:46,374,44\n",
                 "chat.csv:3:1: expected times in ascending order, found one 0.500000 s before the "
                 "line above");
    assert_error("input_tokens,arrival_s,output_tokens\n2,1,3\n20,0.75,3\n",
                 "chat.csv:3:4: expected times in ascending order, found one 0.250000 s before the "
                 "line above");
}
END_TEST

START_TEST(test_time_must_fit_the_clock)
{
    assert_error(
        TANDEM "9000001,2,3\n",
        "chat.csv:2:1: expected an arrival within the 104 days that the clock holds, found "
        "one after 104.2 days");
}
END_TEST

START_TEST(test_zero_tokens_are_an_error_in_our_own_format)
{
    assert_error(TANDEM "1,0,3\n",
                 "chat.csv:2:3: expected input_tokens as a whole number from 1 to 10000000, found "
                 "'0'");
}
END_TEST

START_TEST(test_found_text_is_cut_and_printable)
{
    assert_error(TANDEM "1,\x1b[31m,3\n",
                 "chat.csv:2:3: expected input_tokens as a whole number from 1 to 10000000, found "
                 "'?[31m'");
    assert_error(TANDEM "1,0123456789012345678901234567890123456789x,3\n",
                 "chat.csv:2:3: expected input_tokens as a whole number from 1 to 10000000, found "
                 "'0123456789012345678901234567890123456789...'");
}
END_TEST

START_TEST(test_nul_bytes_are_an_error)
{
    static const char text[] = TANDEM "1,2\0,3\n";
    struct reading reading = read_bytes(text, sizeof(text) - 1, guessed);
    assert_first_line(reading.error.text, "chat.csv:2:3: expected input_tokens as a whole number "
                                          "from 1 to 10000000, found '2?'");
}
END_TEST

/* A header and a line of `bytes` that is good but for its length. */
static struct reading read_long_line(size_t bytes)
{
    size_t header_bytes = strlen(BURSTGPT);
    char *text = malloc(header_bytes + bytes + 1);
    ck_assert_ptr_nonnull(text);
    memset(text, 'm', header_bytes + bytes);
    memcpy(text, BURSTGPT, header_bytes);
    memcpy(text + header_bytes, "1,", 2);
    memcpy(text + header_bytes + bytes - 8, ",2,3,5,x", 8);
    text[header_bytes + bytes] = '\n';
    struct reading reading = read_bytes(text, header_bytes + bytes + 1, guessed);
    free(text);
    return reading;
}

START_TEST(test_long_lines)
{
    /* Longer than one read, and the longest allowed, are read; one byte more is an error. */
    struct reading reading = read_long_line(200000);
    assert_arrival(&reading, 0, SIM_PS_PER_S, 2, 3);
    reading = read_long_line(LINE_BYTES_MAX);
    assert_arrival(&reading, 0, SIM_PS_PER_S, 2, 3);
    reading = read_long_line(LINE_BYTES_MAX + 1);
    ck_assert_int_eq(reading.error.code, ERROR_TRACE);
    assert_first_line(reading.error.text,
                      "chat.csv:2:1048577: the line is longer than 1048576 bytes");
}
END_TEST

START_TEST(test_many_lines_across_reads)
{
    /* 100,000 lines fill the reader's buffer many times; none may be lost or torn. */
    enum { LINES = 100000 };
    FILE *file = tmpfile();
    ck_assert_ptr_nonnull(file);
    fputs(TANDEM, file);
    for (int i = 0; i < LINES; i++)
        fprintf(file, "%d,%d,%d\n", i, i + 1, LINES - i);
    rewind(file);
    struct error error = {0};
    struct trace *trace = trace_open_file(file, "chat.csv", guessed, &error);
    ck_assert_ptr_nonnull(trace);
    struct arrival_source source = trace_source(trace);
    struct arrival arrival;
    int right = 0;
    for (int i = 0; source.next(source.context, &arrival, &error) > 0; i++)
        right += arrival.at == i * SIM_PS_PER_S && arrival.input_tokens == (uint32_t)i + 1 &&
                 arrival.output_tokens == (uint32_t)(LINES - i);
    trace_close(trace);
    ck_assert_msg(error.code == ERROR_NONE, "%s", error.text);
    ck_assert_int_eq(right, LINES);
}
END_TEST

START_TEST(test_missing_file_is_an_io_error)
{
    struct error error = {0};
    ck_assert_ptr_null(trace_open("/nonexistent/chat.csv", guessed, &error));
    ck_assert_int_eq(error.code, ERROR_IO);
    assert_first_line(error.text,
                      "/nonexistent/chat.csv: cannot be opened: No such file or directory");
    /* A folder opens, but does not read. */
    ck_assert_ptr_null(trace_open("/", guessed, &error));
    ck_assert_int_eq(error.code, ERROR_IO);
    assert_first_line(error.text, "/: cannot be read: Is a directory");
}
END_TEST

START_TEST(test_format_names)
{
    enum trace_format format;
    ck_assert(trace_format_from_name("burstgpt", &format));
    ck_assert_int_eq(format, TRACE_BURSTGPT);
    ck_assert_str_eq(trace_format_name(format), "burstgpt");
    ck_assert(!trace_format_from_name("csv", &format));
}
END_TEST

/*
 * The published traces, where TANDEM_PUBLIC_TRACES names a folder that has them: the counts that
 * AzurePublicDataset and Mooncake give for them, and not one bad line.
 */
START_TEST(test_published_traces)
{
    static const struct {
        const char *name;
        uint64_t requests;
    } traces[] = {
        {"azure-2023-conv.csv", 19366},
        {"azure-2023-code.csv", 8819},
        {"mooncake-conversation.jsonl", 12031},
    };
    const char *folder = getenv("TANDEM_PUBLIC_TRACES");
    for (size_t i = 0; folder && i < ARRAY_LENGTH(traces); i++) {
        char path[4096];
        snprintf(path, sizeof(path), "%s/%s", folder, traces[i].name);
        struct error error = {0};
        struct trace *trace = trace_open(path, guessed, &error);
        ck_assert_msg(trace != NULL, "%s", error.text);
        struct arrival_source source = trace_source(trace);
        struct arrival arrival;
        uint64_t requests = 0;
        while (source.next(source.context, &arrival, &error) > 0)
            requests++;
        trace_close(trace);
        ck_assert_msg(error.code == ERROR_NONE, "%s", error.text);
        ck_assert_uint_eq(requests, traces[i].requests);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_tandem_format,
        test_azure_2023_format,
        test_azure_2024_format,
        test_mooncake_format,
        test_prefixes_are_remembered_to_a_bound,
        test_burstgpt_format,
        test_columns_go_by_name,
        test_line_ends,
        test_equal_times_are_allowed,
        test_rate_scale_divides_the_gaps,
        test_long_lines,
        test_many_lines_across_reads,
        test_format_names,
        test_published_traces,
        test_impossible_rate_scale_is_an_error,
        test_named_format_must_fit,
        test_missing_content_is_an_error,
        test_bad_counts_are_errors,
        test_bad_seconds_are_errors,
        test_bad_dates_are_errors,
        test_bad_json_is_an_error,
        test_wrong_number_of_fields_is_an_error,
        test_quotes_are_an_error,
        test_a_misspelt_column_is_named,
        test_a_column_twice_is_an_error,
        test_time_must_not_go_back,
        test_time_must_fit_the_clock,
        test_zero_tokens_are_an_error_in_our_own_format,
        test_found_text_is_cut_and_printable,
        test_nul_bytes_are_an_error,
        test_missing_file_is_an_io_error,
    };
    return suite_run("trace", tests, ARRAY_LENGTH(tests));
}
