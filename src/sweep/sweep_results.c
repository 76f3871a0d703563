#include "sweep_results.h"

#include "balance_json.h"
#include "json_build.h"
#include "lasting_rate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double number_of(const json_t *object, const char *key)
{
    return json_build_number(json_object_get(object, key));
}

static int compare_numbers(double a, double b)
{
    return (a > b) - (a < b);
}

static int compare_records(const void *a, const void *b)
{
    const json_t *left = *(json_t *const *)a;
    const json_t *right = *(json_t *const *)b;
    int by_series = compare_numbers(number_of(left, "series"), number_of(right, "series"));
    return by_series != 0
               ? by_series
               : compare_numbers(number_of(left, "position"), number_of(right, "position"));
}

/* The `count` items of `array`, put in order in `items`, as an array; NULL when memory is out. */
static json_t *sorted_array(const json_t *array, json_t **items, size_t count)
{
    json_t *sorted = json_array();
    for (size_t i = 0; i < count; i++)
        items[i] = json_array_get(array, i);
    qsort(items, count, sizeof(json_t *), compare_records);
    for (size_t i = 0; i < count && sorted; i++)
        sorted = json_build_append(sorted, json_incref(items[i]));
    return sorted;
}

int sweep_results_check_same(const struct sweep_results *first, const struct sweep_results *other,
                             const char *first_path, const char *path, struct error *error)
{
    const struct {
        const char *what, *of_first, *of_other;
    } texts[] = {
        {"another version of tandem", first->version, other->version},
        {"another sweep", first->name, other->name},
        {"another sweep", first->sweep_text, other->sweep_text},
        {"another scenario", first->scenario_text, other->scenario_text},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        if (strcmp(texts[i].of_first, texts[i].of_other) != 0)
            return error_set(error, ERROR_CONFIG, "%s is of %s than %s", path, texts[i].what,
                             first_path);
    }
    if (first->shard_count != other->shard_count)
        return error_set(error, ERROR_CONFIG, "%s is part %u of %u, %s part %u of %u", path,
                         other->shard, other->shard_count, first_path, first->shard,
                         first->shard_count);
    return 0;
}

int sweep_results_sort(struct sweep_results *results, struct error *error)
{
    size_t count = json_array_size(results->records);
    json_t **items = calloc(count + 1, sizeof(json_t *));
    json_t *sorted = items ? sorted_array(results->records, items, count) : NULL;
    free(items);
    if (!sorted)
        return error_out_of_memory(error, "the points in order");
    json_decref(results->records);
    results->records = sorted;
    return 0;
}

bool sweep_record_is_done(const json_t *record)
{
    const char *status = json_string_value(json_object_get(record, "status"));
    return status && strcmp(status, "done") == 0;
}

struct balance sweep_record_balance(const json_t *record)
{
    return balance_json_read(json_object_get(record, "balance"));
}

bool sweep_record_is_saturated(const json_t *record)
{
    struct balance balance = sweep_record_balance(record);
    return balance_answer(&balance) == BALANCE_SATURATED;
}

bool sweep_record_is_too_short(const json_t *record)
{
    struct balance balance = sweep_record_balance(record);
    return sweep_record_is_done(record) && balance_answer(&balance) == BALANCE_TOO_SHORT;
}

double sweep_record_refused(const json_t *record)
{
    double refused = sweep_record_summary(record, "requests.rejected") +
                     sweep_record_summary(record, "requests.lost");
    return refused / sweep_record_summary(record, "requests.arrived");
}

bool sweep_record_is_refusing(const json_t *record)
{
    return json_is_true(json_object_get(record, "refusing"));
}

bool sweep_record_has_slo(const json_t *record)
{
    return json_is_true(json_object_get(record, "has_slo"));
}

bool sweep_record_misses_slo(const json_t *record)
{
    const json_t *slo = json_object_get(json_object_get(record, "summary"), "slo");
    return json_is_false(json_object_get(slo, "met"));
}

double sweep_record_summary(const json_t *record, const char *path)
{
    const json_t *object = json_object_get(record, "summary");
    const char *dot = strchr(path, '.');
    char group[32] = {0};
    if (!dot)
        return number_of(object, path);
    if ((size_t)(dot - path) >= sizeof(group))
        return NAN;
    memcpy(group, path, (size_t)(dot - path));
    return number_of(json_object_get(object, group), dot + 1);
}

/* Of those that were not rejected: what is offered is more by these (sweep_point.h). */
static double arriving_requests_per_s(const json_t *record)
{
    double rejected = sweep_record_summary(record, "requests.rejected") /
                      sweep_record_summary(record, "requests.arrived");
    return number_of(record, "offered_requests_per_s") * (1 - rejected);
}

double sweep_record_lasting(const json_t *record, const char *path)
{
    struct balance balance = sweep_record_balance(record);
    double measured = sweep_record_summary(record, path);
    double of_a_request = measured / sweep_record_summary(record, "requests_per_s");
    return lasting_rate(&balance, arriving_requests_per_s(record) * of_a_request, measured);
}

double sweep_record_load(const json_t *record, enum sweep_load_kind kind)
{
    if (kind != SWEEP_LOAD_CONCURRENCY)
        return number_of(record, "offered_requests_per_s");
    const json_t *parameters = json_object_get(record, "parameters");
    const char *text = json_string_value(json_object_get(parameters, sweep_load_path(kind)));
    return text ? strtod(text, NULL) : (double)NAN;
}
