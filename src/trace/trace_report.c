#include "trace_report.h"

#include "human.h"
#include "json_build.h"

static void print_lengths(const char *name, const struct length_histogram *lengths)
{
    (void)printf("%-14s %9.1f %9.0f %9.0f %9.0f %9.0f %9u\n", name, length_histogram_mean(lengths),
                 length_histogram_percentile(lengths, 50), length_histogram_percentile(lengths, 90),
                 length_histogram_percentile(lengths, 95), length_histogram_percentile(lengths, 99),
                 lengths->max);
}

static void print_reusable(double share)
{
    if (!isnan(share))
        (void)printf("reusable       %s of the input tokens, prefixes of earlier prompts\n",
                     human_percent(share).text);
}

static void print_text(const char *path, const struct trace *trace, const struct trace_stats *stats)
{
    double rate_per_s = trace_stats_rate_per_s(stats);
    double gap_cv = trace_stats_gap_cv(stats);
    (void)printf("%s: %s format\n\n", path, trace_format_name(trace_format(trace)));
    (void)printf("requests       %s\n", human_count(stats->requests).text);
    if (trace_skipped(trace) > 0)
        (void)printf("left out       %s\n", human_count(trace_skipped(trace)).text);
    (void)printf("duration       %s\n", human_duration(trace_stats_duration_s(stats)).text);
    (void)printf("rate           %s /s\n", human_number(rate_per_s).text);
    (void)printf("burstiness     %s (CV of the gaps; Poisson: 1)\n", human_number(gap_cv).text);
    print_reusable(trace_reusable_share(trace));
    (void)printf("\n");
    (void)printf("%-14s %9s %9s %9s %9s %9s %9s\n", "tokens", "mean", "p50", "p90", "p95", "p99",
                 "max");
    print_lengths("input", &stats->input);
    print_lengths("output", &stats->output);
}

static json_t *json_percentile(const struct length_histogram *lengths, double percentile)
{
    return json_build_real(length_histogram_percentile(lengths, percentile));
}

static json_t *json_lengths(const struct length_histogram *lengths)
{
    return json_build_object((const struct json_member[]){
        {"mean", json_build_real(length_histogram_mean(lengths))},
        {"p50", json_percentile(lengths, 50)},
        {"p90", json_percentile(lengths, 90)},
        {"p95", json_percentile(lengths, 95)},
        {"p99", json_percentile(lengths, 99)},
        {"max", json_build_count(lengths->max)},
        {"total", json_build_count(lengths->token_sum)},
        {0},
    });
}

static json_t *json_stats(const char *path, const struct trace *trace,
                          const struct trace_stats *stats)
{
    /* A file's name may be no UTF-8, which JSON cannot hold. */
    json_t *file = json_string(path);
    return json_build_object((const struct json_member[]){
        {"file", file ? file : json_null()},
        {"format", json_string(trace_format_name(trace_format(trace)))},
        {"requests", json_build_count(stats->requests)},
        {"skipped", json_build_count(trace_skipped(trace))},
        {"duration_s", json_build_real(trace_stats_duration_s(stats))},
        {"requests_per_s", json_build_real(trace_stats_rate_per_s(stats))},
        {"gap_cv", json_build_real(trace_stats_gap_cv(stats))},
        {"reusable_input_share", json_build_real(trace_reusable_share(trace))},
        {"input_tokens", json_lengths(&stats->input)},
        {"output_tokens", json_lengths(&stats->output)},
        {0},
    });
}

int trace_report_print(const char *path, const struct trace *trace, const struct trace_stats *stats,
                       bool is_json, struct error *error)
{
    if (is_json)
        return json_build_print(json_stats(path, trace, stats), stdout, error);
    print_text(path, trace, stats);
    return 0;
}
