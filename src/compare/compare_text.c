#include "compare_text.h"

#include "base.h"
#include "human.h"
#include "json_build.h"

static void print_row(const char *title, const char *of, const struct compare_figure *figure,
                      struct human (*human)(double), FILE *stream)
{
    (void)fprintf(stream, "%-11s %-5s %11s %11s", title, of,
                  human(figure->of[COMPARE_MEASURED]).text,
                  human(figure->of[COMPARE_SIMULATED]).text);
    double error = compare_error(figure);
    if (isnan(error))
        (void)fprintf(stream, " %8s\n", "-");
    else
        (void)fprintf(stream, " %+7.1f%%\n", 100 * error);
}

static void print_comparison(const struct comparison *comparison, FILE *stream)
{
    (void)fprintf(stream, "%s%s%s request%s\n", comparison->name, *comparison->name ? ": " : "",
                  human_count(comparison->requests).text, plural(comparison->requests));
    (void)fprintf(stream, "%-17s %11s %11s %8s\n", "", "measured", "simulated", "error");
    for (uint32_t metric = 0; metric < COMPARE_METRIC_COUNT; metric++)
        for (uint32_t i = 0; i < COMPARE_STATISTIC_COUNT; i++)
            print_row(i == 0 ? compare_metric_title(metric) : "", compare_statistic_key(i),
                      &comparison->latency_s[metric][i], human_seconds, stream);
    print_row("requests/s", "", &comparison->requests_per_s, human_number, stream);
    print_row("tokens/s", "out", &comparison->output_tokens_per_s, human_number, stream);
}

void compare_text_print(const struct comparison *comparisons, size_t count, FILE *stream)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            (void)fputc('\n', stream);
        print_comparison(&comparisons[i], stream);
    }
}

static json_t *figure_new(const struct compare_figure *figure)
{
    return json_build_object((const struct json_member[]){
        {"measured", json_build_real(figure->of[COMPARE_MEASURED])},
        {"simulated", json_build_real(figure->of[COMPARE_SIMULATED])},
        {"error", json_build_real(compare_error(figure))},
        {0},
    });
}

/* Sets a key of `object`, taking `value` over; NULL, and nothing left, if either is. */
static json_t *with_key(json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) == 0)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *metric_new(const struct compare_figure figures[COMPARE_STATISTIC_COUNT])
{
    json_t *metric = json_object();
    for (uint32_t i = 0; i < COMPARE_STATISTIC_COUNT; i++)
        metric = with_key(metric, compare_statistic_key(i), figure_new(&figures[i]));
    return metric;
}

static json_t *comparison_new(const struct comparison *comparison)
{
    json_t *object = json_object();
    object = with_key(object, "case", json_string(comparison->name));
    object = with_key(object, "requests", json_build_count(comparison->requests));
    for (uint32_t metric = 0; metric < COMPARE_METRIC_COUNT; metric++)
        object =
            with_key(object, compare_metric_key(metric), metric_new(comparison->latency_s[metric]));
    object = with_key(object, "requests_per_s", figure_new(&comparison->requests_per_s));
    return with_key(object, "output_tokens_per_s", figure_new(&comparison->output_tokens_per_s));
}

int compare_json_print(const struct comparison *comparisons, size_t count, FILE *stream,
                       struct error *error)
{
    json_t *cases = json_array();
    for (size_t i = 0; i < count; i++)
        cases = json_build_append(cases, comparison_new(&comparisons[i]));
    return json_build_print(with_key(json_object(), "cases", cases), stream, error);
}
