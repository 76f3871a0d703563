#include "quantity.h"

#include "base.h"
#include "diagnostic.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLIP_BYTES 60

enum prefix_kind { PREFIX_NONE = 1, PREFIX_LARGE = 2, PREFIX_SMALL = 4, PREFIX_BINARY = 8 };

/* A factor is a quotient of two numbers that double holds exactly: one rounding a value. */
struct prefix {
    const char *symbol;
    enum prefix_kind kind;
    double multiplier;
    double divisor;
};

static const struct prefix prefixes[] = {
    {"", PREFIX_NONE, 1, 1},          {"k", PREFIX_LARGE, 1e3, 1},
    {"M", PREFIX_LARGE, 1e6, 1},      {"G", PREFIX_LARGE, 1e9, 1},
    {"T", PREFIX_LARGE, 1e12, 1},     {"P", PREFIX_LARGE, 1e15, 1},
    {"E", PREFIX_LARGE, 1e18, 1},     {"m", PREFIX_SMALL, 1, 1e3},
    {"u", PREFIX_SMALL, 1, 1e6},      {"\u00B5", PREFIX_SMALL, 1, 1e6}, /* micro sign */
    {"\u03BC", PREFIX_SMALL, 1, 1e6},                                   /* Greek mu */
    {"n", PREFIX_SMALL, 1, 1e9},      {"p", PREFIX_SMALL, 1, 1e12},
    {"Ki", PREFIX_BINARY, 0x1p10, 1}, {"Mi", PREFIX_BINARY, 0x1p20, 1},
    {"Gi", PREFIX_BINARY, 0x1p30, 1}, {"Ti", PREFIX_BINARY, 0x1p40, 1},
    {"Pi", PREFIX_BINARY, 0x1p50, 1},
};

struct unit {
    const char *symbol;
    enum quantity_kind kind;
    unsigned prefixes; /* those it takes: a sum of enum prefix_kind */
    double multiplier;
    double divisor;
};

/* The first of a kind is the one that quantity_format writes. */
static const struct unit units[] = {
    {"B", QUANTITY_BYTES, PREFIX_NONE | PREFIX_LARGE | PREFIX_BINARY, 1, 1},
    {"B/s", QUANTITY_BYTES_PER_S, PREFIX_NONE | PREFIX_LARGE | PREFIX_BINARY, 1, 1},
    {"b/s", QUANTITY_BYTES_PER_S, PREFIX_NONE | PREFIX_LARGE, 1, 8},
    {"s", QUANTITY_SECONDS, PREFIX_NONE | PREFIX_SMALL, 1, 1},
    {"min", QUANTITY_SECONDS, PREFIX_NONE, 60, 1},
    {"h", QUANTITY_SECONDS, PREFIX_NONE, 3600, 1},
    {"d", QUANTITY_SECONDS, PREFIX_NONE, 86400, 1},
    {"/s", QUANTITY_PER_S, PREFIX_NONE, 1, 1},
    {"/min", QUANTITY_PER_S, PREFIX_NONE, 1, 60},
    {"/h", QUANTITY_PER_S, PREFIX_NONE, 1, 3600},
    {"FLOP/s", QUANTITY_FLOPS_PER_S, PREFIX_NONE | PREFIX_LARGE, 1, 1},
    {"W", QUANTITY_WATTS, PREFIX_NONE | PREFIX_LARGE | PREFIX_SMALL, 1, 1},
    {"USD/h", QUANTITY_USD_PER_HOUR, PREFIX_NONE, 1, 1},
    {"USD", QUANTITY_USD, PREFIX_NONE, 1, 1},
    {"USD/kWh", QUANTITY_USD_PER_KWH, PREFIX_NONE, 1, 1},
};

struct kind_words {
    const char *what;
    const char *example;
};

static const struct kind_words words[QUANTITY_KIND_COUNT] = {
#define X(name, what, example) {what, example},
    QUANTITIES(X)
#undef X
};

