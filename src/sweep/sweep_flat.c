#include "sweep_flat.h"

#include "json_build.h"
#include "summary_json.h"
#include "sweep_results.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define NAME_BYTES_MAX 128

/* Sets `name` unless memory is out; takes `value`. */
static void set(json_t *flat, const char *name, json_t *value, int *status)
{
    if (json_object_set_new(flat, name, value) < 0)
        *status = -1;
}

/* A number as a real; null and what is no number stay null. */
static json_t *real_of(const json_t *value)
{
    return json_build_real(json_build_number(value));
}

static json_t *text_of(const json_t *value)
{
    return json_string(json_is_string(value) ? json_string_value(value) : "");
}

/* What becomes of an array's numbers; of memory, those of the stage with the least room for KV. */
enum fold { FOLD_MEAN, FOLD_MAX, FOLD_TIGHTEST };

static double number_at(const json_t *item, const char *group, const char *key)
{
    const json_t *object = group ? json_object_get(item, group) : item;
    return json_build_number(json_object_get(object, key));
}

static double number_of_tightest(const json_t *memory, const char *key)
{
    const json_t *tightest = json_array_get(memory, 0);
    for (size_t i = 1; i < json_array_size(memory); i++) {
        const json_t *stage = json_array_get(memory, i);
        if (number_at(stage, NULL, "kv_bytes") < number_at(tightest, NULL, "kv_bytes"))
            tightest = stage;
    }
    return number_at(tightest, NULL, key);
}

static json_t *folded(const json_t *array, enum fold fold, const char *group, const char *key)
{
    double sum = 0;
    double max = NAN;
    size_t count = json_array_size(array);
    if (fold == FOLD_TIGHTEST)
        return json_build_real(number_of_tightest(array, key));
    for (size_t i = 0; i < count; i++) {
        double value = number_at(json_array_get(array, i), group, key);
        sum += value;
        max = fmax(max, value);
    }
    return json_build_real(fold == FOLD_MAX ? max : count > 0 ? sum / (double)count : (double)NAN);
}

/* The arrays of a summary, each a few columns. */
static void add_arrays(json_t *flat, const json_t *summary, int *status)
{
    static const struct {
        const char *array, *group, *key;
        enum fold fold;
    } columns[] = {
        {"stages", "busy", "compute", FOLD_MEAN},
        {"stages", "busy", "collective", FOLD_MEAN},
        {"stages", "idle", "no_work", FOLD_MEAN},
        {"stages", "idle", "fill_drain", FOLD_MEAN},
        {"stages", "idle", "imbalance", FOLD_MEAN},
        {"stages", "idle", "transfer", FOLD_MEAN},
        {"stages", "idle", "host", FOLD_MEAN},
        {"stages", "idle", "down", FOLD_MEAN},
        {"stages", NULL, "launch_bound", FOLD_MEAN},
        {"stages", NULL, "power_capped", FOLD_MEAN},
        {"memory", NULL, "weights_bytes", FOLD_TIGHTEST},
        {"memory", NULL, "activation_bytes", FOLD_TIGHTEST},
        {"memory", NULL, "reserve_bytes", FOLD_TIGHTEST},
        {"memory", NULL, "kv_bytes", FOLD_TIGHTEST},
        {"links", NULL, "utilization", FOLD_MAX},
    };
    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
        char name[NAME_BYTES_MAX];
        (void)snprintf(name, sizeof(name), "%s.%s%s%s", columns[i].array,
                       columns[i].group ? columns[i].group : "", columns[i].group ? "." : "",
                       columns[i].key);
        set(flat, name,
            folded(json_object_get(summary, columns[i].array), columns[i].fold, columns[i].group,
                   columns[i].key),
            status);
    }
}

/*
 * Adds the scalars of `shape` and of the objects in it under dotted names, with
 * the values that `summary` has for them.
 */
