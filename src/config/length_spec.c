#include "length_spec.h"

#include "config_limits.h"
#include "length_file.h"
#include "output_path.h"
#include "quantity.h"
#include "trace_field.h"

#include <stdlib.h>
#include <string.h>

#define FIELD_BYTES 4096

/* The keys that a distribution has besides min and max. */
struct keys {
    bool mean;
    bool sd; /* or cv */
    bool exponent;
    bool file;
};

/* What the text says so far; unset numbers are NaN. */
struct length_spec {
    double mean;
    double sd;
    double cv;
    double exponent;
    double min;
    double max;
    char file[FIELD_BYTES];
};

static const char *const distribution_names[] = {LENGTH_DISTRIBUTIONS(LIST_TEXT)};

static const struct keys keys_of[] = {
    [LENGTH_FIXED] = {.mean = true},
    [LENGTH_UNIFORM] = {.mean = false},
    [LENGTH_NORMAL] = {.mean = true, .sd = true},
    [LENGTH_LOGNORMAL] = {.mean = true, .sd = true},
    [LENGTH_ZIPF] = {.exponent = true},
    [LENGTH_EMPIRICAL] = {.file = true},
};

static int parse_distribution(const char *text, size_t bytes,
                              enum length_distribution *distribution, struct error *error)
{
    for (size_t i = 0; i < ARRAY_LENGTH(distribution_names); i++) {
        const char *name = distribution_names[i];
        if (strlen(name) == bytes && memcmp(name, text, bytes) == 0) {
            *distribution = (enum length_distribution)i;
            return 0;
        }
    }
    return error_set(error, ERROR_USAGE,
                     "unknown distribution '%.*s'; there are fixed, uniform, normal, lognormal, "
                     "zipf and empirical",
                     (int)bytes, text);
}

/* Where `key` of a `distribution` is kept; NULL where it has no such number. */
static double *number_of(struct length_spec *spec, enum length_distribution distribution,
                         const char *key)
{
    struct keys keys = keys_of[distribution];
    if (keys.mean && strcmp(key, "mean") == 0)
        return &spec->mean;
    if (keys.sd && strcmp(key, "sd") == 0)
        return &spec->sd;
    if (keys.sd && strcmp(key, "cv") == 0)
        return &spec->cv;
    if (keys.exponent && strcmp(key, "exponent") == 0)
        return &spec->exponent;
    if (strcmp(key, "min") == 0)
        return &spec->min;
    return strcmp(key, "max") == 0 ? &spec->max : NULL;
}

/* Reads one `key=value`, which `pair` is cut up to. */
static int parse_pair(struct length_spec *spec, enum length_distribution distribution, char *pair,
                      struct error *error)
{
    char *equals = strchr(pair, '=');
    if (!equals)
        return error_set(error, ERROR_USAGE, "expected key=value, found '%s'", pair);
    *equals = '\0';
    const char *value = equals + 1;
    if (keys_of[distribution].file && strcmp(pair, "file") == 0) {
        memcpy(spec->file, value, strlen(value) + 1);
        return 0;
    }
    double *number = number_of(spec, distribution, pair);
    if (!number)
        return error_set(error, ERROR_USAGE, "a distribution '%s' has no '%s'",
                         distribution_names[distribution], pair);
    if (!isnan(*number))
        return error_set(error, ERROR_USAGE, "%s= stands twice", pair);
    const char *end = quantity_parse_number(value, number);
    if (!end || *end != '\0' || !isfinite(*number) || *number < 0)
        return error_set(error, ERROR_USAGE, "%s: expected a number of at least 0, found '%s'",
                         pair, value);
    return 0;
}

/* Checks that a bound is a count that a length can have. */
static int check_bound(const char *key, double value, struct error *error)
{
    if (value >= 1 && value <= TRACE_TOKENS_MAX && value == floor(value))
        return 0;
    return error_set(error, ERROR_USAGE, "%s: expected a whole number from 1 to %d, found %g", key,
                     TRACE_TOKENS_MAX, value);
}

/* Checks a number that the distribution has within the bounds that a scenario's file sets, too. */
static int check_range(const char *key, double value, double min, double max, struct error *error)
{
    if (isnan(value) || (value >= min && value <= max))
        return 0;
    return error_set(error, ERROR_USAGE, "%s: expected a number from %g to %.8g, found %g", key,
                     min, max, value);
}