/* Whether `text` is a unit, and the factors to SI where it is. */
static const struct unit *find_unit(const char *text, double *multiplier, double *divisor)
{
    for (size_t u = 0; u < ARRAY_LENGTH(units); u++) {
        for (size_t p = 0; p < ARRAY_LENGTH(prefixes); p++) {
            size_t prefix_bytes = strlen(prefixes[p].symbol);
            if ((units[u].prefixes & prefixes[p].kind) == 0 ||
                strncmp(text, prefixes[p].symbol, prefix_bytes) != 0 ||
                strcmp(text + prefix_bytes, units[u].symbol) != 0)
                continue;
            *multiplier = units[u].multiplier * prefixes[p].multiplier;
            *divisor = units[u].divisor * prefixes[p].divisor;
            return &units[u];
        }
    }
    return NULL;
}

static const char *skip_digits(const char *at)
{
    while (isdigit((unsigned char)*at))
        at++;
    return at;
}

const char *quantity_parse_number(const char *text, double *value)
{
    const char *digits = text + (*text == '-' || *text == '+');
    const char *end = skip_digits(digits);
    bool has_digits = end > digits;
    if (*end == '.') {
        const char *fraction = end + 1;
        end = skip_digits(fraction);
        has_digits |= end > fraction;
    }
    if (!has_digits)
        return NULL;
    if (*end == 'e' || *end == 'E') {
        const char *exponent = end + 1 + (end[1] == '-' || end[1] == '+');
        if (isdigit((unsigned char)*exponent))
            end = skip_digits(exponent);
    }
    /* strtod reads "0x1" further, but the lexical form above has already stopped at its 0. */
    *value = *digits == '0' && (digits[1] | 0x20) == 'x' ? 0 : strtod(text, NULL);
    return end;
}

static int wrong_unit(const char *text, const char *unit_text, const struct unit *unit,
                      enum quantity_kind kind, struct error *error)
{
    int clip = diagnostic_clip(text, CLIP_BYTES);
    const struct kind_words *wanted = &words[kind];
    if (*unit_text == '\0')
        return error_set(error, ERROR_CONFIG, "'%.*s' has no unit; write it like '%s'", clip, text,
                         wanted->example);
    if (!unit)
        return error_set(error, ERROR_CONFIG, "'%.*s' is no unit of %s; write it like '%s'",
                         diagnostic_clip(unit_text, CLIP_BYTES), unit_text, wanted->what,
                         wanted->example);
    return error_set(error, ERROR_CONFIG, "'%.*s' is %s, not %s; write it like '%s'", clip, text,
                     words[unit->kind].what, wanted->what, wanted->example);
}

int quantity_parse(const char *text, enum quantity_kind kind, double *value, struct error *error)
{
    int clip = diagnostic_clip(text, CLIP_BYTES);
    double number;
    const char *unit_text = quantity_parse_number(text, &number);
    if (!unit_text)
        return error_set(error, ERROR_CONFIG, "'%.*s' is not %s; write it like '%s'", clip, text,
                         words[kind].what, words[kind].example);
    unit_text += strspn(unit_text, " ");
    double multiplier;
    double divisor;
    const struct unit *unit = find_unit(unit_text, &multiplier, &divisor);
    if (!unit || unit->kind != kind)
        return wrong_unit(text, unit_text, unit, kind, error);
    if (number < 0)
        return error_set(error, ERROR_CONFIG, "'%.*s' is negative; write it like '%s'", clip, text,
                         words[kind].example);
    if (!isfinite(number * multiplier))
        return error_set(error, ERROR_CONFIG, "'%.*s' is too large; write it like '%s'", clip, text,
                         words[kind].example);
    *value = number * multiplier / divisor;
    return 0;
}

void quantity_format(double value, enum quantity_kind kind, char text[QUANTITY_TEXT_BYTES])
{
    const struct unit *unit = units;
    while (unit->kind != kind)
        unit++;
    const struct prefix *best = &prefixes[0];
    double best_number = value;
    for (size_t p = 0; p < ARRAY_LENGTH(prefixes); p++) {
        unsigned decimal = unit->prefixes & (PREFIX_LARGE | PREFIX_SMALL);
        double number = value * prefixes[p].divisor / prefixes[p].multiplier;
        bool is_nearer = best_number >= 1 ? number < best_number : number > best_number;
        if ((decimal & prefixes[p].kind) && number >= 1 && is_nearer) {
            best = &prefixes[p];
            best_number = number;
        }
    }
    snprintf(text, QUANTITY_TEXT_BYTES, "%.10g %s%s", best_number, best->symbol, unit->symbol);
}
