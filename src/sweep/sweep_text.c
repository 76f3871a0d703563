#include "sweep_text.h"

#include "human.h"
#include "sweep_wall.h"
#include "utf8.h"

#include <string.h>

#define NAME_COLUMNS_MAX 64
#define FAILURES_MAX 10
#define REASON_BYTES_MAX 400

static const char *name_of(const json_t *record)
{
    const char *name = json_string_value(json_object_get(record, "curve"));
    return name ? name : "";
}

/* The width of the column of names: that of the longest, but for those that get a line to
   themselves, for cut off they might all read alike. */
static int name_columns(const json_t *records)
{
    size_t columns = strlen("curve");
    for (size_t i = 0; i < json_array_size(records); i++) {
        size_t length = utf8_length(name_of(json_array_get(records, i)));
        columns = length > columns && length <= NAME_COLUMNS_MAX ? length : columns;
    }
    return (int)columns;
}

/* Prints a name and what is missing of its column, on the next line where it is too long. */
static void print_name(const json_t *record, int columns, FILE *stream)
{
    const char *name = name_of(record);
    int length = (int)utf8_length(name);
    if (length > columns)
        (void)fprintf(stream, "%s\n%*s", name, columns, "");
    else
        (void)fprintf(stream, "%s%*s", name, columns - length, "");
}

static double tokens_per_gpu(const json_t *record)
{
    double gpus = json_number_value(json_object_get(record, "gpus"));
    return sweep_record_lasting(record, "output_tokens_per_s") / gpus;
}

/* "  refuses 9.5%": a point's requests, be they few. */
static void print_refused(const json_t *record, FILE *stream)
{
    double refused = sweep_record_refused(record);
    if (refused > 0)
        (void)fprintf(stream, "  refuses %s", human_percent(refused).text);
}

static void print_point(const json_t *record, int columns, FILE *stream)
{
    print_name(record, columns, stream);
    if (!sweep_record_is_done(record)) {
        (void)fputs("   failed\n", stream);
        return;
    }
    (void)fprintf(stream, " %5lld %11s %10s %10s %10s %12s%s",
                  (long long)json_integer_value(json_object_get(record, "gpus")),
                  human_number(sweep_record_lasting(record, "requests_per_s")).text,
                  human_seconds(sweep_record_summary(record, "ttft_s.p95")).text,
                  human_seconds(sweep_record_summary(record, "tpot_s.p95")).text,
                  human_seconds(sweep_record_summary(record, "e2e_s.p95")).text,
                  human_number(tokens_per_gpu(record)).text,
                  sweep_record_is_saturated(record)   ? "  saturated"
                  : sweep_record_is_too_short(record) ? "  too short"
                                                      : "");
    print_refused(record, stream);
    (void)fputc('\n', stream);
}

static void print_points(const json_t *records, FILE *stream)
{
    int columns = name_columns(records);
    (void)fprintf(stream, "%-*s %5s %11s %10s %10s %10s %12s\n", columns, "curve", "GPUs",
                  "requests/s", "TTFT p95", "TPOT p95", "E2E p95", "tokens/s/GPU");
    for (size_t i = 0; i < json_array_size(records); i++)
        print_point(json_array_get(records, i), columns, stream);
}

static void print_curve(const struct sweep_wall *wall, enum sweep_load_kind load, bool shows_slo,
                        FILE *stream)
{
    const json_t *sustained = wall->sustained;
    if (!wall->first) {
        (void)fputs("   failed\n", stream);
        return;
    }
    (void)fprintf(stream, " %5lld %6zu %10s %10s",
                  (long long)json_integer_value(json_object_get(wall->first, "gpus")), wall->points,
                  human_seconds(sweep_record_summary(wall->first, "ttft_s.p50")).text,
                  human_seconds(sweep_record_summary(wall->first, "tpot_s.p50")).text);
    if (shows_slo)
        (void)fprintf(stream, " %10s",
                      human_number(sweep_record_load(wall->within_slo, load)).text);
    (void)fprintf(stream, " %10s %10s", human_number(sweep_record_load(sustained, load)).text,
                  human_number(wall->saturated_from).text);
    (void)fprintf(stream, " %10s %10s %12s",
                  human_seconds(sweep_record_summary(sustained, "ttft_s.p95")).text,
                  human_seconds(sweep_record_summary(sustained, "tpot_s.p95")).text,
                  human_number(sustained ? tokens_per_gpu(sustained) : NAN).text);
    if (wall->too_short > 0)
        (void)fprintf(stream, "  %zu too short", wall->too_short);
    if (wall->refusing > 0)
        (void)fprintf(stream, "  %zu refusing", wall->refusing);
    (void)fputc('\n', stream);
}

/* Whether any point has an SLO, which an axis may set. */
static bool has_slo(const json_t *records)
{
    for (size_t i = 0; i < json_array_size(records); i++) {
        if (sweep_record_has_slo(json_array_get(records, i)))
            return true;
    }
    return false;
}