static int check_numbers(const struct length_spec *spec, double min, double max,
                         struct error *error)
{
    int status = check_range("mean", spec->mean, min, max, error);
    if (status == 0)
        status = check_range("sd", spec->sd, CONFIG_SPREAD_MIN, CONFIG_TOKENS_MAX, error);
    if (status == 0)
        status = check_range("cv", spec->cv, CONFIG_SPREAD_MIN, CONFIG_CV_MAX, error);
    if (status == 0)
        status = check_range("exponent", spec->exponent, CONFIG_EXPONENT_MIN, CONFIG_EXPONENT_MAX,
                             error);
    return status;
}

/* Whether all that the distribution needs was said. */
static int check_given(const struct length_spec *spec, enum length_distribution distribution,
                       struct error *error)
{
    const char *name = distribution_names[distribution];
    struct keys keys = keys_of[distribution];
    if (keys.mean && isnan(spec->mean))
        return error_set(error, ERROR_USAGE, "%s needs mean=", name);
    if (keys.sd && isnan(spec->sd) == isnan(spec->cv))
        return error_set(error, ERROR_USAGE, "%s needs either sd= or cv=", name);
    if (keys.exponent && isnan(spec->exponent))
        return error_set(error, ERROR_USAGE, "%s needs exponent=", name);
    if (distribution == LENGTH_UNIFORM && isnan(spec->max))
        return error_set(error, ERROR_USAGE, "%s needs max=", name);
    if (keys.file && spec->file[0] == '\0')
        return error_set(error, ERROR_USAGE, "%s needs file=", name);
    return 0;
}

static int read_values(struct lengths *lengths, const char *path, const char *output,
                       struct error *error)
{
    uint32_t *values;
    if (output && output_path_replaces(output, path))
        return error_set(error, ERROR_USAGE, "the output '%s' would replace the input", output);
    int status = length_file_read(path, &values, &lengths->value_count, error);
    if (status == 0)
        lengths->values = values;
    return status;
}

/* Makes `lengths` of what was said, once all of it is known. */
static int resolve(struct lengths *lengths, const struct length_spec *spec, const char *output,
                   struct error *error)
{
    double min = isnan(spec->min) ? 1 : spec->min;
    double max = isnan(spec->max) ? LENGTH_MAX_DEFAULT : spec->max;
    int status = check_given(spec, lengths->distribution, error);
    if (status == 0)
        status = check_bound("min", min, error);
    if (status == 0)
        status = check_bound("max", max, error);
    if (status == 0 && min <= max) /* else workload_new() says so */
        status = check_numbers(spec, min, max, error);
    if (status < 0)
        return status;
    lengths->mean = spec->mean;
    lengths->sd = isnan(spec->sd) ? spec->cv * spec->mean : spec->sd;
    lengths->exponent = spec->exponent;
    lengths->min = (uint32_t)min;
    lengths->max = (uint32_t)max;
    return keys_of[lengths->distribution].file ? read_values(lengths, spec->file, output, error)
                                               : 0;
}

int length_spec_parse(struct lengths *lengths, const char *text, const char *output,
                      struct error *error)
{
    struct length_spec spec = {NAN, NAN, NAN, NAN, NAN, NAN, ""};
    *lengths = (struct lengths){.distribution = LENGTH_FIXED};
    char pairs[FIELD_BYTES];
    if (strlen(text) >= sizeof(pairs))
        return error_set(error, ERROR_USAGE, "a distribution of %zu bytes is too long",
                         strlen(text));
    size_t name_bytes = strcspn(text, ":");
    uint32_t tokens;
    if (text_tokens((struct text){text, text + name_bytes}, &tokens) && text[name_bytes] == '\0') {
        spec.mean = tokens;
        spec.max = TRACE_TOKENS_MAX;
        return resolve(lengths, &spec, output, error);
    }
    int status = parse_distribution(text, name_bytes, &lengths->distribution, error);
    if (status < 0)
        return status;
    strcpy(pairs, text[name_bytes] == ':' ? text + name_bytes + 1 : "");
    char *rest;
    for (char *pair = strtok_r(pairs, ",", &rest); pair; pair = strtok_r(NULL, ",", &rest)) {
        status = parse_pair(&spec, lengths->distribution, pair, error);
        if (status < 0)
            return status;
    }
    return resolve(lengths, &spec, output, error);
}

void length_spec_release(struct lengths *lengths)
{
    /* Values are const to those who draw from them; ours were allocated by length_file_read(). */
    free((void *)(uintptr_t)lengths->values);
    lengths->values = NULL;
}