static void add_scalars(json_t *flat, const char *prefix, json_t *shape, const json_t *summary,
                        int *status)
{
    const char *key;
    json_t *of_shape;
    json_object_foreach(shape, key, of_shape)
    {
        char name[NAME_BYTES_MAX];
        const json_t *value = json_object_get(summary, key);
        (void)snprintf(name, sizeof(name), "%s%s%s", prefix, *prefix ? "." : "", key);
        if (json_is_object(of_shape))
            add_scalars(flat, name, of_shape, value, status);
        else if (json_is_boolean(of_shape))
            set(flat, name, json_boolean(json_is_true(value)), status);
        else if (!json_is_array(of_shape))
            set(flat, name, real_of(value), status);
    }
}

/* A point that failed has no summary: the names are those of an empty one. */
static void add_summary(json_t *flat, const json_t *summary, int *status)
{
    const struct summary empty = {0};
    json_t *shape = summary_json_reproducible(&empty);
    if (!shape)
        *status = -1;
    add_scalars(flat, "", shape, summary, status);
    add_arrays(flat, summary, status);
    json_decref(shape);
}

/* The codes of the summary's warnings, a blank between two. */
static json_t *warning_codes(const json_t *summary)
{
    char codes[512] = "";
    size_t length = 0;
    size_t index;
    const json_t *warning;
    json_array_foreach(json_object_get(summary, "warnings"), index, warning)
    {
        const char *code = json_string_value(json_object_get(warning, "code"));
        int more = snprintf(codes + length, sizeof(codes) - length, "%s%s", index > 0 ? " " : "",
                            code ? code : "");
        if (more < 0 || (size_t)more >= sizeof(codes) - length)
            break;
        length += (size_t)more;
    }
    return json_string(codes);
}

static void add_balance(json_t *flat, const json_t *balance, int *status)
{
    set(flat, "balance", text_of(json_object_get(balance, "answer")), status);
    set(flat, "backlog_growth", real_of(json_object_get(balance, "growth")), status);
    set(flat, "backlog_growth_half", real_of(json_object_get(balance, "half")), status);
    set(flat, "requests_to_tell", real_of(json_object_get(balance, "requests_to_tell")), status);
}

json_t *sweep_flat_new(const json_t *record, size_t index)
{
    json_t *flat = json_object();
    int status = flat ? 0 : -1;
    const json_t *summary = json_object_get(record, "summary");
    set(flat, "index", json_build_count(index), &status);
    set(flat, "series", json_incref(json_object_get(record, "series")), &status);
    set(flat, "curve", text_of(json_object_get(record, "curve")), &status);
    if (status == 0)
        status = json_object_update(flat, json_object_get(record, "parameters"));
    set(flat, "status", text_of(json_object_get(record, "status")), &status);
    set(flat, "error", text_of(json_object_get(record, "error")), &status);
    set(flat, "warnings", warning_codes(summary), &status);
    set(flat, "file", text_of(json_object_get(record, "file")), &status);
    set(flat, "gpus", real_of(json_object_get(record, "gpus")), &status);
    set(flat, "usd_per_hour", real_of(json_object_get(record, "usd_per_hour")), &status);
    set(flat, "offered_requests_per_s", real_of(json_object_get(record, "offered_requests_per_s")),
        &status);
    set(flat, "lasting_tokens_per_s",
        json_build_real(sweep_record_lasting(record, "output_tokens_per_s")), &status);
    set(flat, "saturated", json_boolean(json_is_true(json_object_get(record, "saturated"))),
        &status);
    set(flat, "refusing", json_boolean(sweep_record_is_refusing(record)), &status);
    add_balance(flat, json_object_get(record, "balance"), &status);
    add_summary(flat, summary, &status);
    if (status == 0)
        return flat;
    json_decref(flat);
    return NULL;
}

const char *sweep_flat_units(const char *name)
{
    static const struct {
        const char *part, *units;
    } known[] = {
        {"usd_per_hour", "USD/h"},    {"requests_per_s", "requests/s"},
        {"tokens_per_s", "tokens/s"}, {"_bytes", "bytes"},
        {"_tokens", "tokens"},        {"_s.", "s"},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strstr(name, known[i].part))
            return known[i].units;
    }
    size_t bytes = strlen(name);
    return bytes > 2 && strcmp(name + bytes - 2, "_s") == 0 ? "s" : "1";
}