/* The two lines above the curves; loads are in `units`. */
static void print_curves_head(int columns, const char *units, bool shows_slo, FILE *stream)
{
    int width = shows_slo ? 11 : 0;
    (void)fprintf(stream, "%-*s %5s %6s %21s%*s %10s %10s %34s\n", columns, "", "", "",
                  "---- lowest load ----", width, shows_slo ? "within SLO" : "", "sustained",
                  "saturated", "---------- sustained load ---------");
    (void)fprintf(stream, "%-*s %5s %6s %10s %10s%*s %10s %10s %10s %10s %12s\n", columns, "curve",
                  "GPUs", "points", "TTFT p50", "TPOT p50", width, shows_slo ? units : "", units,
                  "from", "TTFT p95", "TPOT p95", "tokens/s/GPU");
}

static void print_curves(const struct sweep_results *results, FILE *stream)
{
    const json_t *records = results->records;
    int columns = name_columns(records);
    bool shows_slo = has_slo(records);
    print_curves_head(columns, results->load == SWEEP_LOAD_CONCURRENCY ? "requests" : "requests/s",
                      shows_slo, stream);
    for (size_t at = 0; at < json_array_size(records);) {
        struct sweep_wall wall;
        print_name(json_array_get(records, at), columns, stream);
        at = sweep_wall_find(&wall, records, at, results->load);
        print_curve(&wall, results->load, shows_slo, stream);
    }
}

/* Prints why points failed: the first line of each reason. */
static void print_failures(const json_t *records, size_t failed, FILE *stream)
{
    size_t shown = 0;
    for (size_t i = 0; i < json_array_size(records) && shown < FAILURES_MAX; i++) {
        const json_t *record = json_array_get(records, i);
        if (sweep_record_is_done(record))
            continue;
        const char *reason = json_string_value(json_object_get(record, "error"));
        int bytes = (int)strcspn(reason ? reason : "", "\n");
        (void)fprintf(stream, "\nfailed: point %zu, %s: %.*s", i, name_of(record),
                      bytes < REASON_BYTES_MAX ? bytes : REASON_BYTES_MAX, reason ? reason : "");
        shown++;
    }
    if (shown < failed)
        (void)fprintf(stream, "\nand %zu more; the column `error` of /points has them all",
                      failed - shown);
    if (failed > 0)
        (void)fputc('\n', stream);
}

/* Says of how many points it is not known whether they kept up, and what would tell. */
static void print_too_short(const json_t *records, FILE *stream)
{
    size_t count = 0;
    size_t traces = 0; /* of these; the key does not go with one */
    double requests = 0;
    for (size_t i = 0; i < json_array_size(records); i++) {
        const json_t *record = json_array_get(records, i);
        if (!sweep_record_is_too_short(record))
            continue;
        count++;
        traces += json_is_true(json_object_get(record, "is_trace"));
        requests = fmax(requests, sweep_record_balance(record).requests_to_tell);
    }
    if (count > 0)
        (void)fprintf(stream,
                      "\n%zu of %zu point%s ran too short to tell whether they keep up with their "
                      "load or are saturated;\nabout %s requests a point would tell "
                      "(%s%s%s)\n",
                      count, json_array_size(records), plural(json_array_size(records)),
                      human_number(requests).text, traces < count ? "workload.requests" : "",
                      traces > 0 && traces < count ? ", or " : "",
                      traces > 0 ? "a longer trace" : "");
}

/* Says how many points rejected or lost requests, and that it counts. */
static void print_refusals(const json_t *records, FILE *stream)
{
    size_t count = 0;
    double most = 0;
    for (size_t i = 0; i < json_array_size(records); i++) {
        double refused = sweep_record_refused(json_array_get(records, i));
        count += refused > 0;
        most = fmax(most, refused);
    }
    if (count > 0)
        (void)fprintf(
            stream,
            "\n%zu of %zu point%s rejected or lost requests, up to %s of them; where that "
            "is more than\nslo.percentile leaves over, the load does not count as "
            "sustained\n",
            count, json_array_size(records), plural(json_array_size(records)),
            human_percent(most).text);
}

void sweep_text_print(const struct sweep_results *results, FILE *stream)
{
    const json_t *records = results->records;
    size_t count = json_array_size(records);
    size_t failed = 0;
    for (size_t i = 0; i < count; i++)
        failed += !sweep_record_is_done(json_array_get(records, i));
    (void)fprintf(stream, "%s: %zu point%s", results->name, count,
                  plural(json_array_size(records)));
    if (results->shard_count > 1)
        (void)fprintf(stream, ", part %u of %u", results->shard, results->shard_count);
    (void)fprintf(stream, "%s%s%s\n\n", failed > 0 ? ", " : "",
                  failed > 0 ? human_count(failed).text : "", failed > 0 ? " failed" : "");
    if (results->load == SWEEP_LOAD_NONE)
        print_points(records, stream);
    else
        print_curves(results, stream);
    print_too_short(records, stream);
    print_refusals(records, stream);
    print_failures(records, failed, stream);
}
