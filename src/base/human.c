#include "human.h"

#include "base.h"

#include <stdio.h>
#include <string.h>

static struct human nothing(void)
{
    return (struct human){.text = "-"};
}

/* Decimals that leave `value` three significant digits, its rounding up counted. */
static int decimals(double value)
{
    double size = fabs(value);
    return size < 9.995 ? 2 : size < 99.95 ? 1 : 0;
}

/* `value` in the largest of the units, `step` apart, in which it reads at least 1. */
static struct human with_unit(double value, double step, const char *const *units, size_t count)
{
    if (!isfinite(value))
        return nothing();
    size_t unit = 0;
    while (unit + 1 < count && fabs(value) >= step * 0.9995) {
        value /= step;
        unit++;
    }
    struct human human;
    (void)snprintf(human.text, sizeof(human.text), "%.*f %s", decimals(value), value, units[unit]);
    return human;
}

struct human human_seconds(double seconds)
{
    static const char *const units[] = {"ns", "us", "ms", "s"};
    if (seconds == 0)
        return (struct human){.text = "0 s"};
    return with_unit(seconds * 1e9, 1000, units, ARRAY_LENGTH(units));
}

struct human human_duration(double seconds)
{
    if (!isfinite(seconds) || seconds < 120)
        return human_seconds(seconds);
    struct human human;
    unsigned long long whole_s = (unsigned long long)(seconds + 0.5);
    unsigned long long hours = whole_s / 3600;
    unsigned long long minutes = whole_s / 60 % 60;
    if (hours > 0)
        (void)snprintf(human.text, sizeof(human.text), "%llu h %02llu min", hours, minutes);
    else
        (void)snprintf(human.text, sizeof(human.text), "%llu min %02llu s", minutes, whole_s % 60);
    return human;
}

struct human human_bytes(double bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    if (bytes == 0)
        return (struct human){.text = "0 B"};
    return with_unit(bytes, 1000, units, ARRAY_LENGTH(units));
}

struct human human_number(double value)
{
    if (!isfinite(value))
        return nothing();
    if (value >= 999.5)
        return human_count((uint64_t)(value + 0.5));
    struct human human;
    if (value != 0 && fabs(value) < 0.995)
        (void)snprintf(human.text, sizeof(human.text), "%.3g", value);
    else
        (void)snprintf(human.text, sizeof(human.text), "%.*f", decimals(value), value);
    return human;
}

struct human human_count(uint64_t count)
{
    char digits[24];
    int length = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)count);
    struct human human;
    char *end = human.text;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            *end++ = ',';
        *end++ = digits[i];
    }
    *end = '\0';
    return human;
}

struct human human_percent(double share)
{
    if (!isfinite(share))
        return nothing();
    struct human human;
    (void)snprintf(human.text, sizeof(human.text), "%.1f%%", share * 100);
    return human;
}
